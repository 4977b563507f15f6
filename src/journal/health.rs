//! The state of the writer: how long it has been at work, and why the disk refuses. Knows nothing of what is written.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The state of the writer; cheap to clone. Unlike a [`super::Journal`], it does not keep the writer running.
#[derive(Debug, Clone, Default)]
pub struct WriterHealth(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Since when the database has been at work; `None` while it rests.
    since: Option<Instant>,
    /// Why the last attempt to write failed.
    refused: Option<String>,
    may_have_written: bool,
}

impl WriterHealth {
    /// How long the database has been at its present work. Each attempt to write counts for itself.
    #[must_use]
    pub fn busy(&self) -> Duration {
        self.with(|state| state.since).map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Why nothing can be written at present although the disk answers, such as that it is full.
    #[must_use]
    pub fn refused(&self) -> Option<String> {
        self.with(|state| state.refused.clone())
    }

    /// Whether the writer has ended and what it wrote last may be in the database, though that did not say so.
    #[must_use]
    pub fn may_have_written(&self) -> bool {
        self.with(|state| state.may_have_written)
    }

    /// The writer ends, and nobody has said whether what it wrote last is in the database.
    pub(crate) fn ends_unsure(&self) {
        self.with(|state| state.may_have_written = true);
    }

    /// Whether the database is at work.
    #[cfg(test)]
    pub(super) fn is_at_work(&self) -> bool {
        self.with(|state| state.since.is_some())
    }

    pub(super) fn begins(&self) {
        self.with(|state| state.since = Some(Instant::now()));
    }

    pub(super) fn rests(&self) {
        self.with(|state| state.since = None);
    }

    pub(super) fn note(&self, refused: Option<String>) {
        self.with(|state| state.refused = refused);
    }

    fn with<T>(&self, read: impl FnOnce(&mut State) -> T) -> T {
        read(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
