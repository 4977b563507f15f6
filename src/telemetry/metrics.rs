//! Kinds of metrics that several folders use. Each folder has its own counters and registers them. Knows nothing of what they
//! count.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
pub use prometheus_client::registry::Registry;

/// Counters that differ by one label.
pub type ByOne = Family<[(&'static str, &'static str); 1], Counter>;

/// Counts lookups that a cache could answer, and those that it could not.
#[derive(Debug, Clone)]
pub struct Lookups {
    both: ByOne,
    hits: Counter,
    misses: Counter,
}

impl Default for Lookups {
    fn default() -> Self {
        let both = ByOne::default();
        let [hits, misses] = ["hit", "miss"].map(|result| both.get_or_create_owned(&[("result", result)]));
        Self { both, hits, misses }
    }
}

impl Lookups {
    /// The cache had it.
    pub fn hit(&self) {
        self.hits.inc();
    }

    /// It had to be asked for.
    pub fn miss(&self) {
        self.misses.inc();
    }

    /// Registers both, as `NAME_total{result="hit"}` and `{result="miss"}`.
    pub fn register(&self, registry: &mut Registry, name: &'static str, help: &'static str) {
        registry.register(name, help, self.both.clone());
    }
}
