//! What the server's hosts granted us on this connection (XEP-0356).
//!
//! Only the hosts that the configuration makes ours are heard: anybody on the network can run a server that advertises
//! something, and a host that is believed can have us speak in the name of others.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jid::BareJid;
use tracing::{debug, info};

use super::presence::{Client, Online};
use super::renewal::Renewal;
use super::shared::Shared;
use crate::model::address;
use crate::wire::ns;
use crate::wire::privileged::{Advertisement, Version};
use crate::wire::stanza::Presence;

/// What one host granted.
#[allow(clippy::struct_excessive_bools, reason = "each is a permission of its own")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grants {
    /// The namespace to be used with this host.
    pub version: Version,
    /// Messages in the name of its users.
    pub messages: bool,
    /// Reading the rosters of its users.
    pub roster: bool,
    /// Being sent the presences of its users.
    pub presence: bool,
    /// Reading the block lists of its users.
    pub blocking: bool,
    /// Asking what something is in the name of its users.
    pub disco_info: bool,
    /// Reading and setting affiliations in the name of its users.
    pub muc_admin: bool,
}

#[derive(Debug)]
pub(super) struct Privileges {
    ours: Vec<String>,
    granted: Mutex<HashMap<String, Grants>>,
    /// Who granted something on the last connection.
    before: Mutex<HashSet<String>>,
    online: Online,
    pub(super) renewal: Renewal,
    shared: Mutex<Shared>,
}

impl Privileges {
    pub(super) fn new(ours: Vec<String>) -> Self {
        Self {
            ours,
            granted: Mutex::default(),
            before: Mutex::default(),
            online: Online::default(),
            renewal: Renewal::new(),
            shared: Mutex::default(),
        }
    }

    pub(super) fn of(&self, host: &str) -> Option<Grants> {
        self.granted().get(host).copied()
    }

    pub(super) fn all(&self) -> Vec<(String, Grants)> {
        self.granted().iter().map(|(host, grants)| (host.clone(), *grants)).collect()
    }

    /// Whether this is one of the server's own hosts.
    pub(super) fn is_ours(&self, host: &str) -> bool {
        self.ours.iter().any(|ours| ours == host)
    }

    /// An advertisement came from `host`, a bare domain.
    pub(super) fn advertised(&self, host: &str, advertisement: &Advertisement) {
        if !self.is_ours(host) {
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

    /// A presence came. Only those that a host tells of its own users count.
    pub(super) fn seen(&self, presence: &Presence) {
        let host = address::domain_of(presence.from.as_deref().unwrap_or_default());
        if self.of(host).is_some_and(|grants| grants.presence) {
            self.online.seen(presence);
        }
    }

    /// See [`super::Link::online`].
    pub(super) fn online(&self, user: &BareJid) -> Vec<Client> {
        self.online.of(user.as_str())
    }

    /// Whether rooms can be asked in inviters' names, no matter who invites: all that is needed where ordinary IQs vanish.
    pub(super) fn asks_rooms(&self) -> bool {
        let granted = self.granted();
        !granted.is_empty() && granted.values().all(|grants| grants.muc_admin && grants.disco_info)
    }

    /// Who granted something on the last connection and has not on this one.
    pub(super) fn missing(&self) -> Vec<String> {
        let granted = self.granted();
        self.before().iter().filter(|host| !granted.contains_key(*host)).cloned().collect()
    }

    /// Whether there are grants, and no more are to be expected.
    pub(super) fn complete(&self) -> bool {
        !self.granted().is_empty() && self.missing().is_empty()
    }

    /// With the connection everything that was granted ends. `was_up`: nothing more was to be expected on it.
    pub(super) fn clear(&self, was_up: bool) {
        let granted = std::mem::take(&mut *self.granted());
        if was_up {
            *self.before() = granted.into_keys().collect();
        }
        self.online.clear();
        *self.shared() = Shared::default();
    }

    /// Whether answers go to another connection.
    pub(super) fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn before(&self) -> MutexGuard<'_, HashSet<String>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn granted(&self) -> MutexGuard<'_, HashMap<String, Grants>> {
        // Nothing that holds it can panic half way through a change.
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
}
