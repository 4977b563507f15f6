//! The one boundary between the journal and its database: what a database does for the writer. There are two, `SQLite`
//! ([`super::sqlite_store`]) and `PostgreSQL` ([`super::postgres`]). Queue, batches, retries, and what follows from a claim, a
//! preference or a group are written once, above it. Knows no SQL.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::time::Duration;

use super::claim_memory::Memory;
use super::in_memory::{BlockedForAll, Names};
use super::nouns::{Key, Sent, Until, Window};
use super::op::{Address, Hash};
use super::open_error::OpenError;
use crate::model::group::KeptGroup;
use crate::model::{Arrival, Id, Lease, Outcome, Pending, Preferences};

/// What an opened database says of itself.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) instance: String,
    pub(super) salt: Vec<u8>,
    pub(super) looked: i64,
    /// The first id that was never given.
    pub(super) first: Id,
    pub(super) blocked_for_all: BlockedForAll,
    pub(super) group_names: Names,
}

/// What is remembered of a contact and room.
#[derive(Debug, Clone, Default)]
pub(super) struct Stored {
    /// The number of its row in `SQLite`; `None` if it has none, or one of an older version. In `PostgreSQL`, which finds rows by
    /// their keys: 0 if it has one.
    pub(super) row: Option<i64>,
    pub(super) memory: Memory,
}

/// How a transaction begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begun {
    /// It is open.
    Open,
    /// The last attempt was committed, though its answer was lost: there is nothing left to write.
    CommittedBefore,
}

/// What follows from an error.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The same would fail each time: the writer ends.
    Final(OpenError),
    /// It may pass; what the operator should do.
    MayPass(&'static str),
    /// The same; and it took too long, so that less at a time may succeed.
    TooSlow(&'static str),
}

/// An open database with one journal, for the one connection that writes.
pub(super) trait Store {
    /// Does work with the database within the time that it may take, if that is limited.
    fn within<T>(work: impl Future<Output = sqlx::Result<T>>) -> impl Future<Output = sqlx::Result<T>>;

    /// Its name in the log.
    fn name(&self) -> String;

    /// What an error of a statement means.
    fn trouble(&self, error: sqlx::Error) -> Trouble;

    /// For how long this process may write, as far as it knows.
    fn lease(&self) -> Lease;
    /// Renews the lead over other relays with the same journal, between two transactions. Returns the pause until the next time.
    ///
    /// # Errors
    /// [`OpenError::LeadLost`]. What may pass is tried again the next time.
    async fn stay_leader(&mut self) -> Result<Duration, OpenError>;

    /// Whether another relay that led before has handed something on. Between two transactions; `false` where that can't be found out.
    async fn has_late(&mut self) -> bool {
        false
    }
    /// Takes out what that is, the oldest first, `limit` at most. Their ids are no ids of invitations.
    async fn take_late(&mut self, _limit: i64) -> sqlx::Result<Vec<Pending>> {
        Ok(Vec::new())
    }

    /// Begins a transaction. `next`: the id of the next arrival once it is committed.
    async fn begin(&mut self, next: Id) -> sqlx::Result<Begun>;
    async fn commit(&mut self) -> sqlx::Result<()>;
    /// Undoes what was written since [`Self::begin`], whatever has happened to it.
    async fn rollback(&mut self);

    /// Writes arrivals: id, time, what arrived, and whether the room has made the contact a member for it.
    async fn admit(&mut self, rows: &[(Id, i64, &Arrival, bool)]) -> sqlx::Result<()>;
    /// Notes that the contacts of these invitations are about to be made members.
    async fn note_added(&mut self, ids: &[Id]) -> sqlx::Result<()>;
    /// Takes invitations under way out, without a trace in `history`.
    async fn discard(&mut self, ids: &[Id]) -> sqlx::Result<()>;
    /// Moves settled invitations from `pending` to `history`, without their payload.
    async fn settle(&mut self, outcomes: &[&Outcome], now: i64) -> sqlx::Result<()>;
    /// The oldest invitations under way behind `after`, `limit` at most, without those whose parent is under way.
    async fn backlog(&mut self, after: Id, limit: u32) -> sqlx::Result<Vec<Pending>>;
    /// The children of one that are under way, the oldest first.
    async fn children(&mut self, parent: Id) -> sqlx::Result<Vec<Pending>>;
    /// Which of these are under way.
    async fn under_way(&mut self, ids: &[Id]) -> sqlx::Result<HashSet<Id>>;
    /// Changes a relayed invitation's outcome in `history`, if that is not too long ago.
    async fn bounce(&mut self, outcome: &Outcome, sent: &Sent, now: i64) -> sqlx::Result<Option<Pending>>;
    /// Notes that the contact has declined the newest relayed invitation that was sent from this relay address and was not
    /// declined yet.
    async fn decline(&mut self, room: &str, sent: &Sent, now: i64) -> sqlx::Result<Option<Pending>>;
    /// `heir`, which has ended or not, takes over the membership that was added for `from`.
    async fn pass_membership(&mut self, from: Id, heir: Id) -> sqlx::Result<()>;

    /// What a batch asks for: [`Self::read_claims`] and [`Self::read_preferences`].
    async fn look_up(
        &mut self,
        keys: &[Key],
        people: &[&str],
    ) -> sqlx::Result<(HashMap<Key, Stored>, HashMap<String, Preferences>)> {
        Ok((self.read_claims(keys).await?, self.read_preferences(people).await?))
    }

    /// What a batch writes: [`Self::settle`], [`Self::admit`] and [`Self::write_claims`]. No row is in two of them.
    async fn write(
        &mut self,
        settled: &[&Outcome],
        admitted: &[(Id, i64, &Arrival, bool)],
        claims: &[(Key, &Stored)],
        now: i64,
    ) -> sqlx::Result<()> {
        self.settle(settled, now).await?;
        self.admit(admitted).await?;
        self.write_claims(claims).await
    }

    /// What is remembered of these contacts and rooms. Those of whom nothing is have no entry.
    async fn read_claims(&mut self, keys: &[Key]) -> sqlx::Result<HashMap<Key, Stored>>;
    /// Writes what has changed since it was read; where nothing is remembered any more the row goes.
    async fn write_claims(&mut self, changed: &[(Key, &Stored)]) -> sqlx::Result<()>;

    /// The preferences of these people; those who have the default are left out.
    async fn read_preferences(&mut self, people: &[&str]) -> sqlx::Result<HashMap<String, Preferences>>;
    /// Writes a person's preferences; who has the default has no row.
    async fn write_preferences(&mut self, person: &str, preferences: &Preferences) -> sqlx::Result<()>;

    /// All kept groups, ordered by name.
    async fn groups(&mut self) -> sqlx::Result<Vec<KeptGroup>>;
    async fn write_group(&mut self, group: &KeptGroup) -> sqlx::Result<()>;
    async fn delete_group(&mut self, name: &str) -> sqlx::Result<()>;

    /// Remembers an address. Returns another one with the same skeleton.
    async fn note_look(&mut self, address: &Address, remembered: Window) -> sqlx::Result<Option<String>>;
    async fn note_hash(&mut self, hash: &Hash, now: i64) -> sqlx::Result<()>;
    async fn note_looked(&mut self, until: i64) -> sqlx::Result<()>;

    /// Notes a commit, for the maintenance.
    fn note_write(&mut self);
    /// Makes a small step of maintenance, between two transactions, and returns the pause until the next one. A failure does no
    /// harm: the next step tries again.
    async fn maintain(&mut self, until: Until, idle: bool) -> Duration;
    /// Closes it, with nothing left that should be gone.
    async fn close(self) -> Result<(), OpenError>;
}
