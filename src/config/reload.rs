//! A configuration that changes while the relay runs: which keys changed, and which of them take effect at once.
//! Knows nothing of what the other folders do with them.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use secrecy::ExposeSecret;

use super::schema::{Component, Config, Journal, Log, Metrics};

/// The present configuration. Load it again for each use: it may have changed.
pub type Live = Arc<ArcSwap<Config>>;

/// Keys whose change needs a restart: what the component is called and where it connects to, and what is opened at the start.
pub const KEYS_FIXED_UNTIL_RESTART: [&str; 11] = [
    "component.jid",
    "component.server",
    "component.servers",
    "journal.key_file",
    "journal.lease",
    "journal.name",
    "journal.path",
    "journal.socket",
    "journal.url",
    "log.format",
    "metrics.listen",
];

/// Keys whose change needs a new connection, which is made at once: its secret, and who is believed on it.
const KEYS_OF_CONNECTION: [&str; 4] =
    ["component.secret", "component.secret_file", "muc.hand_over_from", "muc.services"];

/// How a new configuration differs from the one in use: keys, as `section.key`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Keys whose new values are in effect at once.
    pub in_effect: Vec<String>,
    /// Keys whose new values are in effect after a restart.
    pub need_restart: Vec<String>,
}

impl Changes {
    /// Whether a new connection is needed.
    #[must_use]
    pub fn need_connection(&self) -> bool {
        self.in_effect.iter().any(|key| KEYS_OF_CONNECTION.contains(&key.as_str()))
    }
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
        let (need_restart, mut in_effect): (Vec<String>, Vec<String>) = names
            .iter()
            .filter(differs)
            .map(|name| (*name).clone())
            .partition(|name| KEYS_FIXED_UNTIL_RESTART.contains(&name.as_str()));
        let secrets = [&self, old].map(|config| config.component.secret.expose_secret());
        if secrets[0] != secrets[1] && !in_effect.iter().any(|name| name.starts_with("component.secret")) {
            in_effect.push("component.secret_file".to_owned());
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
            component: Component {
                secret: self.component.secret,
                secret_in: self.component.secret_in,
                ..old.component.clone()
            },
            journal: Journal {
                place: old.journal.place.clone(),
                socket: old.journal.socket.clone(),
                ..self.journal
            },
            log: Log { format: old.log.format, ..self.log },
            metrics: Metrics { listen: old.metrics.listen, ..self.metrics },
            set,
            ..self
        };
        (config, Changes { in_effect, need_restart })
    }
}
