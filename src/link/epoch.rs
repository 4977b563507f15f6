//! Which connection something belongs to. Knows nothing of connections.

/// One connection, told from those before and after it: what is known, granted or begun on one means nothing on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Epoch(u64);

impl Epoch {
    /// The connection with this number, counted from 1.
    pub(super) fn numbered(number: u64) -> Self {
        Self(number)
    }

    /// The connection that follows.
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
