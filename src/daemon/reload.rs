//! Reads the configuration again while the relay runs: on SIGHUP, or at the request of an admin. Keys that can change at once
//! do; the others are named; a configuration with errors changes nothing. Knows nothing of single keys.

use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::settings::{link_settings, retention};
use super::signals::HangUps;
use super::systemd;
use crate::commands::AskedToReload;
use crate::config::{Changes, Config, ConfigError};
use crate::relay::context::Context;
use crate::telemetry::log::Level;

/// Reads the configuration.
pub type Load = Arc<dyn Fn() -> Result<Config, ConfigError> + Send + Sync>;

/// How the configuration is read again.
pub struct Reload {
    /// SIGHUPs: the configuration is read again at each.
    pub hang_ups: HangUps,
    /// Reads it.
    pub load: Load,
    /// The log's level, which changes with it.
    pub level: Level,
}

impl fmt::Debug for Reload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reload")
    }
}

impl Reload {
    /// Reads it again on each SIGHUP and each request, until `stopping` is cancelled. Returns itself, for another time.
    pub(super) async fn run(
        mut self,
        cx: Arc<Context>,
        mut asked: mpsc::Receiver<AskedToReload>,
        stopping: CancellationToken,
    ) -> Self {
        loop {
            let answer = tokio::select! {
                () = stopping.cancelled() => return self,
                () = self.hang_ups.next() => None,
                Some(answer) = asked.recv() => Some(answer),
            };
            systemd::reloading();
            let done = self.take_over(&cx);
            report(&done);
            systemd::ready();
            if let Some(answer) = answer {
                // An admin who has gone finds it in the log.
                let _ = answer.send(done);
            }
        }
    }

    /// The same at a SIGHUP while this relay stands by.
    pub(super) fn standing_by(&self, config: &mut Config) {
        systemd::reloading();
        let read = (self.load)().map(|new| {
            let (new, changes) = new.after(config);
            self.level.set(&new.log);
            *config = new;
            changes
        });
        report(&read);
        systemd::ready();
    }

    fn take_over(&self, cx: &Context) -> Result<Changes, ConfigError> {
        let (config, changes) = (self.load)()?.after(&cx.config.load());
        for warning in config.warnings() {
            warn!("{warning}");
        }
        self.level.set(&config.log);
        cx.journal.set_retention(retention(&config));
        cx.limits.store(cx.limits.load().under(&config.limits).into());
        let connection = changes.need_connection().then(|| link_settings(&config));
        cx.config.store(config.into());
        if let Some(settings) = connection {
            cx.link.connect_again(&settings);
        }
        Ok(changes)
    }
}

fn report(done: &Result<Changes, ConfigError>) {
    match done {
        Ok(Changes { in_effect, need_restart }) => {
            let changed = if in_effect.is_empty() {
                "nothing that changes at once".to_owned()
            } else {
                in_effect.join(", ")
            };
            info!("the configuration was read again; changed: {changed}");
            if !need_restart.is_empty() {
                warn!("changed as well, and in effect after a restart only: {}", need_restart.join(", "));
            }
        }
        Err(error) => error!(
            "the new configuration is wrong, the relay goes on with the one that it has: {}",
            error.to_string().replace('\n', "; "),
        ),
    }
}
