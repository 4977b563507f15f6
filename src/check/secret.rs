//! Whether the secret is one, who else can read the file that it is in, and who can change the configuration. Knows nothing of the
//! server.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;

use super::finding::{Finding, State, What};
use super::writers::{Trusted, is_of_container};
use crate::config::{Config, JournalPlace};

/// The secret in the annotated reference.
const SECRET_PLACEHOLDER: &str = "change me";

/// A shorter secret can be guessed; characters.
const MIN_SECRET_CHARACTERS: usize = 8;

/// What others can do who read a file.
const SPEAK_FOR_USERS: &str =
    "so every user of this machine can read the secret, and speak in your users' names";
const OPEN_PAYLOADS: &str =
    "so every user of this machine can read the key, and with it passwords and reasons in the journal";

const OPEN_THE_JOURNAL: &str =
    "so every user of this machine can read the password of journal.url, and change the journal";

const READ_BY_OTHERS: u32 = 0o004;
const ANYTHING_BY_OTHERS: u32 = 0o007;
const READ_BY_THE_GROUP: u32 = 0o040;

/// How many members of a group are named.
const MAX_NAMED_USERS: usize = 5;

/// The findings about the secret itself, about its file, and about the files of the configuration.
pub(super) fn secret(config: &Config) -> Vec<Finding> {
    let text = of_text(config.component.secret.expose_secret());
    let trusted = Trusted::of(config);
    let secret_in = config.component.secret_in.as_deref();
    let mut findings: Vec<Finding> = secret_in
        .and_then(|file| of_file_with_secret(file, trusted.changed_by_others(file), SPEAK_FOR_USERS))
        .into_iter()
        .collect();
    let mut password_in = None;
    if let JournalPlace::Server(server) = &config.journal.place {
        let file = &server.key_file;
        findings.extend(of_file_with_secret(file, trusted.changed_by_others(file), OPEN_PAYLOADS));
        password_in = server.password_in.as_deref().filter(|file| Some(*file) != secret_in);
        findings.extend(
            password_in.and_then(|file| {
                of_file_with_secret(file, trusted.changed_by_others(file), OPEN_THE_JOURNAL)
            }),
        );
    }
    let told = |file: &&PathBuf| [secret_in, password_in].contains(&Some(file.as_path()));
    let others = config.files.iter().filter(|file| !told(file));
    findings.extend(others.filter_map(|file| trusted.changed_by_others(file)));
    // What is to be done about its folder may have been said of a file in it.
    let more = trusted.more_by_others(&config.folder_of_more());
    findings.extend(
        more.filter(|more| more.remedy.is_none() || !findings.iter().any(|it| it.remedy == more.remedy)),
    );
    let open = findings.iter().any(|finding| finding.state != State::Note);
    if text.state != State::Ok || !open {
        findings.push(text);
    }
    findings
}

/// The finding about the file that the secret is in; `None` also if it is gone: reading it again will report that.
fn of_file_with_secret(path: &Path, changed: Option<Finding>, harm: &str) -> Option<Finding> {
    let read = fs::metadata(path).ok().and_then(|file| read_by_others(path, &file, harm));
    // The first that is more than a note, else the first.
    changed.into_iter().chain(read).min_by_key(|finding| finding.state == State::Note)
}

fn read_by_others(path: &Path, file: &Metadata, harm: &str) -> Option<Finding> {
    let finding = || Finding::of(What::Secret, path.display().to_string());
    let mode = file.mode() & 0o777;
    let shown = path.display();
    if mode & ANYTHING_BY_OTHERS != 0 {
        if mode & ANYTHING_BY_OTHERS == READ_BY_OTHERS && is_of_container(path) {
            return Some(finding().note(format!(
                "has mode {mode:04o}, as the secrets of containers have: every user of this container can read it"
            )));
        }
        return Some(finding().missing(
            format!(
                "has mode {mode:04o}, {harm}"
            ),
            format!(
                "chmod o= {shown}   # the relay's own user must still be able to read it: chgrp muc-invite-relay {shown}"
            ),
        ));
    }
    let (group, members) = (mode & READ_BY_THE_GROUP != 0).then(|| members(file))??;
    Some(finding().note(format!(
        "has mode {mode:04o}, so the secret can be read by the group {group}, in which are {members}"
    )))
}

/// The name of the file's group, and the users in it other than root, the file's owner and the user of the group's name;
/// `None` if there are none.
fn members(file: &Metadata) -> Option<(String, String)> {
    let [groups, users] =
        ["/etc/group", "/etc/passwd"].map(|table| fs::read_to_string(table).unwrap_or_default());
    members_of(file.gid(), file.uid(), &groups, &users)
}

fn members_of(gid: u32, owner: u32, groups: &str, users: &str) -> Option<(String, String)> {
    let id = |field: Option<&&str>| field.and_then(|id| id.parse::<u32>().ok());
    let rows = |table: &'_ str| -> Vec<Vec<String>> {
        table.lines().map(|line| line.split(':').map(str::to_owned).collect()).collect()
    };
    let number = |row: &[String], at: usize| id(row.get(at).map(String::as_str).as_ref());
    let group = rows(groups).into_iter().find(|row| number(row, 2) == Some(gid))?;
    let name = group.first()?.clone();
    let users = rows(users);
    let uid = |user: &str| {
        users.iter().find(|row| row.first().is_some_and(|name| name == user)).and_then(|row| number(row, 2))
    };
    let listed = group.get(3).map_or("", String::as_str).split(',').filter(|user| !user.is_empty());
    let primary = users.iter().filter(|row| number(row, 3) == Some(gid)).filter_map(|row| row.first());
    let mut members: Vec<&str> = listed.chain(primary.map(String::as_str)).collect();
    members.retain(|user| *user != name && !matches!(uid(user), Some(uid) if uid == 0 || uid == owner));
    members.sort_unstable();
    members.dedup();
    if members.is_empty() {
        return None;
    }
    let more = members.len().saturating_sub(MAX_NAMED_USERS);
    members.truncate(MAX_NAMED_USERS);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    Some((name, members.join(", ") + &more))
}

fn of_text(secret: &str) -> Finding {
    let finding = Finding::the(What::Secret);
    let remedy = "make one with `openssl rand -base64 24`, and write it as component.secret here and in the server's \
                  configuration";
    let quote = |end: Option<char>| end.filter(|c| matches!(c, '"' | '\''));
    if secret == SECRET_PLACEHOLDER {
        finding.missing(
            format!("still \"{SECRET_PLACEHOLDER}\", which everybody can read in the reference"),
            remedy,
        )
    } else if secret.chars().count() < MIN_SECRET_CHARACTERS {
        finding
            .missing(format!("shorter than {MIN_SECRET_CHARACTERS} characters, so it can be guessed"), remedy)
    } else if secret.trim() != secret {
        finding.missing(
            "begins or ends with white space or a line break, which is part of it",
            "take it away, unless the server's configuration has it as well; then choose another secret for both",
        )
    } else if let Some(quote) = quote(secret.chars().next())
        && secret.ends_with(quote)
    {
        finding.missing(
            format!("stands between two quotation marks ({quote}), which are part of it"),
            "take them away: a file or a variable holds the secret alone. If the server's configuration has them as well, \
             choose another secret for both",
        )
    } else {
        finding.ok("is set")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// The state of the finding about a file with this mode in a folder with that mode.
    fn state(mode: u32, folder: u32) -> Option<State> {
        let directory = tempfile::TempDir::new().unwrap();
        let file = directory.path().join("secret");
        fs::write(&file, "open sesame").unwrap();
        for (path, mode) in [(file.as_path(), mode), (directory.path(), folder)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let me = Trusted(vec![0, fs::metadata(&file).unwrap().uid()]);
        // Whether this user's group has other members is the machine's business.
        let found = of_file_with_secret(&file, me.changed_by_others(&file), OPEN_PAYLOADS);
        found.map(|it| it.state).filter(|it| *it != State::Note)
    }

    #[test]
    fn a_file_that_others_can_read_or_replace_keeps_no_secret() {
        for mode in [0o600, 0o640, 0o400, 0o660] {
            assert_eq!(state(mode, 0o700), None, "{mode:o}");
        }
        for mode in [0o644, 0o604, 0o602, 0o666, 0o444] {
            assert_eq!(state(mode, 0o700), Some(State::Missing), "{mode:o}");
        }
        for (folder, expected) in [(0o755, None), (0o1777, None), (0o777, Some(State::Missing))] {
            assert_eq!(state(0o600, folder), expected, "{folder:o}");
        }
    }

    #[test]
    fn the_secrets_of_containers_are_as_their_makers_left_them() {
        let directory = tempfile::TempDir::new().unwrap();
        let file = directory.path().join("relay");
        fs::write(&file, "open sesame").unwrap();
        for (path, mode, expected) in [
            ("/run/secrets/relay", 0o444, State::Note),
            ("/var/run/secrets/relay", 0o644, State::Note),
            ("/run/secrets/relay", 0o666, State::Missing),
            ("/run/secrets-of-mine/relay", 0o444, State::Missing),
        ] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let found =
                read_by_others(Path::new(path), &fs::metadata(&file).unwrap(), SPEAK_FOR_USERS).unwrap();
            assert_eq!(found.state, expected, "{found:?}");
        }
    }

    #[test]
    fn who_is_in_a_group_is_named() {
        let groups = "root:x:0:\nusers:x:100:alice,relay,\nrelay:x:990:\nlarge:x:7:f,e,d,c,b,a,f\n";
        let users = "root:x:0:0::/:\nrelay:x:990:990::/:\nalice:x:1000:1000::/:\nbob:x:1001:100::/:\nspare";
        let found = |gid, owner| members_of(gid, owner, groups, users).map(|(_, members)| members);
        assert_eq!(found(100, 990).as_deref(), Some("alice, bob"));
        assert_eq!(found(100, 1000).as_deref(), Some("bob, relay"));
        assert_eq!(found(990, 0), None);
        assert_eq!(found(0, 0), None);
        assert_eq!(found(4242, 0), None);
        assert_eq!(found(7, 0).as_deref(), Some("a, b, c, d, e and 1 more"));
    }

    #[test]
    fn a_secret_that_is_none_is_missing() {
        for (text, state) in [
            (SECRET_PLACEHOLDER, State::Missing),
            ("s3cr3t!", State::Missing),
            ("swordfish123\n", State::Missing),
            ("\u{a0}swordfish123", State::Missing),
            ("\"swordfish123\"", State::Missing),
            ("'swordfish123'", State::Missing),
            ("\"swordfish123'", State::Ok),
            ("'swordfish'123", State::Ok),
            ("münze-42", State::Ok),
            ("open sesame, will you", State::Ok),
        ] {
            let finding = of_text(text);
            assert_eq!(finding.state, state, "{text}");
            assert_eq!(finding.remedy.is_some(), state != State::Ok, "{text}");
            assert!(
                text == SECRET_PLACEHOLDER || !format!("{finding:?}").contains(text),
                "it shows the secret"
            );
        }
    }
}
