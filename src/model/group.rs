//! Groups of people: valid names, the people in them (nested groups included), and who may use them. Pure.
//! Knows nothing of where groups are stored.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

use jid::{BareJid, NodePart};

use super::words::words;
use super::{address, domain};

/// The localpart of the address that stands for a room's own members.
pub const MEMBERS: &str = "members";

/// How deep groups may be nested. Bounds the recursion.
const MAX_GROUP_DEPTH: usize = 50;

/// How many groups admins can keep.
pub const MAX_GROUPS: usize = 200;
/// How many entries a group can have, and how many people can be named as its users.
pub const MAX_GROUP_ENTRIES: usize = 1000;

words! {
    /// Who may use a group.
    #[derive(Default)]
    MayUse {
        /// Everybody who may invite to the room.
        #[default]
        Everybody = "everybody",
        /// The people in the group.
        Members = "members",
        /// The people who are named as its users.
        Named = "named",
    }
}

/// A group that admins keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptGroup {
    /// What it is called.
    pub name: String,
    /// Who may use it.
    pub may_use: MayUse,
    /// The people who are named as its users.
    pub users: BTreeSet<String>,
    /// Its entries: see [`Entry`].
    pub entries: BTreeSet<String>,
}

/// A change of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupChange {
    /// Creates the group.
    Create(KeptGroup),
    /// Adds entries.
    Add(BTreeSet<String>),
    /// Removes entries.
    Remove(BTreeSet<String>),
    /// Sets who may use it.
    Allow(MayUse, BTreeSet<String>),
    /// Deletes it.
    Delete,
}

/// Why a group was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// A group of this name exists.
    #[error("there is a group of that name already")]
    Exists,
    /// No group of this name is kept.
    #[error("no group of that name is kept")]
    Unknown,
    /// See [`MAX_GROUPS`].
    #[error("no more than {MAX_GROUPS} groups can be kept")]
    TooManyGroups,
    /// See [`MAX_GROUP_ENTRIES`].
    #[error("no more than {MAX_GROUP_ENTRIES} can be in a group")]
    TooManyEntries,
    /// The group would contain itself, or be nested too deep, because of a change that was made meanwhile.
    #[error("the groups would be a circle, or too deep in each other")]
    Circle,
}

/// An entry of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A person.
    Person(BareJid),
    /// All people of another group; written `@name`.
    Group(String),
}

impl Entry {
    /// Reads `bob@example.org` or `@team`; `None` if it is neither.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix('@') {
            return check_name(name).is_ok().then(|| Self::Group(name.to_owned()));
        }
        let jid = address::bare(text).ok().filter(|jid| jid.node().is_some() && !text.contains('/'));
        jid.map(Self::Person)
    }

    /// [`Self::read`], for what somebody has typed: a person's domain must be one that can be meant.
    #[must_use]
    pub fn typed(text: &str) -> Option<Self> {
        Self::read(text).filter(|entry| match entry {
            Self::Person(jid) => domain::is_host_name(jid.domain().as_str()),
            Self::Group(_) => true,
        })
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(jid) => jid.fmt(f),
            Self::Group(name) => write!(f, "@{name}"),
        }
    }
}

/// Why a text can't be the name of a group.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {remedy}")]
pub struct NoName {
    /// What the text is instead.
    pub what: &'static str,
    /// What to do.
    pub remedy: String,
}

/// Checks a group's name: a normalised localpart that can't be confused with another relay address.
///
/// # Errors
/// The text is not a normalised localpart, is [`MEMBERS`], or is the escaped address of a contact.
pub fn check_name(name: &str) -> Result<(), NoName> {
    let wrong = |what, remedy: &str| Err(NoName { what, remedy: remedy.to_owned() });
    let Ok(node) = NodePart::new(name) else { return wrong("no localpart of a JID", "rename it") };
    if node.as_str() != name {
        return wrong("not as JIDs are written", &format!("rename it to {node}"));
    }
    if name == MEMBERS {
        return wrong("the address of a room's own members", "rename it");
    }
    if name.contains("\\40") || name.contains(address::AT_WITHOUT_BACKSLASH) {
        return wrong("the address of one contact (XEP-0106)", "rename it");
    }
    Ok(())
}

/// Why a group can't be resolved to people.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Nesting {
    /// There is no such group.
    #[error("there is no group {0}")]
    Unknown(String),
    /// It contains itself.
    #[error("a circle ({})", .0.join(", "))]
    Circle(Vec<String>),
    /// More groups within each other than allowed.
    #[error("more than {MAX_GROUP_DEPTH} groups within each other")]
    TooDeep,
}

/// All people in a group, each once, in the order in which they are named.
///
/// # Errors
/// See [`Nesting`].
pub fn people(name: &str, groups: &BTreeMap<String, Vec<Entry>>) -> Result<Vec<BareJid>, Nesting> {
    let mut found = Found::default();
    found.add(name, groups, &mut Vec::new())?;
    Ok(found.people)
}

#[derive(Default)]
struct Found<'a> {
    people: Vec<BareJid>,
    known: HashSet<BareJid>,
    done: HashSet<&'a str>,
}

impl<'a> Found<'a> {
    fn add(
        &mut self,
        name: &str,
        groups: &'a BTreeMap<String, Vec<Entry>>,
        path: &mut Vec<String>,
    ) -> Result<(), Nesting> {
        let Some((name, entries)) = groups.get_key_value(name) else {
            return Err(Nesting::Unknown(name.to_owned()));
        };
        if let Some(from) = path.iter().position(|above| above == name) {
            return Err(Nesting::Circle([&path[from..], std::slice::from_ref(name)].concat()));
        }
        if path.len() >= MAX_GROUP_DEPTH {
            return Err(Nesting::TooDeep);
        }
        if self.done.contains(name.as_str()) {
            return Ok(());
        }
        path.push(name.clone());
        for entry in entries {
            match entry {
                Entry::Person(jid) => {
                    if self.known.insert(jid.clone()) {
                        self.people.push(jid.clone());
                    }
                }
                Entry::Group(other) => self.add(other, groups, path)?,
            }
        }
        path.pop();
        self.done.insert(name);
        Ok(())
    }
}

/// Why an inviter can't invite a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotUsable {
    /// There is no group of this name, or nobody is in it.
    Nobody,
    /// The inviter may not use the group.
    MayNotUse,
}

/// All groups: those of the configuration, which everybody may use, and those that admins keep. A configured group hides
/// a kept one of the same name.
#[derive(Debug, Default)]
pub struct Book {
    entries: BTreeMap<String, Vec<Entry>>,
    kept: BTreeMap<String, KeptGroup>,
}

impl Book {
    /// Joins the configuration's groups and those that admins keep.
    #[must_use]
    pub fn new(configured: &BTreeMap<String, Vec<BareJid>>, kept: Vec<KeptGroup>) -> Self {
        let mut book = Self::default();
        for group in kept {
            let entries = group.entries.iter().filter_map(|text| Entry::read(text)).collect();
            book.entries.insert(group.name.clone(), entries);
            book.kept.insert(group.name.clone(), group);
        }
        for (name, people) in configured {
            let people = people.iter().cloned().map(Entry::Person).collect();
            book.entries.insert(name.clone(), people);
            book.kept.remove(name);
        }
        book
    }

    /// Whom a group stands for, if this person may use it; one whose address nobody knows may use what everybody may. A
    /// group in it that is not there any more is passed over.
    ///
    /// # Errors
    /// See [`NotUsable`].
    pub fn people(&self, name: &str, asker: Option<&BareJid>) -> Result<Vec<BareJid>, NotUsable> {
        let people = self.everybody(name);
        let may = match self.kept.get(name) {
            None => true,
            Some(group) => match group.may_use {
                MayUse::Everybody => true,
                MayUse::Members => asker.is_some_and(|asker| people.contains(asker)),
                MayUse::Named => asker.is_some_and(|asker| group.users.contains(asker.as_str())),
            },
        };
        match (may, people.is_empty()) {
            (false, _) => Err(NotUsable::MayNotUse),
            (true, true) => Err(NotUsable::Nobody),
            (true, false) => Ok(people),
        }
    }

    /// The people in a group, regardless of who may use it. Entries for groups that no longer exist are ignored.
    #[must_use]
    pub fn everybody(&self, name: &str) -> Vec<BareJid> {
        people(name, &self.whole()).unwrap_or_default()
    }

    /// Whether there is a group of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// The names of the groups that this person may use.
    #[must_use]
    pub fn usable_by(&self, asker: &BareJid) -> Vec<&str> {
        let usable = |name: &&String| self.people(name, Some(asker)).is_ok();
        self.entries.keys().filter(usable).map(String::as_str).collect()
    }

    /// Whether a group can have these entries as well.
    ///
    /// # Errors
    /// What they name is not there, or the group would contain itself.
    pub fn check(&self, name: &str, more: &[Entry]) -> Result<(), Nesting> {
        let mut entries = self.entries.clone();
        entries.entry(name.to_owned()).or_default().extend_from_slice(more);
        people(name, &entries).map(drop)
    }

    /// The entries, without groups that have been deleted since.
    fn whole(&self) -> BTreeMap<String, Vec<Entry>> {
        let there = |entry: &&Entry| match entry {
            Entry::Person(_) => true,
            Entry::Group(name) => self.entries.contains_key(name),
        };
        let entries = self.entries.iter();
        entries.map(|(name, all)| (name.clone(), all.iter().filter(there).cloned().collect())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(texts: &[&str]) -> Vec<Entry> {
        texts.iter().map(|text| Entry::read(text).unwrap()).collect()
    }

    fn groups(all: &[(&str, &[&str])]) -> BTreeMap<String, Vec<Entry>> {
        all.iter().map(|(name, texts)| ((*name).to_owned(), entries(texts))).collect()
    }

    fn names(people: &[BareJid]) -> Vec<&str> {
        people.iter().map(|jid| jid.node().unwrap().as_str()).collect()
    }

    #[test]
    fn groups_in_groups_stand_for_everybody_once() {
        let all = groups(&[
            ("all", &["@team", "@ops", "eve@e.example"]),
            ("team", &["bob@e.example", "carol@e.example"]),
            ("ops", &["carol@e.example", "@night"]),
            ("night", &["dave@e.example", "@team"]),
        ]);
        assert_eq!(names(&people("all", &all).unwrap()), ["bob", "carol", "dave", "eve"]);
        assert_eq!(names(&people("night", &all).unwrap()), ["dave", "bob", "carol"]);
        assert_eq!(people("nobody", &all), Err(Nesting::Unknown("nobody".into())));
    }

    #[test]
    fn circles_are_found_wherever_they_begin() {
        let all = groups(&[("a", &["@b"]), ("b", &["bob@e.example", "@c"]), ("c", &["@b"]), ("d", &["@d"])]);
        let circle = |names: &[&str]| Err(Nesting::Circle(names.iter().map(|it| (*it).to_owned()).collect()));
        assert_eq!(people("a", &all), circle(&["b", "c", "b"]));
        assert_eq!(people("d", &all), circle(&["d", "d"]));
        let deep: BTreeMap<_, _> =
            (0..1000).map(|n| (format!("g{n}"), entries(&[&format!("@g{}", n + 1)]))).collect();
        assert_eq!(people("g0", &deep), Err(Nesting::TooDeep));
    }

    #[test]
    fn names_that_are_none() {
        for name in ["", "members", r"bob\40example.org", "night shift", "Team", "a@b", "a/b"] {
            assert!(check_name(name).is_err(), "{name}");
            assert_eq!(Entry::read(&format!("@{name}")), None, "{name}");
        }
        check_name("night-shift").unwrap();
    }

    fn kept(name: &str, may_use: MayUse, users: &[&str], entries: &[&str]) -> KeptGroup {
        let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        KeptGroup { name: name.into(), may_use, users: set(users), entries: set(entries) }
    }

    #[test]
    fn who_may_use_which() {
        let jid = |name: &str| BareJid::new(&format!("{name}@e.example")).unwrap();
        let configured = BTreeMap::from([("team".to_owned(), vec![jid("bob")])]);
        let book = Book::new(
            &configured,
            vec![
                kept("open", MayUse::Everybody, &[], &["@team", "@gone", "carol@e.example"]),
                kept("crew", MayUse::Members, &[], &["@team"]),
                kept("board", MayUse::Named, &["carol@e.example"], &["dave@e.example"]),
                kept("team", MayUse::Named, &[], &["eve@e.example"]),
                kept("empty", MayUse::Everybody, &[], &["@gone"]),
            ],
        );
        assert_eq!(book.usable_by(&jid("bob")), ["crew", "open", "team"]);
        assert_eq!(book.usable_by(&jid("carol")), ["board", "open", "team"]);
        assert_eq!(book.people("crew", Some(&jid("carol"))), Err(NotUsable::MayNotUse));
        assert_eq!(book.people("crew", None), Err(NotUsable::MayNotUse));
        assert_eq!(book.people("empty", None), Err(NotUsable::Nobody));
        assert_eq!(names(&book.people("open", None).unwrap()), ["bob", "carol"]);
        assert_eq!(names(&book.people("team", None).unwrap()), ["bob"], "the configuration's");
        assert_eq!(book.check("crew", &entries(&["@open"])), Err(Nesting::Unknown("gone".into())));
        assert!(matches!(book.check("board", &entries(&["@board"])), Err(Nesting::Circle(_))));
        book.check("board", &entries(&["@team", "eve@e.example"])).unwrap();
    }
}
