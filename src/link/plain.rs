//! Whether ordinary IQs reach anybody. With its `mod_privilege` loaded, ejabberd 24.12 swallows every IQ that a component
//! sends to an address without a resource, without an error (its issue 4336); later versions swallow those to rooms.
//! Nobody may wait for answers there that never come: a ping to a MUC service tells, once for each connection.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tracing::warn;

use super::Link;
use crate::wire::{IqPayload, IqType};

/// Servers answer a ping at once, and the barrier's pings have been answered by now.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is known of this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plain {
    Unknown,
    Passes,
    Swallowed,
}

/// Tries it on every connection, until the link is gone for good. `services`: our MUC services.
pub(super) async fn watch(link: Link, services: Vec<String>, plain: watch::Sender<Plain>) {
    let mut up = link.up.clone();
    while up.wait_for(|up| *up).await.is_ok() {
        let answer = answer(&link, &services);
        tokio::pin!(answer);
        let found = if let Ok(found) = timeout(PATIENCE, &mut answer).await {
            found
        } else {
            plain.send_replace(Plain::Swallowed);
            // Unless it was only slow.
            answer.await
        };
        if *up.borrow() {
            if found == Plain::Swallowed {
                warn!(
                    "the server swallows ordinary IQs: no MUC service answers a ping. Rooms can be asked only in the \
                     inviter's name. ejabberd: grant iq for muc#admin and disco#info in mod_privilege \
                     (config/ejabberd/ejabberd.yml), or unload mod_privilege"
                );
            }
            plain.send_replace(found);
        }
        if up.wait_for(|up| !*up).await.is_err() {
            return;
        }
        plain.send_replace(Plain::Unknown);
    }
}

/// Any answer will do, from any of them; it may take as long as a question may take.
async fn answer(link: &Link, services: &[String]) -> Plain {
    if services.is_empty() {
        return Plain::Passes;
    }
    let pings = services.iter().map(|service| {
        Box::pin(async move {
            link.ask_raw(link.question(service, IqType::Get, IqPayload::Ping)).await.map(|_| ())
        })
    });
    match futures::future::select_ok(pings).await {
        Ok(_) => Plain::Passes,
        Err(_) => Plain::Swallowed,
    }
}
