//! Whether the configuration is wrong altogether: every node refuses the component from the beginning. Knows nothing of
//! connections.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What became of the first attempts to connect to each node.
#[derive(Debug)]
pub(super) struct FirstAttempts {
    nodes: usize,
    /// The nodes that have refused; `None` once one has accepted.
    refused: Mutex<Option<HashSet<String>>>,
}

impl FirstAttempts {
    /// At so many nodes.
    pub(super) fn at(nodes: usize) -> Self {
        Self { nodes, refused: Mutex::new(Some(HashSet::new())) }
    }

    /// A node has accepted the component.
    pub(super) fn accepted(&self) {
        *self.locked() = None;
    }

    /// This node has refused the component. `true` if all have, and none has accepted it before.
    pub(super) fn refused_by(&self, node: String) -> bool {
        self.locked().as_mut().is_some_and(|refused| {
            refused.insert(node);
            refused.len() == self.nodes
        })
    }

    fn locked(&self) -> MutexGuard<'_, Option<HashSet<String>>> {
        // No code that holds the lock can panic in the middle of a change.
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_must_have_refused_before_one_accepts() {
        let first = FirstAttempts::at(2);
        assert!(!first.refused_by("a".into()) && !first.refused_by("a".into()));
        assert!(first.refused_by("b".into()));
        first.accepted();
        assert!(!first.refused_by("a".into()) && !first.refused_by("b".into()));
    }
}
