//! What was known of a room at one moment. Knows nothing of how it was queried.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use jid::BareJid;
use tokio::time::Instant;

use crate::model::address;
use crate::wire::muc::{Affiliation, Role};

/// Counts the people of one snapshot in a total over all snapshots that still exist.
#[derive(Debug, Default)]
pub(super) struct Share {
    all: Arc<AtomicUsize>,
    people: usize,
}

impl Share {
    pub(super) fn new(all: &Arc<AtomicUsize>, people: usize) -> Self {
        all.fetch_add(people, Ordering::Relaxed);
        Self { all: Arc::clone(all), people }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.all.fetch_sub(self.people, Ordering::Relaxed);
    }
}

/// What a room tells everybody of itself; `None`: it did not say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Kind {
    /// Only members may enter.
    pub members_only: Option<bool>,
    /// Every occupant may invite, which in a members-only room makes the invited person a member
    /// (`muc#roomconfig_allowinvites`).
    pub allows_invites: Option<bool>,
    /// Only people with voice may speak.
    pub moderated: Option<bool>,
    /// A password is needed to enter.
    pub has_password: Option<bool>,
}

/// A room as it was when it was asked.
#[derive(Debug)]
pub struct Snapshot {
    pub(super) taken: Instant,
    pub(super) kind: Kind,
    /// All lists were asked for, not only those that matter for a single contact.
    pub(super) complete: bool,
    /// Nothing that was asked for was refused, so no other asker is told more.
    pub(super) whole: bool,
    /// How many of the cached people are in this snapshot.
    #[expect(dead_code, reason = "its people are counted until it is dropped")]
    pub(super) share: Share,
    /// People with an affiliation by bare JID; `None`: the relay may not know.
    pub(super) affiliations: Option<RwLock<HashMap<String, Affiliation>>>,
    /// `None`: the relay may not know.
    pub(super) occupants: Option<Occupants>,
}

/// Who is in a room.
#[derive(Debug, Default)]
pub(super) struct Occupants {
    nicks: HashMap<String, String>,
    people: HashSet<String>,
    /// The people without voice.
    visitors: HashSet<String>,
}

impl Occupants {
    pub(super) fn add(&mut self, nick: Option<String>, full_jid: &str, role: Role) {
        let bare = address::split_resource(full_jid).0;
        if role == Role::Visitor {
            self.visitors.insert(bare.to_owned());
        }
        self.people.insert(bare.to_owned());
        if let Some(nick) = nick {
            self.nicks.insert(nick, bare.to_owned());
        }
    }
}

impl Snapshot {
    /// What the room tells everybody of itself.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// A person's affiliation; `None` if the relay may not know.
    #[must_use]
    pub fn affiliation(&self, person: &BareJid) -> Option<Affiliation> {
        let affiliations = self.affiliations.as_ref()?.read().unwrap_or_else(PoisonError::into_inner);
        Some(affiliations.get(person.as_str()).copied().unwrap_or(Affiliation::None))
    }

    /// Whether a person is in the room; `None` if the relay may not know.
    #[must_use]
    pub fn is_occupant(&self, person: &BareJid) -> Option<bool> {
        self.occupants.as_ref().map(|occupants| occupants.people.contains(person.as_str()))
    }

    /// How many people are counted for these lists.
    pub(super) fn size(
        affiliations: Option<&HashMap<String, Affiliation>>,
        occupants: Option<&Occupants>,
    ) -> usize {
        affiliations.map_or(0, HashMap::len) + occupants.map_or(0, |occupants| occupants.people.len())
    }

    /// Whether a person is in the room and may speak there; `None` if the relay may not know.
    #[must_use]
    pub fn speaks(&self, person: &BareJid) -> Option<bool> {
        self.occupants.as_ref().map(|occupants| {
            occupants.people.contains(person.as_str()) && !occupants.visitors.contains(person.as_str())
        })
    }

    /// The room's owners, admins and members, as far as they are known; `None` if the relay may not know, or not asked
    /// ([`super::Rooms::look_at_all`]).
    #[must_use]
    pub fn members(&self) -> Option<Vec<BareJid>> {
        let affiliations = self.affiliations.as_ref().filter(|_| self.complete)?;
        let affiliations = affiliations.read().unwrap_or_else(PoisonError::into_inner);
        let member = |affiliation: Affiliation| {
            matches!(affiliation, Affiliation::Owner | Affiliation::Admin | Affiliation::Member)
        };
        let members = affiliations.iter().filter(|(_, affiliation)| member(**affiliation));
        Some(members.filter_map(|(person, _)| address::own(person).ok()).collect())
    }

    /// Whether we may see who is in the room.
    pub(super) fn shows_occupants(&self) -> bool {
        self.occupants.is_some()
    }

    pub(super) fn person(&self, nick: &str) -> Option<BareJid> {
        self.occupants.as_ref()?.nicks.get(nick).and_then(|person| address::own(person).ok())
    }

    /// We changed something ourselves.
    pub(super) fn changed(&self, person: &BareJid, affiliation: Affiliation) {
        if let Some(affiliations) = &self.affiliations {
            let mut affiliations = affiliations.write().unwrap_or_else(PoisonError::into_inner);
            affiliations.insert(person.to_string(), affiliation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_told_is_unknown_and_what_is_told_is_exact() {
        let bob = BareJid::new("bob@example.org").unwrap();
        let mut view = Snapshot {
            taken: Instant::now(),
            kind: Kind::default(),
            complete: true,
            whole: false,
            share: Share::default(),
            affiliations: None,
            occupants: None,
        };
        assert_eq!((view.affiliation(&bob), view.is_occupant(&bob)), (None, None));
        assert_eq!((view.members(), view.speaks(&bob)), (None, None));
        view.affiliations = Some(RwLock::default());
        view.occupants = Some(Occupants::default());
        assert_eq!((view.affiliation(&bob), view.is_occupant(&bob)), (Some(Affiliation::None), Some(false)));
        view.changed(&bob, Affiliation::Member);
        view.occupants.get_or_insert_default().add(
            Some("Bob 🤖".into()),
            "bob@example.org/phone 🤖",
            Role::Visitor,
        );
        assert_eq!((view.affiliation(&bob), view.is_occupant(&bob)), (Some(Affiliation::Member), Some(true)));
        assert_eq!(view.speaks(&bob), Some(false));
        assert_eq!(view.members(), Some(vec![bob.clone()]));
        assert_eq!(view.person("Bob 🤖"), Some(bob));
        assert_eq!(view.person("Alice"), None);
    }
}
