//! `/metrics`: the metrics of the other folders, and gauges that are read at each request. In the text format of `OpenMetrics`
//! where it is asked for, else in Prometheus's own. Knows nothing of what the other folders count.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Unit;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::process::Process;
use crate::config::JournalPlace;
use crate::journal::JournalReader;
use crate::telemetry::http::{Answer, Question};
use crate::telemetry::metrics::Registry;

/// How long the journal is waited for; the other metrics are there at once.
const JOURNAL_TIMEOUT: Duration = Duration::from_secs(5);

const OPENMETRICS_TYPE: &str = "application/openmetrics-text";
const OPENMETRICS_CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The format of Prometheus before `OpenMetrics`.
const PROMETHEUS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The names of the relay's own metrics begin with this.
const METRIC_NAME_PREFIX: &str = "muc_invite_relay";

#[derive(Debug)]
pub(super) struct Gauges {
    /// One request at a time.
    registry: Mutex<Registry>,
    journal: JournalPlace,
    size: Gauge,
    pending: Gauge,
    writable: Gauge,
    process: Process,
}

impl Gauges {
    /// Adds the gauges to `registry`, which has the metrics of the other folders.
    pub(super) fn new(mut registry: Registry, journal: JournalPlace) -> Self {
        let [size, pending, writable] = std::array::from_fn(|_| Gauge::default());
        let own = relay_metrics(&mut registry);
        own.register_with_unit("journal_size", "The journal's files", Unit::Bytes, size.clone());
        own.register("journal_pending_invitations", "Invitations that have not ended", pending.clone());
        own.register(
            "journal_writable",
            "Whether the last attempt to write the journal went well",
            writable.clone(),
        );
        // One that stands by has a page of its own.
        let leads: Gauge = Gauge::default();
        leads.set(1);
        own.register("leads", "Whether this relay works; 0: it stands by", leads);
        // A gauge: older programs don't know the info type of OpenMetrics.
        let build = Family::<_, Gauge>::default();
        build.get_or_create(&[("version", env!("CARGO_PKG_VERSION"))]).set(1);
        own.register("build_info", "The version that runs", build);
        let process = Process::new(&mut registry);
        Self { registry: Mutex::new(registry), journal, size, pending, writable, process }
    }

    pub(super) async fn text(&self, question: &Question, writable: bool) -> Answer {
        let registry = self.registry.lock().await;
        self.writable.set(writable.into());
        self.size.set(size(&self.journal));
        // Where the journal can't be read, the last number stays.
        let reader = JournalReader::new(&self.journal);
        if let Ok(Ok(status)) = timeout(JOURNAL_TIMEOUT, reader.status()).await {
            self.pending.set(status.pending);
        }
        self.process.read();
        let mut body = String::new();
        let well = encode(&mut body, &registry).is_ok();
        if question.accept.contains(OPENMETRICS_TYPE) {
            Answer { kind: OPENMETRICS_CONTENT_TYPE, ..Answer::text(well, body) }
        } else {
            // Browsers show this as well.
            Answer { kind: PROMETHEUS_CONTENT_TYPE, ..Answer::text(well, in_prometheus_format(&body)) }
        }
    }
}

/// The part of a registry in which all names begin with the relay's.
pub(crate) fn relay_metrics(registry: &mut Registry) -> &mut Registry {
    registry.sub_registry_with_prefix(METRIC_NAME_PREFIX)
}

/// The size of the database and its write-ahead log, in bytes; 0 where a server has them.
pub(super) fn size(journal: &JournalPlace) -> i64 {
    let Some(journal) = journal.file() else { return 0 };
    let mut wal = journal.as_os_str().to_owned();
    wal.push("-wal");
    let length = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    i64::try_from(length(journal) + length(Path::new(&wal))).unwrap_or(i64::MAX)
}

/// The same metrics in Prometheus's own format: there the name of a counter ends in `_total` in its description as well, and
/// units and the end are not described.
fn in_prometheus_format(openmetrics: &str) -> String {
    let described = |line: &str, what: &str| line.strip_prefix(what).map(str::to_owned);
    let counters: HashSet<String> = openmetrics
        .lines()
        .filter_map(|line| described(line, "# TYPE ")?.strip_suffix(" counter").map(str::to_owned))
        .collect();
    let mut text = String::with_capacity(openmetrics.len());
    for line in openmetrics.lines() {
        let description =
            ["# HELP ", "# TYPE "].into_iter().find_map(|it| Some((it, line.strip_prefix(it)?)));
        match description.and_then(|(what, rest)| Some((what, rest.split_once(' ')?))) {
            Some((what, (name, rest))) if counters.contains(name) => {
                text.extend([what, name, "_total ", rest, "\n"]);
            }
            _ if line.starts_with("# UNIT ") || line == "# EOF" => {}
            _ => text.extend([line, "\n"]),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_have_one_name_in_prometheus_format() {
        let openmetrics = "# HELP a_hits Hits.\n# TYPE a_hits counter\na_hits_total{b=\"c\"} 1\n# HELP size_bytes Size.\n\
                           # TYPE size_bytes gauge\n# UNIT size_bytes bytes\nsize_bytes 7\n# EOF\n";
        let expected = "# HELP a_hits_total Hits.\n# TYPE a_hits_total counter\na_hits_total{b=\"c\"} 1\n# HELP size_bytes \
                        Size.\n# TYPE size_bytes gauge\nsize_bytes 7\n";
        assert_eq!(in_prometheus_format(openmetrics), expected);
    }
}
