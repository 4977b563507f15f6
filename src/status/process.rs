//! What the system says of this process, under the names that Prometheus's own client libraries use. Knows nothing of the
//! relay.

use std::fs;
use std::sync::atomic::AtomicU64;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Unit;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::telemetry::metrics::Registry;

/// The metrics of this process.
#[derive(Debug, Default)]
pub(super) struct Process {
    cpu: Counter<f64, AtomicU64>,
    memory: Gauge,
    open_files: Gauge,
    max_files: Gauge,
}

impl Process {
    /// Registers them, for a process that starts now.
    pub(super) fn new(registry: &mut Registry) -> Self {
        let process = Self::default();
        let started = Gauge::<f64, AtomicU64>::default();
        // A clock before 1970 is no clock.
        started.set(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
        registry.register_with_unit(
            "process_start_time",
            "When it started, by the system's clock",
            Unit::Seconds,
            started,
        );
        registry.register_with_unit(
            "process_cpu",
            "Processor time that it has used",
            Unit::Seconds,
            process.cpu.clone(),
        );
        registry.register_with_unit(
            "process_resident_memory",
            "Memory in use",
            Unit::Bytes,
            process.memory.clone(),
        );
        registry.register("process_open_fds", "Open files, sockets included", process.open_files.clone());
        registry.register("process_max_fds", "How many may be open", process.max_files.clone());
        process
    }

    /// Reads them anew. What the system does not tell stays as it was.
    pub(super) fn read(&self) {
        let used = clock_gettime(ClockId::ProcessCPUTime);
        #[allow(clippy::cast_precision_loss, reason = "a float is what is shown")]
        let used = used.tv_sec as f64 + used.tv_nsec as f64 / 1e9;
        self.cpu.inc_by((used - self.cpu.get()).max(0.0));
        if let Some(memory) = resident_memory() {
            self.memory.set(memory);
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            self.open_files.set(i64::try_from(open.count()).unwrap_or(i64::MAX));
        }
        // No limit is the largest one.
        let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        self.max_files.set(i64::try_from(most).unwrap_or(i64::MAX));
    }
}

/// The resident memory of this process, in bytes; `None` where the system does not tell.
fn resident_memory() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<i64>().ok()?.checked_mul(1024)
}
