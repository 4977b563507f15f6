//! What the server's hosts granted on this connection (XEP-0356).
//!
//! Only advertisements of the configured hosts count: anybody on the network can run a server that advertises
//! privileges, and the relay sends in the names of the users of a host that has granted them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use jid::BareJid;
use tracing::{debug, info};

use super::presence::{Client, OnlineClients};
use super::renewal::Renewal;
use super::shared::Shared;
use crate::model::address;
use crate::wire::ns;
use crate::wire::privileged::{Advertisement, Version};
use crate::wire::stanza::Presence;

/// How many hosts that are not heard are remembered: the newest.
const MAX_UNHEARD_HOSTS: usize = 8;

/// What one host has granted.
#[allow(clippy::struct_excessive_bools, reason = "each is a permission of its own")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grants {
    /// The version of the protocol to use with this host.
    pub version: Version,
    /// Sending messages in the names of its users.
    pub messages: bool,
    /// Reading the rosters of its users.
    pub roster: bool,
    /// Receiving the presences of its users.
    pub presence: bool,
    /// Reading the block lists of its users.
    pub blocking: bool,
    /// Sending disco#info requests in the names of its users.
    pub disco_info: bool,
    /// Reading and setting affiliations in the names of its users.
    pub muc_admin: bool,
}

/// What all hosts have granted on this connection.
#[derive(Debug)]
pub(super) struct Privileges {
    ours: RwLock<Vec<String>>,
    granted: Mutex<HashMap<String, Grants>>,
    /// The hosts that granted something on the last connection.
    granted_before: Mutex<HashSet<String>>,
    /// The hosts that offer messages in their users' names on this connection and are not heard, the newest last. Any server on
    /// the network can be among them.
    unheard: Mutex<VecDeque<String>>,
    online: OnlineClients,
    pub(super) renewal: Renewal,
    shared: Mutex<Shared>,
}

impl Privileges {
    pub(super) fn new(ours: Vec<String>) -> Self {
        Self {
            ours: RwLock::new(ours),
            granted: Mutex::default(),
            granted_before: Mutex::default(),
            unheard: Mutex::default(),
            online: OnlineClients::default(),
            renewal: Renewal::new(),
            shared: Mutex::default(),
        }
    }

    /// What this host has granted.
    pub(super) fn of(&self, host: &str) -> Option<Grants> {
        self.granted().get(host).copied()
    }

    /// All hosts that have granted something.
    pub(super) fn all(&self) -> Vec<(String, Grants)> {
        self.granted().iter().map(|(host, grants)| (host.clone(), *grants)).collect()
    }

    /// These are the server's own hosts from now on.
    pub(super) fn belong_to(&self, hosts: Vec<String>) {
        *self.ours.write().unwrap_or_else(PoisonError::into_inner) = hosts;
    }

    /// Whether this is one of the server's own hosts.
    pub(super) fn is_ours(&self, host: &str) -> bool {
        self.ours.read().unwrap_or_else(PoisonError::into_inner).iter().any(|ours| ours == host)
    }

    /// Notes an advertisement of `host`, a bare domain.
    pub(super) fn advertised(&self, host: &str, advertisement: &Advertisement) {
        if !self.is_ours(host) {
            if advertisement.outgoing_messages {
                self.note_unheard(host);
            }
            debug!(
                host,
                "a host that is not known to be this server's own offers privileges: not heard. If it is one of your \
                 virtual hosts, add it to muc.hand_over_from"
            );
            return;
        }
        let muc_admin = advertisement.access(ns::MUC_ADMIN);
        let grants = Grants {
            version: advertisement.version,
            messages: advertisement.outgoing_messages,
            roster: advertisement.roster_get,
            presence: advertisement.presence,
            blocking: advertisement.access(ns::BLOCKING).get,
            disco_info: advertisement.access(ns::DISCO_INFO).get,
            muc_admin: muc_admin.get && muc_admin.set,
        };
        let before = self.granted().insert(host.to_owned(), grants);
        if before != Some(grants) {
            info!(
                host,
                messages = grants.messages,
                roster = grants.roster,
                blocking = grants.blocking,
                muc_admin = grants.muc_admin,
                "privileges granted"
            );
        }
    }

    fn note_unheard(&self, host: &str) {
        let mut unheard = self.unheard_hosts();
        unheard.retain(|known| known != host);
        if unheard.len() == MAX_UNHEARD_HOSTS {
            unheard.pop_front();
        }
        unheard.push_back(host.to_owned());
    }

    /// See [`super::Link::unheard_hosts`].
    pub(super) fn unheard(&self) -> Vec<String> {
        self.unheard_hosts().iter().cloned().collect()
    }

    /// Notes a presence. It counts only if the user's host has granted presences.
    pub(super) fn note_presence(&self, presence: &Presence) {
        let host = address::domain_of(presence.from.as_deref().unwrap_or_default());
        if self.of(host).is_some_and(|grants| grants.presence) {
            self.online.seen(presence);
        }
    }

    /// See [`super::Link::online`].
    pub(super) fn online(&self, user: &BareJid) -> Vec<Client> {
        self.online.of(user.as_str())
    }

    /// Whether rooms can be asked in the names of all users: enough if the server drops ordinary IQs.
    pub(super) fn may_ask_rooms(&self) -> bool {
        let granted = self.granted();
        !granted.is_empty() && granted.values().all(|grants| grants.muc_admin && grants.disco_info)
    }

    /// Whether a host knows only the first version of the protocol: ejabberd before 24.10, which drops no ordinary IQs.
    pub(super) fn knows_no_iqs(&self) -> bool {
        self.granted().values().any(|grants| grants.version == Version::V1)
    }

    /// The hosts that granted something on the last connection and nothing on this one.
    pub(super) fn missing(&self) -> Vec<String> {
        let granted = self.granted();
        self.granted_before().iter().filter(|host| !granted.contains_key(*host)).cloned().collect()
    }

    /// Whether something was granted, and all hosts of the last connection have granted again.
    pub(super) fn complete(&self) -> bool {
        !self.granted().is_empty() && self.missing().is_empty()
    }

    /// The connection has ended, and with it all grants. `was_up`: it was up, so its grants were complete.
    pub(super) fn clear(&self, was_up: bool) {
        let granted = std::mem::take(&mut *self.granted());
        if was_up {
            *self.granted_before() = granted.into_keys().collect();
        }
        self.unheard_hosts().clear();
        self.online.clear();
        *self.shared() = Shared::default();
    }

    /// Whether another connection gets answers that belong to this one.
    pub(super) fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unheard_hosts(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.unheard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn granted_before(&self) -> MutexGuard<'_, HashSet<String>> {
        self.granted_before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn granted(&self) -> MutexGuard<'_, HashMap<String, Grants>> {
        // No code that holds the lock can panic in the middle of a change.
        self.granted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strange_host_grants_nothing() {
        let privileges = Privileges::new(vec!["example.org".into()]);
        let advertisement = Advertisement {
            version: Version::V2,
            outgoing_messages: true,
            roster_get: false,
            presence: false,
            iq: Vec::new(),
        };
        privileges.advertised("evil.example", &advertisement);
        assert_eq!(privileges.of("evil.example"), None);
        assert_eq!(privileges.unheard(), ["evil.example"]);
        privileges.advertised("example.org", &advertisement);
        assert!(privileges.of("example.org").is_some_and(|grants| grants.messages && !grants.muc_admin));
        assert!(privileges.complete());
        privileges.clear(true);
        assert_eq!(privileges.of("example.org"), None);
        assert_eq!(privileges.missing(), ["example.org"]);
        privileges.clear(false);
        assert!(!privileges.complete());
        privileges.clear(true);
        assert_eq!(privileges.missing(), [""; 0], "it has taken it back");
    }

    #[test]
    fn the_newest_hosts_that_are_not_heard_are_remembered() {
        let privileges = Privileges::new(vec!["example.org".into()]);
        let mut offer = Advertisement {
            version: Version::V2,
            outgoing_messages: true,
            roster_get: false,
            presence: false,
            iq: Vec::new(),
        };
        for number in (0..20).chain([13]) {
            privileges.advertised(&format!("{number}.example"), &offer);
        }
        let newest = [12, 14, 15, 16, 17, 18, 19, 13].map(|number| format!("{number}.example"));
        assert_eq!(privileges.unheard(), newest);
        offer.outgoing_messages = false;
        privileges.advertised("nothing.example", &offer);
        assert_eq!(privileges.unheard(), newest);
        privileges.clear(true);
        assert_eq!(privileges.unheard(), [""; 0]);
    }
}
