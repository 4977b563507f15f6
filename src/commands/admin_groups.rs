//! The admins' commands about groups. Knows nothing of sessions, nor of who is an admin.

use std::collections::BTreeSet;

use jid::BareJid;
use tracing::info;

use super::catalogue::GroupCommand;
use super::context::Context;
use super::draft::Draft;
use super::outcome::{Failure, Outcome, lines_that_fit, shortened};
use crate::model::Language;
use crate::model::address::{self, printable};
use crate::model::group::{
    self, Entry, GroupChange, GroupError, KeptGroup, MAX_GROUP_ENTRIES, MAX_GROUPS, MEMBERS, MayUse, Nesting,
};
use crate::texts::{Id, text, text_with};
use crate::wire::data_form::{Choice, Field, Form};
use crate::wire::error::Refusal;

/// The names of the fields.
pub(super) const NAME_FIELD: &str = "name";
pub(super) const ENTRIES_FIELD: &str = "entries";
pub(super) const MAY_USE_FIELD: &str = "may-use";
pub(super) const USERS_FIELD: &str = "users";

fn in_words(language: Language, may_use: MayUse) -> String {
    let id = match may_use {
        MayUse::Everybody => Id::MayUseEverybody,
        MayUse::Members => Id::MayUseMembers,
        MayUse::Named => Id::MayUseNamed,
    };
    text(language, id)
}

/// The form of a command.
pub(super) async fn form(
    cx: &Context,
    language: Language,
    command: GroupCommand,
    draft: &Draft,
) -> Result<Vec<Field>, Failure> {
    let line = |var, label| Field::line(var, &text(language, label), &draft.line(var));
    let entries = || line(ENTRIES_FIELD, Id::FieldGroupEntries);
    let who = || {
        let options =
            MayUse::ALL.iter().map(|it| Choice::new(it.as_str(), &in_words(language, *it))).collect();
        let label = text(language, Id::FieldGroupMayUse);
        [
            Field::choice(MAY_USE_FIELD, &label, options, draft.first(MAY_USE_FIELD)),
            line(USERS_FIELD, Id::FieldGroupUsers),
        ]
    };
    let new = || line(NAME_FIELD, Id::FieldGroupName);
    let kept = cx.kept_groups().await?;
    let config = cx.config.load();
    let old = || {
        // Only deleting has an effect on one that the configuration's hides.
        let hidden = |name: &str| command != GroupCommand::Delete && config.groups.contains_key(name);
        let names = kept.iter().map(|group| group.name.clone()).filter(|name| !hidden(name));
        let names = lines_that_fit(names);
        let options = names.iter().map(|name| Choice::new(name, name)).collect();
        let chosen = draft.first(NAME_FIELD).filter(|chosen| names.iter().any(|name| name == chosen));
        Field::choice(NAME_FIELD, &text(language, Id::FieldGroup), options, chosen)
    };
    Ok(match command {
        GroupCommand::List => Vec::new(),
        GroupCommand::Create => [vec![new(), entries()], who().to_vec()].concat(),
        GroupCommand::Add | GroupCommand::Remove => vec![old(), entries()],
        GroupCommand::Allow => [vec![old()], who().to_vec()].concat(),
        GroupCommand::Delete => vec![old()],
    })
}

/// Carries a command out. `admin`: who gives it, for the log.
pub(super) async fn carry_out(
    cx: &Context,
    language: Language,
    command: GroupCommand,
    admin: &str,
    draft: &Draft,
) -> Result<Outcome, Failure> {
    if command == GroupCommand::List {
        return list_groups(cx, language).await;
    }
    let again = |complaint| Ok(Outcome::Again { complaint });
    let name = draft.first(NAME_FIELD).unwrap_or_default().trim().to_owned();
    let change = match group_change(cx, language, command, &name, draft).await? {
        Ok(change) => change,
        Err(complaint) => return again(complaint),
    };
    if let Err(e) = cx.journal.change_group(&name, change).await? {
        return again(not_changed(language, e));
    }
    info!(%admin, "{}: {name}", command.node());
    let title = text(language, command.name());
    let arguments = [("command", title.as_str().into()), ("name", printable(&name).into())];
    let note = text_with(language, Id::NoteGroup, &arguments);
    let kept = cx.kept_groups().await?;
    let lines = kept.iter().filter(|group| group.name == name).map(|group| shown(language, group));
    let fields = Field::each_line("group", &text(language, Id::FieldGroupNow), lines_that_fit(lines));
    Ok(Outcome::Done { note, form: Form::result(&title, fields) })
}

fn not_changed(language: Language, why: GroupError) -> String {
    let (id, count) = match why {
        GroupError::Exists => return text(language, Id::WrongGroupExists),
        GroupError::Unknown => return text(language, Id::WrongGroupUnknown),
        GroupError::Circle => return text(language, Id::WrongNesting),
        GroupError::TooManyGroups => (Id::WrongTooManyGroups, MAX_GROUPS),
        GroupError::TooManyEntries => (Id::WrongTooManyEntries, MAX_GROUP_ENTRIES),
    };
    text_with(language, id, &[("count", count.into())])
}

/// The change that an admin has filled in; the inner error is a sentence for them to read.
async fn group_change(
    cx: &Context,
    language: Language,
    command: GroupCommand,
    name: &str,
    draft: &Draft,
) -> Result<Result<GroupChange, String>, Failure> {
    // A group that is kept under the name of a configured one has no effect. It can only be deleted.
    if cx.config.load().groups.contains_key(name)
        && !(command == GroupCommand::Delete && cx.journal.keeps_group(name))
    {
        return Ok(Err(text(language, Id::WrongGroupConfigured)));
    }
    let read = |var| read(cx, language, command, draft, var);
    let (entries, users) = (read(ENTRIES_FIELD), read(USERS_FIELD));
    let (entries, users) = match (entries, users) {
        (Ok(entries), Ok(users)) => (entries, users),
        (Err(complaint), _) | (_, Err(complaint)) => return Ok(Err(complaint)),
    };
    let may_use: MayUse = match draft.first(MAY_USE_FIELD) {
        Some(word) => word.parse().map_err(|_| Refusal::BadPayload)?,
        None => MayUse::Everybody,
    };
    if matches!(command, GroupCommand::Create | GroupCommand::Allow)
        && let Some(group) = users.iter().find(|user| matches!(user, Entry::Group(_)))
    {
        let word = shortened(&group.to_string());
        return Ok(Err(text_with(language, Id::WrongGroupUser, &[("word", word.into())])));
    }
    if command == GroupCommand::Create && group::check_name(name).is_err() {
        return Ok(Err(no_name(language, name)));
    }
    let has_entries = matches!(command, GroupCommand::Create | GroupCommand::Add | GroupCommand::Remove);
    if has_entries && entries.is_empty() {
        return Ok(Err(text(language, Id::WrongNobody)));
    }
    if matches!(command, GroupCommand::Create | GroupCommand::Add) {
        let is_relay_address = |entry: &&Entry| matches!(entry, Entry::Person(jid) if jid.domain().as_str() == cx.link.component());
        if let Some(entry) = entries.iter().find(is_relay_address) {
            let word = shortened(&entry.to_string());
            return Ok(Err(text_with(language, Id::WrongRelayAddress, &[("word", word.into())])));
        }
        if let Err(e) = cx.groups().await?.check(name, &entries) {
            return Ok(Err(match e {
                Nesting::Unknown(name) => {
                    text_with(language, Id::WrongNoGroup, &[("name", shortened(&name).into())])
                }
                Nesting::Circle(_) | Nesting::TooDeep => text(language, Id::WrongNesting),
            }));
        }
    }
    let texts = |entries: &[Entry]| entries.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    let (entries, users) = (texts(&entries), texts(&users));
    if command == GroupCommand::Remove
        && let Some(group) = cx.kept_groups().await?.iter().find(|group| group.name == name)
        && !entries.is_subset(&group.entries)
    {
        let others = listed(&entries.difference(&group.entries).cloned().collect());
        return Ok(Err(text_with(language, Id::WrongNotInGroup, &[("entries", shortened(&others).into())])));
    }
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

/// Why this can't be a group's name.
fn no_name(language: Language, name: &str) -> String {
    if name == MEMBERS {
        return text(language, Id::WrongGroupMembers);
    }
    if address::unescape_localpart(name).contains('@') {
        return text(language, Id::WrongGroupContact);
    }
    text_with(language, Id::WrongGroupName, &[("name", shortened(name).into())])
}

async fn list_groups(cx: &Context, language: Language) -> Result<Outcome, Failure> {
    let mut kept = cx.kept_groups().await?;
    let configured: Vec<String> = {
        let config = cx.config.load();
        kept.retain(|group| !config.groups.contains_key(&group.name));
        let line = |(name, people): (&String, &Vec<BareJid>)| {
            let arguments = [("name", name.as_str().into()), ("count", people.len().into())];
            text_with(language, Id::LineGroupConfigured, &arguments)
        };
        config.groups.iter().map(line).collect()
    };
    let count = kept.len() + configured.len();
    let each = |var, label, lines| Field::each_line(var, &text(language, label), lines);
    let kept = lines_that_fit(kept.iter().map(|group| shown(language, group)));
    let configured = lines_that_fit(configured.into_iter());
    let fields =
        [each("kept", Id::FieldGroupsKept, kept), each("configured", Id::FieldGroupsConfigured, configured)]
            .concat();
    let note = text_with(language, Id::NoteGroups, &[("count", count.into())]);
    Ok(Outcome::Done { note, form: Form::result(&text(language, Id::CommandGroups), fields) })
}

/// A group as admins see it.
pub(super) fn shown(language: Language, group: &KeptGroup) -> String {
    let KeptGroup { name, may_use, users, entries } = group;
    let may_use = match may_use {
        MayUse::Named => format!("{may_use} ({})", listed(users)),
        MayUse::Everybody | MayUse::Members => may_use.to_string(),
    };
    let arguments = [("name", name.clone()), ("may-use", may_use), ("entries", listed(entries))];
    text_with(language, Id::LineGroup, &arguments.map(|(name, value)| (name, value.into())))
}

fn listed(texts: &BTreeSet<String>) -> String {
    texts.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// The addresses and @names of a field.
///
/// # Errors
/// A word is neither, or the address of somebody in a room, which is not the room's: a sentence about it, for the admin to
/// read.
fn read(
    cx: &Context,
    language: Language,
    command: GroupCommand,
    draft: &Draft,
    var: &str,
) -> Result<Vec<Entry>, String> {
    let config = cx.config.load();
    // What an earlier version took can be removed.
    let entry = if command == GroupCommand::Remove { Entry::read } else { Entry::typed };
    let read = |word: &str| {
        let word = word.trim_start_matches("xmpp:");
        let bare = if word.starts_with('@') { word } else { address::split_resource(word).0 };
        let wrong = || text_with(language, Id::WrongEntry, &[("word", shortened(word).into())]);
        let is_occupant = |entry: &Entry| {
            bare != word && matches!(entry, Entry::Person(jid) if config.muc.serves(jid.domain().as_str()))
        };
        entry(bare).filter(|entry| !is_occupant(entry)).ok_or_else(wrong)
    };
    draft.words(var).map(read).collect()
}
