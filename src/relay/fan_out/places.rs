//! Limits how many fan-outs and commands, and how many of their parts, run at a time. Knows nothing of what a part is.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Fan-outs that run at a time. The others wait, since each has a list of recipients in memory.
const MAX_FAN_OUTS: usize = 2;
/// Parts that run at a time, of all fan-outs together, so that single invitations do not wait behind them.
const MAX_PARTS: usize = 32;
/// Parts of one fan-out that run at a time, so that one whose room or contacts are slow leaves places for another.
pub(in crate::relay) const MAX_PARTS_OF_ONE: usize = MAX_PARTS / MAX_FAN_OUTS;

/// Commands to invite that are carried out at a time. Further ones are refused.
const MAX_COMMANDS: usize = 2;

/// The permits that all fan-outs and commands share.
#[derive(Debug)]
pub(crate) struct Places {
    pub(super) fan_outs: Semaphore,
    pub(in crate::relay) parts: Arc<Semaphore>,
    pub(in crate::relay) commands: Semaphore,
}

impl Places {
    pub(crate) fn new() -> Self {
        Self {
            fan_outs: Semaphore::new(MAX_FAN_OUTS),
            parts: Arc::new(Semaphore::new(MAX_PARTS)),
            commands: Semaphore::new(MAX_COMMANDS),
        }
    }
}

/// A place among the parts of one fan-out, and then one among all parts.
pub(in crate::relay) async fn own_place_then(
    own: &Arc<Semaphore>,
    all: &Arc<Semaphore>,
) -> Option<[OwnedSemaphorePermit; 2]> {
    let own = Arc::clone(own).acquire_owned().await.ok()?;
    Some([own, Arc::clone(all).acquire_owned().await.ok()?])
}
