//! The admins' commands about groups. Knows nothing of sessions, nor of who is an admin.

use std::collections::BTreeSet;

use jid::BareJid;
use tracing::info;

use super::catalogue::GroupCommand;
use super::context::Context;
use super::draft::Draft;
use super::outcome::{Failure, Outcome, lines_that_fit};
use crate::model::address;
use crate::model::group::{self, Entry, GroupChange, KeptGroup, MayUse};
use crate::wire::data_form::{Choice, Field, Form};
use crate::wire::error::Refusal;

/// The names of the fields.
const NAME_FIELD: &str = "name";
const ENTRIES_FIELD: &str = "entries";
const MAY_USE_FIELD: &str = "may-use";
const USERS_FIELD: &str = "users";

fn in_words(may_use: MayUse) -> &'static str {
    match may_use {
        MayUse::Everybody => "everybody who may invite to the room",
        MayUse::Members => "those who are in it",
        MayUse::Named => "the people named below",
    }
}

/// The page of a command.
pub(super) async fn page(cx: &Context, command: GroupCommand, draft: &Draft) -> Result<Vec<Field>, Failure> {
    let entries = || {
        Field::line(ENTRIES_FIELD, "Addresses, or @names, with spaces between", &draft.line(ENTRIES_FIELD))
    };
    let who = || {
        let options = MayUse::ALL.iter().map(|it| Choice::new(it.as_str(), in_words(*it))).collect();
        let users = "Who may use it, if it is for named people: addresses with spaces between";
        [
            Field::choice(MAY_USE_FIELD, "Who may use it", options, draft.first(MAY_USE_FIELD)),
            Field::line(USERS_FIELD, users, &draft.line(USERS_FIELD)),
        ]
    };
    let new = || Field::line(NAME_FIELD, "Name, as it stands before the @", &draft.line(NAME_FIELD));
    let kept = cx.kept_groups().await?;
    let old = || {
        let names = lines_that_fit(kept.iter().map(|group| group.name.clone()));
        let options = names.iter().map(|name| Choice::new(name, name)).collect();
        let chosen = draft.first(NAME_FIELD).filter(|chosen| names.iter().any(|name| name == chosen));
        Field::choice(NAME_FIELD, "Group", options, chosen)
    };
    Ok(match command {
        GroupCommand::List => Vec::new(),
        GroupCommand::Create => [vec![new(), entries()], who().to_vec()].concat(),
        GroupCommand::Add | GroupCommand::Remove => vec![old(), entries()],
        GroupCommand::Allow => [vec![old()], who().to_vec()].concat(),
        GroupCommand::Delete => vec![old()],
    })
}

/// Carries a command out.
pub(super) async fn carry_out(
    cx: &Context,
    command: GroupCommand,
    admin: &BareJid,
    draft: &Draft,
) -> Result<Outcome, Failure> {
    if command == GroupCommand::List {
        return list_groups(cx).await;
    }
    let again = |complaint| Ok(Outcome::Again { page: 0, complaint });
    let name = draft.first(NAME_FIELD).unwrap_or_default().trim().to_owned();
    let change = match group_change(cx, command, &name, draft).await? {
        Ok(change) => change,
        Err(complaint) => return again(complaint),
    };
    if let Err(e) = cx.journal.change_group(&name, change).await? {
        return again(format!("Nothing is changed: {e}."));
    }
    info!(%admin, "{}: {name}", command.listed().node);
    let note = format!("{}: {name}. Done.", command.listed().name);
    let kept = cx.kept_groups().await?;
    let lines = kept.iter().filter(|group| group.name == name).flat_map(shown);
    let fields = vec![Field::lines("group", "The group is now", lines_that_fit(lines))];
    Ok(Outcome::Done { note, form: Form::result(command.listed().name, fields) })
}

/// The change that an admin has filled in; the inner error is a sentence for them to read.
async fn group_change(
    cx: &Context,
    command: GroupCommand,
    name: &str,
    draft: &Draft,
) -> Result<Result<GroupChange, String>, Failure> {
    let (entries, users) = (read(draft, ENTRIES_FIELD), read(draft, USERS_FIELD));
    let (entries, users) = match (entries, users) {
        (Ok(entries), Ok(users)) => (entries, users),
        (Err(complaint), _) | (_, Err(complaint)) => return Ok(Err(complaint)),
    };
    let may_use: MayUse = match draft.first(MAY_USE_FIELD) {
        Some(word) => word.parse().map_err(|_| Refusal::BadPayload)?,
        None => MayUse::Everybody,
    };
    if command == GroupCommand::Create {
        if let Err(e) = group::check_name(name) {
            return Ok(Err(format!("This can't be a group's name, it is {e}.")));
        }
        if cx.config.load().groups.contains_key(name) {
            return Ok(Err("There is a group of that name in the configuration.".to_owned()));
        }
    }
    if matches!(command, GroupCommand::Create | GroupCommand::Add) {
        if entries.is_empty() {
            return Ok(Err("Name somebody.".to_owned()));
        }
        let is_relay_address = |entry: &&Entry| matches!(entry, Entry::Person(jid) if jid.domain().as_str() == cx.link.component());
        if let Some(entry) = entries.iter().find(is_relay_address) {
            return Ok(Err(format!("{entry} is a relay address. Another group is named by @ and its name.")));
        }
        if let Err(e) = cx.groups().await?.check(name, &entries) {
            return Ok(Err(format!("Nothing is changed: {e}.")));
        }
    }
    let texts = |entries: &[Entry]| entries.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    let entries = texts(&entries);
    let users: BTreeSet<String> = texts(&users).into_iter().filter(|user| !user.starts_with('@')).collect();
    Ok(Ok(match command {
        GroupCommand::Create => {
            GroupChange::Create(KeptGroup { name: name.to_owned(), may_use, users, entries })
        }
        GroupCommand::Add => GroupChange::Add(entries),
        GroupCommand::Allow => GroupChange::Allow(may_use, users),
        GroupCommand::Delete => GroupChange::Delete,
        GroupCommand::Remove | GroupCommand::List => GroupChange::Remove(entries),
    }))
}

async fn list_groups(cx: &Context) -> Result<Outcome, Failure> {
    let kept = cx.kept_groups().await?;
    let configured: Vec<String> = {
        let config = cx.config.load();
        let line = |(name, people): (&String, &Vec<BareJid>)| format!("{name}: {} people", people.len());
        config.groups.iter().map(line).collect()
    };
    let count = kept.len() + configured.len();
    let fields = vec![
        Field::lines("kept", "Kept by admins", lines_that_fit(kept.iter().flat_map(shown))),
        Field::lines("configured", "In the configuration", lines_that_fit(configured.into_iter())),
    ];
    Ok(Outcome::Done { note: format!("{count} groups."), form: Form::result("Groups", fields) })
}
/// A group as admins see it.
fn shown(group: &KeptGroup) -> Vec<String> {
    let KeptGroup { name, may_use, users, entries } = group;
    let users = if *may_use == MayUse::Named { format!(" ({})", listed(users)) } else { String::new() };
    vec![format!("{name}, for {may_use}{users}: {}", listed(entries))]
}

fn listed(texts: &BTreeSet<String>) -> String {
    texts.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// The addresses and @names of a field.
///
/// # Errors
/// A word is neither: a sentence about it, for the admin to read.
fn read(draft: &Draft, var: &str) -> Result<Vec<Entry>, String> {
    let entry = |word: &str| {
        let word = word.trim_start_matches("xmpp:");
        let bare = if word.starts_with('@') { word } else { address::split_resource(word).0 };
        Entry::read(bare).ok_or_else(|| format!("{word} is neither somebody's address nor a group's @name."))
    };
    draft.words(var).map(entry).collect()
}
