//! The handle to the journal: what can be asked of the writer. Knows nothing of how it is written.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::claim::{Claim, Claimed, Held, RoomPassword, Wanted};
use super::claim_keys::{self, key};
use super::health::WriterHealth;
use super::in_memory::{BlockedForAll, Names};
use super::nouns::{Release, Sent};
use super::op::{Admission, Admitted, AfterAdmit, Op};
use super::retention::Retention;
use crate::model::{Arrival, Id, Lease, Outcome, Pending, Reason, State};

/// The writer has ended. The reason is in the log, and [`super::Writer::run`] has returned it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal is closed")]
pub struct JournalClosed;

/// The handle to the journal; cheap to clone. Every answer means that the data is on the disk.
#[derive(Debug, Clone)]
pub struct Journal {
    pub(super) ops: mpsc::Sender<Op>,
    pub(super) instance: Arc<str>,
    pub(super) salt: Arc<[u8]>,
    pub(super) first: Id,
    pub(super) looked: i64,
    pub(super) retention: Arc<watch::Sender<Retention>>,
    pub(super) health: WriterHealth,
    pub(super) blocked_for_all: BlockedForAll,
    pub(super) group_names: Names,
    pub(super) lease: Lease,
    pub(super) late: Arc<Notify>,
}

/// An invitation that asks for its contact and room.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The contact's bare JID.
    pub contact: &'a str,
    /// The room's bare JID.
    pub room: &'a str,
    /// The inviter's bare JID, or `ROOM/NICK` where nobody knows it.
    pub inviter: &'a str,
    /// It came from the inviter itself, and not through the room.
    pub direct: bool,
    /// What the room has told of its password: see [`Journal::password`].
    pub password: RoomPassword,
    /// What the contact's side says.
    pub wanted: Wanted,
    /// The contact is about to be made a member for it. The journal keeps that with the invitation, where it is granted.
    pub adding: bool,
    /// The invitation that was in the way before, and is out of date: the contact has lost the membership that came with it.
    pub instead_of: Option<Id>,
    /// When the room has made the contact a member for it, if it has: ms since 1970, UTC. Nothing that they were invited with
    /// before that is of use. The journal keeps with the invitation that they were made a member, in any case.
    pub anew: Option<i64>,
}

impl Ask<'_> {
    fn claim(&self, id: Id) -> Claim {
        Claim {
            key: key(self.contact, self.room),
            id,
            inviter: claim_keys::half(self.inviter),
            direct: self.direct,
            password: self.password,
            wanted: self.wanted,
            adding: self.adding,
            instead_of: self.instead_of,
            anew: self.anew,
        }
    }
}

impl Journal {
    /// A short random word that identifies this journal, for message ids.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// The first id of this run; smaller ones belong to earlier runs.
    #[must_use]
    pub fn first(&self) -> Id {
        self.first
    }

    /// Until when earlier runs have noted with [`Self::note_looked`] that rooms were looked at: ms since 1970, UTC.
    #[must_use]
    pub fn looked(&self) -> i64 {
        self.looked
    }

    /// Notes that the rooms of all invitations that had ended by `until` (ms since 1970, UTC) were looked at once more.
    ///
    /// # Errors
    /// [`JournalClosed`]: the writer has ended.
    pub async fn note_looked(&self, until: i64) -> Result<(), JournalClosed> {
        self.ask(|answer| Op::Looked { until, answer }).await
    }

    /// Changes how long things are kept, from now on.
    pub fn set_retention(&self, retention: Retention) {
        self.retention.send_replace(retention);
    }

    /// For how long this process may relay, as far as it knows: another one may have the lead after that.
    #[must_use]
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// The state of the writer.
    #[must_use]
    pub fn writer_health(&self) -> WriterHealth {
        self.health.clone()
    }

    /// A digest of a room's password, to be compared with others. `by_room`: the room has told it, and not the inviter alone.
    #[must_use]
    pub fn password(&self, room: &str, password: Option<&str>, by_room: bool) -> RoomPassword {
        let digest = password.map(|password| claim_keys::of_password(&self.salt, room, password));
        match digest {
            said if !by_room => RoomPassword::Said(said),
            Some(told) => RoomPassword::Digest(told),
            None => RoomPassword::None,
        }
    }

    /// Takes an invitation in; from here on it is not lost.
    ///
    /// # Errors
    /// [`JournalClosed`]: the writer has ended.
    pub async fn admit(&self, arrival: Arrival) -> Result<Admitted, JournalClosed> {
        self.take(arrival, false, None, AfterAdmit::Wait).await
    }

    /// Like [`Self::admit`]. `added`: the room has made the contact a member for it.
    ///
    /// # Errors
    /// [`JournalClosed`].
    pub async fn admit_with_membership(
        &self,
        arrival: Arrival,
        added: bool,
    ) -> Result<Admitted, JournalClosed> {
        self.take(arrival, added, None, AfterAdmit::Wait).await
    }

    /// Takes an invitation in and asks for contact and room for it, both or none. If another one that has ended is in the
    /// way, it has ended as suppressed.
    ///
    /// # Errors
    /// [`JournalClosed`].
    pub async fn admit_claimed(&self, arrival: Arrival, ask: &Ask<'_>) -> Result<Admitted, JournalClosed> {
        self.take(arrival, ask.anew.is_some(), Some(ask.claim(0)), AfterAdmit::Claim).await
    }

    /// Takes an invitation in and asks for contact and room for it, both or none. It is under way whatever the answer is.
    ///
    /// # Errors
    /// [`JournalClosed`].
    pub async fn admit_asking(&self, arrival: Arrival, ask: &Ask<'_>) -> Result<Admitted, JournalClosed> {
        self.take(arrival, false, Some(ask.claim(0)), AfterAdmit::Wait).await
    }

    /// Writes an invitation that has ended already.
    ///
    /// # Errors
    /// [`JournalClosed`]: the writer has ended.
    pub async fn note(
        &self,
        arrival: Arrival,
        state: State,
        reason: Option<Reason>,
    ) -> Result<Id, JournalClosed> {
        Ok(self.take(arrival, false, None, AfterAdmit::End { state, reason }).await?.id)
    }

    /// Like [`Self::note`], for one that is to count as asked for.
    ///
    /// # Errors
    /// [`JournalClosed`].
    pub async fn note_asked(
        &self,
        arrival: Arrival,
        ask: &Ask<'_>,
        state: State,
        reason: Option<Reason>,
    ) -> Result<Admitted, JournalClosed> {
        self.take(arrival, ask.anew.is_some(), Some(ask.claim(0)), AfterAdmit::End { state, reason }).await
    }

    async fn take(
        &self,
        arrival: Arrival,
        added: bool,
        claim: Option<Claim>,
        then: AfterAdmit,
    ) -> Result<Admitted, JournalClosed> {
        let admission = Box::new(Admission { arrival, added, claim: claim.map(Box::new), then });
        self.ask(|answer| Op::Admit { admission, answer }).await
    }

    /// Asks for contact and room for this invitation. The answer is the same each time, so that an interrupted one can go on.
    ///
    /// # Errors
    /// [`JournalClosed`].
    pub async fn claim(&self, id: Id, ask: &Ask<'_>) -> Result<Claimed, JournalClosed> {
        let claim = ask.claim(id);
        self.ask(|answer| Op::Claim { claim, answer }).await
    }

    /// Another invitation of this contact to this room takes over the membership that was added for this one. Returns whether
    /// there is one; else the membership is to be taken back.
    ///
    /// # Errors
    /// [`JournalClosed`].
    pub async fn pass_membership_on(&self, id: Id, contact: &str, room: &str) -> Result<bool, JournalClosed> {
        let from = Release { key: key(contact, room), id };
        self.ask(|answer| Op::PassMembershipOn { from, answer }).await
    }

    /// Deletes a pending invitation, as if it had never arrived.
    ///
    /// # Errors
    /// [`JournalClosed`].
    pub async fn discard(&self, id: Id, contact: &str, room: &str) -> Result<(), JournalClosed> {
        let release = Release { key: key(contact, room), id };
        self.ask(|answer| Op::Discard { release, answer }).await
    }

    /// Ends an invitation: its payload is wiped, the rest moves to `history`.
    ///
    /// # Errors
    /// [`JournalClosed`]: the writer has ended.
    pub async fn settle(&self, outcome: Outcome) -> Result<(), JournalClosed> {
        self.ask(|answer| Op::Settle { outcome, release: None, answer }).await
    }

    /// As [`Self::settle`], and gives up the claim, so that the contact can be invited to this room again.
    ///
    /// # Errors
    /// [`JournalClosed`]: the writer has ended.
    pub async fn settle_unclaimed(
        &self,
        outcome: Outcome,
        contact: &str,
        room: &str,
    ) -> Result<(), JournalClosed> {
        let release = Some(Release { key: key(contact, room), id: outcome.id });
        self.ask(|answer| Op::Settle { outcome, release, answer }).await
    }

    /// Notes that a relayed invitation came back after it had been settled: `history` gets the new outcome, the claim is given
    /// up. Returns the invitation without its payload; `None` if no invitation with this id was sent to `contact` as `sent_as`.
    ///
    /// # Errors
    /// [`JournalClosed`]: the writer has ended.
    pub async fn bounce(
        &self,
        outcome: Outcome,
        contact: &str,
        sent_as: &str,
    ) -> Result<Option<Pending>, JournalClosed> {
        let sent = Sent { contact: contact.to_owned(), sent_as: sent_as.to_owned() };
        self.ask(|answer| Op::Bounce { outcome, sent, answer }).await
    }

    /// The contact has declined a relayed invitation that came from a relay address. Returns the newest one (without its
    /// payload) of those that were sent to `contact` as `sent_as` and were not declined yet; `None` if there is none.
    ///
    /// # Errors
    /// [`JournalClosed`]: the writer has ended.
    pub async fn decline(
        &self,
        room: &str,
        contact: &str,
        sent_as: &str,
    ) -> Result<Option<Pending>, JournalClosed> {
        let sent = Sent { contact: contact.to_owned(), sent_as: sent_as.to_owned() };
        self.ask(|answer| Op::Decline { room: room.to_owned(), sent, answer }).await
    }

    /// Which of these contacts are not to be invited to this room by this inviter now, in their order. `password`: see
    /// [`Journal::password`].
    ///
    /// # Errors
    /// [`JournalClosed`]: the writer has ended.
    pub async fn held<'a>(
        &self,
        room: &str,
        inviter: &str,
        password: RoomPassword,
        contacts: impl Iterator<Item = &'a str>,
    ) -> Result<Vec<Held>, JournalClosed> {
        let keys = contacts.map(|contact| key(contact, room)).collect();
        let inviter = claim_keys::half(inviter);
        self.ask(|answer| Op::Held { keys, inviter, password, answer }).await
    }

    /// The pending parts of a fan-out, the oldest first.
    ///
    /// # Errors
    /// [`JournalClosed`]: the writer has ended.
    pub async fn children(&self, parent: Id) -> Result<Vec<Pending>, JournalClosed> {
        self.ask(|answer| Op::Children { parent, answer }).await
    }

    /// The oldest pending invitations with an id above `after`, `limit` at most. Parts of a fan-out are left out while their
    /// parent is pending.
    ///
    /// # Errors
    /// [`JournalClosed`]: the writer has ended.
    pub async fn backlog(&self, after: Id, limit: u32) -> Result<Vec<Pending>, JournalClosed> {
        self.ask(|answer| Op::Backlog { after, limit, answer }).await
    }

    /// Waits until another relay that led before has handed on what it had read: see [`Self::take_late`].
    pub async fn late_arrives(&self) {
        self.late.notified().await;
    }

    /// Takes in what another relay has handed on, some of it at a time. Returns the id of the first: it and those behind it are in the
    /// backlog from now on.
    ///
    /// # Errors
    /// [`JournalClosed`]: the writer has ended.
    pub async fn take_late(&self) -> Result<Option<Id>, JournalClosed> {
        self.ask(|answer| Op::TakeLate { answer }).await
    }

    /// The same, under a lease that a test ends.
    #[cfg(test)]
    pub(crate) fn under(self, lease: Lease) -> Self {
        Self { lease, ..self }
    }

    /// Whether nothing is being written, nor waits for that.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.ops.capacity() == self.ops.max_capacity() && !self.health.is_at_work()
    }

    pub(super) async fn ask<T>(&self, op: impl FnOnce(oneshot::Sender<T>) -> Op) -> Result<T, JournalClosed> {
        let (answer, wait) = oneshot::channel();
        self.ops.send(op(answer)).await.map_err(|_| JournalClosed)?;
        wait.await.map_err(|_| JournalClosed)
    }
}
