//! The number of a connection. Knows nothing of connections.

/// Identifies one connection: what was granted or found out on it does not hold on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Epoch {
    node: usize,
    number: u64,
}

impl Epoch {
    /// The connection with this number to this node. Nodes are counted from 0, connections to each of them from 1.
    pub(super) fn numbered(node: usize, number: u64) -> Self {
        Self { node, number }
    }

    /// The connection to the same node that follows.
    pub(super) fn next(self) -> Self {
        Self { number: self.number + 1, ..self }
    }

    /// The node that it leads to, by its place in the settings.
    pub(super) fn node(self) -> usize {
        self.node
    }
}
