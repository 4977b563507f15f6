//! The admins' commands about groups, and the list of those that somebody may use. Knows nothing of sessions, nor who is
//! an admin.

use std::collections::BTreeSet;

use jid::BareJid;
use tracing::info;

use super::blocks;
use super::dispatch::{Commands, Draft, Failure, Listed, Outcome};
use crate::journal::JournalReader;
use crate::model::address;
use crate::model::group::{self, Book, Entry};
use crate::model::group::{GroupChange, KeptGroup, MayUse};
use crate::wire::data_form::{Choice, Field, Form};
use crate::wire::disco::{DiscoItem, DiscoItems};
use crate::wire::error::Refusal;
use crate::wire::{Iq, IqPayload, IqType};

/// The fields.
const NAME: &str = "name";
const ENTRIES: &str = "entries";
const MAY_USE: &str = "may-use";
const USERS: &str = "users";

/// What can be done with groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    List,
    Create,
    Add,
    Remove,
    Allow,
    Delete,
}

impl Order {
    pub(super) fn listed(self) -> Listed {
        let (node, name) = match self {
            Self::List => ("groups", "Groups"),
            Self::Create => ("group-create", "Create a group"),
            Self::Add => ("group-add", "Add to a group"),
            Self::Remove => ("group-remove", "Remove from a group"),
            Self::Allow => ("group-allow", "Who may use a group"),
            Self::Delete => ("group-delete", "Delete a group"),
        };
        Listed { node, name }
    }

    /// What stands above its page.
    pub(super) fn instructions(self) -> &'static str {
        match self {
            Self::List => "",
            Self::Create => "Who invites NAME@ this component invites everybody in the group.",
            Self::Add | Self::Remove => "Addresses of people, or @NAME for all of another group.",
            Self::Allow => "To others it is as if there were no such group.",
            Self::Delete => "Nobody is invited by it any more.",
        }
    }

    /// Pages to be filled in before it is carried out.
    pub(super) fn pages(self) -> usize {
        usize::from(self != Self::List)
    }
}

fn in_words(may_use: MayUse) -> &'static str {
    match may_use {
        MayUse::Everybody => "everybody who may invite to the room",
        MayUse::Members => "those who are in it",
        MayUse::Named => "the people named below",
    }
}

impl Commands {
    async fn kept(&self) -> Result<Vec<KeptGroup>, Failure> {
        Ok(JournalReader::new(&self.path).kept_groups().await?)
    }

    async fn book(&self) -> Result<Book, Failure> {
        let kept = self.kept().await?;
        Ok(Book::new(&self.config.load().groups, kept))
    }

    /// The answer to somebody who asks the component what there is on it (XEP-0030 §4): the groups that they may use. `None` if that
    /// was not the question.
    pub async fn groups_for(&self, question: &Iq) -> Option<Iq> {
        let person = asks_for_groups(question).then(|| self.person(question)).flatten()?;
        let book = self.book().await.ok()?;
        let items = book.usable_by(&person).into_iter().map(|name| DiscoItem {
            jid: Some(format!("{name}@{}", self.link.component())),
            name: Some(name.to_owned()),
            ..DiscoItem::default()
        });
        let items = DiscoItems { items: items.collect(), ..DiscoItems::default() };
        Some(Iq { payload: IqPayload::DiscoItems(items).into(), ..Iq::result_to(question) })
    }

    pub(super) async fn group_fields(&self, order: Order, draft: &Draft) -> Result<Vec<Field>, Failure> {
        let typed = |var| draft.values(var).unwrap_or_default().join(" ");
        let entries = || Field::line(ENTRIES, "Addresses, or @names, with spaces between", &typed(ENTRIES));
        let who = || {
            let options = MayUse::ALL.iter().map(|it| Choice::new(it.as_str(), in_words(*it))).collect();
            let users = "Who may use it, if it is for named people: addresses with spaces between";
            [
                Field::choice(MAY_USE, "Who may use it", options, draft.first(MAY_USE)),
                Field::line(USERS, users, &typed(USERS)),
            ]
        };
        let new = || Field::line(NAME, "Name, as it stands before the @", &typed(NAME));
        let kept = self.kept().await?;
        let old = || {
            let names = blocks::fitting(kept.iter().map(|group| group.name.clone()));
            let options = names.iter().map(|name| Choice::new(name, name)).collect();
            let chosen = draft.first(NAME).filter(|chosen| names.iter().any(|name| name == chosen));
            Field::choice(NAME, "Group", options, chosen)
        };
        Ok(match order {
            Order::List => Vec::new(),
            Order::Create => [vec![new(), entries()], who().to_vec()].concat(),
            Order::Add | Order::Remove => vec![old(), entries()],
            Order::Allow => [vec![old()], who().to_vec()].concat(),
            Order::Delete => vec![old()],
        })
    }

    pub(super) async fn group(
        &self,
        order: Order,
        admin: &BareJid,
        draft: &Draft,
    ) -> Result<Outcome, Failure> {
        if order == Order::List {
            return self.list_groups().await;
        }
        let again = |complaint| Ok(Outcome::Again { page: 0, complaint });
        let name = draft.first(NAME).unwrap_or_default().trim().to_owned();
        let change = match self.group_change(order, &name, draft).await? {
            Ok(change) => change,
            Err(complaint) => return again(complaint),
        };
        if let Err(e) = self.journal.change_group(&name, change).await? {
            return again(format!("Nothing is changed: {e}."));
        }
        info!(%admin, "{}: {name}", order.listed().node);
        let note = format!("{}: {name}. Done.", order.listed().name);
        let kept = self.kept().await?;
        let lines = kept.iter().filter(|group| group.name == name).flat_map(shown);
        let fields = vec![Field::lines("group", "The group is now", blocks::fitting(lines))];
        Ok(Outcome::Done { note, form: Form::result(order.listed().name, fields) })
    }

    /// What is to be changed; the inner error is a sentence for the admin.
    async fn group_change(
        &self,
        order: Order,
        name: &str,
        draft: &Draft,
    ) -> Result<Result<GroupChange, String>, Failure> {
        let (entries, users) = (read(draft, ENTRIES), read(draft, USERS));
        let (entries, users) = match (entries, users) {
            (Ok(entries), Ok(users)) => (entries, users),
            (Err(complaint), _) | (_, Err(complaint)) => return Ok(Err(complaint)),
        };
        let may_use: MayUse = match draft.first(MAY_USE) {
            Some(word) => word.parse().map_err(|_| Refusal::BadPayload)?,
            None => MayUse::Everybody,
        };
        if order == Order::Create {
            if let Err(e) = group::check_name(name) {
                return Ok(Err(format!("This can't be a group's name, it is {e}.")));
            }
            if self.config.load().groups.contains_key(name) {
                return Ok(Err("There is a group of that name in the configuration.".to_owned()));
            }
        }
        if matches!(order, Order::Create | Order::Add) {
            if entries.is_empty() {
                return Ok(Err("Name somebody.".to_owned()));
            }
            let loops = |entry: &&Entry| matches!(entry, Entry::Person(jid) if jid.domain().as_str() == self.link.component());
            if let Some(entry) = entries.iter().find(loops) {
                return Ok(Err(format!(
                    "{entry} is a relay address. Another group is named by @ and its name."
                )));
            }
            if let Err(e) = self.book().await?.check(name, &entries) {
                return Ok(Err(format!("Nothing is changed: {e}.")));
            }
        }
        let texts = |entries: &[Entry]| entries.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        let entries = texts(&entries);
        let users: BTreeSet<String> =
            texts(&users).into_iter().filter(|user| !user.starts_with('@')).collect();
        Ok(Ok(match order {
            Order::Create => {
                GroupChange::Create(KeptGroup { name: name.to_owned(), may_use, users, entries })
            }
            Order::Add => GroupChange::Add(entries),
            Order::Allow => GroupChange::Allow(may_use, users),
            Order::Delete => GroupChange::Delete,
            Order::Remove | Order::List => GroupChange::Remove(entries),
        }))
    }

    async fn list_groups(&self) -> Result<Outcome, Failure> {
        let kept = self.kept().await?;
        let configured: Vec<String> = {
            let config = self.config.load();
            let line = |(name, people): (&String, &Vec<BareJid>)| format!("{name}: {} people", people.len());
            config.groups.iter().map(line).collect()
        };
        let count = kept.len() + configured.len();
        let fields = vec![
            Field::lines("kept", "Kept by admins", blocks::fitting(kept.iter().flat_map(shown))),
            Field::lines("configured", "In the configuration", blocks::fitting(configured.into_iter())),
        ];
        Ok(Outcome::Done { note: format!("{count} groups."), form: Form::result("Groups", fields) })
    }
}

/// Whether the component is asked what there is on it.
#[must_use]
pub fn asks_for_groups(question: &Iq) -> bool {
    let asked = match question.payload.as_ref() {
        Some(IqPayload::DiscoItems(DiscoItems { node, .. })) => node.is_none(),
        _ => false,
    };
    let to = question.to.as_deref().unwrap_or_default();
    asked && question.kind() == Some(IqType::Get) && !to.contains('@')
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

/// Addresses and names as people type them.
fn read(draft: &Draft, var: &str) -> Result<Vec<Entry>, String> {
    let typed = draft.values(var).unwrap_or_default();
    let words = typed.iter().flat_map(|text| text.split(|c: char| c.is_whitespace() || ",;".contains(c)));
    let entry = |word: &str| {
        let word = word.trim_start_matches("xmpp:");
        let bare = if word.starts_with('@') { word } else { address::split_resource(word).0 };
        Entry::read(bare).ok_or_else(|| format!("{word} is neither somebody's address nor a group's @name."))
    };
    words.filter(|word| !word.is_empty()).map(entry).collect()
}
