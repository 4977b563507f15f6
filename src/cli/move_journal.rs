//! `move-journal`: moves the journal into the database of another configuration, while no relay runs. Knows nothing of how that is
//! done.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use super::command::{CommandError, block_on};
use crate::config::{Config, ConfigError};
use crate::{daemon, journal};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration that has journal.path or journal.url of the new place, which must be empty
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

pub(super) fn run(
    load: impl FnOnce() -> Result<Config, ConfigError>,
    arguments: &Arguments,
    out: &mut impl Write,
) -> Result<ExitCode, CommandError> {
    let from = load()?.journal.place;
    let to = Config::load(Some(&arguments.to))?.journal.place;
    let moved = block_on(async {
        let stop = daemon::signals::stop()?;
        tokio::select! {
            moved = Box::pin(journal::move_journal(&from, &to)) => Ok(moved?),
            () = stop => Err(CommandError::Interrupted),
        }
    })??;
    for (count, what) in [
        (moved.pending, "invitations under way"),
        (moved.history, "invitations that have ended"),
        (moved.claims, "contacts and rooms that are held"),
        (moved.people, "people's settings"),
        (moved.groups, "groups"),
        (moved.looks, "addresses that are compared"),
        (moved.hashes, "capability hashes"),
    ] {
        writeln!(out, "{count:>12}  {what}")?;
    }
    writeln!(out, "moved from {from} to {to}, and counted there")?;
    writeln!(
        out,
        "start the relay with {} only: with the old journal it would send again what is under way",
        arguments.to.display()
    )?;
    Ok(ExitCode::SUCCESS)
}
