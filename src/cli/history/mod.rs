//! `history`: prints what became of invitations. Knows nothing of where they are stored.

mod follow;
mod form;

use std::io::Write;
use std::process::ExitCode;

use chrono::{DateTime, Utc};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jid::BareJid;

use self::form::{Form, Times, lines, sheet, table_of};
use super::command::{CommandError, bare_jid, block_on, since};
use crate::config::{Config, ConfigError};
use crate::journal::{Filter, JournalReader};
use crate::model::State;

#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(super) struct Arguments {
    /// Only invitations to this room
    #[arg(long, value_name = "JID", value_parser = bare_jid)]
    room: Option<BareJid>,
    /// Only invitations of this contact
    #[arg(long, value_name = "JID", value_parser = bare_jid)]
    contact: Option<BareJid>,
    /// Only invitations by this inviter
    #[arg(long, value_name = "JID", value_parser = bare_jid)]
    inviter: Option<BareJid>,
    /// Only invitations in this state
    #[arg(long, value_parser = state())]
    state: Option<State>,
    /// Only invitations received since then: a duration such as 90s, 10m, 24h, 30d, or a time such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<DateTime<Utc>>,
    /// At most this many
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Comma-separated values with a header (RFC 4180), for spreadsheets
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print times in the local time zone, with its offset, and not in UTC
    #[arg(long)]
    local_time: bool,
    /// Print the newest, oldest first, and then each invitation as soon as it has ended, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
}

fn state() -> impl TypedValueParser<Value = State> {
    PossibleValuesParser::new(State::ALL.iter().map(|state| state.as_str())).try_map(|word| word.parse())
}

pub(super) fn run(
    load: impl FnOnce() -> Result<Config, ConfigError>,
    arguments: Arguments,
    out: &mut impl Write,
) -> Result<ExitCode, CommandError> {
    let reader = JournalReader::new(&load()?.journal.place);
    let Arguments { room, contact, inviter, state, since, limit, json, csv, local_time, follow: follows } =
        arguments;
    let filter = Filter { room, contact, inviter, state, since, limit };
    let times = Times { local: local_time };
    let form = match (json, csv) {
        (true, _) => Form::Json,
        (_, true) => Form::Csv,
        _ => Form::Table,
    };
    if follows {
        block_on(follow::follow(&reader, filter, form, times, out))??;
    } else {
        let records = block_on(reader.history(&filter))??;
        match form {
            Form::Json => lines(&records, times, out)?,
            Form::Csv => sheet(&records, times, out)?,
            Form::Table => table_of(&records, times, out)?,
        }
    }
    Ok(ExitCode::SUCCESS)
}
