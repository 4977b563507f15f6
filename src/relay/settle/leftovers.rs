//! Invitations whose relay addresses may be left on the member lists of their rooms: whose, and when to look.
//! Knows nothing of how rooms are looked at.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jid::BareJid;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::debug;

use crate::model::address;

/// How long after an invitation its room is looked at once more.
pub(super) const SECOND_LOOK_AFTER: Duration = Duration::from_secs(3);
/// Invitations in memory whose rooms are looked at once more.
const MAX_NOTED: usize = 4096;

/// Invitations whose relay addresses may be left on a member list.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    noted: Mutex<VecDeque<Noted>>,
    changed: Notify,
}

#[derive(Debug)]
struct Noted {
    due: Instant,
    room: BareJid,
    inviter: Option<BareJid>,
    contact: BareJid,
}

/// What is looked for in a room, and in whose name.
#[derive(Debug, Clone, Default)]
pub(super) struct InRoom {
    pub(super) inviter: Option<BareJid>,
    pub(super) contacts: Vec<BareJid>,
}

impl InRoom {
    pub(super) fn add(&mut self, other: Self) {
        // Whoever is known is better than nobody.
        self.inviter = other.inviter.or(self.inviter.take());
        self.contacts.extend(other.contacts);
    }
}

impl Leftovers {
    /// Has the room of an invitation looked at in some seconds. `person`: the inviter, if they were found out after the arrival.
    pub(crate) fn note(&self, room: &str, contact: &str, inviter: &str, person: Option<&BareJid>) {
        let (Ok(room), Ok(contact)) = (address::own(room), address::own(contact)) else {
            return;
        };
        let named = || address::own(inviter).ok().filter(|_| !inviter.contains('/'));
        let inviter = person.cloned().or_else(named);
        let mut noted = self.noted();
        if noted.len() >= MAX_NOTED {
            debug!(%room, "too many rooms are to be looked at: a relay address may stay on the member list");
            return;
        }
        noted.push_back(Noted { due: Instant::now() + SECOND_LOOK_AFTER, room, inviter, contact });
        drop(noted);
        self.changed.notify_one();
    }

    /// Has a room looked at again in the next round, because the link was lost.
    pub(super) fn put_back(&self, room: &BareJid, looked_for: &InRoom) {
        let InRoom { inviter, contacts } = looked_for;
        for contact in contacts {
            let (room, inviter, contact) = (room.clone(), inviter.clone(), contact.clone());
            self.noted().push_front(Noted { due: Instant::now(), room, inviter, contact });
        }
        self.changed.notify_one();
    }

    /// Those that are due at this moment, by room.
    pub(super) fn due(&self, now: Instant) -> HashMap<BareJid, InRoom> {
        let mut noted = self.noted();
        let due = noted.iter().take_while(|noted| noted.due <= now).count();
        let mut rooms = HashMap::<_, InRoom>::new();
        for Noted { room, inviter, contact, .. } in noted.drain(..due) {
            rooms.entry(room).or_default().add(InRoom { inviter, contacts: vec![contact] });
        }
        rooms
    }

    /// When the next one is due.
    pub(super) async fn next(&self) -> Instant {
        loop {
            let changed = self.changed.notified();
            if let Some(noted) = self.noted().front() {
                return noted.due;
            }
            changed.await;
        }
    }

    fn noted(&self) -> MutexGuard<'_, VecDeque<Noted>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
