//! How many invitations to several people are carried out at a time, and how many of their parts.
//! Knows nothing of what they are.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Invitations to several people that are carried out at a time, the others wait; each holds its list.
const MAX_FAN_OUTS: usize = 2;
/// Parts that are in memory at a time, of all such invitations together: single ones always find the way free.
const MAX_PARTS: usize = 32;

/// What invitations to several people share.
#[derive(Debug)]
pub(crate) struct Places {
    pub(super) fan_outs: Semaphore,
    pub(super) parts: Arc<Semaphore>,
}

impl Places {
    pub(crate) fn new() -> Self {
        Self { fan_outs: Semaphore::new(MAX_FAN_OUTS), parts: Arc::new(Semaphore::new(MAX_PARTS)) }
    }
}
