//! `healthy`: prints whether the running relay is alive, for supervisors. Knows nothing of what alive means.

use std::io::Write;
use std::process::ExitCode;

use super::command::{CommandError, block_on, not_asked};
use crate::config::{Config, ConfigError};
use crate::daemon::control::{self, Answered};

pub(super) fn run(
    load: impl FnOnce() -> Result<Config, ConfigError>,
    out: &mut impl Write,
) -> Result<ExitCode, CommandError> {
    let journal = load()?.journal;
    let (alive, found) = match block_on(control::health(&journal.socket))? {
        Ok(Answered::Yes(health)) => (health.alive, health.found),
        Ok(Answered::Hangs(_)) => (false, "the relay does not answer: it hangs".to_owned()),
        Ok(Answered::Nobody { .. }) => (false, format!("no relay runs with {}", journal.place)),
        Err(e) => (false, not_asked(&e, &journal.socket)),
    };
    writeln!(out, "{}: {found}", if alive { "alive" } else { "failed" })?;
    Ok(if alive { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
