//! The handle to the server, which may have several nodes: sends by the connection that is used at present, or by a given
//! one, and tells the state of all of them. Knows nothing of sockets or invitations.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use jid::BareJid;
use tokio::sync::watch;
use tokio::time::Instant;

use super::epoch::Epoch;
use super::failure::{AskError, DeliverError, Lost};
use super::metrics::Metrics;
use super::node_link::NodeLink;
use super::privileges::Grants;
use super::settings::Settings;
use super::trouble::Trouble;
use crate::telemetry::metrics::Registry;
use crate::wire::caps::Caps;
use crate::wire::{Iq, IqPayload, IqType, Stanza};

/// The handle to the server; cheap to clone.
#[derive(Debug, Clone)]
pub struct Link {
    /// The connection to each node.
    pub(super) nodes: Arc<[NodeLink]>,
    /// The connection that is used: it is up.
    pub(super) used: watch::Receiver<Option<Epoch>>,
    pub(super) trouble: watch::Receiver<Option<Trouble>>,
    pub(super) metrics: Arc<Metrics>,
}

impl Link {
    /// The component's domain.
    #[must_use]
    pub fn component(&self) -> &str {
        &self.nodes[0].component
    }

    /// Closes the connections in good order, if there are any, and connects again with these settings. What is not confirmed
    /// by then is sent again by those who wait for it. The component's domain and the server's addresses stay as they are.
    pub fn connect_again(&self, settings: &Settings) {
        for node in &*self.nodes {
            node.connect_again(settings.clone());
        }
    }

    /// Waits until a connection is up; `false` if the link has ended.
    pub async fn up(&self) -> bool {
        self.used.clone().wait_for(Option::is_some).await.is_ok()
    }

    /// Whether a connection is up, which includes that its grants are known.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.used.borrow().is_some()
    }

    /// The connection that is used.
    ///
    /// # Errors
    /// [`Lost`]: no connection is up.
    pub fn epoch(&self) -> Result<Epoch, Lost> {
        self.used.borrow().ok_or(Lost)
    }

    /// This connection, if it is up and answers; else the one that is used.
    ///
    /// # Errors
    /// [`Lost`]: no connection is up.
    pub fn epoch_or_else(&self, wanted: Option<Epoch>) -> Result<Epoch, Lost> {
        match wanted {
            Some(wanted) if self.has(wanted) && !*self.nodes[wanted.node()].slow.borrow() => Ok(wanted),
            _ => self.epoch(),
        }
    }

    /// Whether this connection is up.
    #[must_use]
    pub fn has(&self, connection: Epoch) -> bool {
        self.by(connection).epoch() == Ok(connection)
    }

    /// The node that a connection leads to.
    fn by(&self, connection: Epoch) -> &NodeLink {
        &self.nodes[connection.node()]
    }

    /// The node to whose connection everything goes.
    fn used(&self) -> &NodeLink {
        let used = *self.used.borrow();
        &self.nodes[used.map_or(0, Epoch::node)]
    }

    /// Waits until another connection is used than the one to this node, while that one is still up.
    async fn uses_another_than(&self, on: Epoch) {
        let another = |used: &Option<Epoch>| used.is_some_and(|used| used.node() != on.node());
        if self.used.clone().wait_for(another).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Sends a stanza and waits until the server has confirmed it by the answer to a ping behind it.
    ///
    /// # Errors
    /// [`DeliverError::Lost`]: the connection ended before the stanza was confirmed; the server may have taken it or not.
    /// [`DeliverError::Bounced`]: it came back with an error before it was confirmed.
    pub async fn deliver(&self, stanza: Stanza) -> Result<(), DeliverError> {
        self.used().send(Box::new(stanza), None).await
    }

    /// As [`Self::deliver`], but only through this connection: the stanza depends on what was granted on it.
    ///
    /// # Errors
    /// [`DeliverError::Lost`]: as above, or that connection has ended before. [`DeliverError::Bounced`]: as above.
    pub async fn deliver_on(&self, on: Epoch, stanza: Stanza) -> Result<(), DeliverError> {
        self.by(on).send(Box::new(stanza), Some(on)).await
    }

    /// Sends a stanza without waiting for its confirmation; it may get lost with the connection.
    pub async fn post(&self, stanza: Stanza) {
        self.used().send_and_forget(stanza, None).await;
    }

    /// As [`Self::post`], but only through this connection.
    pub async fn post_on(&self, on: Epoch, stanza: Stanza) {
        self.by(on).send_and_forget(stanza, Some(on)).await;
    }

    /// As [`Self::post`], but never waits: if too many stanzas wait to be sent, this one is dropped.
    pub fn send_or_drop(&self, stanza: Stanza) {
        self.used().send_or_drop(stanza, None);
    }

    /// As [`Self::send_or_drop`], but only through this connection.
    pub fn send_or_drop_on(&self, on: Epoch, stanza: Stanza) {
        self.by(on).send_or_drop(stanza, Some(on));
    }

    /// Sends a request to `to` in the component's own name. Only `to` itself can answer.
    ///
    /// # Errors
    /// [`AskError::Lost`]: the connection ended. [`AskError::Unanswered`]: no answer within 10 s.
    /// [`AskError::Swallowed`]: the server is known to drop such requests. [`AskError::Refused`]: the answer is an error.
    pub async fn ask(&self, to: &str, kind: IqType, payload: IqPayload) -> Result<Iq, AskError> {
        self.while_used(self.used().ask(to, kind, payload)).await
    }

    /// As [`Self::ask`], by the connection to this node. The answer is the node's own if `to` is one of the server's hosts.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn ask_by(
        &self,
        node: &NodeState,
        to: &str,
        kind: IqType,
        payload: IqPayload,
    ) -> Result<Iq, AskError> {
        self.nodes[node.place].ask(to, kind, payload).await
    }

    /// Sends a request to `to` in the name of `user`, whose host must have granted it (XEP-0356 §4.5).
    ///
    /// # Errors
    /// [`AskError::Lost`]: the connection ended. [`AskError::Unanswered`]: no answer within 10 s. [`AskError::Refused`]: the
    /// host or `to` answered with an error.
    pub async fn ask_as(
        &self,
        user: &BareJid,
        to: &str,
        kind: IqType,
        payload: IqPayload,
    ) -> Result<Iq, AskError> {
        self.while_used(self.used().ask_as(user, to, kind, payload)).await
    }

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
        self.while_used(self.used().ask_in_any_name(user, to, question)).await
    }

    /// The answer, unless the server's node hangs: then the question is lost as soon as another connection is used.
    async fn while_used(&self, asked: impl Future<Output = Result<Iq, AskError>>) -> Result<Iq, AskError> {
        match self.epoch() {
            Ok(on) if self.nodes.len() > 1 => tokio::select! {
                biased;
                answer = asked => answer,
                () = self.uses_another_than(on) => Err(AskError::Lost),
            },
            _ => asked.await,
        }
    }

    /// Whether disco#info requests may be sent in the name of this user.
    #[must_use]
    pub fn may_disco(&self, user: &BareJid) -> bool {
        self.used().may_disco(user)
    }

    /// Whether the server drops ordinary IQs without an answer; waits until that is known.
    pub async fn swallows_bare_iqs(&self) -> bool {
        self.used().swallows_bare_iqs().await
    }

    /// A host has refused on this connection what it had granted on it. Ends the connection and returns `true` when it has
    /// ended: the next one will have the privilege again. `false` if that has been tried already, and did not help.
    pub async fn renew(&self, on: Epoch, host: &str) -> bool {
        self.by(on).renew(on, host).await
    }

    /// A message in a user's name came back on this connection. `false` if a trial shows that the grants of the host still
    /// hold: then only this message is refused, and the connection goes on. Otherwise as [`Self::renew`].
    pub async fn renew_after_a_refusal(&self, on: Epoch, host: &str) -> bool {
        self.by(on).renew_after_a_refusal(on, host).await
    }

    /// Whether a trial shows that this host has taken back what it had granted on this connection. `false` also if it can't be
    /// tried. Takes two seconds at most.
    pub async fn has_taken_back(&self, host: &str) -> bool {
        self.used().has_taken_back(host).await
    }

    /// Notes that the grants were seen to hold on this connection.
    pub fn holds(&self, on: Epoch) {
        self.by(on).holds(on);
    }

    /// The state of the connection to each node, in the order of the settings.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeState> {
        let state = |(place, node): (usize, &NodeLink)| NodeState {
            place,
            server: node.server.to_string(),
            is_up: node.epoch().is_ok(),
            wrong: node.trouble.borrow().as_ref().map(ToString::to_string),
        };
        self.nodes.iter().enumerate().map(state).collect()
    }

    /// Waits until each connection is up, or something is wrong with it.
    pub async fn tried(&self) {
        for node in &*self.nodes {
            let (mut up, mut trouble) = (node.up.clone(), node.trouble.subscribe());
            // An error means that the link has ended.
            tokio::select! {
                _ = up.wait_for(Option::is_some) => {}
                _ = trouble.wait_for(Option::is_some) => {}
            }
        }
    }

    /// Watches the connections from now on.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch { used: self.used.clone(), trouble: self.trouble.clone() }
    }

    /// What is wrong with the connections, as a text; `None` before the first attempt, and while nothing is wrong.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.wrong().map(|wrong| wrong.to_string())
    }

    /// What is wrong with the connections; `None` before the first attempt, and while nothing is wrong.
    #[must_use]
    pub fn wrong(&self) -> Option<Trouble> {
        self.trouble.borrow().clone()
    }

    /// When the next attempt to connect follows, to be put behind why there is no link: ` (the relay tries again in 5 s)`.
    /// Empty unless all connections pause before one.
    #[must_use]
    pub fn next_attempt(&self) -> String {
        let next: Option<Vec<_>> = self.nodes.iter().map(|node| *node.next_attempt.borrow()).collect();
        next.and_then(|next| next.into_iter().min()).map_or_else(String::new, |at| {
            let pause = at.saturating_duration_since(Instant::now());
            format!(" (the relay tries again in {} s)", pause.as_secs().saturating_add(1))
        })
    }

    /// Why the relay is not ready; `None` while it is. It is ready with one node.
    #[must_use]
    pub fn not_ready(&self) -> Option<String> {
        match (self.is_up(), self.wrong()) {
            (true, Some(Trouble::OneNode { .. })) => None,
            (true, wrong) => wrong.map(|wrong| wrong.to_string()),
            (false, wrong) => {
                Some(wrong.map_or_else(|| "it is not connected yet".to_owned(), |wrong| wrong.to_string()))
            }
        }
    }

    /// Since when the connection that is used is up; `None` while none is.
    #[must_use]
    pub fn since(&self) -> Option<DateTime<Utc>> {
        self.used().metrics.since()
    }

    /// How many stanzas were sent and are not confirmed; a second old at most.
    #[must_use]
    pub fn unconfirmed(&self) -> i64 {
        self.metrics.unconfirmed()
    }

    /// Registers the metrics of the connections.
    pub fn register(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }

    /// The clients of a user that are online: their resources and entity capabilities. Empty if the host does not send
    /// presences, or the list is incomplete. Each node tells of the clients that are connected to it, so with one that is away it
    /// is incomplete.
    #[must_use]
    pub fn online(&self, user: &BareJid) -> Vec<(String, Option<Caps>)> {
        if self.nodes.iter().any(|node| node.epoch().is_err()) {
            return Vec::new();
        }
        self.nodes.iter().flat_map(|node| node.online(user)).collect()
    }

    /// The newest hosts that let the relay send messages in their users' names and are not heard, because the configuration does
    /// not make them the server's own. Any server on the network can say that.
    #[must_use]
    pub fn unheard_hosts(&self) -> Vec<String> {
        let all: BTreeSet<_> = self.nodes.iter().flat_map(NodeLink::unheard_hosts).collect();
        all.into_iter().collect()
    }

    /// What this host has granted on this connection; `None` if it has ended.
    #[must_use]
    pub fn grants_on(&self, connection: Epoch, host: &str) -> Option<Grants> {
        if self.has(connection) { self.by(connection).grants(host) } else { None }
    }

    /// What this host has granted on the connection that is used.
    #[must_use]
    pub fn grants(&self, host: &str) -> Option<Grants> {
        self.used().grants(host)
    }
}

/// The state of the connection to one node.
#[derive(Debug, Clone)]
pub struct NodeState {
    place: usize,
    /// Its address.
    pub server: String,
    /// Whether the connection is up.
    pub is_up: bool,
    /// What is wrong with it, if anything.
    pub wrong: Option<String>,
}

/// Watches the state of the connections.
#[derive(Debug)]
pub struct Watch {
    used: watch::Receiver<Option<Epoch>>,
    trouble: watch::Receiver<Option<Trouble>>,
}

impl Watch {
    /// Waits for the next change: `Ok` if one is up and nothing is wrong, else what is wrong. `None` if the link has
    /// ended.
    pub async fn changed(&mut self) -> Option<Result<(), Trouble>> {
        loop {
            tokio::select! {
                changed = self.used.changed() => changed.ok()?,
                changed = self.trouble.changed() => changed.ok()?,
            }
            // The link itself reports why it ended.
            self.used.has_changed().ok()?;
            let up = self.used.borrow_and_update().is_some();
            if let Some(trouble) = self.trouble.borrow_and_update().clone() {
                return Some(Err(trouble));
            }
            if up {
                return Some(Ok(()));
            }
        }
    }
}
