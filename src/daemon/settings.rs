//! Settings of the journal and the link, from the configuration. Knows nothing of what they do with them.

use crate::config::Config;
use crate::journal::Retention;
use crate::link;

/// How long the journal keeps claims and history.
pub(crate) fn retention(config: &Config) -> Retention {
    Retention { window: config.relay.window, retention: config.journal.retention }
}

/// The link's settings.
#[must_use]
pub fn link_settings(config: &Config) -> link::Settings {
    let as_written = |domain: String| config.as_written(&domain);
    link::Settings {
        component: config.component.written.clone(),
        secret: config.component.secret.clone(),
        servers: config.component.addresses(),
        hosts: config.own_hosts().into_iter().map(as_written).collect(),
        services: config.muc.services.iter().cloned().map(as_written).collect(),
    }
}
