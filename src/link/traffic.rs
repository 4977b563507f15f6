//! The messages between the task that owns the connection and the rest of the program. Knows nothing of sockets.

use tokio::sync::{mpsc, oneshot};

use super::epoch::Epoch;
use super::failure::DeliverError;
use super::pending_iqs::Waiting;
use crate::wire::{Iq, Stanza};

/// Stanzas that came in and are not answers: messages, requests, subscription requests.
pub type Incoming = mpsc::Receiver<Received>;

/// A stanza, and the connection that it came through.
pub type Received = (Epoch, Stanza);

/// Where the result of a delivery is reported.
pub(super) type Delivered = oneshot::Sender<Result<(), DeliverError>>;

/// What a [`super::Link`] asks of the task that owns the connection.
#[derive(Debug)]
pub(super) enum Command {
    /// Sends a stanza, and answers when it is confirmed. With `on`: only through this connection.
    Deliver { stanza: Box<Stanza>, on: Option<Epoch>, answer: Delivered },
    /// Sends a request, and hands over its answer.
    Ask { iq: Box<Iq>, answer: Waiting },
    /// Sends a ping, and answers when the server has answered it.
    Ping { answer: Delivered },
}
