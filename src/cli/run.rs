//! `run`: opens the log, then relays until the process is told to stop. Knows nothing of how.

use std::process::ExitCode;

use tracing::warn;

use super::CommandError;
use crate::config::{Config, ConfigError};
use crate::ops;

pub(super) fn run(load: impl FnOnce() -> Result<Config, ConfigError>) -> Result<ExitCode, CommandError> {
    let config = load()?;
    ops::log::init(&config.log)?;
    for key in config.not_yet_used() {
        warn!("{key} is set, but this version does not act on it");
    }
    Err(CommandError::NotInThisVersion("run is not in this version"))
}
