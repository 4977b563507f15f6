//! The documentation agrees with the program: quoted messages, states and reasons, keys of the configuration, commands and their
//! options. All links have a target.

use std::collections::BTreeMap;
use std::fs::read_to_string;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;
use muc_invite_relay::check::What;
use muc_invite_relay::config::{Config, KEYS_FIXED_UNTIL_RESTART, REFERENCE};
use muc_invite_relay::model::{Reason, State};

const CHECK: &str = include_str!("../docs/check.md");
const CONFIGURATION: &str = include_str!("../docs/configuration.md");
const TROUBLESHOOTING: &str = include_str!("../docs/troubleshooting.md");

/// A path in the repository.
fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// All files below a folder whose names end with one of these.
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

/// The pages that operators, users and developers read: paths and texts.
fn pages() -> Vec<(PathBuf, String)> {
    let mut pages = files(&in_repository("docs"), &[".md"]);
    pages.extend(
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "RELEASING.md", "SECURITY.md", "CHANGELOG.md"]
            .map(in_repository),
    );
    assert!(pages.len() > 12, "only {} pages", pages.len());
    pages.into_iter().map(|page| (page.clone(), read_to_string(page).unwrap())).collect()
}

/// The sources of the relay and of the servers' modules, with string literals in one piece and unescaped.
fn said() -> String {
    let mut sources = files(&in_repository("src"), &[".rs"]);
    sources.extend(files(&in_repository("config"), &[".lua", ".erl"]));
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
    let pages: String = pages().into_iter().map(|(_, text)| text).collect();
    let quotes: Vec<_> =
        pages.lines().filter_map(|line| line.trim_start_matches(['-', ' ']).strip_prefix("> ")).collect();
    assert!(quotes.len() > 40, "only {} quotes", quotes.len());
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

/// The defaults of the annotated reference, by their keys.
fn defaults() -> BTreeMap<String, String> {
    let mut section = "";
    let mut defaults = BTreeMap::new();
    for line in REFERENCE.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some((key, value)) = line.strip_prefix('#').and_then(|line| line.split_once(" = "))
            && key.chars().all(|c| c == '_' || c.is_ascii_lowercase())
        {
            defaults.insert(format!("{section}.{key}"), value.to_owned());
        }
    }
    defaults
}

#[test]
fn the_overview_has_every_key_with_its_default() {
    let rows = CONFIGURATION.lines().filter_map(|line| line.strip_prefix("| `"));
    let rows: BTreeMap<_, _> = rows
        .map(|row| {
            let (key, rest) = row.split_once("` | ").unwrap_or_else(|| panic!("{row}"));
            let cells: Vec<_> = rest.split(" | ").collect();
            (key.to_owned(), (cells[0].trim_matches('`').to_owned(), cells[2] == "restart |"))
        })
        .collect();
    let mut keys = Config::keys();
    keys.sort();
    assert_eq!(rows.keys().cloned().collect::<Vec<_>>(), keys);

    let defaults = defaults();
    for (key, (default, restart)) in rows {
        // The server's address is fixed, and so is what belongs to it.
        let fixed =
            KEYS_FIXED_UNTIL_RESTART.contains(&key.as_str()) || key == "component.allow_remote_cleartext";
        assert_eq!(restart, fixed, "{key}");
        if !(default == "none" || default.starts_with("required")) {
            assert_eq!(Some(&default), defaults.get(&key), "{key}");
        }
    }
}

#[test]
fn keys_that_are_named_exist() {
    let mut keys = Config::keys();
    // Names of files, which look like keys.
    keys.extend(
        [
            "journal.db",
            "journal.db-wal",
            "journal.db.sock",
            "journal.key",
            "relay.cfg.lua",
            "relay.yml",
            "log.rs",
        ]
        .map(str::to_owned),
    );
    let sections = ["component", "muc", "relay", "limits", "journal", "admins", "log", "metrics"];
    let mut named = 0;
    for (page, text) in pages() {
        for code in text.split('`').skip(1).step_by(2) {
            let key: String =
                code.chars().take_while(|c| matches!(c, '_' | '.' | '-') || c.is_alphanumeric()).collect();
            if key.split_once('.').is_some_and(|(section, _)| sections.contains(&section)) {
                assert!(keys.contains(&key), "{}: {key}", page.display());
                named += 1;
            }
        }
    }
    assert!(named > 60, "only {named} keys");
}

/// The help of a command, which may be two words; `None` if there is no such command.
fn help(command: &str) -> Option<String> {
    let words = command.split(' ').chain(["--help"]);
    let done = Command::new(env!("CARGO_BIN_EXE_muc-invite-relay")).args(words).output().unwrap();
    done.status.success().then(|| String::from_utf8(done.stdout).unwrap())
}

#[test]
fn commands_that_are_named_exist() {
    let mut helps: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut named = 0;
    for (page, text) in pages() {
        for (at, name) in text.match_indices("muc-invite-relay ") {
            // Only in code.
            if !["`", "\n", "-- "].iter().any(|before| text[..at].ends_with(before)) {
                continue;
            }
            let words = &text[at + name.len()..];
            let end = words.find(['`', '\n', '|', '>', ';', ')', '(', ',', '"', '#']).unwrap_or(words.len());
            let mut words = words[..end].split(' ').filter(|word| !word.is_empty() && *word != "\\");
            let first = words.next().unwrap_or_default();
            let command = match first {
                "groups" | "journal" => {
                    format!("{first} {}", words.next().unwrap_or_default()).trim_end().to_owned()
                }
                _ => first.to_owned(),
            };
            let help = helps.entry(command.clone()).or_insert_with(|| help(&command));
            let help = help.as_ref().unwrap_or_else(|| panic!("{}: {command}", page.display()));
            for option in words.filter(|word| word.starts_with("--")) {
                assert!(help.contains(option), "{}: {command} {option}", page.display());
            }
            named += 1;
        }
    }
    assert!(named > 25, "only {named} commands");
}

#[test]
fn links_lead_somewhere() {
    let mut links = 0;
    for (page, text) in &pages() {
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
    assert!(links > 60, "only {links} links");
}

/// The anchor of a heading, as GitHub makes it.
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
