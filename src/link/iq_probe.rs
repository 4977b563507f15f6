//! Finds out whether ordinary IQs are answered. With `mod_privilege` loaded, ejabberd 24.12 drops every IQ that a component
//! sends to an address without a resource, without an error (its issue 4336); later versions drop those to rooms. The
//! relay must not wait for answers that never come.
//!
//! Each MUC service is pinged twice, without and with a resource. The second ping is never dropped, and servers answer in
//! order: if only the second is answered, the first was dropped. Any later answer from a service or a room corrects this;
//! until then the services are pinged again. A new connection begins with the result of the last one.

use std::time::Duration;

use futures::future::{Either, select, select_ok};
use jid::BareJid;
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::bare_iq_support::BareIqSupport;
use super::epoch::Epoch;
use super::failure::AskError;
use super::handle::Link;
use super::ping_barrier::PING_RESOURCE;
use crate::wire::{Iq, IqPayload, IqType};

/// How long the first answer may take after the second one.
const BARE_PING_GRACE: Duration = Duration::from_millis(300);

/// How long both answers may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// The pause between two attempts while IQs are dropped.
const PROBE_RETRY_PAUSE: Duration = Duration::from_secs(30);

/// Probes on every connection, until the link has ended.
pub(super) async fn watch(link: Link) {
    let mut up = link.up.clone();
    let mut told = false;
    loop {
        let Ok(now) = up.wait_for(Option::is_some).await.map(|up| *up) else { return };
        let Some(on) = now else { continue };
        let services = link.services();
        tokio::select! {
            () = probe(&link, &services, on, &mut told) => {}
            _ = up.wait_for(|up| *up != Some(on)) => {}
        }
    }
}

/// Probes until the connection ends.
async fn probe(link: &Link, services: &[String], on: Epoch, told: &mut bool) {
    if services.is_empty() {
        link.bare_iq_support.send_replace(BareIqSupport::Passes);
    }
    loop {
        let asked = services.iter().map(|service| Box::pin(ping_twice(link, service)));
        match select_ok(asked).await {
            Ok(_) => {
                link.bare_iq_support.send_replace(BareIqSupport::Passes);
            }
            // A connection that was lost shows nothing.
            Err(AskError::Swallowed) if link.epoch() == Ok(on) => {
                link.bare_iq_support.send_replace(BareIqSupport::Swallowed);
            }
            Err(_) => {}
        }
        let mut support = link.bare_iq_support.subscribe();
        let swallowed = *support.borrow_and_update() == BareIqSupport::Swallowed;
        if swallowed && !link.privileges.may_ask_rooms() && !std::mem::replace(told, true) {
            warn!(
                "the server swallows ordinary IQs: no MUC service answers a ping. Rooms can be asked only in the \
                 inviter's name. ejabberd: grant iq for muc#admin and disco#info in mod_privilege \
                 (config/ejabberd/ejabberd.yml), or unload mod_privilege"
            );
        }
        if timeout(PROBE_RETRY_PAUSE, support.wait_for(|support| *support == BareIqSupport::Passes))
            .await
            .is_ok()
        {
            return std::future::pending().await;
        }
    }
}

/// Pings a service both ways. The session notes an answer that comes later.
async fn ping_twice(link: &Link, service: &str) -> Result<(), AskError> {
    let ping = |to: &str| link.ask_raw(link.question(to, IqType::Get, IqPayload::Ping));
    let behind = format!("{service}/{PING_RESOURCE}");
    let behind = async {
        let answered = timeout(PROBE_TIMEOUT, ping(&behind)).await;
        if matches!(answered, Ok(Ok(_))) {
            sleep(BARE_PING_GRACE).await;
        }
    };
    let first = Box::pin(ping(service));
    match select(first, Box::pin(behind)).await {
        Either::Left((answer, _)) => answer.map(|_| ()),
        Either::Right(_) => Err(AskError::Swallowed),
    }
}

impl Link {
    /// Sends a request in the component's own name, or in the user's name if the server drops the component's own requests
    /// and the user's host grants it. While that is unknown, both are sent, and the first answer counts.
    ///
    /// # Errors
    /// [`AskError::Lost`]: the connection ended. [`AskError::Unanswered`]: no answer within 10 s.
    /// [`AskError::Swallowed`]: the server drops such requests, and the user's name can't be used.
    /// [`AskError::Refused`]: the answer is an error.
    pub async fn ask_in_any_name(
        &self,
        user: Option<&BareJid>,
        to: &str,
        question: impl Fn() -> IqPayload,
    ) -> Result<Iq, AskError> {
        let own = || self.ask(to, IqType::Get, question());
        let known = *self.bare_iq_support.borrow();
        match (known, user.filter(|user| self.may_disco(user))) {
            (BareIqSupport::Passes, _) | (_, None) => own().await,
            (BareIqSupport::Swallowed, Some(user)) => self.ask_as(user, to, IqType::Get, question()).await,
            (BareIqSupport::Unknown, Some(user)) => {
                let both = select(Box::pin(own()), Box::pin(self.ask_as(user, to, IqType::Get, question())));
                match both.await {
                    Either::Left((Err(_), other)) => other.await,
                    Either::Right((Err(_), other)) => other.await,
                    Either::Left((answer, _)) | Either::Right((answer, _)) => answer,
                }
            }
        }
    }
}
