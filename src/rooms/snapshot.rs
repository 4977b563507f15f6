//! What was known of a room at one moment. Knows nothing of how it was queried.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use jid::BareJid;
use tokio::time::Instant;

use super::asker::Asker;
use super::relay_addresses::RelayAddresses;
use crate::link::Epoch;
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
    /// How long the room took to answer.
    pub(super) took: Duration,
    /// The connection on which it was asked.
    pub(super) on: Epoch,
    pub(super) asker: Asker,
    pub(super) kind: Kind,
    /// The affiliation of a domain above none holds for its people as well; that of a banned one always does.
    pub(super) domains_rank: bool,
    /// All lists were asked for, not only those that matter for a single contact.
    pub(super) complete: bool,
    /// Nothing that was asked for was refused, so no other asker is told more.
    pub(super) whole: bool,
    /// How many of the cached people are in this snapshot.
    #[expect(dead_code, reason = "its people are counted until it is dropped")]
    pub(super) share: Share,
    /// People and domains with an affiliation by bare JID; `None`: the relay may not know.
    pub(super) affiliations: Option<RwLock<HashMap<String, Affiliation>>>,
    /// `None`: the relay may not know.
    pub(super) occupants: Option<Occupants>,
    /// Addresses on the component that are members.
    pub(super) relay_addresses: RwLock<RelayAddresses>,
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
        let bare = canonical(address::split_resource(full_jid).0);
        if role == Role::Visitor {
            self.visitors.insert(bare.to_string());
        }
        self.people.insert(bare.to_string());
        if let Some(nick) = nick {
            self.nicks.insert(nick, bare.into_owned());
        }
    }
}

/// A bare address in the form in which people's are compared: ejabberd names some as they logged in, in capitals. As it is if
/// it has no such form, so that it is nobody else's.
fn canonical(bare: &str) -> Cow<'_, str> {
    if address::is_plain(bare) {
        return bare.into();
    }
    address::own(bare).map_or(bare.into(), |own| own.to_string().into())
}

impl Snapshot {
    /// What the room tells everybody of itself.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How long ago the room was asked.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.taken.elapsed()
    }

    /// In whose name the room was asked, in a word.
    #[must_use]
    pub fn asked_by(&self) -> &'static str {
        match self.asker {
            Asker::Inviter(_) => "inviter",
            Asker::Relay => "relay",
        }
    }

    /// Whether the room lets in members only, and this person is none. `false` also if the relay may not know.
    #[must_use]
    pub fn shuts_out(&self, person: &BareJid) -> bool {
        self.kind.members_only == Some(true) && self.affiliation(person) == Some(Affiliation::None)
    }

    /// A person's affiliation as the server counts it: the person's own entry, else their domain's (XEP-0045 §9). `None` if
    /// the relay may not know. Prosody counts only bans of domains, ejabberd all affiliations of them.
    #[must_use]
    pub fn affiliation(&self, person: &BareJid) -> Option<Affiliation> {
        let listed = self.listed()?;
        let of_domain = || {
            let of_domain = entry(&listed, person.domain().as_str())?;
            (self.domains_rank || of_domain == Affiliation::Outcast).then_some(of_domain)
        };
        Some(entry(&listed, person.as_str()).or_else(of_domain).unwrap_or(Affiliation::None))
    }

    /// The affiliation that the lists have for this very address; `None` if the relay may not know.
    #[must_use]
    pub fn own_affiliation(&self, address: &BareJid) -> Option<Affiliation> {
        Some(entry(&*self.listed()?, address.as_str()).unwrap_or(Affiliation::None))
    }

    /// Whether the lists have a person's domain as a member or more, even if the server does not count that.
    #[must_use]
    pub fn lists_domain(&self, person: &BareJid) -> bool {
        self.listed().and_then(|listed| entry(&listed, person.domain().as_str())).is_some_and(is_member)
    }

    fn listed(&self) -> Option<RwLockReadGuard<'_, HashMap<String, Affiliation>>> {
        Some(self.affiliations.as_ref()?.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The addresses on the component that are members, those that fit.
    #[must_use]
    pub fn relay_addresses(&self, fits: impl Fn(&BareJid) -> bool) -> Vec<BareJid> {
        self.ours().iter().filter(|address| fits(address)).cloned().collect()
    }

    pub(super) fn ours(&self) -> RwLockReadGuard<'_, RelayAddresses> {
        self.relay_addresses.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a relay address became a member about the moment at which an invitation was read: a look before it did not find
    /// the address on the list, and no look before it did. An address whose past is not known does not count.
    #[must_use]
    pub fn became_member_about(&self, read_at: Instant, is_its: impl Fn(&BareJid) -> bool) -> bool {
        self.ours().became_member_about(read_at, is_its)
    }

    /// Whether the lists have a banned domain.
    pub(super) fn bans_a_domain(&self) -> bool {
        self.listed().is_some_and(|listed| {
            listed.iter().any(|(jid, it)| *it == Affiliation::Outcast && !jid.contains('@'))
        })
    }

    /// Whether a person is in the room; `None` if the relay may not know.
    #[must_use]
    pub fn is_occupant(&self, person: &BareJid) -> Option<bool> {
        self.has_inside(person.as_str())
    }

    /// As [`Self::is_occupant`], by the person's normalised address.
    #[must_use]
    pub fn has_inside(&self, person: &str) -> Option<bool> {
        self.occupants.as_ref().map(|occupants| occupants.people.contains(person))
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

    /// The room's owners, admins and members, domains among them, as far as they are known; `None` if the relay may not
    /// know, or not asked ([`super::Rooms::look_at_all`]).
    #[must_use]
    pub fn members(&self) -> Option<Vec<BareJid>> {
        Some(self.members_addresses()?.iter().filter_map(|person| address::own(person).ok()).collect())
    }

    /// As [`Self::members`], their addresses, normalised. A fan-out has no use for more, and parsing tens of thousands would hold
    /// others up.
    #[must_use]
    pub fn members_addresses(&self) -> Option<Vec<String>> {
        let listed = self.listed().filter(|_| self.complete)?;
        let members = listed.iter().filter(|(_, affiliation)| is_member(**affiliation));
        Some(members.map(|(person, _)| person.clone()).collect())
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
        if affiliation != Affiliation::Member {
            self.relay_addresses.write().unwrap_or_else(PoisonError::into_inner).remove(person);
        }
    }

    #[cfg(test)]
    pub(super) fn of_nothing() -> Self {
        Self {
            taken: Instant::now(),
            took: Duration::ZERO,
            on: Epoch::default(),
            asker: Asker::Relay,
            kind: Kind::default(),
            domains_rank: false,
            complete: true,
            whole: false,
            share: Share::default(),
            affiliations: None,
            occupants: None,
            relay_addresses: RwLock::default(),
        }
    }
}

/// The entry of a list for this bare JID, if it says something.
fn entry(listed: &HashMap<String, Affiliation>, jid: &str) -> Option<Affiliation> {
    listed.get(jid).copied().filter(|affiliation| *affiliation != Affiliation::None)
}

fn is_member(affiliation: Affiliation) -> bool {
    matches!(affiliation, Affiliation::Owner | Affiliation::Admin | Affiliation::Member)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_told_is_unknown_and_what_is_told_is_exact() {
        let bob = BareJid::new("bob@example.org").unwrap();
        let mut view = Snapshot::of_nothing();
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
        // As ejabberd names who has logged in in capitals; a letter that is no capital of another one is somebody else's.
        let occupants = view.occupants.get_or_insert_default();
        occupants.add(Some("Carl".into()), "Carl@example.org/phone", Role::Participant);
        occupants.add(Some("Dora".into()), "\u{1d48}ora@example.org/phone", Role::Participant);
        let person = |name| BareJid::new(name).unwrap();
        assert_eq!(view.is_occupant(&person("carl@example.org")), Some(true));
        assert_eq!(view.is_occupant(&person("dora@example.org")), Some(false));
    }

    /// As both servers were seen to do it: the own entry first, then the domain's, never that of a domain above.
    #[test]
    fn domains_count_behind_a_persons_own_entry() {
        use Affiliation::{Admin, Member, None as Nothing, Outcast, Owner};
        let jid = |text| BareJid::new(text).unwrap();
        let lists = |domain, own| {
            HashMap::from([
                ("example.org".to_owned(), domain),
                ("bob@example.org".to_owned(), own),
                ("org".to_owned(), Outcast),
                ("bob@elsewhere.example".to_owned(), Owner),
            ])
        };
        let seen = |domains_rank, domain, own| {
            let affiliations = Some(RwLock::new(lists(domain, own)));
            let view = Snapshot { domains_rank, affiliations, ..Snapshot::of_nothing() };
            let own = view.own_affiliation(&jid("bob@example.org"));
            let carol = view.affiliation(&jid("carol@example.org"));
            assert_eq!(view.affiliation(&jid("carol@sub.example.org")), Some(Nothing));
            assert_eq!(view.lists_domain(&jid("carol@example.org")), is_member(domain));
            (view.affiliation(&jid("bob@example.org")), own, carol)
        };
        for ranks in [false, true] {
            for own in [Owner, Admin, Member, Outcast] {
                assert_eq!(seen(ranks, Outcast, own), (Some(own), Some(own), Some(Outcast)));
            }
            assert_eq!(seen(ranks, Outcast, Nothing), (Some(Outcast), Some(Nothing), Some(Outcast)));
        }
        for domain in [Owner, Admin, Member] {
            assert_eq!(seen(true, domain, Nothing), (Some(domain), Some(Nothing), Some(domain)));
            assert_eq!(seen(true, domain, Outcast), (Some(Outcast), Some(Outcast), Some(domain)));
            assert_eq!(seen(false, domain, Nothing), (Some(Nothing), Some(Nothing), Some(Nothing)));
        }
    }
}
