//! The handle to the connection to one node: sends stanzas and requests by it, tells its state. Knows nothing of sockets, of
//! other nodes, or of invitations.

use std::sync::Arc;
use std::time::Duration;

use jid::BareJid;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};
use tracing::{debug, warn};

use super::bare_iq_support::BareIqSupport;
use super::epoch::Epoch;
use super::failure::{AskError, DeliverError, Lost};
use super::ids::Ids;
use super::metrics::NodeMetrics;
use super::privileges::{Grants, Privileges};
use super::settings::Settings;
use super::traffic::Command;
use super::trouble::Trouble;
use crate::wire::caps::Caps;
use crate::wire::privileged;
use crate::wire::{Iq, IqPayload, IqType, Stanza};

/// How long an answer to a request is waited for.
const IQ_ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The handle to the connection to one node; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct NodeLink {
    /// The address of the node, as the configuration has it.
    pub(super) server: Arc<str>,
    pub(super) commands: mpsc::Sender<Command>,
    /// The settings for the next connection.
    pub(super) wanted: watch::Sender<Settings>,
    pub(super) up: watch::Receiver<Option<Epoch>>,
    pub(super) bare_iq_support: watch::Sender<BareIqSupport>,
    pub(super) trouble: watch::Sender<Option<Trouble>>,
    pub(super) next_attempt: watch::Sender<Option<Instant>>,
    pub(super) slow: watch::Receiver<bool>,
    pub(super) privileges: Arc<Privileges>,
    pub(super) component: Arc<str>,
    pub(super) ids: Arc<Ids>,
    pub(super) metrics: Arc<NodeMetrics>,
}

impl NodeLink {
    /// Closes the connection in good order, if there is one, and connects again with these settings. What is not confirmed by
    /// then is sent again by those who wait for it. The component's domain and the server's address stay as they are.
    pub(super) fn connect_again(&self, settings: Settings) {
        self.wanted.send_modify(|wanted| {
            let Settings { secret, hosts, services, .. } = settings;
            *wanted = Settings { secret, hosts, services, ..wanted.clone() };
        });
    }

    /// The MUC services.
    pub(super) fn services(&self) -> Vec<String> {
        self.wanted.borrow().services.clone()
    }

    /// The connection that is up.
    ///
    /// # Errors
    /// [`Lost`]: no connection is up.
    pub(super) fn epoch(&self) -> Result<Epoch, Lost> {
        self.up.borrow().ok_or(Lost)
    }

    /// Sends a stanza and waits for its confirmation; with `on`, only through this connection. Errors as those of
    /// [`super::Link::deliver`].
    pub(super) async fn send(&self, stanza: Box<Stanza>, on: Option<Epoch>) -> Result<(), DeliverError> {
        // It would wait until the next connection, which may take long.
        if on.is_some_and(|on| self.epoch() != Ok(on)) {
            return Err(DeliverError::Lost);
        }
        let (answer, wait) = oneshot::channel();
        self.commands.send(Command::Deliver { stanza, on, answer }).await.map_err(|_| DeliverError::Lost)?;
        wait.await.unwrap_or(Err(DeliverError::Lost))
    }

    /// As [`Self::send`], without waiting for the confirmation.
    pub(super) async fn send_and_forget(&self, stanza: Stanza, on: Option<Epoch>) {
        // The receiver is dropped, so the confirmation is ignored.
        let (answer, _) = oneshot::channel();
        let stanza = Box::new(stanza);
        let _ = self.commands.send(Command::Deliver { stanza, on, answer }).await;
    }

    /// Sends a stanza without waiting for anything: if too many stanzas wait to be sent, this one is dropped.
    pub(super) fn send_or_drop(&self, stanza: Stanza, on: Option<Epoch>) {
        let (answer, _) = oneshot::channel();
        let stanza = Box::new(stanza);
        if self.commands.try_send(Command::Deliver { stanza, on, answer }).is_err() {
            debug!("too much waits to be sent: an answer is dropped");
        }
    }

    /// Sends a request to `to` in the component's own name. Only `to` itself can answer.
    ///
    /// # Errors
    /// [`AskError::Lost`]: the connection ended. [`AskError::Unanswered`]: no answer within 10 s.
    /// [`AskError::Swallowed`]: the server is known to drop such requests. [`AskError::Refused`]: the answer is an error.
    pub(super) async fn ask(&self, to: &str, kind: IqType, payload: IqPayload) -> Result<Iq, AskError> {
        let passes = to.contains('/') || matches!(payload, IqPayload::Roster(_));
        let question = self.question(to, kind, payload);
        let mut support = self.bare_iq_support.subscribe();
        let swallowed = async {
            let known = support.wait_for(|support| *support == BareIqSupport::Swallowed).await.is_ok();
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
        // On the heap, so that the futures of invitations that ask nothing stay small.
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

    /// Sends a request to `to` in the name of `user`, whose host must have granted it (XEP-0356 §4.5).
    ///
    /// # Errors
    /// [`AskError::Lost`]: the connection ended. [`AskError::Unanswered`]: no answer within 10 s. [`AskError::Refused`]: the
    /// host or `to` answered with an error.
    pub(super) async fn ask_as(
        &self,
        user: &BareJid,
        to: &str,
        kind: IqType,
        payload: IqPayload,
    ) -> Result<Iq, AskError> {
        let mut iq = privileged::wrap_iq(user, &self.ids.next(), &self.ids.next(), kind, to, payload);
        iq.from = Some(self.component.to_string());
        let reply = Box::pin(self.ask_raw(iq)).await?;
        // If the inner answer is an error, servers disagree on the outer type: the inner one counts.
        result(privileged::inner_or_itself(reply))
    }

    pub(super) async fn ask_raw(&self, iq: Iq) -> Result<Iq, AskError> {
        let (answer, mut wait) = oneshot::channel();
        let iq = Box::new(iq);
        self.commands.send(Command::Ask { iq, answer }).await.map_err(|_| AskError::Lost)?;
        let answer = if let Ok(answer) = timeout(IQ_ANSWER_TIMEOUT, &mut wait).await {
            answer
        } else {
            // The answer may stand behind much else that the server has to say. It comes before the answer to a ping.
            tokio::select! {
                biased;
                answer = wait => answer,
                // A connection that ends is no silence of the one who was asked.
                pinged = self.pinged() => return Err(pinged.map_or(AskError::Lost, |()| AskError::Unanswered)),
            }
        };
        answer.unwrap_or(Err(AskError::Lost))?.read().await.map_err(|why| {
            warn!("left out an answer that can't be read: {why}");
            AskError::Unreadable
        })
    }

    /// Returns when the server has answered a ping.
    ///
    /// # Errors
    /// [`Lost`]: the connection ended before.
    async fn pinged(&self) -> Result<(), Lost> {
        let (answer, wait) = oneshot::channel();
        self.commands.send(Command::Ping { answer }).await.map_err(|_| Lost)?;
        match wait.await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Lost),
        }
    }

    /// Whether disco#info requests may be sent in the name of this user.
    pub(super) fn may_disco(&self, user: &BareJid) -> bool {
        self.grants(user.domain().as_str()).is_some_and(|grants| grants.disco_info)
    }

    /// Whether the server drops ordinary IQs without an answer; waits until that is known.
    pub(super) async fn swallows_bare_iqs(&self) -> bool {
        let mut support = self.bare_iq_support.subscribe();
        support
            .wait_for(|support| *support != BareIqSupport::Unknown)
            .await
            .is_ok_and(|support| *support == BareIqSupport::Swallowed)
    }

    /// What is wrong with the connection; `None` before the first attempt, and while nothing is wrong.
    pub(super) fn wrong(&self) -> Option<Trouble> {
        self.trouble.borrow().clone()
    }

    /// The clients of a user that are online: their resources and entity capabilities. Empty if the host does not send
    /// presences, or the list is incomplete.
    pub(super) fn online(&self, user: &BareJid) -> Vec<(String, Option<Caps>)> {
        self.privileges.online(user)
    }

    /// The newest hosts that let the relay send messages in their users' names and are not heard, because the configuration does
    /// not make them the server's own. Any server on the network can say that.
    pub(super) fn unheard_hosts(&self) -> Vec<String> {
        self.privileges.unheard()
    }

    /// What this host has granted on this connection.
    pub(super) fn grants(&self, host: &str) -> Option<Grants> {
        self.privileges.of(host)
    }
}

/// The answer, if it is a result.
fn result(reply: Iq) -> Result<Iq, AskError> {
    match reply.kind() {
        Some(IqType::Result) => Ok(reply),
        _ => Err(AskError::Refused(reply.error.0.unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use tokio::task::yield_now;
    use tokio::time::advance;

    use super::*;
    use crate::config::Server;
    use crate::link::traffic::Delivered;

    /// What the caller of a question learns if it had no answer in time, and then this became of the ping behind it. The
    /// question itself is still held.
    async fn unanswered(ping: impl FnOnce(Delivered)) -> AskError {
        let (link, _, task) = crate::link::new(Settings {
            component: "invites.example.org".into(),
            secret: SecretString::from("s"),
            servers: vec![Server::Tcp("localhost:1".into())],
            hosts: vec!["example.org".into()],
            services: vec!["muc.example.org".into()],
        });
        let link = link.nodes[0].clone();
        let Some(mut task) = task.nodes.into_iter().next() else { panic!("no node") };
        let asked = tokio::spawn(async move {
            link.ask_raw(link.question("tea@muc.example.org", IqType::Get, IqPayload::Ping)).await
        });
        let question = task.outgoing.recv().await;
        assert!(matches!(question, Some(Command::Ask { .. })));
        advance(IQ_ANSWER_TIMEOUT + Duration::from_secs(1)).await;
        yield_now().await;
        let Some(Command::Ping { answer }) = task.outgoing.recv().await else { panic!("no ping") };
        ping(answer);
        let error = asked.await.unwrap().unwrap_err();
        drop(question);
        error
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_ends_is_no_silence() {
        let answered = unanswered(|answer| answer.send(Ok(())).unwrap()).await;
        assert_eq!(answered, AskError::Unanswered);
        assert_eq!(unanswered(drop).await, AskError::Lost);
    }
}
