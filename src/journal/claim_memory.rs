//! What the journal remembers of the invitations of one contact to one room, and what follows for the next one. Pure: no
//! SQL, no clock. Knows nothing of how an invitation is sent.
//!
//! Two lists are kept. `reached` has what was sent to the contact, and decides whether the next one is sent. `asked` has
//! what inviters have asked for, whatever the contact thinks of them, and decides whether the inviter is told that the
//! contact was invited before. So no inviter can find out by asking again who is inside, or blocks them. Nearly always
//! the lists are equal, and are stored once.

use std::collections::HashSet;

use super::claim::{Claim, Claimed, Delivery, Held, Inviter, RoomPassword, Wanted};
use crate::model::Id;

/// The longest time for which an inviter has to wait: ms.
const LONGEST_WINDOW_MS: i64 = 24 * 3600 * 1000;

/// How many times `relay.window` an inviter has to wait after the first, the second and each further invitation that was
/// let through. With 10 minutes: 10 minutes, an hour, a day.
const GROWTH: [i64; 3] = [1, 6, 144];

/// Inviters that are remembered in a list.
const MAX_INVITERS: usize = 8;

/// For how long after its first form the second form of an invitation is nothing new to its inviter: ms.
const FORMS_APART_MS: i64 = 10_000;

/// Bytes of an entry as it is stored.
const ENTRY_BYTES: usize = 8 + 4 + 1 + 8;

/// How long one has to wait for the next; ms, the time since 1970, UTC.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    pub(super) now: i64,
    /// `relay.window`.
    pub(super) first: i64,
}

impl Windows {
    /// What `now` may differ from a time that counts. Times from a future that is further off don't count: the clock was set
    /// back, and nobody must wait for it to come round again.
    pub(super) fn holds(self, at: i64, length: i64) -> bool {
        at > self.now - length && at <= self.now + length
    }

    /// For this long nothing is forgotten.
    pub(super) fn longest(self) -> i64 {
        self.first.max(LONGEST_WINDOW_MS)
    }

    fn of(self, step: u8) -> i64 {
        let growth = GROWTH.get(usize::from(step)).unwrap_or(&GROWTH[GROWTH.len() - 1]);
        self.first.saturating_mul(*growth).min(self.longest())
    }

    /// Who has not invited for half a day begins anew.
    fn is_remembered(self, entry: &Entry) -> bool {
        self.holds(entry.at, self.of(entry.step).max(self.longest() / 2))
    }
}

/// An invitation that was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    inviter: Inviter,
    at: i64,
    /// How far the inviter's window has grown.
    step: u8,
    direct: bool,
    id: Id,
}

/// The invitations that were let through, the newest of each inviter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct List {
    /// The newest one's.
    password: RoomPassword,
    /// The newest is the last.
    entries: Vec<Entry>,
}

/// How a list answers.
enum Answer<'a> {
    /// It is in the list already.
    Again,
    New,
    Repeated(&'a Entry),
}

impl List {
    /// Adds the invitation, unless one is in its way.
    fn ask(&mut self, claim: &Claim, windows: Windows, under_way: &HashSet<Id>) -> Answer<'_> {
        self.keep(|entry| windows.is_remembered(entry) || under_way.contains(&entry.id));
        // One that waited for long, or was interrupted, does not know the newest password.
        if self.entries.last().is_some_and(|newest| newest.id < claim.id)
            && self.has_another_password_than(claim.password, claim.inviter, windows)
        {
            self.entries.clear();
        }
        if let Some(at) = self.entries.iter().position(|entry| entry.id == claim.id) {
            let own = self.entries.remove(at);
            // It counts from now on. If another one was let through after it, the contact has that one.
            if at == self.entries.len() || !self.newest_is_in_the_way(windows, under_way) {
                self.entries.push(Entry { at: windows.now, ..own });
                return Answer::Again;
            }
        }
        let newest = self.newest_is_in_the_way(windows, under_way).then(|| self.entries.len() - 1);
        let before = self.entries.iter().position(|entry| entry.inviter == claim.inviter);
        let held = before.filter(|at| {
            let entry = &self.entries[*at];
            windows.holds(entry.at, windows.of(entry.step))
        });
        if let Some(at) = newest.or(held) {
            if claim.instead_of != Some(self.entries[at].id) {
                return Answer::Repeated(&self.entries[at]);
            }
            self.entries.clear();
        }
        let before = self.entries.iter().position(|entry| entry.inviter == claim.inviter);
        let step = before.map_or(0, |at| self.entries.remove(at).step.saturating_add(1));
        if self.entries.len() >= MAX_INVITERS {
            self.entries.remove(0);
        }
        let step = step.min(u8::try_from(GROWTH.len() - 1).unwrap_or(u8::MAX));
        let Claim { inviter, direct, id, .. } = *claim;
        self.entries.push(Entry { inviter, at: windows.now, step, direct, id });
        self.password = claim.password;
        Answer::New
    }

    /// Whether the room's password is not the one that the contact has: it was changed, or an inviter has said a wrong one.
    fn has_another_password_than(&self, told: RoomPassword, by: Inviter, windows: Windows) -> bool {
        let RoomPassword::Digest(told) = told else { return false };
        match self.password {
            RoomPassword::Unknown => false,
            RoomPassword::None => true,
            RoomPassword::Digest(known) => known != told,
            RoomPassword::Said(said) => {
                let newest = self.entries.last();
                let other_form =
                    newest.is_some_and(|it| it.inviter == by && windows.holds(it.at, FORMS_APART_MS));
                said != Some(told) && !other_form
            }
        }
    }

    fn newest_is_in_the_way(&self, windows: Windows, under_way: &HashSet<Id>) -> bool {
        self.entries
            .last()
            .is_some_and(|entry| windows.holds(entry.at, windows.first) || under_way.contains(&entry.id))
    }

    fn keep(&mut self, keep: impl FnMut(&Entry) -> bool) {
        self.entries.retain(keep);
        if self.entries.is_empty() {
            *self = Self::default();
        }
    }

    fn has(&self, id: Id) -> bool {
        self.entries.iter().any(|entry| entry.id == id)
    }

    fn release(&mut self, id: Id) {
        self.keep(|entry| entry.id != id);
    }
}

/// What is remembered of one contact and room.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Memory {
    reached: List,
    asked: List,
}

impl Memory {
    /// Asks for contact and room. `under_way`: those of [`Self::ids`] that have not ended.
    pub(super) fn ask(&mut self, claim: &Claim, windows: Windows, under_way: &HashSet<Id>) -> Claimed {
        // If nothing was sent, the relay itself has taken the membership back, and the inviter must not notice.
        let ended = self.reached.entries.iter().filter(|entry| !under_way.contains(&entry.id));
        let last = ended.map(|entry| entry.at).max();
        let gone = claim.anew.zip(last).is_some_and(|(anew, last)| last < anew);
        if gone || claim.wanted == Wanted::Barred {
            self.clear(under_way);
        }
        if claim.wanted == Wanted::Barred {
            let delivery = Delivery::NotWanted;
            return Claimed { delivery, repeated: false, other_form: false, again: false };
        }
        let again = self.reached.has(claim.id) || self.asked.has(claim.id);
        let delivery = match claim.wanted {
            Wanted::No | Wanted::Barred => {
                self.reached.release(claim.id);
                Delivery::NotWanted
            }
            Wanted::Inside => {
                self.reached.keep(|entry| under_way.contains(&entry.id) && entry.id != claim.id);
                Delivery::NotWanted
            }
            Wanted::Yes => match self.reached.ask(claim, windows, under_way) {
                Answer::Again | Answer::New => Delivery::Granted,
                Answer::Repeated(entry) => {
                    Delivery::Held { by: entry.id, under_way: under_way.contains(&entry.id) }
                }
            },
        };
        if claim.instead_of.is_some() && delivery == Delivery::Granted {
            self.asked.keep(|entry| entry.id == claim.id);
        }
        // The inviter's window does not depend on how long it takes to send one: that may depend on the contact.
        let (repeated, other_form) = match self.asked.ask(claim, windows, &HashSet::new()) {
            Answer::Again | Answer::New => (false, false),
            Answer::Repeated(entry) => {
                let same_moment = entry.inviter == claim.inviter
                    && entry.direct != claim.direct
                    && windows.holds(entry.at, FORMS_APART_MS);
                (true, same_moment)
            }
        };
        Claimed { delivery, repeated, other_form, again }
    }

    /// Whether the contact has an invitation that is in the way of one by this inviter, and whether the inviter would be told
    /// so. `password`: as the room has told it for the one that would be sent.
    pub(super) fn holds(&self, inviter: Inviter, password: RoomPassword, windows: Windows) -> Held {
        let own = |entry: &Entry| entry.inviter == inviter && windows.holds(entry.at, windows.of(entry.step));
        let in_the_way = |list: &List| {
            !list.has_another_password_than(password, inviter, windows)
                && (list.newest_is_in_the_way(windows, &HashSet::new()) || list.entries.iter().any(own))
        };
        Held { reached: in_the_way(&self.reached), asked: in_the_way(&self.asked) }
    }

    /// Takes an invitation out that did not reach the contact.
    pub(super) fn release(&mut self, id: Id) {
        self.reached.release(id);
        self.asked.release(id);
    }

    /// Forgets what has ended.
    fn clear(&mut self, under_way: &HashSet<Id>) {
        for list in [&mut self.reached, &mut self.asked] {
            list.keep(|entry| under_way.contains(&entry.id));
        }
    }

    /// Another invitation that was sent to the contact, or is being sent: the newest.
    pub(super) fn another(&self, id: Id) -> Option<Id> {
        self.reached.entries.iter().rev().map(|entry| entry.id).find(|other| *other != id)
    }

    /// The invitations that are remembered.
    pub(super) fn ids(&self) -> impl Iterator<Item = Id> {
        self.reached.entries.iter().map(|entry| entry.id)
    }

    /// When the newest was let through; `None` if nothing is remembered.
    pub(super) fn newest(&self) -> Option<i64> {
        self.reached.entries.iter().chain(&self.asked.entries).map(|entry| entry.at).max()
    }
}

/// How it is stored, beside the time of the newest: the number of entries of `reached`, its password and entries, and the
/// same of `asked` if that is another list.
impl Memory {
    pub(super) fn to_bytes(&self, newest: i64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(4 + ENTRY_BYTES);
        self.reached.write(newest, &mut bytes);
        if self.asked != self.reached {
            self.asked.write(newest, &mut bytes);
        }
        bytes
    }

    /// Nothing is remembered where the bytes are not those of [`Self::to_bytes`].
    pub(super) fn from_bytes(mut bytes: &[u8], newest: i64) -> Self {
        let Some(reached) = List::read(newest, &mut bytes) else { return Self::default() };
        let asked = List::read(newest, &mut bytes).unwrap_or_else(|| reached.clone());
        Self { reached, asked }
    }

    /// What a journal that knew of no inviters had: the time, and the invitation.
    pub(super) fn of_older(at: i64, id: Id) -> Self {
        let entry = Entry { inviter: Inviter::default(), at, step: 0, direct: false, id };
        let list = List { entries: vec![entry], ..List::default() };
        Self { reached: list.clone(), asked: list }
    }
}

impl List {
    fn write(&self, newest: i64, bytes: &mut Vec<u8>) {
        let (told, digest) = match self.password {
            RoomPassword::Unknown => (0, 0),
            RoomPassword::None => (1, 0),
            RoomPassword::Digest(digest) => (2, digest),
            RoomPassword::Said(None) => (3, 0),
            RoomPassword::Said(Some(digest)) => (4, digest),
        };
        bytes.push(u8::try_from(self.entries.len()).unwrap_or(u8::MAX));
        bytes.push(told);
        bytes.extend(digest.to_le_bytes());
        for entry in &self.entries {
            // Up to 49 days, which is longer than anything but a very long window.
            let ago = u32::try_from(newest - entry.at).unwrap_or(u32::MAX);
            bytes.extend(entry.inviter);
            bytes.extend(ago.to_le_bytes());
            bytes.push((entry.step << 1) | u8::from(entry.direct));
            bytes.extend(entry.id.to_le_bytes());
        }
    }

    fn read(newest: i64, bytes: &mut &[u8]) -> Option<Self> {
        let [count, told] = take(bytes)?;
        let digest = u16::from_le_bytes(take(bytes)?);
        let password = match told {
            0 => RoomPassword::Unknown,
            1 => RoomPassword::None,
            3 => RoomPassword::Said(None),
            4 => RoomPassword::Said(Some(digest)),
            _ => RoomPassword::Digest(digest),
        };
        let entries = (0..count).map(|_| {
            let inviter = take(bytes)?;
            let at = newest - i64::from(u32::from_le_bytes(take(bytes)?));
            let [step] = take(bytes)?;
            let id = Id::from_le_bytes(take(bytes)?);
            Some(Entry { inviter, at, step: step >> 1, direct: step & 1 == 1, id })
        });
        let entries = entries.collect::<Option<_>>()?;
        Some(Self { password, entries })
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}
