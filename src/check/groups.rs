//! Whether each group reaches somebody: those of the configuration and those that admins keep. A pure function. Knows nothing of
//! where groups are stored.

use std::collections::BTreeSet;

use super::finding::{Finding, What};
use crate::config::Config;
use crate::model::group::{Book, Entry};
use crate::model::group::{KeptGroup, MayUse};

/// A finding with their number, and one for each group that reaches fewer people than its author meant. `kept`: those that
/// admins keep; `None` if they were not read.
#[must_use]
pub fn groups(config: &Config, kept: Option<Vec<KeptGroup>>) -> Vec<Finding> {
    let configured = format!("{} in the configuration", config.groups.len());
    let found = match &kept {
        Some(kept) => format!("{configured}, {} kept by admins", kept.len()),
        None => configured,
    };
    let kept = kept.unwrap_or_default();
    let book = Book::new(&config.groups, kept.clone());
    let groups = Groups { config, book };
    let mut findings = vec![Finding::the(What::Groups).ok(found)];
    for name in config.groups.keys() {
        findings.extend(groups.of_any_kind(name, "[groups] of the configuration"));
    }
    findings.extend(kept.iter().flat_map(|group| groups.kept(group)));
    findings
}

struct Groups<'a> {
    config: &'a Config,
    book: Book,
}

impl Groups<'_> {
    /// What can be wrong with any group. `place`: where the group is changed.
    fn of_any_kind(&self, name: &str, place: &str) -> Vec<Finding> {
        let finding = || Finding::of(What::Groups, name);
        let people = self.book.everybody(name);
        let (rooms, people): (Vec<_>, Vec<_>) =
            people.iter().partition(|jid| self.config.muc.serves(jid.domain().as_str()));
        let mut findings = Vec::new();
        if let Some(room) = rooms.first() {
            findings.push(finding().missing(
                format!("names {room}, which is a room: nobody is invited by that"),
                format!("name the people themselves, in {place}"),
            ));
        }
        let most = self.config.limits.max_recipients;
        if u64::try_from(people.len()).is_ok_and(|count| count > u64::from(most)) {
            findings.push(finding().missing(
                format!(
                    "{} people, and limits.max_recipients = {most}: an invitation that would go to more is refused",
                    people.len()
                ),
                format!("[limits]\nmax_recipients = {}", people.len()),
            ));
        }
        findings
    }

    fn kept(&self, group: &KeptGroup) -> Vec<Finding> {
        let KeptGroup { name, may_use, users, entries } = group;
        let finding = || Finding::of(What::Groups, name);
        if self.config.groups.contains_key(name) {
            let found = "is kept by admins as well, but the configuration's is used; \"Delete a group\" removes the other";
            return vec![finding().note(found)];
        }
        let mut findings = self.of_any_kind(name, "the admins' commands on groups");
        let gone: BTreeSet<String> = entries.iter().filter_map(|entry| self.gone(entry)).collect();
        if !gone.is_empty() {
            let gone: Vec<String> = gone.into_iter().collect();
            findings.push(finding().missing(
                format!("names {}, which is not there", gone.join(" ")),
                "take it out with the command \"Remove from a group\", or create it",
            ));
        }
        if self.book.everybody(name).is_empty() {
            findings.push(finding().missing(
                "nobody is in it: inviters are told that the invitation reaches nobody",
                "put somebody in with the command \"Add to a group\", or delete it",
            ));
        }
        if *may_use == MayUse::Named && users.is_empty() {
            findings.push(finding().missing(
                "nobody may use it: it is for named people, and names none",
                "name them with the command \"Who may use a group\"",
            ));
        }
        findings
    }

    /// The entry, if it names a group that does not exist.
    fn gone(&self, entry: &str) -> Option<String> {
        match Entry::read(entry)? {
            Entry::Group(name) if !self.book.has(&name) => Some(entry.to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::finding::State;

    const CONFIG: &str = r#"
        [component]
        jid = "invites.example.org"
        secret = "swordfish"
        [muc]
        services = ["conference.example.org"]
        [limits]
        max_recipients = 2
        [groups]
        team = ["bob@example.org", "carol@example.org"]
        all = ["@team", "dave@example.org"]
        talk = ["bob@example.org", "tea@conference.example.org"]
    "#;

    fn kept(name: &str, may_use: MayUse, entries: &[&str]) -> KeptGroup {
        let entries = entries.iter().map(|entry| (*entry).to_owned()).collect();
        KeptGroup { name: name.to_owned(), may_use, users: BTreeSet::new(), entries }
    }

    /// State, of which group, and what was found, as far as it matters.
    fn found(kept: Option<Vec<KeptGroup>>) -> Vec<(State, String, String)> {
        let config = Config::from_toml(CONFIG, std::iter::empty()).unwrap();
        let findings = groups(&config, kept);
        assert!(
            findings.iter().all(|it| it.remedy.is_some() == (it.state == State::Missing)),
            "{findings:?}"
        );
        let shown = |it: Finding| (it.state, it.of.unwrap_or_default(), it.found);
        findings.into_iter().map(shown).collect()
    }

    #[test]
    fn each_group_that_reaches_nobody_has_a_line() {
        use MayUse::{Everybody, Named};
        use State::{Missing, Note, Ok};
        let all = found(Some(vec![
            kept("crew", Everybody, &["@team"]),
            kept("board", Named, &["bob@example.org"]),
            kept("empty", Everybody, &[]),
            kept("night", Everybody, &["@gone", "bob@example.org"]),
            kept("nothing", Everybody, &["@gone"]),
            kept("team", Everybody, &["eve@example.org"]),
        ]));
        let expected = [
            (Ok, "", "3 in the configuration, 6 kept by admins"),
            (Missing, "all", "3 people, and limits.max_recipients = 2"),
            (Missing, "talk", "names tea@conference.example.org, which is a room"),
            (Missing, "board", "nobody may use it"),
            (Missing, "empty", "nobody is in it"),
            (Missing, "night", "names @gone, which is not there"),
            (Missing, "nothing", "names @gone, which is not there"),
            (Missing, "nothing", "nobody is in it"),
            (Note, "team", "the configuration's is used"),
        ];
        assert_eq!(all.len(), expected.len(), "{all:#?}");
        for ((state, of, found), (expected, name, text)) in all.iter().zip(expected) {
            assert_eq!((*state, of.as_str()), (expected, name), "{found}");
            assert!(found.contains(text), "{found}");
        }
    }

    #[test]
    fn of_groups_that_nobody_looked_at_nothing_is_said() {
        assert_eq!(found(None)[0].2, "3 in the configuration");
    }
}
