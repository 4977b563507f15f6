//! `forget`: removes all that the journal holds of a person or a room. Knows nothing of how.

use std::io::Write;
use std::process::ExitCode;

use jid::BareJid;

use super::{CommandError, bare_jid, block_on};
use crate::config::{Config, ConfigError};
use crate::journal;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The person's or room's bare JID
    #[arg(value_parser = bare_jid)]
    jid: BareJid,
}

pub(super) fn run(
    load: impl FnOnce() -> Result<Config, ConfigError>,
    arguments: &Arguments,
    out: &mut impl Write,
) -> Result<ExitCode, CommandError> {
    let config = load()?;
    let jid = &arguments.jid;
    let removed = block_on(journal::forget(&config.journal.path, jid))??;
    let noun = if removed == 1 { "invitation" } else { "invitations" };
    writeln!(out, "{removed} {noun} of {jid} removed")?;
    Ok(ExitCode::SUCCESS)
}
