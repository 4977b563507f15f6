//! What an invitation costs the journal: in a file of `SQLite` and in `PostgreSQL`, on the same disk and in turns. Each transaction
//! admits and claims some, and settles those before them.
//!
//! `cargo bench --bench journal` prints the table; `BATCH=64` measures one size alone, `DATABASE=PostgreSQL` one database, for a
//! profiler. `cargo test --bench journal -- --quick` shows that it works.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use muc_invite_relay::config::JournalPlace;
use muc_invite_relay::journal::{Ask, Journal, Retention, RoomPassword, Wanted};
use muc_invite_relay::model::{Arrival, Id, Outcome, Payload, Route, State};

#[path = "../tests/common/postgres.rs"]
mod postgres;

const ROOM: &str = "room@conference.example.org";
const INVITER: &str = "alice@example.org";

/// Invitations in one transaction.
const BATCHES: [usize; 4] = [1, 16, 64, 256];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (rounds, span) = if quick { (1, Duration::from_millis(50)) } else { (3, Duration::from_secs(3)) };
    // On the disk that holds target/.
    let folder = tempfile::tempdir_in(option_env!("CARGO_TARGET_TMPDIR").unwrap_or("."))?;
    let database = postgres::Database::new();
    let mut places = vec![("SQLite", JournalPlace::File(folder.path().join("journal.db")))];
    places.extend(database.as_ref().map(|it| ("PostgreSQL", it.server(1).into())));
    let only = std::env::var("DATABASE").ok();
    places.retain(|(name, _)| only.as_ref().is_none_or(|only| only == name));
    let only = std::env::var("BATCH").ok().map(|size| size.parse::<usize>()).transpose()?;
    println!("{:>5}  {:<10}  {:>13}  {:>8}  {:>8}", "batch", "database", "invitations/s", "p50 ms", "p99 ms");
    let mut number = 0;
    for batch in BATCHES.into_iter().filter(|batch| only.is_none_or(|only| only == *batch)) {
        let mut runs: Vec<Vec<Run>> = places.iter().map(|_| Vec::new()).collect();
        for _ in 0..rounds {
            for ((_, place), runs) in places.iter().zip(&mut runs) {
                runs.push(run(place, batch, span, &mut number).await?);
            }
        }
        for ((name, _), mut runs) in places.iter().zip(runs) {
            runs.sort_by(|a, b| a.rate.total_cmp(&b.rate));
            let Run { rate, p50, p99 } = &runs[runs.len() / 2];
            println!("{batch:>5}  {name:<10}  {rate:>13.0}  {p50:>8.2}  {p99:>8.2}");
        }
    }
    Ok(())
}

/// What was measured.
struct Run {
    rate: f64,
    p50: f64,
    p99: f64,
}

async fn run(place: &JournalPlace, batch: usize, span: Duration, number: &mut u64) -> Result<Run> {
    let hour = Duration::from_secs(3600);
    let (journal, writer) = Journal::open(place, Retention { window: hour, retention: hour }).await?;
    let writer = tokio::spawn(writer.run_on_own_thread());
    let mut times = Vec::new();
    let mut before: Vec<Id> = Vec::new();
    let began = Instant::now();
    while began.elapsed() < span {
        let contacts: Vec<String> = (0..batch)
            .map(|_| {
                *number += 1;
                format!("contact{number}@example.org")
            })
            .collect();
        let at = Instant::now();
        let settled = before.drain(..).map(|id| {
            let sent_as = Some(INVITER.to_owned());
            journal.settle(Outcome { id, state: State::Relayed, reason: None, inviter: None, sent_as })
        });
        let settled: Vec<_> = settled.collect();
        let asks: Vec<_> = contacts.iter().map(|contact| ask(contact)).collect();
        let admitted =
            contacts.iter().zip(&asks).map(|(contact, ask)| journal.admit_claimed(arrival(contact), ask));
        let (ids, ended) =
            futures::future::join(futures::future::join_all(admitted), futures::future::join_all(settled))
                .await;
        ended.into_iter().collect::<Result<Vec<()>, _>>()?;
        for admitted in ids {
            before.push(admitted?.id);
        }
        times.push(at.elapsed().as_secs_f64() * 1000.0);
    }
    #[allow(clippy::cast_precision_loss, reason = "for people to read")]
    let rate = (times.len() * batch) as f64 / began.elapsed().as_secs_f64();
    drop(journal);
    writer.await.context("the writer")??;
    times.sort_by(f64::total_cmp);
    Ok(Run { rate, p50: times[times.len() / 2], p99: times[times.len() * 99 / 100] })
}

fn arrival(contact: &str) -> Arrival {
    Arrival {
        route: Route::Addressed,
        room: ROOM.into(),
        inviter: INVITER.into(),
        contact: contact.into(),
        payload: Payload {
            reason: Some("Come and talk with us about the plan for next week".into()),
            password: Some("swordfish".into()),
            ..Payload::default()
        },
        parent: None,
    }
}

fn ask(contact: &str) -> Ask<'_> {
    Ask {
        contact,
        room: ROOM,
        inviter: INVITER,
        direct: false,
        password: RoomPassword::None,
        wanted: Wanted::Yes,
        adding: false,
        instead_of: None,
        anew: None,
    }
}
