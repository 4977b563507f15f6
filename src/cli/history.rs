//! `history`: prints what became of invitations, as a table for people or as lines of JSON for programs. Knows nothing of where
//! they are stored.

use std::io::{self, Write};
use std::process::ExitCode;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jid::BareJid;
use serde::Serialize;

use super::command::{CommandError, bare_jid, block_on};
use crate::config::{Config, ConfigError};
use crate::journal::{Filter, JournalReader, Record};
use crate::model::State;
use crate::model::address::printable;

#[derive(Debug, clap::Args)]
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
}

fn state() -> impl TypedValueParser<Value = State> {
    PossibleValuesParser::new(State::ALL.iter().map(|state| state.as_str())).try_map(|word| word.parse())
}

fn since(text: &str) -> Result<DateTime<Utc>, &'static str> {
    let ago = || {
        Utc::now().checked_sub_signed(chrono::Duration::from_std(humantime::parse_duration(text).ok()?).ok()?)
    };
    let at = || Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc());
    ago()
        .or_else(at)
        .ok_or("write a duration such as 90s, 10m, 24h, 30d, or a time such as 2026-01-31T12:00:00Z")
}

pub(super) fn run(
    load: impl FnOnce() -> Result<Config, ConfigError>,
    arguments: Arguments,
    out: &mut impl Write,
) -> Result<ExitCode, CommandError> {
    let config = load()?;
    let Arguments { room, contact, inviter, state, since, limit, json } = arguments;
    let filter = Filter { room, contact, inviter, state, since, limit };
    let records = block_on(JournalReader::new(&config.journal.path).history(&filter))??;
    let write = if json { lines } else { table };
    write(&records, out)?;
    Ok(ExitCode::SUCCESS)
}

/// A line for programs. The names are stable.
#[derive(Serialize)]
struct Line<'a> {
    id: i64,
    received: String,
    settled: Option<String>,
    route: &'a str,
    room: &'a str,
    inviter: &'a str,
    contact: &'a str,
    state: &'a str,
    reason: Option<&'a str>,
    sent_as: Option<&'a str>,
    /// Left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<i64>,
}

fn lines(records: &[Record], out: &mut impl Write) -> io::Result<()> {
    let rfc3339 = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
    for record in records {
        let line = Line {
            id: record.id,
            received: rfc3339(record.received),
            settled: record.settled.map(rfc3339),
            route: record.route.as_str(),
            room: &record.room,
            inviter: &record.inviter,
            contact: &record.contact,
            state: record.state.as_str(),
            reason: record.reason.map(crate::model::Reason::as_str),
            sent_as: record.sent_as.as_deref(),
            parent: record.parent,
        };
        serde_json::to_writer(&mut *out, &line)?;
        writeln!(out)?;
    }
    Ok(())
}

const HEADINGS: [&str; 10] =
    ["ID", "RECEIVED (UTC)", "TOOK", "STATE", "REASON", "ROUTE", "INVITER", "CONTACT", "ROOM", "SENT AS"];

fn table(records: &[Record], out: &mut impl Write) -> io::Result<()> {
    if records.is_empty() {
        return writeln!(out, "no such invitation");
    }
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(records.iter().map(row));
    let mut widths = [0; HEADINGS.len()];
    for (column, width) in widths.iter_mut().enumerate() {
        *width = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    }
    for row in rows {
        let line: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(out, "{}", line.join("  ").trim_end())?;
    }
    Ok(())
}

fn row(record: &Record) -> [String; HEADINGS.len()] {
    let none = || "-".to_owned();
    [
        record.id.to_string(),
        record.received.format("%Y-%m-%d %H:%M:%S").to_string(),
        record.settled.map_or_else(none, |settled| took(record.received, settled)),
        record.state.to_string(),
        record.reason.map_or_else(none, |reason| reason.to_string()),
        record.route.to_string(),
        printable(&record.inviter),
        printable(&record.contact),
        printable(&record.room),
        record.sent_as.as_deref().map_or_else(none, printable),
    ]
}

/// How long it took, in seconds; 0 if the clock was set back.
fn took(received: DateTime<Utc>, settled: DateTime<Utc>) -> String {
    let millis = (settled - received).num_milliseconds().max(0);
    format!("{}.{:03}s", millis / 1000, millis % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Reason, Route};

    fn records() -> Vec<Record> {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        vec![
            Record {
                id: 12,
                received: at("2026-11-21T03:29:59.5Z"),
                settled: None,
                route: Route::HandedOver,
                room: "open@conference.example.org".into(),
                inviter: "open@conference.example.org/\u{202e}Al\u{1b}ice".into(),
                contact: "bob@example.org".into(),
                state: State::Pending,
                reason: None,
                sent_as: None,
                parent: Some(11),
            },
            Record {
                id: 7,
                received: at("2026-11-20T12:00:00Z"),
                settled: Some(at("2026-11-20T12:00:01.25Z")),
                route: Route::Addressed,
                room: "o@conference.example.org".into(),
                inviter: "alice@example.org".into(),
                contact: "dave@example.org".into(),
                state: State::Refused,
                reason: Some(Reason::NotMember),
                sent_as: Some("alice@example.org".into()),
                parent: None,
            },
        ]
    }

    fn written(write: impl FnOnce(&[Record], &mut Vec<u8>) -> io::Result<()>, records: &[Record]) -> String {
        let mut out = Vec::new();
        write(records, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn people_get_a_table() {
        let expected = "\
ID  RECEIVED (UTC)       TOOK    STATE    REASON      ROUTE        INVITER                              CONTACT           ROOM                         SENT AS
12  2026-11-21 03:29:59  -       pending  -           handed-over  open@conference.example.org/\u{fffd}Al\u{fffd}ice  bob@example.org   open@conference.example.org  -
7   2026-11-20 12:00:00  1.250s  refused  not-member  addressed    alice@example.org                    dave@example.org  o@conference.example.org     alice@example.org
";
        assert_eq!(written(table, &records()), expected);
        assert_eq!(written(table, &[]), "no such invitation\n");
    }

    #[test]
    fn programs_get_json_lines() {
        let expected = [
            r#"{"id":12,"received":"2026-11-21T03:29:59.500Z","settled":null,"route":"handed-over","#,
            r#""room":"open@conference.example.org","inviter":"open@conference.example.org/"#,
            "\u{202e}Al\\u001bice",
            r#"","contact":"bob@example.org","state":"pending","reason":null,"sent_as":null,"parent":11}"#,
            "\n",
            r#"{"id":7,"received":"2026-11-20T12:00:00.000Z","settled":"2026-11-20T12:00:01.250Z","#,
            r#""route":"addressed","room":"o@conference.example.org","inviter":"alice@example.org","#,
            r#""contact":"dave@example.org","state":"refused","reason":"not-member","sent_as":"alice@example.org"}"#,
            "\n",
        ];
        assert_eq!(written(lines, &records()), expected.concat());
        assert_eq!(written(lines, &[]), "");
    }

    #[test]
    fn since_takes_a_duration_or_a_time() {
        let then = since("2h").unwrap();
        assert_eq!((Utc::now() - then).num_minutes(), 120);
        assert_eq!(since("2026-01-31T13:00:00+01:00").unwrap().to_rfc3339(), "2026-01-31T12:00:00+00:00");
        for wrong in ["5 bananas", "", "yesterday", "2026-01-31", "99999999999y"] {
            since(wrong).unwrap_err();
        }
    }
}
