//! The handle to the connection: what can be asked of it, and how it is. Knows nothing of sockets, nor of invitations.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use jid::BareJid;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tracing::debug;

use super::bare_iq_support::BareIqSupport;
use super::epoch::Epoch;
use super::failure::{AskError, DeliverError, Lost};
use super::ids::Ids;
use super::metrics::Metrics;
use super::privileges::{Grants, Privileges};
use super::traffic::Command;
use super::trouble::Trouble;
use crate::telemetry::metrics::Registry;
use crate::wire::caps::Caps;
use crate::wire::privileged;
use crate::wire::{Iq, IqPayload, IqType, Stanza};

/// An IQ that has no answer after this time will hardly get one.
const IQ_ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The handle to the connection; cheap to clone.
#[derive(Debug, Clone)]
pub struct Link {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) up: watch::Receiver<Option<Epoch>>,
    pub(super) plain: watch::Sender<BareIqSupport>,
    pub(super) trouble: watch::Sender<Option<Trouble>>,
    pub(super) privileges: Arc<Privileges>,
    pub(super) component: Arc<str>,
    pub(super) ids: Arc<Ids>,
    pub(super) numbers: Arc<Metrics>,
}

impl Link {
    /// The component's domain.
    #[must_use]
    pub fn component(&self) -> &str {
        &self.component
    }

    /// Waits until the connection is up; `false` when it never will be again.
    pub async fn up(&self) -> bool {
        self.up.clone().wait_for(Option::is_some).await.is_ok()
    }

    /// Whether the connection is up, and what was granted on it is known.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.up.borrow().is_some()
    }

    /// The connection that is up.
    ///
    /// # Errors
    /// There is none: what was granted is not known.
    pub fn epoch(&self) -> Result<Epoch, Lost> {
        self.up.borrow().ok_or(Lost)
    }

    /// Sends a stanza and waits until the server has taken it: it answered a ping that was sent behind it, and servers
    /// handle a component's stanzas in order.
    ///
    /// # Errors
    /// [`DeliverError`]; after `Lost` the server may have it or not.
    pub async fn deliver(&self, stanza: Stanza) -> Result<(), DeliverError> {
        self.send(Box::new(stanza), None).await
    }

    /// The same by this connection and no other: what the stanza is was decided by what was known and granted on it.
    ///
    /// # Errors
    /// See [`Self::deliver`]; `Lost` too if that connection has ended.
    pub async fn deliver_on(&self, on: Epoch, stanza: Stanza) -> Result<(), DeliverError> {
        self.send(Box::new(stanza), Some(on)).await
    }

    async fn send(&self, stanza: Box<Stanza>, on: Option<Epoch>) -> Result<(), DeliverError> {
        let (answer, wait) = oneshot::channel();
        self.commands.send(Command::Deliver { stanza, on, answer }).await.map_err(|_| DeliverError::Lost)?;
        wait.await.unwrap_or(Err(DeliverError::Lost))
    }

    /// Sends a stanza that may get lost with the connection.
    pub async fn post(&self, stanza: Stanza) {
        self.send_and_forget(stanza, None).await;
    }

    /// The same by this connection and no other.
    pub async fn post_on(&self, on: Epoch, stanza: Stanza) {
        self.send_and_forget(stanza, Some(on)).await;
    }

    async fn send_and_forget(&self, stanza: Stanza, on: Option<Epoch>) {
        // A dropped receiver means that nobody cares about the answer.
        let (answer, _) = oneshot::channel();
        let stanza = Box::new(stanza);
        let _ = self.commands.send(Command::Deliver { stanza, on, answer }).await;
    }

    /// Like [`Self::post`], but is dropped when too much waits to be sent. Never waits.
    pub fn send_or_drop(&self, stanza: Stanza) {
        let (answer, _) = oneshot::channel();
        let stanza = Box::new(stanza);
        if self.commands.try_send(Command::Deliver { stanza, on: None, answer }).is_err() {
            debug!("too much waits to be sent: an answer is dropped");
        }
    }

    /// Asks `to`, in the component's own name. Only `to` itself can answer.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn ask(&self, to: &str, kind: IqType, payload: IqPayload) -> Result<Iq, AskError> {
        let passes = to.contains('/') || matches!(payload, IqPayload::Roster(_));
        let question = self.question(to, kind, payload);
        let mut plain = self.plain.subscribe();
        let swallowed = async {
            let known = plain.wait_for(|plain| *plain == BareIqSupport::Swallowed).await.is_ok();
            if !known || passes {
                std::future::pending::<()>().await;
            }
        };
        let asked = async {
            tokio::select! {
                biased;
                () = swallowed => Err(AskError::Swallowed),
                reply = self.ask_raw(question) => result(reply?),
            }
        };
        // On the heap: most invitations ask nothing, and none should carry room for questions all its life.
        Box::pin(asked).await
    }

    pub(super) fn question(&self, to: &str, kind: IqType, payload: IqPayload) -> Iq {
        Iq {
            from: Some(self.component.to_string()),
            to: Some(to.to_owned()),
            id: Some(self.ids.next()),
            type_: Some(kind.as_str().to_owned()),
            payload: payload.into(),
            ..Iq::default()
        }
    }

    /// Asks `to` in the name of `user`, a local user of a host that granted it (XEP-0356 §4.5).
    ///
    /// # Errors
    /// See [`AskError`]; `Refused` comes from the host or from `to`.
    pub async fn ask_as(
        &self,
        user: &BareJid,
        to: &str,
        kind: IqType,
        payload: IqPayload,
    ) -> Result<Iq, AskError> {
        let mut iq = privileged::wrap_iq(user, &self.ids.next(), &self.ids.next(), kind, to, payload);
        iq.from = Some(self.component.to_string());
        let reply = Box::pin(self.ask_raw(iq)).await?;
        // Servers disagree on the outer type when the inner one is an error: the inner one counts.
        result(privileged::unwrap_iq(&reply).unwrap_or(reply))
    }

    pub(super) async fn ask_raw(&self, iq: Iq) -> Result<Iq, AskError> {
        let (answer, wait) = oneshot::channel();
        let iq = Box::new(iq);
        self.commands.send(Command::Ask { iq, answer }).await.map_err(|_| AskError::Lost)?;
        match timeout(IQ_ANSWER_TIMEOUT, wait).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) => Err(AskError::Lost),
            Err(_) => Err(AskError::Unanswered),
        }
    }

    /// Whether this user's name may be used to ask what something is.
    #[must_use]
    pub fn may_disco(&self, user: &BareJid) -> bool {
        self.grants(user.domain().as_str()).is_some_and(|grants| grants.disco_info)
    }

    /// Whether the server swallows ordinary questions; waits until it is known.
    pub async fn swallows(&self) -> bool {
        let mut plain = self.plain.subscribe();
        plain
            .wait_for(|plain| *plain != BareIqSupport::Unknown)
            .await
            .is_ok_and(|plain| *plain == BareIqSupport::Swallowed)
    }

    /// Watches the connection from here on.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch { up: self.up.clone(), trouble: self.trouble.subscribe() }
    }

    /// What is wrong with the connection, in words; `None` before the first attempt, and while all is well.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.wrong().map(|wrong| wrong.to_string())
    }

    /// What is wrong with the connection.
    #[must_use]
    pub fn wrong(&self) -> Option<Trouble> {
        self.trouble.borrow().clone()
    }

    /// Why nothing can be relayed for sure; `None` while the relay is ready.
    #[must_use]
    pub fn not_ready(&self) -> Option<String> {
        let wrong = self.trouble();
        if self.is_up() { wrong } else { Some(wrong.unwrap_or_else(|| "it is not connected yet".to_owned())) }
    }

    /// Since when the connection is up; `None` while it is down.
    #[must_use]
    pub fn since(&self) -> Option<DateTime<Utc>> {
        self.numbers.since()
    }

    /// Stanzas that were sent and are not confirmed; some seconds old, at most.
    #[must_use]
    pub fn unconfirmed(&self) -> i64 {
        self.numbers.unconfirmed()
    }

    /// Registers what is counted of the connection.
    pub fn register(&self, registry: &mut Registry) {
        self.numbers.register(registry);
    }

    /// The clients of a user that are online: their resources, and what they say that they can do. None where the host does
    /// not tell, and where it may not have told of all.
    #[must_use]
    pub fn online(&self, user: &BareJid) -> Vec<(String, Option<Caps>)> {
        self.privileges.online(user)
    }

    /// What the host of these users granted on this connection.
    #[must_use]
    pub fn grants(&self, host: &str) -> Option<Grants> {
        self.privileges.of(host)
    }
}

/// How the connection is, change by change.
#[derive(Debug)]
pub struct Watch {
    up: watch::Receiver<Option<Epoch>>,
    trouble: watch::Receiver<Option<Trouble>>,
}

impl Watch {
    /// Waits until the connection is up and all is well, or something is wrong: then what. `None` when there will be none
    /// again.
    pub async fn changed(&mut self) -> Option<Result<(), Trouble>> {
        loop {
            tokio::select! {
                changed = self.up.changed() => changed.ok()?,
                changed = self.trouble.changed() => changed.ok()?,
            }
            // What ended the link is said by the link.
            self.up.has_changed().ok()?;
            let up = self.up.borrow_and_update().is_some();
            if let Some(trouble) = self.trouble.borrow_and_update().clone() {
                return Some(Err(trouble));
            }
            if up {
                return Some(Ok(()));
            }
        }
    }
}

/// Tells a result from an error.
fn result(reply: Iq) -> Result<Iq, AskError> {
    match reply.kind() {
        Some(IqType::Result) => Ok(reply),
        _ => Err(AskError::Refused(reply.error.0.unwrap_or_default())),
    }
}
