//! What the writer keeps in memory beside the file, since every invitation asks for it: the names of groups, and what is
//! blocked for everybody. Knows nothing of how it is written.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use super::op::Whose;
use crate::model::Preferences;
use crate::model::group::GroupChange;

/// What is blocked for everybody, in memory: every invitation asks for it.
#[derive(Debug, Clone, Default)]
pub(super) struct BlockedForAll(Arc<RwLock<HashSet<String>>>);

impl BlockedForAll {
    pub(super) fn any(&self, jids: &[String]) -> bool {
        let blocked = self.0.read().unwrap_or_else(PoisonError::into_inner);
        !blocked.is_empty() && jids.iter().any(|jid| blocked.contains(jid))
    }

    /// These wishes have been committed.
    pub(super) fn note(&self, whose: &Whose, wishes: &Preferences) {
        if *whose == Whose::Everybody {
            self.replace(&wishes.blocks);
        }
    }

    pub(super) fn replace(&self, blocks: &BTreeSet<String>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = blocks.iter().cloned().collect();
    }
}

/// The names of all groups that are kept, in memory: whatever comes in is looked up among them.
#[derive(Debug, Clone, Default)]
pub(super) struct Names(Arc<RwLock<BTreeSet<String>>>);

impl Names {
    pub(super) fn of(names: impl IntoIterator<Item = String>) -> Self {
        Self(Arc::new(RwLock::new(names.into_iter().collect())))
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    /// This change has been committed.
    pub(super) fn note(&self, name: &str, change: &GroupChange) {
        let mut names = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match change {
            GroupChange::Create(_) => drop(names.insert(name.to_owned())),
            GroupChange::Delete => drop(names.remove(name)),
            _ => {}
        }
    }
}
