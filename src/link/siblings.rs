//! What the connections to all nodes of the server share: in a cluster an answer, or a stanza that came back, arrives by
//! the connection to the node where it was sent, which need not be the one that the question went by. And what ends one
//! connection would end the next one as well. Knows nothing of sockets.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::epoch::Epoch;
use super::pending_iqs::PendingIqs;
use super::ping_barrier::Barrier;
use super::suspects::Suspects;
use crate::wire::StanzaError;

/// What the connections share.
#[derive(Debug)]
pub(super) struct Siblings {
    pending_iqs: Mutex<PendingIqs>,
    /// What is unconfirmed on the connection to each node.
    barriers: Vec<Mutex<Barrier>>,
    suspects: Mutex<Suspects>,
}

impl Siblings {
    /// Of connections to so many nodes, none of which is there yet.
    pub(super) fn of(nodes: usize) -> Self {
        Self {
            pending_iqs: Mutex::default(),
            barriers: std::iter::repeat_with(|| Mutex::new(Barrier::none())).take(nodes).collect(),
            suspects: Mutex::new(Suspects::new()),
        }
    }

    /// Whether there is more than one node.
    pub(super) fn are_several(&self) -> bool {
        self.barriers.len() > 1
    }

    /// The requests without an answer, of all connections.
    pub(super) fn pending_iqs(&self) -> MutexGuard<'_, PendingIqs> {
        locked(&self.pending_iqs)
    }

    /// What is unconfirmed on this connection, which is the newest one to its node.
    pub(super) fn barrier(&self, on: Epoch) -> MutexGuard<'_, Barrier> {
        locked(&self.barriers[on.node()])
    }

    /// The stanzas that may have ended a connection.
    pub(super) fn suspects(&self) -> MutexGuard<'_, Suspects> {
        locked(&self.suspects)
    }

    /// A stanza came back from `from` by this connection. `true` if it was unconfirmed on any of them.
    pub(super) fn bounced(&self, by: Epoch, id: &str, from: &str, error: &StanzaError) -> bool {
        let bounced = |barrier: &Mutex<Barrier>| locked(barrier).bounced(id, from, error);
        bounced(&self.barriers[by.node()])
            || (self.barriers.iter().enumerate()).any(|(node, barrier)| node != by.node() && bounced(barrier))
    }

    /// This connection has ended: those who wait for an answer to what it sent, or for its confirmation, learn that it is lost.
    pub(super) fn ended(&self, connection: Epoch) {
        *self.barrier(connection) = Barrier::none();
        self.pending_iqs().lost_with(connection);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that holds the lock can panic in the middle of a change.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
