//! What the parts of the relay need to know of the configuration. Knows nothing of what they do with it.

use crate::config::Config;
use crate::journal::Retention;
use crate::link;

/// How long the journal keeps things.
pub(super) fn retention(config: &Config) -> Retention {
    Retention { window: config.relay.window, retention: config.journal.retention }
}

/// What the link needs to know.
#[must_use]
pub fn link_settings(config: &Config) -> link::Settings {
    let as_written = |domain: String| config.as_written(&domain);
    link::Settings {
        component: config.component.written.clone(),
        secret: config.component.secret.clone(),
        server: config.component.server.clone(),
        hosts: config.own_hosts().into_iter().map(as_written).collect(),
        services: config.muc.services.iter().cloned().map(as_written).collect(),
    }
}
