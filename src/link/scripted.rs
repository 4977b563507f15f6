//! The server's end of a link, for tests: a test takes what the relay sends, and says what comes back. Knows nothing of
//! sockets, nor of what is sent.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::answer::Answer;
use super::epoch::Epoch;
use super::failure::DeliverError;
use super::handle::Link;
use super::metrics::ConnectionState;
use super::node_task::NodeTask;
use super::pending_iqs::Waiting;
use super::privileges::Privileges;
use super::settings::Settings;
use super::traffic::{Command, Delivered, Incoming, Received};
use crate::wire::privileged::Advertisement;
use crate::wire::{Iq, Stanza, StanzaError};

/// The server's end of a link.
pub(crate) struct Server {
    commands: mpsc::Receiver<Command>,
    incoming: mpsc::Sender<Received>,
    state: ConnectionState,
    privileges: Arc<Privileges>,
    up: Option<Epoch>,
}

/// What the relay has sent.
pub(crate) enum Sent {
    /// A stanza, and its confirmation.
    Stanza(Stanza, Confirmation),
    /// A request, and who waits for the answer.
    Question(Iq, Reply),
}

/// Tells the relay what became of a stanza. If it is dropped, the relay learns that the connection was lost.
pub(crate) struct Confirmation(Delivered);

impl Confirmation {
    /// The server has taken it.
    pub(crate) fn confirm(self) {
        let _ = self.0.send(Ok(()));
    }

    /// It came back.
    pub(crate) fn bounce(self, error: StanzaError) {
        let _ = self.0.send(Err(DeliverError::Bounced(error)));
    }
}

/// Takes the answer to a request.
pub(crate) struct Reply(Waiting);

impl Reply {
    pub(crate) fn answer(self, answer: Iq) {
        let _ = self.0.send(Ok(Answer::Whole(answer)));
    }
}

/// A link that is down, and the server's end of it.
pub(crate) fn link(settings: Settings) -> (Link, Incoming, Server) {
    let (link, taken, task) = super::new(settings);
    let Some(node) = task.nodes.into_iter().next() else { panic!("the settings name no server") };
    let NodeTask { outgoing: commands, incoming, up: state, privileges, .. } = node;
    (link, taken, Server { commands, incoming, state, privileges, up: None })
}

impl Server {
    /// A new connection comes up, on which these hosts grant something.
    pub(crate) fn comes_up(&mut self, grants: &[(&str, Advertisement)]) {
        self.goes_down();
        for (host, advertisement) in grants {
            self.privileges.advertised(host, advertisement);
        }
        let epoch = self.state.begins();
        self.state.came_up(epoch);
        self.up = Some(epoch);
    }

    /// The connection is lost.
    pub(crate) fn goes_down(&mut self) {
        if self.up.take().is_some() {
            let lived = self.state.went_down();
            self.privileges.clear(lived.is_some());
        }
    }

    /// What the relay has sent next; `None` if there is nothing at present.
    pub(crate) fn sent(&mut self) -> Option<Sent> {
        loop {
            match (self.commands.try_recv().ok()?, self.up) {
                // It is dropped, which tells the caller that it is lost.
                (_, None) => {}
                (Command::Deliver { on: Some(on), .. }, Some(up)) if on != up => {}
                (Command::Deliver { stanza, answer, .. }, _) => {
                    return Some(Sent::Stanza(*stanza, Confirmation(answer)));
                }
                (Command::Ask { iq, answer }, _) => return Some(Sent::Question(*iq, Reply(answer))),
                (Command::Ping { answer }, _) => Confirmation(answer).confirm(),
            }
        }
    }

    /// Sends a stanza to the relay.
    pub(crate) fn send(&self, stanza: Stanza) {
        let Some(up) = self.up else { panic!("the link is down") };
        let sent = self.incoming.try_send((up, stanza));
        assert!(sent.is_ok(), "the relay does not take what is sent to it");
    }
}
