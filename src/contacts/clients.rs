//! Whether a contact's clients can show direct invitations (XEP-0249): those that are online say so by XEP-0115, or are
//! asked (XEP-0030). What a hash stands for is remembered, and believed of all who send it only when it was verified.

use std::time::Duration;

use futures::future::join_all;
use jid::BareJid;
use tokio::time::timeout;
use tracing::debug;

use super::Contacts;
use crate::wire::caps::Caps;
use crate::wire::disco::DiscoInfo;
use crate::wire::{IqPayload, IqType, ns};

/// A client that is online answers at once, or an invitation would wait for it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Hashes that are remembered: a few for each software and version.
const REMEMBERED: u64 = 10_000;

/// What hashes stand for, as far as it was asked: whether such a client takes direct invitations.
pub(super) type Hashes = moka::sync::Cache<Caps, bool>;

pub(super) fn hashes() -> Hashes {
    moka::sync::Cache::builder().max_capacity(REMEMBERED).build()
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
        let answer = timeout(PATIENCE, self.link.ask(&client, IqType::Get, question)).await.ok()?.ok()?;
        let Some(IqPayload::DiscoInfo(info)) = answer.payload.0 else { return None };
        let shows = info.has(ns::CONFERENCE);
        match caps {
            Some(caps) if caps.stands_for(&info) => self.hashes.insert(caps.clone(), shows),
            Some(_) => debug!(client, "its XEP-0115 hash does not stand for what it says"),
            None => {}
        }
        Some(shows)
    }
}
