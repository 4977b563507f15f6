//! What a contact's server keeps for them: their block list (XEP-0191), their roster (RFC 6121 §2), and their account. Each
//! is one contact's own: whatever is wrong with it concerns nobody else.
//! Knows nothing of what is looked for in them.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jid::BareJid;
use tracing::{debug, warn};

use super::recent::Recent;
use crate::link::{AskError, Link};
use crate::telemetry::metrics::{Lookups, Registry};
use crate::wire::disco::DiscoInfo;
use crate::wire::query::{BlockList, Roster, RosterItem};
use crate::wire::{Condition, Iq, IqPayload, IqType, StanzaError};

/// How old a list may be that decides whether an invitation arrives. It is sent as much later at most, so that a block
/// holds a second after it was set.
pub(super) const DECIDING_LIST_MAX_AGE: Duration = Duration::from_millis(500);

/// How old a roster may be in which look-alikes are searched for. Someone who was added meanwhile is compared with the
/// others for so long.
pub(super) const LOOKALIKE_ROSTER_MAX_AGE: Duration = Duration::from_secs(60);

/// For how long an account that is there is taken to be there.
pub(super) const ACCOUNT_MAX_AGE: Duration = Duration::from_secs(60);

/// For how long a list that can't be read is not asked for again: it may be many megabytes.
const UNREADABLE_FOR: Duration = Duration::from_secs(60);

/// Bytes of all lists in memory together, about.
const MAX_CACHED_BYTES: u64 = 32 << 20;

/// What an address in memory takes beside its characters, in bytes.
const JID_OVERHEAD: usize = 64;

/// What of a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Which {
    Blocked,
    Roster,
    /// Whether there is one: a list without entries.
    Account,
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blocked => "block lists",
            Self::Roster => "rosters",
            Self::Account => "accounts",
        })
    }
}

/// What a server said when it was asked for a list.
#[derive(Debug, Clone)]
pub(super) enum List {
    Told(Arc<Listed>),
    /// It does not tell.
    Refused,
    /// It has no such user.
    NoAccount,
    /// It is too long, or ill-formed.
    Unreadable,
}

impl List {
    /// The list; `None` if the server does not tell it.
    ///
    /// # Errors
    /// [`AskError::Unreadable`].
    pub(super) fn told(self) -> Result<Option<Arc<Listed>>, AskError> {
        match self {
            Self::Told(listed) => Ok(Some(listed)),
            Self::Refused | Self::NoAccount => Ok(None),
            Self::Unreadable => Err(AskError::Unreadable),
        }
    }

    fn bytes(&self) -> u32 {
        let bytes = match self {
            // Twice, for the skeletons.
            Self::Told(listed) => listed.jids.iter().map(|jid| 2 * (jid.len() + JID_OVERHEAD)).sum(),
            Self::Refused | Self::NoAccount | Self::Unreadable => 0,
        };
        u32::try_from(bytes + JID_OVERHEAD).unwrap_or(u32::MAX)
    }
}

/// The addresses in a list.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) jids: HashSet<String>,
    /// The same by their skeleton, computed at the first search for look-alikes.
    pub(super) looks: OnceLock<HashMap<String, String>>,
}

/// All contacts' lists.
#[derive(Debug)]
pub(super) struct Lists {
    link: Link,
    recent: Recent<(BareJid, Which), List, AskError>,
    /// The server returns IQs from a user to themselves undelivered: see [`Self::ask_themselves`].
    returns_own_iqs: AtomicBool,
    /// Hosts that did not answer, and of which the operator has been warned lately.
    warned: moka::sync::Cache<(String, Which), ()>,
    block_list_lookups: Lookups,
    roster_lookups: Lookups,
    account_lookups: Lookups,
}

impl Lists {
    pub(super) fn new(link: Link) -> Self {
        let warned =
            moka::sync::Cache::builder().max_capacity(1000).time_to_live(Duration::from_secs(60)).build();
        Self {
            link,
            recent: Recent::new(LOOKALIKE_ROSTER_MAX_AGE, MAX_CACHED_BYTES, List::bytes),
            returns_own_iqs: AtomicBool::new(false),
            warned,
            block_list_lookups: Lookups::default(),
            roster_lookups: Lookups::default(),
            account_lookups: Lookups::default(),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "How often a contact's block list was needed, and whether it was known";
        self.block_list_lookups.register(registry, "block_list_lookups", help);
        let help = "How often a contact's roster was needed, and whether it was known";
        self.roster_lookups.register(registry, "roster_lookups", help);
        let help = "How often it was needed whether a contact has an account, and whether it was known";
        self.account_lookups.register(registry, "account_lookups", help);
    }

    /// Whether [`Self::get`] would ask the server.
    pub(super) fn is_missing(&self, contact: &BareJid, which: Which, max_age: Duration) -> bool {
        self.recent.kept(&(contact.clone(), which), is_young(max_age)).is_none()
    }

    /// A contact's list. It is at most so old at the moment of the call, or asked for after it.
    ///
    /// # Errors
    /// [`AskError::Lost`]: the link was lost. [`AskError::Unanswered`]: the server did not answer, or can't for now.
    pub(super) async fn get(
        &self,
        contact: &BareJid,
        which: Which,
        max_age: Duration,
    ) -> Result<List, AskError> {
        let lookups = match which {
            Which::Blocked => &self.block_list_lookups,
            Which::Roster => &self.roster_lookups,
            Which::Account => &self.account_lookups,
        };
        let key = (contact.clone(), which);
        // On the heap: it is rarely under way.
        let ask = Box::pin(self.ask(contact, which));
        self.recent.get(&key, is_young(max_age), lookups, ask).await
    }

    async fn ask(&self, contact: &BareJid, which: Which) -> Result<List, AskError> {
        let answer = match which {
            Which::Blocked => {
                self.ask_themselves(contact, || IqPayload::BlockList(BlockList::default())).await
            }
            Which::Account => {
                self.ask_themselves(contact, || IqPayload::DiscoInfo(DiscoInfo::default())).await
            }
            Which::Roster => {
                let question = IqPayload::Roster(Roster::default());
                self.link.ask(contact.as_str(), IqType::Get, question).await
            }
        };
        match answer {
            Ok(answer) => Ok(list(answer)),
            Err(AskError::Unreadable) => {
                debug!(%contact, ?which, "too long, or ill-formed");
                Ok(List::Unreadable)
            }
            Err(AskError::Refused(error)) if says_no_account(&error) => Ok(List::NoAccount),
            Err(AskError::Refused(error)) if !is_for_now(&error) => {
                debug!(%contact, ?which, "could not be read: {error}");
                Ok(List::Refused)
            }
            Err(AskError::Swallowed) => Ok(List::Refused),
            Err(AskError::Refused(_) | AskError::Unanswered) => {
                self.warn_of_silence(contact, which);
                Err(AskError::Unanswered)
            }
            Err(AskError::Lost) => Err(AskError::Lost),
        }
    }

    fn warn_of_silence(&self, contact: &BareJid, which: Which) {
        let host = contact.domain();
        let key = (host.to_string(), which);
        if !self.warned.contains_key(&key) {
            self.warned.insert(key, ());
            warn!(%host, "{which} do not come, though reading them is granted: the server does not answer");
        }
    }

    /// Asks an account in the contact's own name, since a server tells such things to its owner only.
    ///
    /// ejabberd 24.12 does not deliver an IQ from a user to themselves, but returns it to the relay. It compares sender and
    /// recipient by their spelling, so an IQ to the domain in capitals is delivered. This is tried only where an IQ was
    /// returned: other servers would not recognise such a domain as their own.
    async fn ask_themselves(
        &self,
        contact: &BareJid,
        question: impl Fn() -> IqPayload,
    ) -> Result<Iq, AskError> {
        let ask = async |to: &str| self.link.ask_as(contact, to, IqType::Get, question()).await;
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
}

fn is_young(max_age: Duration) -> impl Fn(&List, Duration) -> bool {
    move |list, age| match list {
        List::Told(_) | List::Refused => age <= max_age,
        List::NoAccount => age <= max_age.min(DECIDING_LIST_MAX_AGE),
        List::Unreadable => age <= UNREADABLE_FOR,
    }
}

/// Whether a server that answers with this error may answer otherwise in a while.
fn is_for_now(error: &StanzaError) -> bool {
    use Condition::{InternalServerError, RemoteServerTimeout, ResourceConstraint};
    matches!(*error.condition, Some(InternalServerError | RemoteServerTimeout | ResourceConstraint))
}

/// How Prosody's `mod_privilege` refuses every IQ in the name of a user who does not exist, before it looks at anything else.
fn says_no_account(error: &StanzaError) -> bool {
    let text = error.text.as_deref().unwrap_or_default();
    *error.condition == Some(Condition::Forbidden) && text.contains("must be a bare JID of a local user")
}

/// What an answer says.
fn list(answer: Iq) -> List {
    let jids = match answer.payload.0 {
        Some(IqPayload::BlockList(list)) => list.items.into_iter().filter_map(|item| item.jid).collect(),
        Some(IqPayload::Roster(roster)) => {
            let known = roster.items.into_iter().filter(RosterItem::is_subscribed);
            known.filter_map(|item| item.jid).collect()
        }
        // ejabberd answers in anybody's name. An account has an identity (XEP-0030 §8), others have none.
        Some(IqPayload::DiscoInfo(info)) => {
            let mut identities = info.identities.iter();
            if !identities.any(|identity| identity.category.as_deref() == Some("account")) {
                return List::NoAccount;
            }
            HashSet::new()
        }
        _ => return List::Refused,
    };
    List::Told(Arc::new(Listed { jids, ..Listed::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::disco::Identity;

    #[test]
    fn who_has_no_account() {
        let forbidden = |text| StanzaError::new(Condition::Forbidden, text);
        let prosody = "wrapping <IQ> stanza recipient must be a bare JID of a local user";
        assert!(says_no_account(&forbidden(Some(prosody))));
        assert!(
            !says_no_account(&forbidden(Some("no privilege granted"))) && !says_no_account(&forbidden(None))
        );
        assert!(!says_no_account(&StanzaError::new(Condition::ServiceUnavailable, Some(prosody))));

        let answer = |categories: &[&str]| {
            let identity =
                |category: &&str| Identity { category: Some((*category).into()), ..Identity::default() };
            let identities = categories.iter().map(identity).collect();
            let info = DiscoInfo { identities, ..DiscoInfo::default() };
            list(Iq { payload: IqPayload::DiscoInfo(info).into(), ..Iq::default() })
        };
        assert!(matches!(answer(&["pubsub", "account"]), List::Told(_)));
        assert!(matches!(answer(&["pubsub"]), List::NoAccount) && matches!(answer(&[]), List::NoAccount));
        assert!(matches!(list(Iq::default()), List::Refused));
    }
}
