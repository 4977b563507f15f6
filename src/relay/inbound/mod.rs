//! What comes in by the link, as far as it can be dealt with one stanza at a time.

pub(super) mod answers;
pub(super) mod hand_over;
pub(super) mod parse;
