//! How far a fan-out has come. Knows nothing of how it is carried out.

use super::summary::Summary;

/// How far a fan-out has come, in addition to what the journal has of its parts.
#[derive(Debug)]
pub(in crate::relay) struct Progress {
    /// The journal may have parts of it.
    pub(super) begun: bool,
    /// All parts have ended.
    pub(super) summary: Option<Summary>,
}

impl Progress {
    pub(in crate::relay) fn not_begun() -> Self {
        Self { begun: false, summary: None }
    }

    /// For a fan-out that an earlier run may have begun.
    pub(in crate::relay) fn perhaps_begun() -> Self {
        Self { begun: true, ..Self::not_begun() }
    }
}
