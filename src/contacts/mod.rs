//! What a contact's own server says of them, if it has granted that (XEP-0356): their block list (XEP-0191) and their
//! roster (RFC 6121 §2); and whether their clients can show direct invitations. Answers are cached for a short time.
//!
//! Knows nothing of the journal, nor of why a contact is asked about.

mod clients;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jid::BareJid;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{debug, warn};

use crate::link::{AskError, Link};
use crate::telemetry::metrics::{Lookups, Registry};
use crate::wire::confusable::{is_same_address, skeleton_of};
use crate::wire::query::{BlockList, Roster};
use crate::wire::{Iq, IqPayload, IqType};

pub use clients::Verified;

/// For how long a list is cached, and for how long a host that did not answer is not asked again.
const LIST_TTL: Duration = Duration::from_secs(60);

/// JIDs in all cached lists together.
const MAX_CACHED_JIDS: u64 = 100_000;

/// For how long somebody who was in a roster is taken to be in it, when look-alikes are searched for.
const ROSTER_PAIR_TTL: Duration = Duration::from_secs(24 * 3600);

/// Cached pairs of a contact and a person in their roster.
const MAX_CACHED_ROSTER_PAIRS: u64 = 10_000;

/// How long an invitation waits for a roster that is needed only to search for look-alikes.
const LOOKALIKE_ROSTER_TIMEOUT: Duration = Duration::from_secs(2);

/// A contact's list; `None`: it could not be read.
type List = Option<Arc<Listed>>;

#[derive(Debug, Default)]
struct Listed {
    jids: HashSet<String>,
    /// The same JIDs by their skeleton, computed at the first search for look-alikes.
    looks: OnceLock<HashMap<String, String>>,
}

/// How a person's address relates to those in a contact's roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Likeness {
    /// It is in the roster.
    Same,
    /// It looks like this other address, which is in the roster.
    LooksLike(String),
    /// It looks like none, or the roster can't be read.
    None,
}

/// Which list of a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Which {
    Blocked,
    Roster,
}

/// Contacts, asked through a link.
#[derive(Debug)]
pub struct Contacts {
    link: Link,
    cached: moka::sync::Cache<(BareJid, Which), List>,
    /// Contacts, and people in their rosters: the same people often invite each other again.
    roster_pairs: moka::sync::Cache<(BareJid, BareJid), ()>,
    /// The operator has been warned that rosters can't be read.
    warned: AtomicBool,
    /// Hosts that did not answer a query for such a list.
    silent: moka::sync::Cache<(String, Which), ()>,
    /// The server returns IQs from a user to themselves undelivered: see [`Self::block_list`].
    returns_own_iqs: AtomicBool,
    /// Which clients show direct invitations.
    hashes: clients::Hashes,
    block_lists: Lookups,
    rosters: Lookups,
}

impl Contacts {
    /// Asks contacts' servers through this link. `known`: the hashes that were verified in earlier runs. `seen` gets each
    /// hash when it is verified, and once a day while it is in use.
    #[must_use]
    pub fn new(link: Link, known: Vec<Verified>, seen: mpsc::Sender<Verified>) -> Self {
        let size = |_: &_, list: &List| {
            list.as_ref().map_or(1, |list| u32::try_from(list.jids.len() + 1).unwrap_or(u32::MAX))
        };
        let cached = moka::sync::Cache::builder()
            .max_capacity(MAX_CACHED_JIDS)
            .weigher(size)
            .time_to_live(LIST_TTL)
            .build();
        let silent =
            moka::sync::Cache::builder().max_capacity(MAX_CACHED_JIDS).time_to_live(LIST_TTL).build();
        let roster_pairs = moka::sync::Cache::builder()
            .max_capacity(MAX_CACHED_ROSTER_PAIRS)
            .time_to_live(ROSTER_PAIR_TTL)
            .build();
        Self {
            link,
            cached,
            roster_pairs,
            silent,
            warned: AtomicBool::new(false),
            returns_own_iqs: AtomicBool::new(false),
            hashes: clients::Hashes::new(known, seen),
            block_lists: Lookups::default(),
            rosters: Lookups::default(),
        }
    }

    /// Registers the metrics of this module.
    pub fn register(&self, registry: &mut Registry) {
        let help = "How often a contact's block list was needed, and whether it was known";
        self.block_lists.register(registry, "block_list_lookups", help);
        let help = "How often a contact's roster was needed, and whether it was known";
        self.rosters.register(registry, "roster_lookups", help);
    }

    /// Whether a contact blocks one of these JIDs; `None` if the relay may not know, or the server did not answer.
    ///
    /// # Errors
    /// [`AskError::Lost`]: the link was lost.
    pub async fn blocks_any(&self, contact: &BareJid, jids: &[String]) -> Result<Option<bool>, AskError> {
        if !self.link.grants(contact.domain().as_str()).is_some_and(|grants| grants.blocking) {
            return Ok(None);
        }
        if self.is_silent(contact, Which::Blocked) {
            return Ok(None);
        }
        let list = match self.list(contact, Which::Blocked).await {
            Err(AskError::Unanswered) => self.note_silence(contact, Which::Blocked),
            list => list?,
        };
        Ok(list.map(|list| jids.iter().any(|jid| list.jids.contains(jid))))
    }

    /// Whether a person is in a contact's roster, or looks like somebody who is. Waits for the roster for 2 s at most.
    ///
    /// # Errors
    /// [`AskError::Lost`]: the link was lost.
    pub async fn resembles(&self, contact: &BareJid, person: &BareJid) -> Result<Likeness, AskError> {
        if contact == person {
            return Ok(Likeness::Same);
        }
        let Some(grants) = self.link.grants(contact.domain().as_str()) else {
            return if self.link.is_up() { Ok(Likeness::None) } else { Err(AskError::Lost) };
        };
        if !grants.roster || self.is_silent(contact, Which::Roster) {
            return Ok(Likeness::None);
        }
        let pair = (contact.clone(), person.clone());
        if self.roster_pairs.contains_key(&pair) {
            return Ok(Likeness::Same);
        }
        let list = match timeout(LOOKALIKE_ROSTER_TIMEOUT, self.list(contact, Which::Roster)).await {
            Ok(Err(AskError::Unanswered)) | Err(_) => self.note_silence(contact, Which::Roster),
            Ok(list) => list?,
        };
        let likeness = list.map_or(Likeness::None, |list| list.resembles(person));
        if likeness == Likeness::Same {
            self.roster_pairs.insert(pair, ());
        }
        Ok(likeness)
    }

    fn is_silent(&self, contact: &BareJid, which: Which) -> bool {
        self.silent.contains_key(&(contact.domain().to_string(), which))
    }

    /// Records that a host did not answer, so that other invitations do not wait for it as well. It is asked again after
    /// [`LIST_TTL`], since it may only have been slow. Returns an unknown list.
    fn note_silence(&self, contact: &BareJid, which: Which) -> List {
        let host = contact.domain();
        warn!(
            %host,
            "{which} can't be read for a minute, though it is granted: the server does not answer"
        );
        self.silent.insert((host.to_string(), which), ());
        None
    }

    /// Whether a person is in a contact's roster with a subscription in either direction; `None` if the relay may not know.
    ///
    /// # Errors
    /// [`AskError::Lost`]: the link was lost. [`AskError::Unanswered`]: the server did not answer.
    pub async fn knows(&self, contact: &BareJid, person: &BareJid) -> Result<Option<bool>, AskError> {
        if contact == person {
            return Ok(Some(true));
        }
        let Some(grants) = self.link.grants(contact.domain().as_str()) else {
            // Grants are unknown while the link is down.
            return if self.link.is_up() { Ok(None) } else { Err(AskError::Lost) };
        };
        if !grants.roster {
            if !self.warned.swap(true, Ordering::Relaxed) {
                warn!(
                    host = %contact.domain(),
                    "rosters can't be read, so nobody can tell a stranger from a friend: grant roster = \"get\" to \
                     {} on {}",
                    self.link.component(),
                    contact.domain(),
                );
            }
            return Ok(None);
        }
        Ok(self.list(contact, Which::Roster).await?.map(|list| list.jids.contains(person.as_str())))
    }

    async fn list(&self, contact: &BareJid, which: Which) -> Result<List, AskError> {
        let lookups = match which {
            Which::Blocked => &self.block_lists,
            Which::Roster => &self.rosters,
        };
        if let Some(list) = self.cached.get(&(contact.clone(), which)) {
            lookups.hit();
            return Ok(list);
        }
        lookups.miss();
        let answer = match which {
            Which::Blocked => self.block_list(contact).await,
            Which::Roster => {
                let question = IqPayload::Roster(Roster::default());
                self.link.ask(contact.as_str(), IqType::Get, question).await
            }
        };
        match answer {
            Ok(answer) => Ok(self.keep(contact, which, jids(answer))),
            Err(error @ (AskError::Refused(_) | AskError::Swallowed)) => {
                debug!(%contact, ?which, "could not be read: {error}");
                Ok(self.keep(contact, which, None))
            }
            Err(e) => Err(e),
        }
    }

    /// Asks in the contact's own name, since a server tells a block list to its owner only.
    ///
    /// ejabberd 24.12 does not deliver an IQ from a user to themselves, but returns it to the relay. It compares sender and
    /// recipient by their spelling, so an IQ to the domain in capitals is delivered. This is tried only where an IQ was
    /// returned: other servers would not recognise such a domain as their own.
    async fn block_list(&self, contact: &BareJid) -> Result<Iq, AskError> {
        let ask = async |to: &str| {
            let question = IqPayload::BlockList(BlockList::default());
            self.link.ask_as(contact, to, IqType::Get, question).await
        };
        if !self.returns_own_iqs.load(Ordering::Relaxed) {
            match ask(contact.as_str()).await {
                Err(AskError::Refused(error)) if error.condition.is_none() => {
                    self.returns_own_iqs.store(true, Ordering::Relaxed);
                }
                answer => return answer,
            }
        }
        let domain = contact.domain().as_str().to_ascii_uppercase();
        match contact.node() {
            Some(node) => ask(&format!("{node}@{domain}")).await,
            None => ask(&domain).await,
        }
    }

    fn keep(&self, contact: &BareJid, which: Which, list: Option<HashSet<String>>) -> List {
        let list = list.map(|jids| Arc::new(Listed { jids, looks: OnceLock::new() }));
        self.cached.insert((contact.clone(), which), list.clone());
        list
    }
}

impl Listed {
    fn resembles(&self, person: &BareJid) -> Likeness {
        if self.jids.contains(person.as_str()) {
            return Likeness::Same;
        }
        let looks =
            self.looks.get_or_init(|| self.jids.iter().map(|jid| (skeleton_of(jid), jid.clone())).collect());
        match looks.get(&skeleton_of(person.as_str())) {
            Some(jid) if is_same_address(jid, person.as_str()) => Likeness::Same,
            Some(jid) => Likeness::LooksLike(jid.clone()),
            None => Likeness::None,
        }
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blocked => "block lists",
            Self::Roster => "rosters",
        })
    }
}

/// The JIDs in an answer; `None` if it has neither list.
fn jids(answer: Iq) -> Option<HashSet<String>> {
    Some(match answer.payload.0? {
        IqPayload::BlockList(list) => list.items.into_iter().filter_map(|item| item.jid).collect(),
        IqPayload::Roster(roster) => {
            let known = roster.items.into_iter().filter(super::wire::query::RosterItem::is_subscribed);
            known.filter_map(|item| item.jid).collect()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_in_a_roster_and_their_lookalikes() {
        let jids = ["alice@example.org", "bob@b\u{fc}cher.example"].map(str::to_owned).into();
        let list = Listed { jids, looks: OnceLock::new() };
        for (person, likeness) in [
            ("alice@example.org", Likeness::Same),
            ("bob@xn--bcher-kva.example", Likeness::Same),
            ("\u{430}lice@example.org", Likeness::LooksLike("alice@example.org".into())),
            ("carol@example.org", Likeness::None),
        ] {
            assert_eq!(list.resembles(&BareJid::new(person).unwrap()), likeness, "{person}");
        }
    }
}
