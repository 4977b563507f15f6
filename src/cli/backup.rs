//! `backup`: copies the journal, also while the relay runs. Knows nothing of how that is done.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use super::command::{CommandError, block_on};
use crate::config::{Config, ConfigError, JournalPlace};
use crate::{daemon, journal};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The file to write; it must not exist. Its mode will be 0600: it has the room passwords of invitations in progress
    file: PathBuf,
}

pub(super) fn run(
    load: impl FnOnce() -> Result<Config, ConfigError>,
    arguments: &Arguments,
    out: &mut impl Write,
) -> Result<ExitCode, CommandError> {
    let config = load()?;
    let path = match &config.journal.place {
        JournalPlace::File(path) => path,
        JournalPlace::Server(server) => {
            let why = format!(
                "the journal is in PostgreSQL ({}), whose own tools make backups of it: pg_dump (docs/postgresql.md)",
                server.shown
            );
            return Err(CommandError::Refused { why, wrong: true });
        }
    };
    let file = &arguments.file;
    let status = block_on(async {
        let stop = daemon::signals::stop()?;
        tokio::select! {
            made = journal::backup(path, file) => Ok(made?),
            () = stop => Err(CommandError::Interrupted),
        }
    })??;
    #[allow(clippy::cast_precision_loss, reason = "for people to read")]
    let megabytes = fs::metadata(file)?.len() as f64 / f64::from(1 << 20);
    let file = file.display();
    writeln!(out, "{file}: {megabytes:.1} MB, schema {}, {} under way", status.schema, status.pending)?;
    Ok(ExitCode::SUCCESS)
}
