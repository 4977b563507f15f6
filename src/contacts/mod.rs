//! What a contact's own server says of them, where it lets the relay ask (XEP-0356): whom they block (XEP-0191), and who is
//! in their roster (RFC 6121 §2). Answers are kept for a short time.
//!
//! And what their clients can do, where it tells which are online.
//!
//! Knows nothing of the journal, nor why somebody wants to know.

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
use crate::wire::confusable::{are_one, look};
use crate::wire::query::{BlockList, Roster};
use crate::wire::{Iq, IqPayload, IqType};

pub use clients::Verified;

/// How long an answer is good for.
const LIST_CACHED_FOR: Duration = Duration::from_secs(60);

/// JIDs that are remembered, of all contacts together.
const MAX_CACHED_JIDS: u64 = 100_000;

/// How long somebody who was in a roster is taken to be in it, without asking.
const IN_ROSTER_FOR: Duration = Duration::from_secs(24 * 3600);

/// Pairs of contacts and people in their rosters that are remembered.
const MAX_IN_ROSTERS: u64 = 10_000;

/// An invitation waits no longer than this for a roster that is only looked at for look-alikes.
const ROSTER_TIMEOUT: Duration = Duration::from_secs(2);

/// JIDs from somebody's list; `None`: there is one that the relay could not read.
type List = Option<Arc<Listed>>;

#[derive(Debug, Default)]
struct Listed {
    jids: HashSet<String>,
    /// The same by their looks, once somebody has asked for one.
    looks: OnceLock<HashMap<String, String>>,
}

/// Whom somebody is, or may be taken for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Likeness {
    /// One of those.
    Same,
    /// Another address that looks the same.
    Of(String),
    /// Nobody of those, or nobody tells.
    Nobody,
}

/// Which of somebody's lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Which {
    Blocked,
    Roster,
}

/// Contacts, asked through a link.
#[derive(Debug)]
pub struct Contacts {
    link: Link,
    remembered: moka::sync::Cache<(BareJid, Which), List>,
    /// Contacts, and people who are in their rosters: friends invite each other again and again.
    themselves: moka::sync::Cache<(BareJid, BareJid), ()>,
    /// The operator has been told that rosters can't be read.
    told: AtomicBool,
    /// Hosts that did not answer a question for such a list.
    silent: moka::sync::Cache<(String, Which), ()>,
    /// The server gives back what somebody asks of themselves: see [`Self::block_list`].
    gives_back: AtomicBool,
    /// What clients can do.
    hashes: clients::Hashes,
    block_lists: Lookups,
    rosters: Lookups,
}

impl Contacts {
    /// Contacts as they are seen through this link. `known`: what clients' hashes stand for, as far as it was found out
    /// before. `seen` gets those that are found out, and those in use, each once a day.
    #[must_use]
    pub fn new(link: Link, known: Vec<Verified>, seen: mpsc::Sender<Verified>) -> Self {
        let size = |_: &_, list: &List| {
            list.as_ref().map_or(1, |list| u32::try_from(list.jids.len() + 1).unwrap_or(u32::MAX))
        };
        let remembered = moka::sync::Cache::builder()
            .max_capacity(MAX_CACHED_JIDS)
            .weigher(size)
            .time_to_live(LIST_CACHED_FOR)
            .build();
        let silent =
            moka::sync::Cache::builder().max_capacity(MAX_CACHED_JIDS).time_to_live(LIST_CACHED_FOR).build();
        let themselves =
            moka::sync::Cache::builder().max_capacity(MAX_IN_ROSTERS).time_to_live(IN_ROSTER_FOR).build();
        Self {
            link,
            remembered,
            themselves,
            silent,
            told: AtomicBool::new(false),
            gives_back: AtomicBool::new(false),
            hashes: clients::Hashes::new(known, seen),
            block_lists: Lookups::default(),
            rosters: Lookups::default(),
        }
    }

    /// Registers what is counted of contacts' lists.
    pub fn register(&self, registry: &mut Registry) {
        let help = "How often a contact's block list was needed, and whether it was known";
        self.block_lists.register(registry, "block_list_lookups", help);
        let help = "How often a contact's roster was needed, and whether it was known";
        self.rosters.register(registry, "roster_lookups", help);
    }

    /// Whether a contact blocks one of these; `None` where we may not know.
    ///
    /// # Errors
    /// The link was lost.
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

    /// Whom a person is to a contact, or may be taken for, as far as their roster tells.
    ///
    /// # Errors
    /// The link was lost.
    pub async fn resembles(&self, contact: &BareJid, person: &BareJid) -> Result<Likeness, AskError> {
        if contact == person {
            return Ok(Likeness::Same);
        }
        let Some(grants) = self.link.grants(contact.domain().as_str()) else {
            return if self.link.is_up() { Ok(Likeness::Nobody) } else { Err(AskError::Lost) };
        };
        if !grants.roster || self.is_silent(contact, Which::Roster) {
            return Ok(Likeness::Nobody);
        }
        let pair = (contact.clone(), person.clone());
        if self.themselves.contains_key(&pair) {
            return Ok(Likeness::Same);
        }
        let list = match timeout(ROSTER_TIMEOUT, self.list(contact, Which::Roster)).await {
            Ok(Err(AskError::Unanswered)) | Err(_) => self.note_silence(contact, Which::Roster),
            Ok(list) => list?,
        };
        let likeness = list.map_or(Likeness::Nobody, |list| list.resembles(person));
        if likeness == Likeness::Same {
            self.themselves.insert(pair, ());
        }
        Ok(likeness)
    }

    fn is_silent(&self, contact: &BareJid, which: Which) -> bool {
        self.silent.contains_key(&(contact.domain().to_string(), which))
    }

    /// Others would wait as long, and in vain, if the server swallows the question; if it is only slow, it is asked soon.
    fn note_silence(&self, contact: &BareJid, which: Which) -> List {
        let host = contact.domain();
        warn!(
            %host,
            "{which} can't be read for a minute, though it is granted: the server does not answer"
        );
        self.silent.insert((host.to_string(), which), ());
        None
    }

    /// Whether a person is in a contact's roster, subscribed one way or the other; `None` where we may not know.
    ///
    /// # Errors
    /// The link was lost, or the server did not answer.
    pub async fn knows(&self, contact: &BareJid, person: &BareJid) -> Result<Option<bool>, AskError> {
        if contact == person {
            return Ok(Some(true));
        }
        let Some(grants) = self.link.grants(contact.domain().as_str()) else {
            // What was granted ends with the connection, and says nothing then.
            return if self.link.is_up() { Ok(None) } else { Err(AskError::Lost) };
        };
        if !grants.roster {
            if !self.told.swap(true, Ordering::Relaxed) {
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
        if let Some(list) = self.remembered.get(&(contact.clone(), which)) {
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

    /// Asks in the contact's own name: a server tells it to nobody else.
    ///
    /// ejabberd 24.12 delivers no IQ from somebody to themselves, but gives it back to the relay. It knows the two to be the same
    /// by their spelling alone, so that the domain in capitals is somebody else to it until it has been delivered. Other
    /// servers would look for such a domain elsewhere.
    async fn block_list(&self, contact: &BareJid) -> Result<Iq, AskError> {
        let ask = async |to: &str| {
            let question = IqPayload::BlockList(BlockList::default());
            self.link.ask_as(contact, to, IqType::Get, question).await
        };
        if !self.gives_back.load(Ordering::Relaxed) {
            match ask(contact.as_str()).await {
                Err(AskError::Refused(error)) if error.condition.is_none() => {
                    self.gives_back.store(true, Ordering::Relaxed);
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
        self.remembered.insert((contact.clone(), which), list.clone());
        list
    }
}

impl Listed {
    fn resembles(&self, person: &BareJid) -> Likeness {
        if self.jids.contains(person.as_str()) {
            return Likeness::Same;
        }
        let looks = self.looks.get_or_init(|| self.jids.iter().map(|jid| (look(jid), jid.clone())).collect());
        match looks.get(&look(person.as_str())) {
            Some(jid) if are_one(jid, person.as_str()) => Likeness::Same,
            Some(jid) => Likeness::Of(jid.clone()),
            None => Likeness::Nobody,
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

/// The JIDs in an answer; `None` if it is another one than was asked for.
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
    fn who_is_in_a_roster_and_who_looks_like_it() {
        let jids = ["alice@example.org", "bob@b\u{fc}cher.example"].map(str::to_owned).into();
        let list = Listed { jids, looks: OnceLock::new() };
        for (person, likeness) in [
            ("alice@example.org", Likeness::Same),
            ("bob@xn--bcher-kva.example", Likeness::Same),
            ("\u{430}lice@example.org", Likeness::Of("alice@example.org".into())),
            ("carol@example.org", Likeness::Nobody),
        ] {
            assert_eq!(list.resembles(&BareJid::new(person).unwrap()), likeness, "{person}");
        }
    }
}
