//! How the writer is: at rest, at work since when, or refused by the disk. Knows nothing of who asks.
//! Knows nothing of what it writes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How the writer is; cheap to clone. It keeps no journal open, unlike a [`super::Journal`].
#[derive(Debug, Clone, Default)]
pub struct WriterHealth(Arc<Mutex<Beat>>);

#[derive(Debug, Default)]
struct Beat {
    /// Since when the database has had the word.
    since: Option<Instant>,
    refused: Option<String>,
}

impl WriterHealth {
    /// How long the database has been at its present work. A disk that refuses answers: each attempt counts for itself.
    #[must_use]
    pub fn busy(&self) -> Duration {
        self.with(|beat| beat.since).map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Why nothing can be written at present, though the disk answers: it is full, or another process holds the file.
    #[must_use]
    pub fn refused(&self) -> Option<String> {
        self.with(|beat| beat.refused.clone())
    }

    pub(super) fn begins(&self) {
        self.with(|beat| beat.since = Some(Instant::now()));
    }

    pub(super) fn rests(&self) {
        self.with(|beat| beat.since = None);
    }

    pub(super) fn note(&self, refused: Option<String>) {
        self.with(|beat| beat.refused = refused);
    }

    fn with<T>(&self, look: impl FnOnce(&mut Beat) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
