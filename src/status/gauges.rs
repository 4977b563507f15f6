//! `/metrics`: what the other folders count, and what is looked up when somebody asks. In the text format of
//! `OpenMetrics`, which Prometheus reads.

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

const KIND: &str = "application/openmetrics-text";
const VERSION: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the names of the relay's own metrics begin with.
const PREFIX: &str = "muc_invite_relay";

#[derive(Debug)]
pub(super) struct Gauges {
    /// One look at a time.
    registry: Mutex<Registry>,
    journal: PathBuf,
    size: Gauge,
    pending: Gauge,
    writable: Gauge,
    memory: Gauge,
}

impl Gauges {
    /// `rooms`: what the other folders have registered.
    pub(super) fn new(mut registry: Registry, journal: PathBuf) -> Self {
        let [size, pending, writable, memory] = std::array::from_fn(|_| Gauge::default());
        let own = own(&mut registry);
        own.register_with_unit("journal_size", "The journal's files", Unit::Bytes, size.clone());
        own.register("journal_pending_invitations", "Invitations that have not ended", pending.clone());
        own.register(
            "journal_writable",
            "Whether the last attempt to write the journal went well",
            writable.clone(),
        );
        // Not what OpenMetrics calls an info, which older programs don't know.
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
        // A journal that can't be read for the moment has as many as it had.
        if let Ok(status) = JournalReader::new(&self.journal).status().await {
            self.pending.set(status.pending);
        }
        if let Some(memory) = resident_memory() {
            self.memory.set(memory);
        }
        let mut body = String::new();
        let well = encode(&mut body, &registry).is_ok();
        let text = Answer::text(well, body);
        // A browser shows what it takes for text, and would store the other. Older programs read it as well.
        if question.accept.contains(KIND) { Answer { kind: VERSION, ..text } } else { text }
    }
}

/// Where the other folders register what they count.
pub(crate) fn own(registry: &mut Registry) -> &mut Registry {
    registry.sub_registry_with_prefix(PREFIX)
}

/// Bytes of the database and of what has not been moved into it yet.
pub(super) fn size(journal: &Path) -> i64 {
    let mut wal = journal.as_os_str().to_owned();
    wal.push("-wal");
    let length = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    i64::try_from(length(journal) + length(Path::new(&wal))).unwrap_or(i64::MAX)
}

/// Bytes; `None` where the system does not tell.
fn resident_memory() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<i64>().ok()?.checked_mul(1024)
}
