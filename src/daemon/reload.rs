//! The configuration, read again while the relay runs: on SIGHUP, or when an admin says so. What can change at once does,
//! what can't is named, and a wrong one changes nothing. Knows nothing of what stands in it.

use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::settings::retention;
use super::signals::HangUps;
use super::systemd;
use crate::commands::AskedToReload;
use crate::config::{Changes, Config, ConfigError};
use crate::relay::context::Context;
use crate::telemetry::log::Level;

/// Reads the configuration from where it is.
pub type Load = Arc<dyn Fn() -> Result<Config, ConfigError> + Send + Sync>;

/// How the configuration is read again.
pub struct Reload {
    /// When.
    pub hang_ups: HangUps,
    /// From where.
    pub load: Load,
    /// What the log shows, which changes with it.
    pub level: Level,
}

impl fmt::Debug for Reload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reload")
    }
}

impl Reload {
    /// Does so until it is time to stop.
    pub(super) async fn follow(
        mut self,
        cx: Arc<Context>,
        mut asked: mpsc::Receiver<AskedToReload>,
        stopping: CancellationToken,
    ) {
        loop {
            let answer = tokio::select! {
                () = stopping.cancelled() => return,
                () = self.hang_ups.next() => None,
                Some(answer) = asked.recv() => Some(answer),
            };
            systemd::reloading();
            let done = self.take_over(&cx);
            report(&done);
            systemd::ready();
            if let Some(answer) = answer {
                // An admin who has gone sees it in the log.
                let _ = answer.send(done);
            }
        }
    }

    fn take_over(&self, cx: &Context) -> Result<Changes, ConfigError> {
        let (config, changes) = (self.load)()?.after(&cx.config.load());
        for warning in config.warnings() {
            warn!("{warning}");
        }
        self.level.set(&config.log);
        cx.journal.keep(retention(&config));
        cx.limits.store(cx.limits.load().under(&config.limits, config.relay.window).into());
        cx.config.store(config.into());
        Ok(changes)
    }
}

fn report(done: &Result<Changes, ConfigError>) {
    match done {
        Ok(Changes { taken, waiting }) => {
            let changed =
                if taken.is_empty() { "nothing that changes at once".to_owned() } else { taken.join(", ") };
            info!("the configuration was read again; changed: {changed}");
            if !waiting.is_empty() {
                warn!("changed as well, and in effect after a restart only: {}", waiting.join(", "));
            }
        }
        Err(error) => error!(
            "the new configuration is wrong, the relay goes on with the one that it has: {}",
            error.to_string().replace('\n', "; "),
        ),
    }
}
