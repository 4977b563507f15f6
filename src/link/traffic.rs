//! What passes between the task that owns the connection and the rest of the program. Knows nothing of sockets.

use tokio::sync::{mpsc, oneshot};

use super::epoch::Epoch;
use super::failure::{AskError, DeliverError};
use crate::wire::{Iq, Stanza};

/// What comes in and is no answer: messages, and IQs that ask something.
pub type Incoming = mpsc::Receiver<Received>;

/// A stanza, and the connection that it came by.
pub type Received = (Epoch, Stanza);

/// Where it is told whether a stanza was delivered.
pub(super) type Delivered = oneshot::Sender<Result<(), DeliverError>>;

/// What the handle tells the task that owns the connection.
#[derive(Debug)]
pub(super) enum Command {
    /// `on`: by this connection and no other.
    Deliver {
        stanza: Box<Stanza>,
        on: Option<Epoch>,
        answer: Delivered,
    },
    Ask {
        iq: Box<Iq>,
        answer: oneshot::Sender<Result<Iq, AskError>>,
    },
}
