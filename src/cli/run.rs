//! `run`: opens the log, then relays until the process is told to stop. Knows nothing of how that is done.

use std::process::ExitCode;
use std::sync::Arc;

use tracing::{error, info, warn};

use super::command::{CommandError, block_on};
use crate::config::{Config, ConfigError, JournalPlace};
use crate::daemon::{self, Outside, Reload, RunError};
use crate::{journal, telemetry};

/// The exit code if the server refuses the relay's first connection.
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
    if let Some(owner) = journal::owned_by_another(&config.journal.socket) {
        warn!(
            "this runs as root, and the folder of {} belongs to user {owner}: the relay can't use the files that root creates \
             there when it runs as that user. Run it as that user: {} muc-invite-relay run",
            file_beside_others(&config),
            journal::as_owner(&config.journal.socket)
        );
    }
    let done = block_on(async {
        let reload = Reload { hang_ups: daemon::signals::hang_ups()?, load: Arc::new(load), level };
        let outside = Outside { stop: daemon::signals::stop()?, reload };
        Ok::<_, CommandError>(daemon::run(config, outside).await)
    })??;
    // The log is open, so the error goes there, in its format.
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

/// The journal, or else the socket: its key and value.
fn file_beside_others(config: &Config) -> String {
    match &config.journal.place {
        JournalPlace::File(path) => format!("journal.path = \"{}\"", path.display()),
        JournalPlace::Server(_) => format!("journal.socket = \"{}\"", config.journal.socket.display()),
    }
}
