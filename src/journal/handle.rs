//! The handle to the journal: what can be asked of the writer. Knows nothing of how it is written.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use super::batch::{Claim, Sent};
use super::claim_keys::key;
use super::health::WriterHealth;
use super::in_memory::{BlockedForAll, Names};
use super::op::{Admitted, AfterAdmit, Op};
use super::retention::Retention;
use crate::model::{Arrival, Id, Outcome, Pending, Reason, State};

/// The writer has ended. The reason is in the log, and [`super::Writer::run`] has returned it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal is closed")]
pub struct Closed;

/// The handle to the journal; cheap to clone. Every answer means that the data is on the disk.
#[derive(Debug, Clone)]
pub struct Journal {
    pub(super) ops: mpsc::Sender<Op>,
    pub(super) instance: Arc<str>,
    pub(super) first: Id,
    pub(super) retention: Arc<watch::Sender<Retention>>,
    pub(super) health: WriterHealth,
    pub(super) blocked_for_all: BlockedForAll,
    pub(super) group_names: Names,
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

    /// Changes how long things are kept, from now on.
    pub fn set_retention(&self, retention: Retention) {
        self.retention.send_replace(retention);
    }

    /// The state of the writer.
    #[must_use]
    pub fn writer_health(&self) -> WriterHealth {
        self.health.clone()
    }

    /// Writes an invitation as pending; from now on it is not lost.
    ///
    /// # Errors
    /// [`Closed`]: the writer has ended.
    pub async fn admit(&self, arrival: Arrival) -> Result<Admitted, Closed> {
        self.take(arrival, AfterAdmit::Wait).await
    }

    /// Writes an invitation and claims contact and room for it. If the answer says `duplicate`, another invitation holds the
    /// claim, and this one has ended as suppressed.
    ///
    /// # Errors
    /// [`Closed`]: the writer has ended.
    pub async fn admit_claimed(&self, arrival: Arrival) -> Result<Admitted, Closed> {
        self.take(arrival, AfterAdmit::Claim).await
    }

    /// Writes an invitation that has ended already.
    ///
    /// # Errors
    /// [`Closed`]: the writer has ended.
    pub async fn note(&self, arrival: Arrival, state: State, reason: Option<Reason>) -> Result<Id, Closed> {
        Ok(self.take(arrival, AfterAdmit::End { state, reason }).await?.id)
    }

    async fn take(&self, arrival: Arrival, then: AfterAdmit) -> Result<Admitted, Closed> {
        let key = key(&arrival.contact, &arrival.room);
        self.ask(|answer| Op::Admit { arrival, key, then, answer }).await
    }

    /// Claims contact and room for this invitation. Of all invitations that ask within the window, only the first gets `true`;
    /// it gets `true` each time it asks, so that it can go on after an interruption.
    ///
    /// # Errors
    /// [`Closed`]: the writer has ended.
    pub async fn claim(&self, id: Id, contact: &str, room: &str) -> Result<bool, Closed> {
        let claim = Claim { key: key(contact, room), id };
        self.ask(|answer| Op::Claim { claim, adding: false, answer }).await
    }

    /// As [`Self::claim`]; if the answer is `true`, also notes with the invitation that the contact is about to be made a
    /// member for it. The note stays.
    ///
    /// # Errors
    /// [`Closed`]: the writer has ended.
    pub async fn claim_adding(&self, id: Id, contact: &str, room: &str) -> Result<bool, Closed> {
        let claim = Claim { key: key(contact, room), id };
        self.ask(|answer| Op::Claim { claim, adding: true, answer }).await
    }

    /// Deletes a pending invitation, as if it had never arrived.
    ///
    /// # Errors
    /// [`Closed`]: the writer has ended.
    pub async fn discard(&self, id: Id) -> Result<(), Closed> {
        self.ask(|answer| Op::Discard { id, answer }).await
    }

    /// Ends an invitation: its payload is wiped, the rest moves to `history`.
    ///
    /// # Errors
    /// [`Closed`]: the writer has ended.
    pub async fn settle(&self, outcome: Outcome) -> Result<(), Closed> {
        self.ask(|answer| Op::Settle { outcome, release: None, answer }).await
    }

    /// As [`Self::settle`], and gives up the claim, so that the contact can be invited to this room again.
    ///
    /// # Errors
    /// [`Closed`]: the writer has ended.
    pub async fn settle_unclaimed(&self, outcome: Outcome, contact: &str, room: &str) -> Result<(), Closed> {
        let release = Some(Claim { key: key(contact, room), id: outcome.id });
        self.ask(|answer| Op::Settle { outcome, release, answer }).await
    }

    /// Notes that a relayed invitation came back after it had been settled: `history` gets the new outcome, the claim is given
    /// up. Returns the invitation without its payload; `None` if no invitation with this id was sent to `contact` as `sent_as`.
    ///
    /// # Errors
    /// [`Closed`]: the writer has ended.
    pub async fn bounce(
        &self,
        outcome: Outcome,
        contact: &str,
        sent_as: &str,
    ) -> Result<Option<Pending>, Closed> {
        let sent = Sent { contact: contact.to_owned(), sent_as: sent_as.to_owned() };
        self.ask(|answer| Op::Bounce { outcome, sent, answer }).await
    }

    /// The contact has declined a relayed invitation that came from a relay address. Returns the newest one (without its
    /// payload) of those that were sent to `contact` as `sent_as` and were not declined yet; `None` if there is none.
    ///
    /// # Errors
    /// [`Closed`]: the writer has ended.
    pub async fn decline(&self, room: &str, contact: &str, sent_as: &str) -> Result<Option<Pending>, Closed> {
        let sent = Sent { contact: contact.to_owned(), sent_as: sent_as.to_owned() };
        self.ask(|answer| Op::Decline { room: room.to_owned(), sent, answer }).await
    }

    /// For each of these contacts, whether an invitation to this room holds a claim within the window.
    ///
    /// # Errors
    /// [`Closed`]: the writer has ended.
    pub async fn held<'a>(
        &self,
        room: &str,
        contacts: impl Iterator<Item = &'a str>,
    ) -> Result<Vec<bool>, Closed> {
        let keys = contacts.map(|contact| key(contact, room)).collect();
        self.ask(|answer| Op::Held { keys, answer }).await
    }

    /// The pending parts of a fan-out, the oldest first.
    ///
    /// # Errors
    /// [`Closed`]: the writer has ended.
    pub async fn children(&self, parent: Id) -> Result<Vec<Pending>, Closed> {
        self.ask(|answer| Op::Children { parent, answer }).await
    }

    /// The oldest pending invitations with an id above `after`, `limit` at most. Parts of a fan-out are left out while their
    /// parent is pending.
    ///
    /// # Errors
    /// [`Closed`]: the writer has ended.
    pub async fn backlog(&self, after: Id, limit: u32) -> Result<Vec<Pending>, Closed> {
        self.ask(|answer| Op::Backlog { after, limit, answer }).await
    }

    pub(super) async fn ask<T>(&self, op: impl FnOnce(oneshot::Sender<T>) -> Op) -> Result<T, Closed> {
        let (answer, wait) = oneshot::channel();
        self.ops.send(op(answer)).await.map_err(|_| Closed)?;
        wait.await.map_err(|_| Closed)
    }
}
