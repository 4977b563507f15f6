//! `/metrics`: the metrics of the other folders, and gauges that are read at each request. In the text format of `OpenMetrics`,
//! which Prometheus reads. Knows nothing of what the other folders count.

use std::fs;
use std::path::{Path, PathBuf};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Unit;
use tokio::sync::Mutex;

use crate::journal::JournalReader;
use crate::telemetry::http::{Answer, Question};
use crate::telemetry::metrics::Registry;

const OPENMETRICS_TYPE: &str = "application/openmetrics-text";
const OPENMETRICS_CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The names of the relay's own metrics begin with this.
const METRIC_NAME_PREFIX: &str = "muc_invite_relay";

#[derive(Debug)]
pub(super) struct Gauges {
    /// One request at a time.
    registry: Mutex<Registry>,
    journal: PathBuf,
    size: Gauge,
    pending: Gauge,
    writable: Gauge,
    memory: Gauge,
}

impl Gauges {
    /// Adds the gauges to `registry`, which has the metrics of the other folders.
    pub(super) fn new(mut registry: Registry, journal: PathBuf) -> Self {
        let [size, pending, writable, memory] = std::array::from_fn(|_| Gauge::default());
        let own = relay_metrics(&mut registry);
        own.register_with_unit("journal_size", "The journal's files", Unit::Bytes, size.clone());
        own.register("journal_pending_invitations", "Invitations that have not ended", pending.clone());
        own.register(
            "journal_writable",
            "Whether the last attempt to write the journal went well",
            writable.clone(),
        );
        // A gauge: older programs don't know the info type of OpenMetrics.
        let build = Family::<_, Gauge>::default();
        build.get_or_create(&[("version", env!("CARGO_PKG_VERSION"))]).set(1);
        own.register("build_info", "The version that runs", build);
        registry.register_with_unit("process_resident_memory", "Memory in use", Unit::Bytes, memory.clone());
        Self { registry: Mutex::new(registry), journal, size, pending, writable, memory }
    }

    pub(super) async fn text(&self, question: &Question, writable: bool) -> Answer {
        let registry = self.registry.lock().await;
        self.writable.set(writable.into());
        self.size.set(size(&self.journal));
        // Where the journal can't be read, the last number stays.
        if let Ok(status) = JournalReader::new(&self.journal).status().await {
            self.pending.set(status.pending);
        }
        if let Some(memory) = resident_memory() {
            self.memory.set(memory);
        }
        let mut body = String::new();
        let well = encode(&mut body, &registry).is_ok();
        let text = Answer::text(well, body);
        // Others get plain text: browsers show it, and older programs can read it.
        if question.accept.contains(OPENMETRICS_TYPE) {
            Answer { kind: OPENMETRICS_CONTENT_TYPE, ..text }
        } else {
            text
        }
    }
}

/// The part of a registry in which all names begin with the relay's.
pub(crate) fn relay_metrics(registry: &mut Registry) -> &mut Registry {
    registry.sub_registry_with_prefix(METRIC_NAME_PREFIX)
}

/// The size of the database and its write-ahead log, in bytes.
pub(super) fn size(journal: &Path) -> i64 {
    let mut wal = journal.as_os_str().to_owned();
    wal.push("-wal");
    let length = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    i64::try_from(length(journal) + length(Path::new(&wal))).unwrap_or(i64::MAX)
}

/// The resident memory of this process, in bytes; `None` where the system does not tell.
fn resident_memory() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<i64>().ok()?.checked_mul(1024)
}
