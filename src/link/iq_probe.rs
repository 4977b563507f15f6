//! Whether ordinary IQs reach anybody. With its `mod_privilege` loaded, ejabberd 24.12 swallows every IQ that a component
//! sends to an address without a resource, without an error (its issue 4336); later versions swallow those to rooms.
//! Nobody may wait for answers there that never come.
//!
//! Each MUC service is pinged twice, without and with a resource. The second is never swallowed, and servers answer in
//! order: when it alone is answered, the first was swallowed. Any later answer from a service or a room mends that, and
//! as long as there is none the services are asked again. A new connection begins with what was found on the last one.

use std::time::Duration;

use futures::future::{Either, select, select_ok};
use jid::BareJid;
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::bare_iq_support::BareIqSupport;
use super::epoch::Epoch;
use super::failure::AskError;
use super::handle::Link;
use super::ping_barrier::RESOURCE;
use crate::wire::{Iq, IqPayload, IqType};

/// How long the first answer may take, when the second is there.
const PRIVILEGED_PROBE_DELAY: Duration = Duration::from_millis(300);

/// How long it may take when there is none at all.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Between two questions, as long as they are swallowed.
const PROBE_RETRY_PAUSE: Duration = Duration::from_secs(30);

/// Tries it on every connection, until the link is gone for good. `services`: our MUC services.
pub(super) async fn watch(link: Link, services: Vec<String>) {
    let mut up = link.up.clone();
    let mut told = false;
    loop {
        let Ok(now) = up.wait_for(Option::is_some).await.map(|up| *up) else { return };
        let Some(on) = now else { continue };
        tokio::select! {
            () = ask(&link, &services, on, &mut told) => {}
            _ = up.wait_for(|up| *up != Some(on)) => {}
        }
    }
}

/// As long as the connection lasts.
async fn ask(link: &Link, services: &[String], on: Epoch, told: &mut bool) {
    if services.is_empty() {
        link.plain.send_replace(BareIqSupport::Passes);
    }
    loop {
        let asked = services.iter().map(|service| Box::pin(swallows(link, service)));
        match select_ok(asked).await {
            Ok(_) => {
                link.plain.send_replace(BareIqSupport::Passes);
            }
            // A lost connection says nothing.
            Err(AskError::Swallowed) if link.epoch() == Ok(on) => {
                link.plain.send_replace(BareIqSupport::Swallowed);
            }
            Err(_) => {}
        }
        let mut plain = link.plain.subscribe();
        let swallowed = *plain.borrow_and_update() == BareIqSupport::Swallowed;
        if swallowed && !link.privileges.asks_rooms() && !std::mem::replace(told, true) {
            warn!(
                "the server swallows ordinary IQs: no MUC service answers a ping. Rooms can be asked only in the \
                 inviter's name. ejabberd: grant iq for muc#admin and disco#info in mod_privilege \
                 (config/ejabberd/ejabberd.yml), or unload mod_privilege"
            );
        }
        if timeout(PROBE_RETRY_PAUSE, plain.wait_for(|plain| *plain == BareIqSupport::Passes)).await.is_ok() {
            return std::future::pending().await;
        }
    }
}

/// Whether a service answers. An answer that comes later than this waits is noticed by the connection.
async fn swallows(link: &Link, service: &str) -> Result<(), AskError> {
    let ping = |to: &str| link.ask_raw(link.question(to, IqType::Get, IqPayload::Ping));
    let behind = format!("{service}/{RESOURCE}");
    let behind = async {
        let answered = timeout(PROBE_TIMEOUT, ping(&behind)).await;
        if matches!(answered, Ok(Ok(_))) {
            sleep(PRIVILEGED_PROBE_DELAY).await;
        }
    };
    let first = Box::pin(ping(service));
    match select(first, Box::pin(behind)).await {
        Either::Left((answer, _)) => answer.map(|_| ()),
        Either::Right(_) => Err(AskError::Swallowed),
    }
}

impl Link {
    /// Asks what everybody may ask: in the component's own name, or in the user's where that is granted and the server
    /// swallows our own questions. While it is not known whether it does, both are asked, and the first answer counts.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn ask_anyhow(
        &self,
        user: Option<&BareJid>,
        to: &str,
        question: impl Fn() -> IqPayload,
    ) -> Result<Iq, AskError> {
        let own = || self.ask(to, IqType::Get, question());
        let known = *self.plain.borrow();
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
