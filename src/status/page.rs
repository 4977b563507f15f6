//! The page for people: the relay's state, what became of the invitations of the last 24 hours, and the latest ones. One
//! document, which loads nothing and runs no scripts. `maud` escapes all text from outside. Knows nothing of where the data
//! comes from.

use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::gauges;
use super::mask::Mask;
use super::plot::{self, ENDED_STATES, count, grouped};
use super::recent::Day;
use crate::config::{Config, JournalPlace};
use crate::journal::{OpenError, Record};
use crate::link::Link;
use crate::model::{Reason, State};
use crate::telemetry::http::Answer;

const STYLE: &str = include_str!("page.css");

/// After how many seconds browsers load the page again.
const RELOAD_AFTER_SECONDS: &str = "30";

/// Allows this style, and nothing else.
static POLICY: LazyLock<String> =
    LazyLock::new(|| format!("style-src 'sha256-{}'", STANDARD.encode(Sha256::digest(STYLE))));

/// What the page shows.
pub(super) struct PageData<'a> {
    pub(super) day: Result<Arc<Day>, OpenError>,
    /// The relays that stand by; `None` where there can be none, or that is not known.
    pub(super) standbys: Option<Vec<String>>,
    pub(super) config: &'a Config,
    pub(super) link: &'a Link,
    /// Why the server's side prevents relaying; `None` if it does not.
    pub(super) link_trouble: Option<String>,
    /// Why the journal prevents relaying; `None` if it does not.
    pub(super) journal_trouble: Option<String>,
    /// When the relay started.
    pub(super) started: DateTime<Utc>,
}

/// The page with this data.
pub(super) fn render(data: &PageData) -> Answer {
    let PageData { day, config, .. } = data;
    document(
        data.link.component(),
        &html! {
            header {
                h1 { (in_parts(data.link.component())) }
                p.soft { "Invitation relay " (env!("CARGO_PKG_VERSION")) ", running since " span.time { (time(data.started)) } }
                (states(data))
            }
            main {
                (today(day))
                div.columns {
                    @if let Ok(day) = day { (reasons(day)) }
                    (facts(data))
                }
                @if let Ok(day) = day { (latest(config, day)) }
            }
            footer { (notes(config)) }
        },
    )
}

/// The page of a relay that stands by. `words`: who leads.
pub(super) fn standing_by(component: &str, words: &str) -> Answer {
    document(
        component,
        &html! {
            header {
                h1 { (in_parts(component)) }
                p.soft { "Invitation relay " (env!("CARGO_PKG_VERSION")) }
                p.state { "This relay " (words) "." }
            }
        },
    )
}

fn document(component: &str, content: &Markup) -> Answer {
    let body = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="refresh" content=(RELOAD_AFTER_SECONDS);
                title { (component) " · invitation relay" }
                style { (PreEscaped(STYLE)) }
            }
            body { (content) }
        }
    };
    Answer {
        kind: "text/html; charset=utf-8",
        policy: POLICY.clone(),
        ..Answer::text(true, body.into_string())
    }
}

/// Whether the relay can work, in words.
fn states(data: &PageData) -> Markup {
    let servers: Vec<_> =
        data.link.nodes().into_iter().filter(|node| node.is_up).map(|node| node.server).collect();
    html! {
        @match (&data.link_trouble, data.link.since()) {
            (Some(trouble), _) => {
                p.state.wrong { (trouble) }
                p.soft { "Invitations in progress wait in the journal for the server." }
            }
            (None, since) => p.state.well {
                "Connected to " (servers.join(", ")) @if let Some(since) = since { " for " (span(Utc::now() - since)) }
            },
        }
        @if let (None, Some(trouble)) = (&data.link_trouble, data.link.trouble()) {
            p.state.wrong { (trouble) }
        }
        @if let Some(trouble) = &data.journal_trouble {
            p.state.wrong { (trouble) }
            p.soft { "Until it can be written, no invitation is accepted. None is lost." }
        }
    }
}

fn facts(data: &PageData) -> Markup {
    let PageData { day, config, link, .. } = data;
    let kept = span(TimeDelta::from_std(config.journal.retention).unwrap_or_default());
    html! {
        section {
            h2 { "Now" }
            dl.facts {
                dt { "Under way" }
                dd { @match day { Ok(day) => (day.pending), Err(_) => "not known" } }
                dt { "Sent, not confirmed" }
                dd { (link.unconfirmed()) }
                dt { "Journal" }
                dd {
                    @match &config.journal.place {
                        JournalPlace::File(_) => (bytes(gauges::size(&config.journal.place))),
                        JournalPlace::Server(_) => "in PostgreSQL",
                    }
                    ", kept for " (kept)
                }
                @if let Some(standbys) = &data.standbys {
                    dt { "Standing by" }
                    dd { @if standbys.is_empty() { "no other relay" } @else { (standbys.join(", ")) } }
                }
                dt { "MUC services" }
                dd {
                    @for (at, service) in config.muc.services.iter().enumerate() {
                        @if at > 0 { ", " }
                        (in_parts(service))
                    }
                }
            }
        }
    }
}

fn notes(config: &Config) -> Markup {
    html! {
        p {
            "Times are UTC. "
            @if config.metrics.show_people {
                "Rooms and people are named because metrics.show_people is true. "
            } @else {
                "Rooms and people are masked: “muc-invite-relay history” on the relay's machine shows them, by the same numbers. "
            }
        }
        p { a href="/metrics" { "metrics" } " · " a href="/readyz" { "ready?" } " · " a href="/healthz" { "alive?" } }
    }
}

/// The last 24 hours, in numbers and as a plot.
fn today(day: &Result<Arc<Day>, OpenError>) -> Markup {
    html! {
        section {
            h2 { "The last 24 hours" span.soft { " (UTC)" } }
            @match day {
                Ok(day) => {
                    ul.tiles {
                        @for state in ENDED_STATES {
                            li class=(state.as_str()) {
                                b { (grouped(count(&day.ended, |it| it.state == state))) }
                                span { (state.as_str()) }
                            }
                        }
                    }
                    @if day.ended.is_empty() {
                        p.empty { "No invitation has ended in this time." }
                    } @else {
                        (plot::hours(&day.ended, |hour| hour_of(day.begin, hour)))
                    }
                }
                Err(error) => p.state.wrong { (error) },
            }
        }
    }
}

/// The reasons of invitations that were not relayed, the most frequent first.
fn reasons(day: &Day) -> Markup {
    let mut reasons: Vec<(State, Reason, u64)> = Vec::new();
    for tally in &day.ended {
        let Some(reason) = tally.reason else { continue };
        match reasons.iter_mut().find(|it| (it.0, it.1) == (tally.state, reason)) {
            Some(known) => known.2 += tally.count,
            None => reasons.push((tally.state, reason, tally.count)),
        }
    }
    reasons.sort_unstable_by_key(|(state, reason, count)| (std::cmp::Reverse(*count), *state, *reason));
    let most = reasons.first().map_or(0, |(.., count)| *count);
    html! {
        section {
            h2 { "Why not relayed" }
            @if reasons.is_empty() {
                p.soft { "All invitations were relayed." }
            } @else {
                div.reasons {
                    @for (state, reason, count) in &reasons {
                        span { (reason.as_str()) }
                        (plot::share(*state, *count, most))
                        b title=(state.as_str()) { (grouped(*count)) }
                    }
                }
            }
        }
    }
}

fn latest(config: &Config, day: &Day) -> Markup {
    let hosts = config.own_hosts();
    let mask = Mask { show_people: config.metrics.show_people, hosts: &hosts };
    html! {
        section {
            h2 { "The latest invitations" }
            @if day.latest.is_empty() {
                p.soft { "There is none yet." }
            } @else {
                div.wide {
                    table {
                        thead {
                            tr {
                                th { "received (UTC)" }
                                th { "became" }
                                th { "who, whom, where" }
                                th.rest { "came" }
                                th.number.rest { "took" }
                                th.number { "no." }
                            }
                        }
                        tbody { @for record in &day.latest { (row(record, mask)) } }
                    }
                }
            }
        }
    }
}

fn row(record: &Record, mask: Mask<'_>) -> Markup {
    let took = record.settled.map(|settled| settled - record.received);
    html! {
        tr {
            td title=(time(record.received)) { (record.received.format("%H:%M:%S")) }
            td {
                span class={ "dot " (record.state.as_str()) } {}
                (record.state.as_str())
                @if let Some(reason) = record.reason { br.fold; " " span.soft { (reason.as_str()) } }
            }
            td.who {
                (in_parts(&mask.shown(&record.inviter))) " → " (in_parts(&mask.shown(&record.contact)))
                br;
                span.soft { (in_parts(&mask.shown(&record.room))) }
            }
            td.rest { (record.route.as_str()) }
            td.number.rest { @if let Some(took) = took { (duration(took)) } }
            td.number { (record.id) }
        }
    }
}

fn time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// An address that a narrow screen breaks at its parts.
fn in_parts(address: &str) -> Markup {
    html! {
        @for (at, part) in address.split_inclusive(['@', '.', '/']).enumerate() {
            @if at > 0 { wbr; }
            (part)
        }
    }
}

/// The label of an hour of the plot.
fn hour_of(begin: DateTime<Utc>, hour: usize) -> String {
    let hours = TimeDelta::hours(i64::try_from(hour).unwrap_or(0));
    (begin + hours).format("%H:%M").to_string()
}

/// A time span for people: `3 days`, `2 h 5 min`, `40 s`.
fn span(time: TimeDelta) -> String {
    let (days, hours, minutes) = (time.num_days(), time.num_hours(), time.num_minutes());
    match (days, hours, minutes) {
        (2.., ..) => format!("{days} days"),
        (_, 1.., _) => format!("{hours} h {} min", minutes % 60),
        (_, _, 1..) => format!("{minutes} min"),
        _ => format!("{} s", time.num_seconds().max(0)),
    }
}

/// How long an invitation took; 0 if the clock was set back.
fn duration(took: TimeDelta) -> String {
    let millis = took.num_milliseconds().max(0);
    if millis < 60_000 { format!("{}.{:03} s", millis / 1000, millis % 1000) } else { span(took) }
}

fn bytes(bytes: i64) -> String {
    match bytes {
        ..1_000_000 => format!("{} kB", bytes / 1000),
        1_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes / 100_000_000 % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_read_them() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(grouped),
            ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]
        );
        assert_eq!([0, 45_056, 12_345_678, 2_345_678_901].map(bytes), ["0 kB", "45 kB", "12 MB", "2.3 GB"]);
        let seconds = |n| span(TimeDelta::seconds(n));
        assert_eq!(
            [seconds(-5), seconds(59), seconds(125), seconds(7500)],
            ["0 s", "59 s", "2 min", "2 h 5 min"]
        );
        assert_eq!(seconds(200_000), "2 days");
        assert_eq!(duration(TimeDelta::milliseconds(1042)), "1.042 s");
        assert_eq!(duration(TimeDelta::milliseconds(-1)), "0.000 s");
    }

    #[test]
    fn whatever_comes_from_outside_is_escaped() {
        let now = Utc::now();
        let record = Record {
            id: 1,
            received: now,
            settled: None,
            route: crate::model::Route::Addressed,
            room: "tea@conference.example.org".into(),
            inviter: "tea@conference.example.org/<script>alert(1)</script>\"'&".into(),
            contact: "bob@example.org".into(),
            state: State::Pending,
            reason: None,
            sent_as: None,
            parent: None,
        };
        let shown = row(&record, Mask { show_people: true, hosts: &[] }).into_string();
        assert!(shown.contains("/<wbr>&lt;script&gt;alert(1)&lt;/<wbr>script&gt;&quot;"), "{shown}");
        assert!(!shown.contains("<script"), "{shown}");
    }
}
