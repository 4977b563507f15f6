//! The documentation keeps to what the program says: quoted messages, states and reasons, and links.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use muc_invite_relay::checkup::What;
use muc_invite_relay::journal::{Reason, State};

const CHECK: &str = include_str!("../docs/check.md");
const TROUBLESHOOTING: &str = include_str!("../docs/troubleshooting.md");

fn house(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// All files below a folder that end like this.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, endings));
        } else if endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)) {
            found.push(path);
        }
    }
    found
}

/// Everything that the relay and the servers' modules can say, as it is printed: strings in one piece and unescaped.
fn said() -> String {
    let mut sources = files(&house("src"), &[".rs"]);
    sources.extend(files(&house("config"), &[".lua", ".erl"]));
    let text: String = sources.iter().map(|path| read_to_string(path).unwrap()).collect();
    let mut joined = String::with_capacity(text.len());
    for (index, piece) in text.split("\\\n").enumerate() {
        joined.push_str(if index == 0 { piece } else { piece.trim_start() });
    }
    joined.replace("\\\"", "\"")
}

#[test]
fn quoted_messages_are_the_programs_own() {
    let said = said();
    let quotes: Vec<_> = TROUBLESHOOTING
        .lines()
        .filter_map(|line| line.trim_start_matches(['-', ' ']).strip_prefix("> "))
        .collect();
    assert!(quotes.len() > 25, "only {} quotes", quotes.len());
    for quote in quotes {
        let mut pieces =
            quote.split('…').map(|piece| piece.trim_matches([' ', '.', ';', ':', ',', '(', ')', '?']));
        let missing = pieces.find(|piece| !said.contains(piece));
        assert_eq!(missing, None, "in the quote: {quote}");
    }
}

#[test]
fn every_state_and_reason_is_explained() {
    let states = State::ALL.iter().map(|state| state.as_str());
    for word in states.chain(Reason::ALL.iter().map(|reason| reason.as_str())) {
        let explained = |line: &str| line.starts_with('|') && line.contains(&format!("`{word}`"));
        assert!(TROUBLESHOOTING.lines().any(explained), "{word}");
    }
}

#[test]
fn everything_that_is_checked_is_explained() {
    for what in What::value_variants() {
        let word = serde_json::to_string(what).unwrap().replace('"', "`");
        assert_eq!(word, format!("`{}`", what.as_str()), "one word for people and programs");
        let rows = CHECK.lines().filter(|line| line.starts_with(&format!("| {word} |"))).count();
        assert_eq!(rows, 1, "{word}");
    }
}

#[test]
fn links_lead_somewhere() {
    let mut pages = files(&house("docs"), &[".md"]);
    pages.extend(["README.md", "CONTRIBUTING.md"].map(house));
    let mut links = 0;
    for page in &pages {
        let text = read_to_string(page).unwrap();
        for target in
            text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
        {
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            if path.starts_with("http") {
                continue;
            }
            let file = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            assert!(file.exists(), "{}: {target}", page.display());
            if !anchor.is_empty() {
                let headings = read_to_string(&file).unwrap();
                let leads =
                    headings.lines().filter(|line| line.starts_with('#')).map(slug).any(|it| it == anchor);
                assert!(leads, "{}: {target}", page.display());
            }
            links += 1;
        }
    }
    assert!(links > 10, "only {links} links");
}

/// A heading's anchor, as GitHub and its kin make it.
fn slug(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || *c == ' ' || *c == '-';
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter(kept)
        .collect::<String>()
        .replace(' ', "-")
}
