//! What the parts of the relay need to know of the configuration. Knows nothing of what they do with it.

use crate::config::Config;
use crate::journal::Retention;
use crate::link::{self, own_hosts};

/// How long the journal keeps things.
pub(super) fn retention(config: &Config) -> Retention {
    Retention { window: config.relay.window, retention: config.journal.retention }
}

/// The server's own hosts.
pub(super) fn hosts(config: &Config) -> Vec<String> {
    let services = config.muc.services.iter().map(String::as_str);
    own_hosts(&config.component.jid, services, &config.muc.hand_over_from)
}

/// What the link needs to know.
#[must_use]
pub fn link_settings(config: &Config) -> link::Settings {
    let as_written = |domain: String| config.as_written(&domain);
    link::Settings {
        component: config.component.written.clone(),
        secret: config.component.secret.clone(),
        server: config.component.server.clone(),
        hosts: hosts(config).into_iter().map(as_written).collect(),
        services: config.muc.services.iter().cloned().map(as_written).collect(),
    }
}
