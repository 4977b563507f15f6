//! The configuration, and whether its secret is safe. Knows nothing of what can't be seen without a connection.

use std::time::Duration;

use super::finding::{Finding, State, What};
use super::secret::secret;
use crate::config::{Config, ConfigError, JournalPlace};

/// A finding for each section that matters when the relay is set up, and for the secret.
#[must_use]
pub fn settings(config: &Config) -> Vec<Finding> {
    let Config { component, muc, relay, journal, log, .. } = config;
    let [window, expiry, retention] = [relay.window, relay.expiry, journal.retention].map(as_it_is_written);
    let section = |name: &str, found: String| Finding::of(What::Configuration, name).ok(found);
    let mut findings = vec![
        section("[component]", format!("{} at {}", component.jid, component.shown_addresses())),
        section("[muc]", format!("rooms of {} are believed", muc.services.join(", "))),
        section(
            "[relay]",
            format!("repetitions collapse for {window}, an invitation is given up after {expiry}"),
        ),
        section("[journal]", format!("{}, kept for {retention}", where_it_is(&journal.place))),
        section("[log]", format!("level {}", log.level)),
    ];
    if let [_, more @ ..] = config.files.as_slice()
        && !more.is_empty()
    {
        let more: Vec<String> = more.iter().map(|file| file.display().to_string()).collect();
        findings.push(section("conf.d", format!("{} overrides what stands before", more.join(", then "))));
    }
    findings.extend(secret(config));
    let warning = |text| Finding::the(What::Configuration).note(text);
    findings.extend(config.warnings().into_iter().map(warning));
    findings
}

fn where_it_is(journal: &JournalPlace) -> String {
    match journal {
        JournalPlace::File(path) => path.display().to_string(),
        JournalPlace::Server(server) => server.shown.clone(),
    }
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
