//! The number of a connection. Knows nothing of connections.

/// Identifies one connection: what was granted or found out on it does not hold on another.
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
