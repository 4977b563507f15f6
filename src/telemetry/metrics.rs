//! What is counted, for `/metrics`: the pieces that several folders use. Each has counters of its own, and registers them under
//! their names. Knows nothing of what they count.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
pub use prometheus_client::registry::Registry;

/// Counters that differ by one label.
pub type ByOne = Family<[(&'static str, &'static str); 1], Counter>;

/// How often what was looked up was known already.
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
    /// It was known.
    pub fn hit(&self) {
        self.hits.inc();
    }

    /// Somebody had to be asked.
    pub fn miss(&self) {
        self.misses.inc();
    }

    /// Registers both, as `NAME_total{result="hit"}` and `{result="miss"}`.
    pub fn register(&self, registry: &mut Registry, name: &'static str, help: &'static str) {
        registry.register(name, help, self.both.clone());
    }
}
