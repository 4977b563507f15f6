//! The handle to the journal: what can be asked of the writer, and what it answers.
//! Knows nothing of how it is written.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use super::batch::{Claim, Sent};
use super::claim_keys::key;
use super::health::WriterHealth;
use super::in_memory::{BlockedForAll, Names};
use super::op::{Admitted, AfterAdmit, Op};
use super::retention::Retention;
use crate::model::{Arrival, Id, Outcome, Pending, Reason, State};

/// The journal can't be written any more; the reason stands in the log and in what [`super::Writer::run`] returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal is closed")]
pub struct Closed;

/// The handle to the journal; cheap to clone. Every answer means: it is on the disk.
#[derive(Debug, Clone)]
pub struct Journal {
    pub(super) ops: mpsc::Sender<Op>,
    pub(super) instance: Arc<str>,
    pub(super) first: Id,
    pub(super) keep: Arc<watch::Sender<Retention>>,
    pub(super) pulse: WriterHealth,
    pub(super) blocked_for_all: BlockedForAll,
    pub(super) group_names: Names,
}

impl Journal {
    /// A short word that no other journal has, for message ids.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// The first id of this run: smaller ones are an earlier run's.
    #[must_use]
    pub fn first(&self) -> Id {
        self.first
    }

    /// Keeps things for another time from now on.
    pub fn keep(&self, keep: Retention) {
        self.keep.send_replace(keep);
    }

    /// How the writer is.
    #[must_use]
    pub fn pulse(&self) -> WriterHealth {
        self.pulse.clone()
    }

    /// Takes an invitation in; from here on it is not lost.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn admit(&self, arrival: Arrival) -> Result<Admitted, Closed> {
        self.take(arrival, AfterAdmit::Wait).await
    }

    /// Takes an invitation in and claims contact and room for it, both or none: where the answer says `duplicate` it has
    /// ended as suppressed.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn admit_claimed(&self, arrival: Arrival) -> Result<Admitted, Closed> {
        self.take(arrival, AfterAdmit::Claim).await
    }

    /// Notes an invitation that has ended before it began.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn note(&self, arrival: Arrival, state: State, reason: Option<Reason>) -> Result<Id, Closed> {
        Ok(self.take(arrival, AfterAdmit::End { state, reason }).await?.id)
    }

    async fn take(&self, arrival: Arrival, then: AfterAdmit) -> Result<Admitted, Closed> {
        let key = key(&arrival.contact, &arrival.room);
        self.ask(|answer| Op::Admit { arrival, key, then, answer }).await
    }

    /// Claims contact and room for this invitation: of all that ask inside the window only the first is told `true`
    /// (again and again, so that an interrupted one can go on).
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn claim(&self, id: Id, contact: &str, room: &str) -> Result<bool, Closed> {
        let claim = Claim { key: key(contact, room), id };
        self.ask(|answer| Op::Claim { claim, adding: false, answer }).await
    }

    /// Like [`Self::claim`], and notes with the invitation, where it is told `true` and for good, that the contact is about to
    /// be made a member for it.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn claim_adding(&self, id: Id, contact: &str, room: &str) -> Result<bool, Closed> {
        let claim = Claim { key: key(contact, room), id };
        self.ask(|answer| Op::Claim { claim, adding: true, answer }).await
    }

    /// Forgets an invitation under way, as if it had never come in.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn discard(&self, id: Id) -> Result<(), Closed> {
        self.ask(|answer| Op::Discard { id, answer }).await
    }

    /// Ends an invitation: its payload is wiped, `history` has the rest.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn settle(&self, outcome: Outcome) -> Result<(), Closed> {
        self.ask(|answer| Op::Settle { outcome, release: None, answer }).await
    }

    /// Like [`Self::settle`], and gives up the claim, so that the contact can be invited to this room again.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn settle_unclaimed(&self, outcome: Outcome, contact: &str, room: &str) -> Result<(), Closed> {
        let release = Some(Claim { key: key(contact, room), id: outcome.id });
        self.ask(|answer| Op::Settle { outcome, release, answer }).await
    }

    /// A relayed invitation came back after it had been settled: `history` gets the new outcome, the claim is given up.
    /// Returns the invitation (without its payload), or `None` where none with this id was sent to `contact` as
    /// `sent_as`.
    ///
    /// # Errors
    /// [`Closed`].
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
    /// [`Closed`].
    pub async fn decline(&self, room: &str, contact: &str, sent_as: &str) -> Result<Option<Pending>, Closed> {
        let sent = Sent { contact: contact.to_owned(), sent_as: sent_as.to_owned() };
        self.ask(|answer| Op::Decline { room: room.to_owned(), sent, answer }).await
    }

    /// Which of these contacts hold an invitation to this room inside the window, in their order.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn held<'a>(
        &self,
        room: &str,
        contacts: impl Iterator<Item = &'a str>,
    ) -> Result<Vec<bool>, Closed> {
        let keys = contacts.map(|contact| key(contact, room)).collect();
        self.ask(|answer| Op::Held { keys, answer }).await
    }

    /// The children of an invitation that are under way, the oldest first.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn children(&self, parent: Id) -> Result<Vec<Pending>, Closed> {
        self.ask(|answer| Op::Children { parent, answer }).await
    }

    /// The oldest invitations under way behind `after`, `limit` at most. Children are left to their parent as long as that
    /// is under way itself.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn backlog(&self, after: Id, limit: u32) -> Result<Vec<Pending>, Closed> {
        self.ask(|answer| Op::Backlog { after, limit, answer }).await
    }

    pub(super) async fn ask<T>(&self, op: impl FnOnce(oneshot::Sender<T>) -> Op) -> Result<T, Closed> {
        let (answer, wait) = oneshot::channel();
        self.ops.send(op(answer)).await.map_err(|_| Closed)?;
        wait.await.map_err(|_| Closed)
    }
}
