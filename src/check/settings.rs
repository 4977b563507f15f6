//! The configuration, and whether its secret is safe. Knows nothing of what can't be seen without a connection.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::finding::{Finding, State, What};
use crate::config::{Config, ConfigError};

/// The secret in the annotated reference.
const SECRET_PLACEHOLDER: &str = "change me";

/// The permissions of users who are neither the owner nor in the group.
const OTHERS_MODE_BITS: u32 = 0o007;

/// A shorter secret can be guessed; characters.
const MIN_SECRET_CHARACTERS: usize = 8;

/// A finding for each section that matters when the relay is set up, and for the secret.
#[must_use]
pub fn settings(config: &Config) -> Vec<Finding> {
    let Config { component, muc, relay, journal, log, .. } = config;
    let [window, expiry, retention] = [relay.window, relay.expiry, journal.retention].map(as_it_is_written);
    let section = |name: &str, found: String| Finding::of(What::Configuration, name).ok(found);
    let mut findings = vec![
        section("[component]", format!("{} at {}", component.jid, component.server)),
        section("[muc]", format!("rooms of {} are believed", muc.services.join(", "))),
        section(
            "[relay]",
            format!("repetitions collapse for {window}, an invitation is given up after {expiry}"),
        ),
        section("[journal]", format!("{}, kept for {retention}", journal.path.display())),
        section("[log]", format!("level {}", log.level)),
    ];
    let secret = secret(component.secret.expose_secret());
    // If the file is gone by now, reading it again will report that.
    let open = component.secret_in.as_deref().and_then(|file| open_to_others(file, mode(file)?));
    let good = secret.state == State::Ok;
    findings.extend(open.iter().cloned().chain((!good || open.is_none()).then_some(secret)));
    let warning = |text| Finding::the(What::Configuration).note(text);
    findings.extend(config.warnings().into_iter().map(warning));
    findings
}

/// A duration in the largest unit that is exact, as operators write it.
fn as_it_is_written(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(24 * 60 * 60, "d"), (60 * 60, "h"), (60, "m")];
    let (size, unit) = units.into_iter().find(|(size, _)| seconds.is_multiple_of(*size)).unwrap_or((1, "s"));
    format!("{}{unit}", seconds / size)
}

/// A finding for each error of a configuration that can't be used. Each text has its remedy in it.
#[must_use]
pub fn complaints(error: &ConfigError) -> Vec<Finding> {
    let complaint = |found| Finding { state: State::Failed, found, ..Finding::the(What::Configuration) };
    match error {
        ConfigError::Invalid(complaints) => complaints.iter().map(|it| complaint(it.to_string())).collect(),
        ConfigError::Unreadable { .. } => vec![complaint(error.to_string())],
    }
}

fn mode(file: &Path) -> Option<u32> {
    Some(fs::metadata(file).ok()?.permissions().mode() & 0o777)
}

/// The finding about a file with the secret that others can read. A group that can read it is taken for intended.
fn open_to_others(file: &Path, mode: u32) -> Option<Finding> {
    (mode & OTHERS_MODE_BITS != 0).then(|| {
        let file = file.display();
        Finding::of(What::Secret, file.to_string()).missing(
            format!(
                "has mode {mode:04o}, so every user of this machine can read the secret, and speak in your users' names"
            ),
            format!(
                "chmod o= {file}   # the relay's own user must still be able to read it: chgrp muc-invite-relay {file}"
            ),
        )
    })
}

fn secret(secret: &str) -> Finding {
    let finding = Finding::the(What::Secret);
    let remedy = "make one with `openssl rand -base64 24`, and write it as component.secret here and in the server's \
                  configuration";
    if secret == SECRET_PLACEHOLDER {
        finding.missing(
            format!("still \"{SECRET_PLACEHOLDER}\", which everybody can read in the reference"),
            remedy,
        )
    } else if secret.chars().count() < MIN_SECRET_CHARACTERS {
        finding
            .missing(format!("shorter than {MIN_SECRET_CHARACTERS} characters, so it can be guessed"), remedy)
    } else {
        finding.ok("is set")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_others_can_read_keeps_no_secret() {
        let open = |mode| open_to_others(Path::new("/secret"), mode).is_some();
        for mode in [0o600, 0o640, 0o400, 0o660] {
            assert!(!open(mode), "{mode:o}");
        }
        for mode in [0o644, 0o604, 0o602, 0o666] {
            assert!(open(mode), "{mode:o}");
        }
    }

    #[test]
    fn a_secret_that_is_none_is_missing() {
        for (text, state) in [
            (SECRET_PLACEHOLDER, State::Missing),
            ("s3cr3t!", State::Missing),
            ("münze-42", State::Ok),
            ("open sesame, will you", State::Ok),
        ] {
            let finding = secret(text);
            assert_eq!(finding.state, state, "{text}");
            assert_eq!(finding.remedy.is_some(), state != State::Ok, "{text}");
            assert!(
                text == SECRET_PLACEHOLDER || !format!("{finding:?}").contains(text),
                "it shows the secret"
            );
        }
    }
}
