//! Whether a contact's clients can show direct invitations (XEP-0249). Clients that are online announce their features by
//! XEP-0115, or are asked (XEP-0030). The features of a hash are cached only if the hash was verified.
//! Knows nothing of invitations under way.

use std::time::Duration;

use futures::future::join_all;
use jid::BareJid;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tracing::debug;

use super::Contacts;
use crate::wire::caps::Caps;
use crate::wire::disco::DiscoInfo;
use crate::wire::{IqPayload, IqType, ns};

/// How long an invitation waits for a client's answer.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(1);

/// Hashes in memory; there are a few for each version of each client.
const MAX_CACHED_HASHES: u64 = 10_000;

/// How often a hash that is in use is reported to be stored again.
const REPORT_INTERVAL: Duration = Duration::from_secs(24 * 3600);

/// A hash that was verified by a client's own answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Algorithm and hash: see [`Caps::name`].
    pub hash: String,
    /// Whether clients with this hash show direct invitations.
    pub shows_direct: bool,
}

/// The hashes that have been verified.
#[derive(Debug)]
pub(super) struct Hashes {
    known: moka::sync::Cache<String, Known>,
    seen: mpsc::Sender<Verified>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    shows_direct: bool,
    /// When it was last reported to be stored; `None`: not yet in this run.
    reported: Option<Instant>,
}

impl Hashes {
    pub(super) fn new(known: Vec<Verified>, seen: mpsc::Sender<Verified>) -> Self {
        let cache = moka::sync::Cache::builder().max_capacity(MAX_CACHED_HASHES).build();
        for Verified { hash, shows_direct } in known {
            cache.insert(hash, Known { shows_direct, reported: None });
        }
        Self { known: cache, seen }
    }

    fn get(&self, caps: &Caps) -> Option<bool> {
        let hash = caps.name()?;
        let Known { shows_direct, reported } = self.known.get(&hash)?;
        if reported.is_none_or(|reported| reported.elapsed() > REPORT_INTERVAL) {
            self.keep(hash, shows_direct);
        }
        Some(shows_direct)
    }

    fn keep(&self, hash: String, shows_direct: bool) {
        // If the queue of the writer is full, it is reported at the next use.
        let reported = self.seen.try_send(Verified { hash: hash.clone(), shows_direct }).is_ok();
        self.known.insert(hash, Known { shows_direct, reported: reported.then(Instant::now) });
    }
}

impl Contacts {
    /// Whether one of a contact's clients can show a direct invitation. `None` if it is not known which are online, or none
    /// that answered can and another one did not answer.
    pub async fn shows_direct(&self, contact: &BareJid) -> Option<bool> {
        let clients = self.link.online(contact);
        if clients.is_empty() {
            return None;
        }
        let clients = clients.iter().map(|(resource, caps)| self.shows(contact, resource, caps.as_ref()));
        let shows = join_all(clients).await;
        if shows.contains(&Some(true)) {
            return Some(true);
        }
        shows.iter().all(Option::is_some).then_some(false)
    }

    async fn shows(&self, contact: &BareJid, resource: &str, caps: Option<&Caps>) -> Option<bool> {
        if let Some(known) = caps.and_then(|caps| self.hashes.get(caps)) {
            return Some(known);
        }
        let client = format!("{contact}/{resource}");
        let node = caps.and_then(Caps::node);
        let question = IqPayload::DiscoInfo(DiscoInfo { node, ..DiscoInfo::default() });
        let answer =
            timeout(CLIENT_TIMEOUT, self.link.ask(&client, IqType::Get, question)).await.ok()?.ok()?;
        let Some(IqPayload::DiscoInfo(info)) = answer.payload.0 else { return None };
        let Some(caps) = caps else { return Some(info.has(ns::CONFERENCE)) };
        let (Some(hashed), Some(hash)) = (caps.verified(&info), caps.name()) else {
            debug!(client, "its XEP-0115 hash does not stand for what it says");
            return Some(info.has(ns::CONFERENCE));
        };
        // Taken from the hashed text: it holds for all clients that send this hash, this one included.
        let shows_direct = hashed.has(ns::CONFERENCE);
        self.hashes.keep(hash, shows_direct);
        Some(shows_direct)
    }
}
