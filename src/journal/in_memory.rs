//! Data that is kept in memory as well, because every invitation needs it: the names of groups, and what is blocked for
//! everybody. Knows nothing of how it is written.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use super::op::Whose;
use crate::model::Preferences;
use crate::model::group::GroupChange;

/// What is blocked for everybody.
#[derive(Debug, Clone, Default)]
pub(super) struct BlockedForAll(Arc<RwLock<HashSet<String>>>);

impl BlockedForAll {
    pub(super) fn any(&self, jids: &[String]) -> bool {
        let blocked = self.0.read().unwrap_or_else(PoisonError::into_inner);
        !blocked.is_empty() && jids.iter().any(|jid| blocked.contains(jid))
    }

    /// These preferences have been committed.
    pub(super) fn note(&self, whose: &Whose, preferences: &Preferences) {
        if *whose == Whose::Everybody {
            self.replace(&preferences.blocks);
        }
    }

    pub(super) fn replace(&self, blocks: &BTreeSet<String>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = blocks.iter().cloned().collect();
    }
}

/// The names of all kept groups.
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
