//! The forms of the history: a table for people, lines of JSON for programs, and values for spreadsheets. Knows nothing of which
//! records are shown.

use std::io::{self, Write};

use chrono::{DateTime, Local, SecondsFormat, Utc};
use serde::Serialize;

use super::super::table::table;
pub(super) use super::super::table::widths;
use crate::journal::Record;
use crate::model::address::printable;

/// How records are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A table for people.
    Table,
    /// Lines of JSON for programs.
    Json,
    /// RFC 4180.
    Csv,
}

/// In which time zone times are printed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) local: bool,
}

impl Times {
    /// For programs.
    fn rfc3339(self, time: DateTime<Utc>) -> String {
        if self.local {
            time.with_timezone(&Local).to_rfc3339_opts(SecondsFormat::Millis, false)
        } else {
            time.to_rfc3339_opts(SecondsFormat::Millis, true)
        }
    }

    /// For people.
    fn shown(self, time: DateTime<Utc>) -> String {
        if self.local {
            time.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S %:z").to_string()
        } else {
            time.format("%Y-%m-%d %H:%M:%S").to_string()
        }
    }

    fn heading(self) -> &'static str {
        if self.local { "RECEIVED" } else { "RECEIVED (UTC)" }
    }
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

pub(super) fn lines(records: &[Record], times: Times, out: &mut impl Write) -> io::Result<()> {
    for record in records {
        let line = Line {
            id: record.id,
            received: times.rfc3339(record.received),
            settled: record.settled.map(|time| times.rfc3339(time)),
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

/// The names of the columns are those of the objects.
pub(super) const COLUMNS: [&str; 11] = [
    "id", "received", "settled", "route", "room", "inviter", "contact", "state", "reason", "sent_as",
    "parent",
];

/// The records as RFC 4180 wants them, with a header.
pub(super) fn sheet(records: &[Record], times: Times, out: &mut impl Write) -> io::Result<()> {
    let mut csv = rfc_4180(out);
    csv.write_record(COLUMNS)?;
    rows_of_sheet(records, times, &mut csv)
}

pub(super) fn rfc_4180<Out: Write>(out: Out) -> csv::Writer<Out> {
    csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out)
}

pub(super) fn rows_of_sheet(
    records: &[Record],
    times: Times,
    csv: &mut csv::Writer<impl Write>,
) -> io::Result<()> {
    for record in records {
        csv.write_record([
            record.id.to_string(),
            times.rfc3339(record.received),
            record.settled.map(|time| times.rfc3339(time)).unwrap_or_default(),
            record.route.to_string(),
            no_formula(&record.room),
            no_formula(&record.inviter),
            no_formula(&record.contact),
            record.state.to_string(),
            record.reason.map(|reason| reason.to_string()).unwrap_or_default(),
            record.sent_as.as_deref().map(no_formula).unwrap_or_default(),
            record.parent.map(|parent| parent.to_string()).unwrap_or_default(),
        ])?;
    }
    csv.flush()
}

/// A text that a spreadsheet does not take for a formula. People choose their addresses: one may begin with an equals sign.
fn no_formula(text: &str) -> String {
    let text = printable(text);
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text }
}

const HEADINGS: [&str; 10] =
    ["ID", "RECEIVED (UTC)", "TOOK", "STATE", "REASON", "ROUTE", "INVITER", "CONTACT", "ROOM", "SENT AS"];

pub(super) fn table_of(records: &[Record], times: Times, out: &mut impl Write) -> io::Result<()> {
    if records.is_empty() {
        return writeln!(out, "no such invitation");
    }
    let rows: Vec<_> =
        std::iter::once(headings(times)).chain(records.iter().map(|record| row(record, times))).collect();
    table(&rows, out)
}

pub(super) fn headings(times: Times) -> [String; HEADINGS.len()] {
    let mut headings = HEADINGS.map(str::to_owned);
    times.heading().clone_into(&mut headings[1]);
    headings
}

pub(super) fn row(record: &Record, times: Times) -> [String; HEADINGS.len()] {
    let none = || "-".to_owned();
    [
        record.id.to_string(),
        times.shown(record.received),
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
    use crate::model::{Reason, Route, State};

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

    const UTC: Times = Times { local: false };

    fn written(
        write: impl FnOnce(&[Record], Times, &mut Vec<u8>) -> io::Result<()>,
        records: &[Record],
    ) -> String {
        let mut out = Vec::new();
        write(records, UTC, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn people_get_a_table() {
        let expected = "\
ID  RECEIVED (UTC)       TOOK    STATE    REASON      ROUTE        INVITER                              CONTACT           ROOM                         SENT AS
12  2026-11-21 03:29:59  -       pending  -           handed-over  open@conference.example.org/\u{fffd}Al\u{fffd}ice  bob@example.org   open@conference.example.org  -
7   2026-11-20 12:00:00  1.250s  refused  not-member  addressed    alice@example.org                    dave@example.org  o@conference.example.org     alice@example.org
";
        assert_eq!(written(table_of, &records()), expected);
        assert_eq!(written(table_of, &[]), "no such invitation\n");
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
    fn spreadsheets_get_rfc_4180_and_no_formulas() {
        let mut records = records();
        records[0].contact = "=cmd|' /C calc'!A0@example.org".into();
        records[0].inviter = "o@conference.example.org/a \"b\", c\nd".into();
        records[1].contact = "-1+1@example.org".into();
        let expected = "\
id,received,settled,route,room,inviter,contact,state,reason,sent_as,parent\r
12,2026-11-21T03:29:59.500Z,,handed-over,open@conference.example.org,\"o@conference.example.org/a \"\"b\"\", c\u{fffd}d\",'=cmd|' /C calc'!A0@example.org,pending,,,11\r
7,2026-11-20T12:00:00.000Z,2026-11-20T12:00:01.250Z,addressed,o@conference.example.org,alice@example.org,'-1+1@example.org,refused,not-member,alice@example.org,\r
";
        assert_eq!(written(sheet, &records), expected);
        assert_eq!(written(sheet, &[]).lines().count(), 1, "the header");
    }
}
