//! Waiting for another invitation to end. Knows nothing of how it ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::model::Id;

/// Invitations that wait for the same one. Each keeps a place among those that run, and a flood must not keep them all.
const MAX_WAITING: usize = 64;

/// The invitations whose endings somebody waits for.
#[derive(Debug, Default)]
pub(crate) struct Endings(Mutex<HashMap<Id, Arc<Notify>>>);

impl Endings {
    /// Notified when this invitation ends after this call; `None` if too many wait for it already.
    pub(super) fn of(&self, id: Id) -> Option<Arc<Notify>> {
        let mut waited_for = self.waited_for();
        let ending = waited_for.entry(id).or_default();
        (Arc::strong_count(ending) <= MAX_WAITING).then(|| Arc::clone(ending))
    }

    /// This invitation has ended.
    pub(super) fn note(&self, id: Id) {
        if let Some(waiting) = self.waited_for().remove(&id) {
            waiting.notify_waiters();
        }
    }

    fn waited_for(&self) -> MutexGuard<'_, HashMap<Id, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
