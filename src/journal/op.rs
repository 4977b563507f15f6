//! What can be asked of the writer, and what it answers. Knows nothing of how it is written.

use tokio::sync::oneshot;

use super::batch::{Claim, Key, Sent};
use crate::model::group::{GroupChange, GroupError};
use crate::model::{
    Arrival, Change, Id, MAX_BLOCKS, MAX_BLOCKS_FOR_ALL, Outcome, Pending, Preferences, Reason, State,
    TooMany,
};

/// Who stands in the place of a person for what holds for everybody.
pub(super) const EVERYBODY: &str = "";

/// What was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// The new invitation's id.
    pub id: Id,
    /// When it was received: ms since 1970, UTC.
    pub received: i64,
    /// Another invitation holds this contact and room.
    pub duplicate: bool,
    /// What the contact wants.
    pub wishes: Preferences,
}

/// What is asked of the writer.
#[derive(Debug)]
pub(super) enum Op {
    Admit { arrival: Arrival, key: Key, then: AfterAdmit, answer: oneshot::Sender<Admitted> },
    Claim { claim: Claim, adding: bool, answer: oneshot::Sender<bool> },
    Discard { id: Id, answer: oneshot::Sender<()> },
    Settle { outcome: Outcome, release: Option<Claim>, answer: oneshot::Sender<()> },
    Bounce { outcome: Outcome, sent: Sent, answer: oneshot::Sender<Option<Pending>> },
    Decline { room: String, sent: Sent, answer: oneshot::Sender<Option<Pending>> },
    Held { keys: Vec<Key>, answer: oneshot::Sender<Vec<bool>> },
    Backlog { after: Id, limit: u32, answer: oneshot::Sender<Vec<Pending>> },
    Children { parent: Id, answer: oneshot::Sender<Vec<Pending>> },
    Preferences { whose: Whose, answer: oneshot::Sender<Preferences> },
    LookAlike { address: Address, answer: oneshot::Sender<Option<String>> },
    Hash { hash: Hash, answer: oneshot::Sender<()> },
    Group { name: String, change: GroupChange, answer: oneshot::Sender<Result<(), GroupError>> },
    Change { whose: Whose, changes: Vec<Change>, answer: oneshot::Sender<Result<Preferences, TooMany>> },
}

/// What follows on an arrival in the very same transaction.
#[derive(Debug)]
pub(super) enum AfterAdmit {
    /// Nothing: it is under way.
    Wait,
    /// It claims contact and room; if another one holds them it ends as suppressed.
    Claim,
    /// It ends.
    End { state: State, reason: Option<Reason> },
}

/// A hash, as the writer gets it.
#[derive(Debug)]
pub(super) struct Hash {
    pub(super) hash: String,
    pub(super) shows_direct: bool,
}

/// An address, as the writer gets it.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) key: Key,
    pub(super) jid: String,
}

/// Whose preferences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whose {
    /// This person's.
    Person(String),
    /// The admins', on everybody's behalf.
    Everybody,
}

impl Whose {
    pub(super) fn key(&self) -> &str {
        match self {
            Self::Person(person) => person,
            Self::Everybody => EVERYBODY,
        }
    }

    pub(super) fn limit(&self) -> usize {
        match self {
            Self::Person(_) => MAX_BLOCKS,
            Self::Everybody => MAX_BLOCKS_FOR_ALL,
        }
    }
}

/// What a transaction has to tell, in the order of its operations.
#[expect(clippy::large_enum_variant, reason = "each is handed on at once")]
pub(super) enum Answer {
    Admitted(Admitted),
    Claimed(bool),
    Done,
    /// An invitation that had ended before.
    Ended(Option<Pending>),
    Held(Vec<bool>),
    Backlog(Vec<Pending>),
    Preferences(Preferences),
    LookAlike(Option<String>),
    Changed(Result<Preferences, TooMany>),
    Group(Result<(), GroupError>),
}

impl AfterAdmit {
    /// How an arrival ends at once, if it does.
    pub(super) fn outcome(&self, id: Id, duplicate: bool) -> Option<Outcome> {
        let (state, reason) = match self {
            Self::Claim if duplicate => (State::Suppressed, Some(Reason::Duplicate)),
            Self::Wait | Self::Claim => return None,
            Self::End { state, reason } => (*state, *reason),
        };
        Some(Outcome { id, state, reason, inviter: None, sent_as: None })
    }
}

impl Op {
    /// A dropped receiver is fine: the caller has gone.
    pub(super) fn answer(self, with: Answer) {
        match (self, with) {
            (Self::Admit { answer, .. }, Answer::Admitted(admitted)) => drop(answer.send(admitted)),
            (Self::Claim { answer, .. }, Answer::Claimed(granted)) => drop(answer.send(granted)),
            (
                Self::Discard { answer, .. } | Self::Settle { answer, .. } | Self::Hash { answer, .. },
                Answer::Done,
            ) => {
                let _ = answer.send(());
            }
            (Self::Bounce { answer, .. } | Self::Decline { answer, .. }, Answer::Ended(pending)) => {
                drop(answer.send(pending));
            }
            (Self::Held { answer, .. }, Answer::Held(held)) => drop(answer.send(held)),
            (Self::Backlog { answer, .. } | Self::Children { answer, .. }, Answer::Backlog(rows)) => {
                drop(answer.send(rows));
            }
            (Self::Preferences { answer, .. }, Answer::Preferences(wishes)) => drop(answer.send(wishes)),
            (Self::LookAlike { answer, .. }, Answer::LookAlike(other)) => drop(answer.send(other)),
            (Self::Change { answer, .. }, Answer::Changed(wishes)) => drop(answer.send(wishes)),
            (Self::Group { answer, .. }, Answer::Group(done)) => drop(answer.send(done)),
            (op, _) => debug_assert!(false, "an answer to another question than {op:?}"),
        }
    }
}
