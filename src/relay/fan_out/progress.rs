//! How far an invitation to several people has come. Knows nothing of how it is carried out.

use super::summary::Summary;

/// How far it has come, beside what the journal says of its parts.
#[derive(Debug)]
pub(in crate::relay) struct Progress {
    /// The journal may have some of its parts.
    pub(super) begun: bool,
    /// How often the room was asked for its lists in vain.
    pub(super) unanswered: u32,
    /// All parts have ended.
    pub(super) summary: Option<Summary>,
}

impl Progress {
    pub(in crate::relay) fn not_begun() -> Self {
        Self { begun: false, unanswered: 0, summary: None }
    }

    /// An earlier run may have begun with it.
    pub(in crate::relay) fn perhaps_begun() -> Self {
        Self { begun: true, ..Self::not_begun() }
    }
}
