//! What a contact's own server says of them, if it has granted that (XEP-0356): their block list (XEP-0191) and their
//! roster (RFC 6121 §2), and whether they have an account; and whether their clients can show direct invitations.
//!
//! Knows nothing of the journal, nor of why a contact is asked about.

mod clients;
mod lists;
mod recent;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jid::BareJid;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::warn;

use self::lists::{
    ACCOUNT_MAX_AGE, DECIDING_LIST_MAX_AGE, LOOKALIKE_ROSTER_MAX_AGE, List, Listed, Lists, Which,
};
use crate::link::{AskError, Grants, Link};
use crate::telemetry::metrics::Registry;
use crate::wire::confusable::{is_same_address, skeleton_of};

pub use clients::Verified;

/// For how long somebody who was in a roster is taken to be in it, when look-alikes are searched for.
const ROSTER_PAIR_TTL: Duration = Duration::from_secs(24 * 3600);

/// Cached pairs of a contact and a person in their roster.
const MAX_CACHED_ROSTER_PAIRS: u64 = 10_000;

/// How long an invitation waits for a roster that is needed only to search for look-alikes.
const LOOKALIKE_ROSTER_TIMEOUT: Duration = Duration::from_secs(2);

/// For how long a contact whose roster did not come in that time is not searched for look-alikes.
const SLOW_ROSTER_TTL: Duration = Duration::from_secs(60);

/// Contacts whose rosters are slow.
const MAX_SLOW_ROSTERS: u64 = 10_000;

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

/// Contacts, asked through a link.
#[derive(Debug)]
pub struct Contacts {
    link: Link,
    lists: Arc<Lists>,
    /// Contacts, and people in their rosters: the same people often invite each other again.
    roster_pairs: moka::sync::Cache<(BareJid, BareJid), ()>,
    /// Contacts whose rosters did not come in [`LOOKALIKE_ROSTER_TIMEOUT`].
    slow_rosters: moka::sync::Cache<BareJid, ()>,
    /// The operator has been warned that rosters can't be read.
    warned: AtomicBool,
    /// Which clients show direct invitations.
    hashes: clients::Hashes,
}

impl Contacts {
    /// Asks contacts' servers through this link. `known`: the hashes that were verified in earlier runs. `seen` gets each
    /// hash when it is verified, and once a day while it is in use.
    #[must_use]
    pub fn new(link: Link, known: Vec<Verified>, seen: mpsc::Sender<Verified>) -> Self {
        let roster_pairs = moka::sync::Cache::builder()
            .max_capacity(MAX_CACHED_ROSTER_PAIRS)
            .time_to_live(ROSTER_PAIR_TTL)
            .build();
        let slow_rosters =
            moka::sync::Cache::builder().max_capacity(MAX_SLOW_ROSTERS).time_to_live(SLOW_ROSTER_TTL).build();
        Self {
            lists: Arc::new(Lists::new(link.clone())),
            link,
            roster_pairs,
            slow_rosters,
            warned: AtomicBool::new(false),
            hashes: clients::Hashes::new(known, seen),
        }
    }

    /// Registers the metrics of this module.
    pub fn register(&self, registry: &mut Registry) {
        self.lists.register(registry);
    }

    /// Whether a contact blocks one of these JIDs, by a list that is half a second old at most; `None` if the relay may not know.
    ///
    /// # Errors
    /// [`AskError::Lost`]: the link was lost. [`AskError::Unanswered`]: the server did not answer. [`AskError::Unreadable`]:
    /// it did, and the list can't be read.
    pub async fn blocks_any(&self, contact: &BareJid, jids: &[String]) -> Result<Option<bool>, AskError> {
        if !self.grants(contact)?.is_some_and(|grants| grants.blocking) {
            return Ok(None);
        }
        let list = self.lists.get(contact, Which::Blocked, DECIDING_LIST_MAX_AGE).await?.told()?;
        Ok(list.map(|list| jids.iter().any(|jid| list.jids.contains(jid))))
    }

    /// Whether the contact's server says that there is no such user. `false` also if it does not tell, or the relay may not
    /// ask.
    ///
    /// # Errors
    /// [`AskError::Lost`]: the link was lost.
    pub async fn has_no_account(&self, contact: &BareJid) -> Result<bool, AskError> {
        let Some(grants) = self.grants(contact)? else { return Ok(false) };
        // The block list is asked for anyway. Some servers tell it of those who don't exist: it is empty.
        for (granted, which, max_age) in [
            (grants.blocking, Which::Blocked, DECIDING_LIST_MAX_AGE),
            (grants.disco_info, Which::Account, ACCOUNT_MAX_AGE),
        ] {
            if granted {
                match self.lists.get(contact, which, max_age).await {
                    Ok(List::NoAccount) => return Ok(true),
                    Err(AskError::Lost) => return Err(AskError::Lost),
                    Ok(_) | Err(_) => {}
                }
            }
        }
        Ok(false)
    }

    /// Whether [`Self::has_no_account`] can say of users of this host that they don't exist.
    #[must_use]
    pub fn tells_of_accounts(&self, host: &str) -> bool {
        self.link.grants(host).is_some_and(|grants| grants.blocking || grants.disco_info)
    }

    /// Whether a person is in a contact's roster, or looks like somebody who is. Waits for the roster for 2 s at most.
    ///
    /// # Errors
    /// [`AskError::Lost`]: the link was lost.
    pub async fn resembles(&self, contact: &BareJid, person: &BareJid) -> Result<Likeness, AskError> {
        if contact == person {
            return Ok(Likeness::Same);
        }
        if !self.grants(contact)?.is_some_and(|grants| grants.roster)
            || self.slow_rosters.contains_key(contact)
        {
            return Ok(Likeness::None);
        }
        let pair = (contact.clone(), person.clone());
        if self.roster_pairs.contains_key(&pair) {
            return Ok(Likeness::Same);
        }
        let roster = self.lists.get(contact, Which::Roster, LOOKALIKE_ROSTER_MAX_AGE);
        let list = match timeout(LOOKALIKE_ROSTER_TIMEOUT, roster).await {
            Ok(Err(AskError::Lost)) => return Err(AskError::Lost),
            Ok(Ok(list)) => list.told().unwrap_or_default(),
            Ok(Err(_)) | Err(_) => {
                self.slow_rosters.insert(contact.clone(), ());
                None
            }
        };
        let likeness = list.map_or(Likeness::None, |list| list.resembles(person));
        if likeness == Likeness::Same {
            self.roster_pairs.insert(pair, ());
        }
        Ok(likeness)
    }

    /// Whether a person is in a contact's roster with a subscription in either direction, by a roster that is half a
    /// second old at most; `None` if the relay may not know, or the roster can't be read.
    ///
    /// # Errors
    /// [`AskError::Lost`]: the link was lost. [`AskError::Unanswered`]: the server did not answer.
    pub async fn knows(&self, contact: &BareJid, person: &BareJid) -> Result<Option<bool>, AskError> {
        if contact == person {
            return Ok(Some(true));
        }
        let Some(grants) = self.grants(contact)? else { return Ok(None) };
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
        let list = self.lists.get(contact, Which::Roster, DECIDING_LIST_MAX_AGE).await?;
        Ok(list.told().unwrap_or_default().map(|list| list.jids.contains(person.as_str())))
    }

    /// Asks for what [`Self::blocks_any`], [`Self::has_no_account`] and the questions about `person` will need, so that it is
    /// on its way meanwhile; `account`: whether they have one is needed as well. Waits for nothing.
    pub fn ask_ahead(&self, contact: &BareJid, person: Option<&BareJid>, account: bool) {
        let Ok(Some(grants)) = self.grants(contact) else { return };
        if grants.blocking {
            self.ask_for(contact, Which::Blocked, DECIDING_LIST_MAX_AGE);
        }
        if account && grants.disco_info {
            self.ask_for(contact, Which::Account, ACCOUNT_MAX_AGE);
        }
        let roster = grants.roster
            && person.is_some_and(|person| {
                person != contact && !self.roster_pairs.contains_key(&(contact.clone(), person.clone()))
            });
        if roster && !self.slow_rosters.contains_key(contact) {
            self.ask_for(contact, Which::Roster, LOOKALIKE_ROSTER_MAX_AGE);
        }
    }

    fn ask_for(&self, contact: &BareJid, which: Which, max_age: Duration) {
        if self.lists.is_missing(contact, which, max_age) {
            let (lists, contact) = (Arc::clone(&self.lists), contact.clone());
            // Whoever needs the list waits for this question, or asks again.
            tokio::spawn(async move { drop(lists.get(&contact, which, max_age).await) });
        }
    }

    /// What the contact's server has granted; `None`: nothing, or it is another server.
    ///
    /// # Errors
    /// [`AskError::Lost`]: while the link is down nothing is known.
    fn grants(&self, contact: &BareJid) -> Result<Option<Grants>, AskError> {
        match self.link.grants(contact.domain().as_str()) {
            None if !self.link.is_up() => Err(AskError::Lost),
            grants => Ok(grants),
        }
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

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

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
