//! Whether a contact's clients can show direct invitations (XEP-0249): those that are online say so by XEP-0115, or are
//! asked (XEP-0030). What a hash stands for is remembered, and believed of all who send it only when it was verified.

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

/// A client that is online answers at once, or an invitation would wait for it.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Hashes that are remembered: a few for each software and version.
const MAX_CACHED_HASHES: u64 = 10_000;

/// A hash in use is reported to be kept as often as that.
const REPORT_IN_USE_EVERY: Duration = Duration::from_secs(24 * 3600);

/// What a hash stands for: it was that of a client's own answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Algorithm and hash: see [`Caps::name`].
    pub hash: String,
    /// Clients that have it show direct invitations.
    pub shows_direct: bool,
}

/// What hashes stand for, as far as it was asked.
#[derive(Debug)]
pub(super) struct Hashes {
    known: moka::sync::Cache<String, Known>,
    seen: mpsc::Sender<Verified>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    shows_direct: bool,
    /// When this run has reported it to be kept.
    told: Option<Instant>,
}

impl Hashes {
    pub(super) fn new(known: Vec<Verified>, seen: mpsc::Sender<Verified>) -> Self {
        let cache = moka::sync::Cache::builder().max_capacity(MAX_CACHED_HASHES).build();
        for Verified { hash, shows_direct } in known {
            cache.insert(hash, Known { shows_direct, told: None });
        }
        Self { known: cache, seen }
    }

    fn get(&self, caps: &Caps) -> Option<bool> {
        let hash = caps.name()?;
        let Known { shows_direct, told } = self.known.get(&hash)?;
        if told.is_none_or(|told| told.elapsed() > REPORT_IN_USE_EVERY) {
            self.keep(hash, shows_direct);
        }
        Some(shows_direct)
    }

    fn keep(&self, hash: String, shows_direct: bool) {
        // Where too much waits to be written it is told another time.
        let told = self.seen.try_send(Verified { hash: hash.clone(), shows_direct }).is_ok();
        self.known.insert(hash, Known { shows_direct, told: told.then(Instant::now) });
    }
}

impl Contacts {
    /// Whether one of a contact's clients can show a direct invitation. `None` where nobody tells which of them are online,
    /// or one does not say what it can do.
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
            timeout(PROBE_TIMEOUT, self.link.ask(&client, IqType::Get, question)).await.ok()?.ok()?;
        let Some(IqPayload::DiscoInfo(info)) = answer.payload.0 else { return None };
        match caps.map(|caps| (caps.verified(&info), caps.name())) {
            // All who send this hash are judged by its text, so that nobody can answer it in another way for them.
            Some((Some(hashed), Some(hash))) => self.hashes.keep(hash, hashed.has(ns::CONFERENCE)),
            Some(_) => debug!(client, "its XEP-0115 hash does not stand for what it says"),
            None => {}
        }
        Some(info.has(ns::CONFERENCE))
    }
}
