//! `run`: opens the log, then relays until the process is told to stop. Knows nothing of how.

use std::process::ExitCode;
use std::sync::Arc;

use tracing::{error, info, warn};

use super::command::{CommandError, block_on};
use crate::config::{Config, ConfigError};
use crate::daemon::{self, Outside, Reload, RunError};
use crate::{journal, telemetry};

/// The server refused us and we never got in.
const EXIT_REFUSED: u8 = 3;

pub(super) fn run(
    load: impl Fn() -> Result<Config, ConfigError> + Send + Sync + 'static,
) -> Result<ExitCode, CommandError> {
    let config = load()?;
    let level = telemetry::log::init(&config.log)?;
    info!("muc-invite-relay {} for {}", env!("CARGO_PKG_VERSION"), config.component.jid);
    for warning in config.warnings() {
        warn!("{warning}");
    }
    if let Some(owner) = journal::owned_by_another(&config.journal.path) {
        warn!(
            "this runs as root, and the folder of journal.path = {:?} is user {owner}'s: what root makes there the relay can't \
             use when it runs as that user. Run it as that user: runuser -u muc-invite-relay -- muc-invite-relay run",
            config.journal.path
        );
    }
    let done = block_on(async {
        let reload = Reload { hang_ups: daemon::signals::hang_ups()?, load: Arc::new(load), level };
        let outside = Outside { stop: daemon::signals::stop()?, reload };
        Ok::<_, CommandError>(daemon::run(config, outside).await)
    })??;
    // The log is open: what ended the relay belongs there, in its form.
    Ok(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error}");
            if matches!(error, RunError::Refused(_)) {
                ExitCode::from(EXIT_REFUSED)
            } else {
                ExitCode::FAILURE
            }
        }
    })
}
