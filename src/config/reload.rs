//! A configuration that changes while the relay runs: what of a new one can be taken over, and what differs.
//! Knows nothing of how the other folders take it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use secrecy::ExposeSecret;

use super::{Config, Journal, Log, Metrics, Muc};

/// The configuration as it is now. To be asked each time that it is needed.
pub type Live = Arc<ArcSwap<Config>>;

/// Keys that a running relay can't change: what it is connected as and to, whom it believes on that connection, what it
/// has open.
pub const FIXED: [&str; 9] = [
    "component.jid",
    "component.secret",
    "component.secret_file",
    "component.server",
    "journal.path",
    "log.format",
    "metrics.listen",
    "muc.hand_over_from",
    "muc.services",
];

/// The keys that were set, as `section.key`, and what tells one value from another.
pub(super) type Keys = BTreeMap<String, Digest>;

/// Stands for a value. One of them is the secret, so it is never shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Digest(pub(super) u64);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// How a new configuration differs from the one that the relay runs under: keys, as `section.key`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Those that are in effect from now on.
    pub taken: Vec<String>,
    /// Those that are in effect after a restart.
    pub waiting: Vec<String>,
}

impl Config {
    /// This configuration, until another one takes its place.
    #[must_use]
    pub fn live(self) -> Live {
        Arc::new(ArcSwap::from_pointee(self))
    }

    /// This configuration as far as a relay that runs under `old` can take it over.
    #[must_use]
    pub fn after(self, old: &Self) -> (Self, Changes) {
        let names: BTreeSet<&String> = old.set.keys().chain(self.set.keys()).collect();
        let differs = |name: &&&String| old.set.get(**name) != self.set.get(**name);
        let (mut waiting, taken): (Vec<String>, Vec<String>) = names
            .iter()
            .filter(differs)
            .map(|name| (*name).clone())
            .partition(|name| FIXED.contains(&name.as_str()));
        let secrets = [&self, old].map(|config| config.component.secret.expose_secret());
        if secrets[0] != secrets[1] && !waiting.iter().any(|name| name.starts_with("component.secret")) {
            waiting.push("component.secret_file".to_owned());
        }

        let mut set = self.set;
        set.retain(|name, _| !FIXED.contains(&name.as_str()));
        set.extend(
            old.set.iter().filter(|(name, _)| FIXED.contains(&name.as_str())).map(|(k, v)| (k.clone(), *v)),
        );
        let config = Self {
            component: old.component.clone(),
            muc: Muc {
                services: old.muc.services.clone(),
                hand_over_from: old.muc.hand_over_from.clone(),
                ..self.muc
            },
            journal: Journal { path: old.journal.path.clone(), ..self.journal },
            log: Log { format: old.log.format, ..self.log },
            metrics: Metrics { listen: old.metrics.listen, ..self.metrics },
            set,
            ..self
        };
        (config, Changes { taken, waiting })
    }
}
