//! How many jobs of one room, MUC service, inviter or contact wait for the answers of rooms and contacts' servers at a time:
//! those that are slow or silent must not take all places. Knows nothing of how a job runs, nor of those that have to wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::model::address;

/// Jobs of one room, of one inviter, and to one contact, that wait for answers at the same time.
const MAX_WAITING_OF_ONE: usize = 128;
/// Jobs of all rooms of a MUC service that do so; the rest of the places is for other services.
const MAX_WAITING_OF_SERVICE: usize = 768;

/// The shares that are taken.
#[derive(Debug, Clone, Default)]
pub(super) struct Shares(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    taken: Mutex<Taken>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    /// By room, inviter, MUC service and contact; the keys of two kinds never coincide.
    counts: HashMap<String, usize>,
    /// The keys of shares that were given back since [`Shares::freed`] was last called.
    freed: Vec<String>,
}

/// A share of a room, its service, an inviter and a contact; it is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Share {
    keys: Vec<String>,
    inner: Arc<Inner>,
}

impl Shares {
    /// Takes a share of a room, its service, an inviter, and a contact (`None`: it is for many).
    ///
    /// # Errors
    /// The key of which all shares are taken.
    pub(super) fn take(&self, room: &str, inviter: &str, contact: Option<&str>) -> Result<Share, String> {
        let mut keys = Vec::from([room, inviter, address::domain_of(room)].map(str::to_owned));
        // A contact may invite as well.
        keys.extend(contact.map(|contact| format!("to {contact}")));
        let mut taken = self.0.taken();
        if let Some(full) = keys.iter().find(|key| taken.left(key) == 0) {
            return Err(full.clone());
        }
        for key in &keys {
            *taken.counts.entry(key.clone()).or_default() += 1;
        }
        drop(taken);
        Ok(Share { keys, inner: Arc::clone(&self.0) })
    }

    /// Whether a key has a share left.
    pub(super) fn has_left(&self, key: &str) -> bool {
        self.0.taken().left(key) > 0
    }

    /// The keys of shares that were given back since the last call.
    pub(super) fn freed(&self) -> Vec<String> {
        std::mem::take(&mut self.0.taken().freed)
    }

    /// Waits until a share is given back.
    pub(super) async fn changed(&self) {
        self.0.freed.notified().await;
    }
}

impl Inner {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn left(&self, key: &str) -> usize {
        max_of(key).saturating_sub(self.counts.get(key).copied().unwrap_or(0))
    }
}

/// The shares of a key. That of a service is a domain.
fn max_of(key: &str) -> usize {
    if key.contains('@') { MAX_WAITING_OF_ONE } else { MAX_WAITING_OF_SERVICE }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.inner.taken();
        for key in &self.keys {
            let left = taken.counts.get_mut(key).map_or(0, |count| {
                *count = count.saturating_sub(1);
                *count
            });
            if left == 0 {
                taken.counts.remove(key);
            }
            // Only where somebody may wait.
            if left + 1 == max_of(key) {
                taken.freed.push(key.clone());
            }
        }
        let freed = !taken.freed.is_empty();
        drop(taken);
        if freed {
            self.inner.freed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_room_or_inviter_takes_its_shares_and_the_others_have_theirs() {
        let shares = Shares::default();
        let take = |room: &str, inviter: String| shares.take(room, &inviter, None);
        let mut of_tea: Vec<_> =
            (0..MAX_WAITING_OF_ONE).map(|n| take("tea@c", format!("a{n}@example.org")).unwrap()).collect();
        assert_eq!(take("tea@c", "b@example.org".to_owned()).unwrap_err(), "tea@c");
        assert!(take("den@c", "a0@example.org".to_owned()).is_ok(), "another room");
        assert!(!shares.has_left("tea@c") && shares.has_left("den@c"));
        assert!(shares.freed().is_empty());

        drop(of_tea.pop());
        assert_eq!((shares.freed(), shares.has_left("tea@c")), (vec!["tea@c".to_owned()], true));
        let of_eve: Vec<_> = (0..MAX_WAITING_OF_ONE)
            .map(|n| take(&format!("r{n}@c"), "eve@example.org".to_owned()).unwrap())
            .collect();
        assert_eq!(take("tea@c", "eve@example.org".to_owned()).unwrap_err(), "eve@example.org");

        drop((of_tea, of_eve));
        assert!(shares.0.taken().counts.is_empty());
    }
    #[test]
    fn one_service_leaves_places_for_others() {
        let shares = Shares::default();
        let take =
            |n: usize, service: &str| shares.take(&format!("r{n}@{service}"), &format!("a{n}@b"), None);
        let of_slow: Vec<_> = (0..MAX_WAITING_OF_SERVICE).map(|n| take(n, "slow.c").unwrap()).collect();
        assert_eq!(take(MAX_WAITING_OF_SERVICE, "slow.c").unwrap_err(), "slow.c");
        assert!(take(MAX_WAITING_OF_SERVICE, "c").is_ok());
        drop(of_slow);
        assert_eq!(shares.freed(), ["slow.c".to_owned()]);
    }

    #[test]
    fn one_contact_leaves_places_for_others() {
        let shares = Shares::default();
        let take = |n: usize, contact| shares.take(&format!("r{n}@c"), &format!("a{n}@b"), Some(contact));
        let _to_bob: Vec<_> = (0..MAX_WAITING_OF_ONE).map(|n| take(n, "bob@b").unwrap()).collect();
        assert_eq!(take(MAX_WAITING_OF_ONE, "bob@b").unwrap_err(), "to bob@b");
        assert!(take(MAX_WAITING_OF_ONE, "carol@b").is_ok());
        assert!(shares.take("tea@c", "bob@b", Some("dan@b")).is_ok(), "as an inviter");
    }
}
