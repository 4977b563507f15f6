//! What an invitation costs: the relay as it is shipped, its journal on the disk, compared with a component that does almost
//! nothing and with a first draft of a relay in Python. Then the relay again with years of history in its journal.
//!
//! `cargo bench` prints the table. `cargo test --bench relay -- --quick` runs everything but the large journals in some
//! seconds: on a debug build its figures mean nothing, but its exit code shows that all of it works. `--alone` measures only
//! the first line of the table, for a profiler; `--crowds` only invitations to many people, `--journals` only the large
//! journals; `--postgres` the first line, and the same with the journal in `PostgreSQL`. `--instructions` counts instructions instead, by callgrind, which has to be installed (Debian's package valgrind);
//! with `FUNCTIONS=1` also by function.

mod baseline;
mod candidate;
mod fan_out;
mod figures;
mod history;
mod instructions;
#[path = "../../tests/common/postgres.rs"]
mod postgres;
mod server;
mod words;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use self::candidate::Candidate;
use self::figures::{Figures, Line};
use self::history::Claims;
use self::server::Pace;

/// How much is measured.
struct Plan {
    rounds: usize,
    /// Invitations at full load, for the relay, the bare component and slixmpp.
    relay: usize,
    baseline: usize,
    slixmpp: usize,
    /// How long half load is measured.
    half: Duration,
    /// Settled invitations in the journal, and how many of them hold a claim.
    journals: Vec<(&'static str, i64, Claims)>,
    /// The sizes of the large rooms, and how many single invitations a second are sent meanwhile.
    crowds: Vec<usize>,
    singles: f64,
}

const FULL_PLAN: fn() -> Plan = || Plan {
    rounds: 5,
    relay: 60_000,
    baseline: 150_000,
    slixmpp: 10_000,
    half: Duration::from_secs(4),
    journals: vec![
        ("(a) 1 million settled", 1_000_000, Claims::OfTheDay),
        ("(a) 10 million settled", 10_000_000, Claims::OfTheDay),
        ("(a) 10 million settled, all in the window", 10_000_000, Claims::All),
    ],
    crowds: vec![1000, 10_000, 50_000],
    singles: 500.0,
};

const QUICK_PLAN: fn() -> Plan = || Plan {
    rounds: 1,
    relay: 3000,
    baseline: 5000,
    slixmpp: 1000,
    half: Duration::from_millis(500),
    journals: vec![("(a) 50,000 settled, all in the window", 50_000, Claims::All)],
    crowds: vec![1000],
    singles: 100.0,
};

/// A line of the first table.
struct Entry {
    name: &'static str,
    candidate: Candidate,
    /// The most invitations without an answer at full load.
    unanswered: usize,
}

const THIS_RELAY: Entry = Entry {
    name: "(a) this relay",
    candidate: Candidate::Relay { privileged: false },
    unanswered: UNANSWERED_AT_FULL_LOAD,
};

const ON_POSTGRES: Entry =
    Entry { name: "(a) its journal in PostgreSQL", candidate: Candidate::OnPostgres, ..THIS_RELAY };

const FIRST_TABLE: [Entry; 5] = [
    THIS_RELAY,
    Entry { name: "(b) a bare tokio-xmpp Component", candidate: Candidate::Baseline, ..THIS_RELAY },
    Entry { name: "(c) a relay on slixmpp", candidate: Candidate::Slixmpp, ..THIS_RELAY },
    Entry {
        name: "(a) in the inviter's name (XEP-0356)",
        candidate: Candidate::Relay { privileged: true },
        ..THIS_RELAY
    },
    Entry { name: "(a) all invitations at once", unanswered: usize::MAX / 2, ..THIS_RELAY },
];

/// More than the relay keeps in memory.
const UNANSWERED_AT_FULL_LOAD: usize = 2000;

/// Sent before anything is measured: the candidate then knows the room, and has allocated what it needs.
const WARM_UP_INVITATIONS: usize = 500;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, server] = &arguments[..]
        && mode == "baseline"
    {
        return baseline::run(server, words::COMPONENT, words::SECRET).await;
    }
    // Without --bench, which `cargo bench` adds, this is a test.
    let full = arguments.iter().any(|it| it == "--bench") && !arguments.iter().any(|it| it == "--quick");
    let plan = if full { FULL_PLAN() } else { QUICK_PLAN() };
    let bench = Bench::new(plan)?;
    let alone = arguments.iter().any(|it| it == "--alone");
    let crowds = arguments.iter().any(|it| it == "--crowds");
    let journals = arguments.iter().any(|it| it == "--journals");
    let ran = if arguments.iter().any(|it| it == "--instructions") {
        instructions::run(&bench.folder).await
    } else if crowds {
        fan_out::run(&bench.folder, &bench.plan.crowds, bench.plan.singles).await
    } else if journals {
        bench.journals().await.map(|lines| figures::print(&lines))
    } else if arguments.iter().any(|it| it == "--postgres") {
        bench.contest(&[THIS_RELAY, ON_POSTGRES]).await.map(|lines| figures::print(&lines))
    } else {
        bench.run(alone).await
    };
    ran.with_context(|| format!("see {}", bench.folder.display()))?;
    fs::remove_dir_all(&bench.folder)?;
    Ok(())
}

struct Bench {
    plan: Plan,
    /// On the disk that holds target/, with all journals in it.
    folder: PathBuf,
}

impl Bench {
    fn new(plan: Plan) -> Result<Self> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self { plan, folder })
    }

    async fn run(&self, alone: bool) -> Result<()> {
        let build =
            if cfg!(debug_assertions) { "DEBUG BUILD, the figures mean nothing" } else { "release build" };
        let cores = std::thread::available_parallelism()?;
        let mut one = Vec::new();
        words::invitation(123_456, &mut one);
        println!(
            "{build}, {cores} cores, invitations of {} bytes, medians of {} runs",
            one.len(),
            self.plan.rounds
        );

        let lines = self.contest(if alone { &FIRST_TABLE[..1] } else { &FIRST_TABLE }).await?;
        figures::print(&lines);
        if alone {
            return Ok(());
        }

        fan_out::run(&self.folder, &self.plan.crowds, self.plan.singles).await?;

        let journals = self.journals().await?;
        println!();
        figures::print(&journals);
        print_aims(&lines, &journals, &self.plan.journals);
        Ok(())
    }

    /// One after the other in every round.
    async fn contest(&self, entries: &[Entry]) -> Result<Vec<Line>> {
        let mut lines: Vec<Line> = entries.iter().map(|entry| Line::new(entry.name)).collect();
        for _ in 0..self.plan.rounds {
            for (entry, line) in entries.iter().zip(&mut lines) {
                line.runs.push(self.fresh(entry).await?);
            }
        }
        Ok(lines)
    }

    /// The relay with journals of several sizes, one after the other in every round.
    async fn journals(&self) -> Result<Vec<Line>> {
        let mut lines = vec![Line::new("(a) an empty journal")];
        let mut folders = Vec::new();
        for (name, rows, claims) in &self.plan.journals {
            let folder = self.folder.join(format!("journal-{}", lines.len()));
            fs::create_dir(&folder)?;
            history::fill(&candidate::journal(&folder), *rows, *claims).await.context("filling a journal")?;
            folders.push(folder);
            lines.push(Line::new(*name));
        }
        for _ in 0..self.plan.rounds {
            lines[0].runs.push(self.fresh(&THIS_RELAY).await?);
            let journals = folders.iter().zip(&mut lines[1..]).zip(&self.plan.journals);
            for ((folder, line), (_, rows, claims)) in journals {
                line.runs.push(self.measure(folder, &THIS_RELAY).await?);
                history::restore(&candidate::journal(folder), *rows, *claims).await?;
            }
        }
        Ok(lines)
    }

    /// Measures with an empty journal.
    async fn fresh(&self, entry: &Entry) -> Result<Figures> {
        let folder = self.folder.join("fresh");
        fs::create_dir(&folder)?;
        let figures = self.measure(&folder, entry).await?;
        fs::remove_dir_all(&folder)?;
        Ok(figures)
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small and positive"
    )]
    async fn measure(&self, folder: &Path, entry: &Entry) -> Result<Figures> {
        let count = match entry.candidate {
            Candidate::Relay { .. } | Candidate::OnPostgres => self.plan.relay,
            Candidate::Baseline => self.plan.baseline,
            Candidate::Slixmpp => self.plan.slixmpp,
        };
        let mut running = entry.candidate.start(folder).await?;
        running.server.invite(WARM_UP_INVITATIONS, Pace::Unanswered(WARM_UP_INVITATIONS)).await?;
        let before = running.cpu()?;
        let full = running.server.invite(count, Pace::Unanswered(entry.unanswered)).await?;
        let cpu = running.cpu()?.saturating_sub(before);
        let rate = count as f64 / full.took.as_secs_f64();

        let half = rate / 2.0;
        let count_half = (half * self.plan.half.as_secs_f64()) as usize;
        let calm = running.server.invite(count_half, Pace::PerSecond(half)).await?;
        let memory = running.peak_memory()?;
        running.stop().await?;
        Ok(Figures {
            rate,
            cpu: cpu.as_secs_f64() * 1e6 / count as f64,
            half: figures::latency(&calm.latencies),
            memory,
        })
    }
}

/// Prints each aim, and whether it was reached.
fn print_aims(lines: &[Line], journals: &[Line], plan: &[(&str, i64, Claims)]) {
    let rate = |line: &Line| line.median(|run| run.rate);
    let [relay, baseline, slixmpp] = [rate(&lines[0]), rate(&lines[1]), rate(&lines[2])];
    let ours = lines.iter().enumerate().filter(|(at, _)| !matches!(at, 1 | 2)).map(|(_, line)| line);
    let memory = |line: &Line| line.largest(|run| run.memory);
    println!();
    let say =
        |what: String, reached: bool| println!("{}: {what}", if reached { "reached" } else { "NOT REACHED" });
    let against = |ratio: f64, least: f64, whom: &str| {
        say(format!("{ratio:.2} x {whom}, at least {least} wanted"), ratio >= least);
    };
    against(relay / baseline, 0.4, "the rate of the bare component");
    against(relay / slixmpp, 4.0, "the rate of slixmpp");
    let most = ours.chain(&journals[..1]).map(memory).fold(0.0, f64::max);
    say(format!("{most:.0} MB at most, less than 64 wanted"), most < 64.0);
    for (line, (_, rows, claims)) in journals[1..].iter().zip(plan) {
        let least = if matches!(claims, Claims::All) { 0.9 } else { 0.95 };
        against(
            rate(line) / rate(&journals[0]),
            least,
            &format!("the rate with an empty journal: {}", line.name),
        );
        // 16 bytes for each claim.
        let most = 64.0 + f64::from(u32::try_from(claims.of(*rows)).unwrap_or(u32::MAX)) * 16e-6;
        say(
            format!("{:.0} MB, less than {most:.0} wanted: {}", memory(line), line.name),
            memory(line) < most,
        );
    }
}
