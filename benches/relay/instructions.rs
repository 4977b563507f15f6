//! Counts the instructions of an invitation with callgrind, by the part of the program that they are spent in. Noise of the
//! machine can't touch them. Knows nothing of times.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::candidate::Candidate;
use crate::server::Pace;

/// Two runs differ by these invitations only, so that the start, the warm-up and the end cancel each other out.
const FEWER: usize = 1000;
const MORE: usize = 5000;

/// How many invitations wait for their answer: as many as a busy relay has.
const UNANSWERED: usize = 256;

/// Parts of the program, by what the names of their functions contain. The first one that fits counts.
const PARTS: &[(&str, &[&str])] = &[
    ("copying", &["memcpy", "memmove", "memset"]),
    (
        "allocating",
        &["malloc", "free", "realloc", "calloc", "__rust_alloc", "__rdl_", "_int_", "unlink_chunk"],
    ),
    ("database", &["sqlite3", "Sqlite", "sqlx", "vdbe", "pcache", "btree", "journal"]),
    ("digests", &["sha2", "sha1", "digest", "siphash", "sip::", "Hasher"]),
    ("addresses", &["jid", "nodeprep", "stringprep", "idna", "unicode", "icu_", "address"]),
    ("log", &["tracing", "fmt::", "chrono", "telemetry"]),
    (
        "reading",
        &["rxml", "xso", "from_events", "FromEvents", "link::reader", "link::framing", "Parser", "utf8"],
    ),
    ("writing", &["as_xml", "AsXml", "link::writer", "Encoder", "escape"]),
    ("building types", &["xmpp_parsers", "minidom", "wire"]),
    ("link", &["link"]),
    ("lives", &["relay", "rooms", "contacts", "config", "moka"]),
    ("runtime", &["tokio", "mio", "futures", "parking_lot", "pthread", "std::", "core::", "alloc::"]),
];

/// The part of everything that fits no other.
const REST: &str = "other";

/// Prints the tables of the relay and of the bare component.
pub async fn run(folder: &Path) -> Result<()> {
    println!("the relay:");
    table(folder, Candidate::Relay { privileged: false }).await?;
    println!("the bare component:");
    table(folder, Candidate::Baseline).await
}

async fn table(folder: &Path, candidate: Candidate) -> Result<()> {
    let fewer = count(folder, candidate, FEWER).await?;
    let more = count(folder, candidate, MORE).await?;
    if std::env::var_os("FUNCTIONS").is_some() {
        functions(&fewer, &more);
    }
    let (fewer, more) = (by_part(&fewer), by_part(&more));
    println!("{:<16} {:>12}", "", "instructions");
    let each = |part: &str| {
        let of = |counts: &BTreeMap<&str, u64>| counts.get(part).copied().unwrap_or(0);
        of(&more).saturating_sub(of(&fewer)) / (MORE - FEWER) as u64
    };
    let parts: Vec<(&str, u64)> =
        PARTS.iter().map(|(part, _)| *part).chain([REST]).map(|part| (part, each(part))).collect();
    let total: u64 = parts.iter().map(|(_, count)| count).sum();
    for (part, count) in parts.into_iter().chain([("together", total)]) {
        println!("{part:<16} {count:>12} {:>6} %", count * 100 / total.max(1));
    }
    Ok(())
}

/// What it did, by function, from its start to its end, while it sent so many invitations.
async fn count(folder: &Path, candidate: Candidate, invitations: usize) -> Result<BTreeMap<String, u64>> {
    let folder = folder.join(format!("instructions-{candidate:?}-{invitations}"));
    fs::create_dir(&folder)?;
    let counts = folder.join("callgrind.out");
    let mut running = candidate.start_counted(&folder, &counts).await?;
    running.server.invite(invitations, Pace::Unanswered(UNANSWERED)).await?;
    running.stop().await?;
    let text = fs::read_to_string(&counts).context("callgrind has left no figures")?;
    let functions = by_function(&text);
    ensure!(!functions.is_empty(), "{} can't be understood", counts.display());
    Ok(functions)
}

/// The instructions of each function itself, without those that it calls.
fn by_function(callgrind: &str) -> BTreeMap<String, u64> {
    let mut names = BTreeMap::new();
    let mut counts = BTreeMap::<String, u64>::new();
    let mut function = String::new();
    let mut of_a_call = false;
    for line in callgrind.lines() {
        if let Some(name) = line.strip_prefix("fn=").or_else(|| line.strip_prefix("cfn=")) {
            // A name is written once, then only its number.
            let (number, name) = name.split_once(' ').unwrap_or((name, ""));
            if !name.is_empty() {
                names.insert(number.to_owned(), name.to_owned());
            }
            if line.starts_with("fn=") {
                function = names.get(number).cloned().unwrap_or_default();
            }
        } else if line.starts_with("calls=") {
            of_a_call = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first))
            && !std::mem::take(&mut of_a_call)
            && let Some(count) = line.split_whitespace().nth(1).and_then(|count| count.parse::<u64>().ok())
        {
            *counts.entry(function.clone()).or_default() += count;
        }
    }
    counts
}

fn part_of(function: &str) -> &'static str {
    let fits = |words: &[&str]| words.iter().any(|word| function.contains(word));
    PARTS.iter().find(|(_, words)| fits(words)).map_or(REST, |(part, _)| part)
}

fn by_part(functions: &BTreeMap<String, u64>) -> BTreeMap<&'static str, u64> {
    let mut parts = BTreeMap::new();
    for (function, count) in functions {
        *parts.entry(part_of(function)).or_default() += count;
    }
    parts
}

/// Prints the functions that cost most.
fn functions(fewer: &BTreeMap<String, u64>, more: &BTreeMap<String, u64>) {
    let each = |(function, count): (&String, &u64)| {
        let count = count.saturating_sub(fewer.get(function).copied().unwrap_or(0)) / (MORE - FEWER) as u64;
        (count, part_of(function), function.clone())
    };
    let mut functions: Vec<_> = more.iter().map(each).collect();
    functions.sort_unstable();
    for (count, part, function) in functions.iter().rev().take(120) {
        println!("{count:>9} {part:<16} {function}");
    }
    println!();
}
