//! A configuration that changes while the relay runs: which keys changed, and which of them take effect at once.
//! Knows nothing of what the other folders do with them.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use secrecy::ExposeSecret;

use super::schema::{Config, Journal, Log, Metrics, Muc};

/// The present configuration. Load it again for each use: it may have changed.
pub type Live = Arc<ArcSwap<Config>>;

/// Keys whose change needs a restart: the connection, who is believed on it, and what is opened at the start.
pub const KEYS_FIXED_UNTIL_RESTART: [&str; 9] = [
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

/// How a new configuration differs from the one in use: keys, as `section.key`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Keys whose new values are in effect at once.
    pub in_effect: Vec<String>,
    /// Keys whose new values are in effect after a restart.
    pub need_restart: Vec<String>,
}

impl Config {
    /// A handle that gives this configuration until another one is stored in it.
    #[must_use]
    pub fn live(self) -> Live {
        Arc::new(ArcSwap::from_pointee(self))
    }

    /// This configuration, with the values of `old` for the keys that need a restart; and which keys differ.
    #[must_use]
    pub fn after(self, old: &Self) -> (Self, Changes) {
        let names: BTreeSet<&String> = old.set.keys().chain(self.set.keys()).collect();
        let differs = |name: &&&String| old.set.get(**name) != self.set.get(**name);
        let (mut need_restart, in_effect): (Vec<String>, Vec<String>) = names
            .iter()
            .filter(differs)
            .map(|name| (*name).clone())
            .partition(|name| KEYS_FIXED_UNTIL_RESTART.contains(&name.as_str()));
        let secrets = [&self, old].map(|config| config.component.secret.expose_secret());
        if secrets[0] != secrets[1] && !need_restart.iter().any(|name| name.starts_with("component.secret")) {
            need_restart.push("component.secret_file".to_owned());
        }

        let mut set = self.set;
        set.retain(|name, _| !KEYS_FIXED_UNTIL_RESTART.contains(&name.as_str()));
        set.extend(
            old.set
                .iter()
                .filter(|(name, _)| KEYS_FIXED_UNTIL_RESTART.contains(&name.as_str()))
                .map(|(k, v)| (k.clone(), *v)),
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
        (config, Changes { in_effect, need_restart })
    }
}
