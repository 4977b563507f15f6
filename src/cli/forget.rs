//! `forget`: removes everything about a person or a room from the journal. Knows nothing of how that is done.

use std::io::Write;
use std::process::ExitCode;

use jid::BareJid;

use super::command::{CommandError, bare_jid, block_on};
use crate::config::{Config, ConfigError};
use crate::journal::{Forget, JournalReader};

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
    let forgotten = block_on(JournalReader::new(&config.journal.place).forget(jid, Forget::Everything))??;
    let count = forgotten.invitations;
    let noun = if count == 1 { "invitation" } else { "invitations" };
    writeln!(out, "{count} {noun} of {jid} removed")?;
    if forgotten.preferences {
        writeln!(out, "the settings of {jid} are removed as well: invitations reach this address again")?;
    }
    Ok(ExitCode::SUCCESS)
}
