//! How many jobs of one room, MUC service, inviter or contact wait for the answers of rooms and contacts' servers at a time:
//! those that are slow or silent must not take all places. Knows nothing of how a job runs, nor of those that have to wait.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
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
    names: RandomState,
    taken: Mutex<Taken>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    counts: HashMap<Key, usize>,
    /// The keys of shares that were given back since [`Shares::freed`] was last called.
    freed: Vec<Key>,
}

/// Who has shares: a room, a MUC service, an inviter or a contact. A digest under a secret of this run, which nobody can make
/// coincide with another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    name: u64,
    /// How many shares it has.
    shares: usize,
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.name);
    }
}

/// What a name is of: a contact may invite as well.
#[derive(Hash)]
enum Kind {
    Room,
    Service,
    Inviter,
    Contact,
}

/// A share of a room, its service, an inviter and a contact; it is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Share {
    keys: [Option<Key>; 4],
    inner: Arc<Inner>,
}

impl Shares {
    /// Takes a share of a room, its service, an inviter, and a contact (`None`: it is for many).
    ///
    /// # Errors
    /// The key of which all shares are taken.
    pub(super) fn take(&self, room: &str, inviter: &str, contact: Option<&str>) -> Result<Share, Key> {
        let key = |kind, name| Some(self.0.key(kind, name));
        let keys = [
            key(Kind::Room, room),
            key(Kind::Inviter, inviter),
            key(Kind::Service, address::domain_of(room)),
            contact.and_then(|contact| key(Kind::Contact, contact)),
        ];
        let mut taken = self.0.taken();
        if let Some(full) = keys.iter().flatten().find(|key| taken.left(key) == 0) {
            return Err(*full);
        }
        for key in keys.iter().flatten() {
            *taken.counts.entry(*key).or_default() += 1;
        }
        drop(taken);
        Ok(Share { keys, inner: Arc::clone(&self.0) })
    }

    /// Whether a key has a share left.
    pub(super) fn has_left(&self, key: &Key) -> bool {
        self.0.taken().left(key) > 0
    }

    /// The keys of shares that were given back since the last call.
    pub(super) fn freed(&self) -> Vec<Key> {
        std::mem::take(&mut self.0.taken().freed)
    }

    /// Waits until a share is given back.
    pub(super) async fn changed(&self) {
        self.0.freed.notified().await;
    }
}

impl Inner {
    fn key(&self, kind: Kind, name: &str) -> Key {
        let shares = if let Kind::Service = kind { MAX_WAITING_OF_SERVICE } else { MAX_WAITING_OF_ONE };
        Key { name: self.names.hash_one((kind, name)), shares }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn left(&self, key: &Key) -> usize {
        key.shares.saturating_sub(self.counts.get(key).copied().unwrap_or(0))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.inner.taken();
        for key in self.keys.iter().flatten() {
            let left = taken.counts.get_mut(key).map_or(0, |count| {
                *count = count.saturating_sub(1);
                *count
            });
            if left == 0 {
                taken.counts.remove(key);
            }
            // Only where somebody may wait.
            if left + 1 == key.shares {
                taken.freed.push(*key);
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
        let (tea, den) = (shares.0.key(Kind::Room, "tea@c"), shares.0.key(Kind::Room, "den@c"));
        assert_eq!(take("tea@c", "b@example.org".to_owned()).unwrap_err(), tea);
        assert!(take("den@c", "a0@example.org".to_owned()).is_ok(), "another room");
        assert!(!shares.has_left(&tea) && shares.has_left(&den));
        assert!(shares.freed().is_empty());

        drop(of_tea.pop());
        assert_eq!((shares.freed(), shares.has_left(&tea)), (vec![tea], true));
        let of_eve: Vec<_> = (0..MAX_WAITING_OF_ONE)
            .map(|n| take(&format!("r{n}@c"), "eve@example.org".to_owned()).unwrap())
            .collect();
        let eve = shares.0.key(Kind::Inviter, "eve@example.org");
        assert_eq!(take("tea@c", "eve@example.org".to_owned()).unwrap_err(), eve);

        drop((of_tea, of_eve));
        assert!(shares.0.taken().counts.is_empty());
    }
    #[test]
    fn one_service_leaves_places_for_others() {
        let shares = Shares::default();
        let take =
            |n: usize, service: &str| shares.take(&format!("r{n}@{service}"), &format!("a{n}@b"), None);
        let of_slow: Vec<_> = (0..MAX_WAITING_OF_SERVICE).map(|n| take(n, "slow.c").unwrap()).collect();
        let slow = shares.0.key(Kind::Service, "slow.c");
        assert_eq!(take(MAX_WAITING_OF_SERVICE, "slow.c").unwrap_err(), slow);
        assert!(take(MAX_WAITING_OF_SERVICE, "c").is_ok());
        drop(of_slow);
        assert_eq!(shares.freed(), [slow]);
    }

    #[test]
    fn one_contact_leaves_places_for_others() {
        let shares = Shares::default();
        let take = |n: usize, contact| shares.take(&format!("r{n}@c"), &format!("a{n}@b"), Some(contact));
        let _to_bob: Vec<_> = (0..MAX_WAITING_OF_ONE).map(|n| take(n, "bob@b").unwrap()).collect();
        assert_eq!(take(MAX_WAITING_OF_ONE, "bob@b").unwrap_err(), shares.0.key(Kind::Contact, "bob@b"));
        assert!(take(MAX_WAITING_OF_ONE, "carol@b").is_ok());
        assert!(shares.take("tea@c", "bob@b", Some("dan@b")).is_ok(), "as an inviter");
    }
}
