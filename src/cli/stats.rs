//! `stats`: prints how many invitations there were, by what became of them, how they came, room and day. Knows nothing of where
//! they are stored.

use std::io::{self, Write};
use std::process::ExitCode;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;

use super::command::{CommandError, block_on, since};
use super::table::table;
use crate::config::{Config, ConfigError};
use crate::journal::{Counts, JournalReader};
use crate::model::address::printable;

/// How many rooms are shown.
const MAX_ROOMS_SHOWN: usize = 10;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only invitations received since then: a duration such as 90s, 10m, 24h, 30d, or a time such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = since, default_value = "7d")]
    since: DateTime<Utc>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(
    load: impl FnOnce() -> Result<Config, ConfigError>,
    arguments: &Arguments,
    out: &mut impl Write,
) -> Result<ExitCode, CommandError> {
    let reader = JournalReader::new(&load()?.journal.place);
    let counts = block_on(reader.counts(arguments.since, MAX_ROOMS_SHOWN))??;
    let show = if arguments.json { object } else { tables };
    show(arguments.since, &counts, out)?;
    Ok(ExitCode::SUCCESS)
}

/// The names are stable.
fn object(since: DateTime<Utc>, counts: &Counts, out: &mut impl Write) -> io::Result<()> {
    let outcomes = counts.outcomes.iter().map(|(state, reason, count)| {
        json!({ "state": state.as_str(), "reason": reason.map(crate::model::Reason::as_str), "count": count })
    });
    let routes =
        counts.routes.iter().map(|(route, count)| json!({ "route": route.as_str(), "count": count }));
    let rooms = counts.rooms.iter().map(|(room, count)| json!({ "room": room, "count": count }));
    let days = counts
        .days
        .iter()
        .map(|(day, all, relayed)| json!({ "day": day.to_string(), "count": all, "relayed": relayed }));
    let object = json!({
        "since": since.to_rfc3339_opts(SecondsFormat::Millis, true),
        "pending": counts.pending,
        "ended": counts.ended,
        "outcomes": outcomes.collect::<Vec<_>>(),
        "routes": routes.collect::<Vec<_>>(),
        "rooms": rooms.collect::<Vec<_>>(),
        "days": days.collect::<Vec<_>>(),
    });
    writeln!(out, "{object}")
}

fn tables(since: DateTime<Utc>, counts: &Counts, out: &mut impl Write) -> io::Result<()> {
    let since = since.format("%Y-%m-%d %H:%M:%S");
    writeln!(out, "received since {since} UTC: {} have ended; {} under way", counts.ended, counts.pending)?;
    if counts.ended == 0 {
        return Ok(());
    }
    let heading = |heading: [&str; 2]| vec![heading.map(str::to_owned)];
    let mut outcomes = vec![["STATE", "REASON", "COUNT"].map(str::to_owned)];
    outcomes.extend(counts.outcomes.iter().map(|(state, reason, count)| {
        [state.to_string(), reason.map_or_else(|| "-".to_owned(), |it| it.to_string()), count.to_string()]
    }));
    let mut routes = heading(["ROUTE", "COUNT"]);
    routes.extend(counts.routes.iter().map(|(route, count)| [route.to_string(), count.to_string()]));
    let mut rooms = heading(["ROOM", "COUNT"]);
    rooms.extend(counts.rooms.iter().map(|(room, count)| [printable(room), count.to_string()]));
    let mut days = vec![["DAY (UTC)", "COUNT", "RELAYED"].map(str::to_owned)];
    days.extend(
        counts.days.iter().map(|(day, all, relayed)| [day.to_string(), all.to_string(), relayed.to_string()]),
    );
    writeln!(out)?;
    table(&outcomes, out)?;
    writeln!(out)?;
    table(&routes, out)?;
    writeln!(out)?;
    table(&rooms, out)?;
    writeln!(out)?;
    table(&days, out)
}
