//! Handles single stanzas from the link: invitations, hand-overs, and what is neither.
//! Knows nothing of the queue.

pub(super) mod answers;
pub(super) mod came_back;
pub(super) mod declined;
pub(super) mod hand_over;
pub(super) mod parse;
