//! `journal move`: moves the journal to another database, while no relay runs. Knows nothing of how that is done.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use super::command::{CommandError, block_on};
use crate::config::{Config, ConfigError, JournalPlace, relay_name, typed_journal};
use crate::{daemon, journal};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: JournalCommand,
}

#[derive(Debug, clap::Subcommand)]
enum JournalCommand {
    /// Move the journal to another database, while no relay runs
    Move(MoveArguments),
}

const TO: &str = "The new place, which must be empty: a URL of PostgreSQL, or a file. Other users may see a password in it: PGPASSWORD \
                  and ~/.pgpass are for that";

#[derive(Debug, clap::Args)]
struct MoveArguments {
    #[arg(long, value_name = "URL|PATH", help = TO)]
    to: String,
    /// With a URL: the file with the key that payloads are sealed with
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

pub(super) fn run(
    load: impl FnOnce() -> Result<Config, ConfigError>,
    arguments: &Arguments,
    out: &mut impl Write,
) -> Result<ExitCode, CommandError> {
    let JournalCommand::Move(arguments) = &arguments.command;
    let journal = load()?.journal;
    let from = journal.place;
    let to = typed_journal(&arguments.to, arguments.key_file.as_deref(), &relay_name(&journal.socket))
        .map_err(|why| CommandError::Refused { why, wrong: true })?;
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
    let keys = match &to {
        JournalPlace::File(path) => format!("journal.path = {:?}", path.display().to_string()),
        JournalPlace::Server(server) => {
            format!("journal.url and journal.key_file = {:?}", server.key_file.display().to_string())
        }
    };
    writeln!(
        out,
        "now write {keys} into the configuration: with the old journal the relay would send again what is under way"
    )?;
    Ok(ExitCode::SUCCESS)
}
