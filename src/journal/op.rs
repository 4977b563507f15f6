//! The operations of the writer, and its answers. Knows nothing of how it writes.

use tokio::sync::oneshot;

use super::claim::{Claim, Claimed, Held, Inviter, RoomPassword};
use super::nouns::{Key, Release, Sent};
use crate::model::group::{GroupChange, GroupError};
use crate::model::{
    Arrival, Change, Id, MAX_BLOCKS, MAX_BLOCKS_FOR_ALL, Outcome, Pending, Preferences, Reason, State,
    TooMany,
};

/// The key of the row that holds for everybody, in place of a person.
pub(super) const EVERYBODY_KEY: &str = "";

/// An invitation that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// The new invitation's id.
    pub id: Id,
    /// When it was received: ms since 1970, UTC.
    pub received: i64,
    /// What became of its claim, if it was to be claimed at once.
    pub claimed: Option<Claimed>,
    /// What the contact wants.
    pub preferences: Preferences,
}

/// Where the answer to an operation goes.
type Reply<T> = oneshot::Sender<T>;

/// An operation, with the channel for its answer.
#[derive(Debug)]
pub(super) enum Op {
    Admit { admission: Box<Admission>, answer: Reply<Admitted> },
    Claim { claim: Claim, answer: Reply<Claimed> },
    Discard { release: Release, answer: Reply<()> },
    Settle { outcome: Outcome, release: Option<Release>, answer: Reply<()> },
    PassMembershipOn { from: Release, answer: Reply<bool> },
    Bounce { outcome: Outcome, sent: Sent, answer: Reply<Option<Pending>> },
    Decline { room: String, sent: Sent, answer: Reply<Option<Pending>> },
    Held { keys: Vec<Key>, inviter: Inviter, password: RoomPassword, answer: Reply<Vec<Held>> },
    Backlog { after: Id, limit: u32, answer: Reply<Vec<Pending>> },
    TakeLate { answer: Reply<Option<Id>> },
    Children { parent: Id, answer: Reply<Vec<Pending>> },
    Preferences { whose: Whose, answer: Reply<Preferences> },
    LookAlike { address: Address, answer: Reply<Option<String>> },
    Hash { hash: Hash, answer: Reply<()> },
    Looked { until: i64, answer: Reply<()> },
    Group { name: String, change: GroupChange, answer: Reply<Result<(), GroupError>> },
    Change { whose: Whose, changes: Vec<Change>, answer: Reply<Result<Preferences, TooMany>> },
}

/// An arrival that is to be written.
#[derive(Debug)]
pub(super) struct Admission {
    pub(super) arrival: Arrival,
    /// The room has made the contact a member for it.
    pub(super) added: bool,
    /// On the heap: few have one.
    pub(super) claim: Option<Box<Claim>>,
    pub(super) then: AfterAdmit,
}

/// What follows an arrival in the same transaction.
#[derive(Debug)]
pub(super) enum AfterAdmit {
    /// Nothing: the invitation is pending.
    Wait,
    /// If another one that has ended holds contact and room, it ends as suppressed.
    Claim,
    /// It ends in this state.
    End { state: State, reason: Option<Reason> },
}

/// A capability hash that was seen.
#[derive(Debug)]
pub(super) struct Hash {
    pub(super) hash: String,
    pub(super) shows_direct: bool,
}

/// An address, with the key of its skeleton.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) key: Key,
    pub(super) jid: String,
}

/// Whose preferences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whose {
    /// A person's.
    Person(String),
    /// The admins', on everybody's behalf.
    Everybody,
}

impl Whose {
    pub(super) fn key(&self) -> &str {
        match self {
            Self::Person(person) => person,
            Self::Everybody => EVERYBODY_KEY,
        }
    }

    pub(super) fn limit(&self) -> usize {
        match self {
            Self::Person(_) => MAX_BLOCKS,
            Self::Everybody => MAX_BLOCKS_FOR_ALL,
        }
    }
}

/// The answer to an operation.
pub(super) enum Answer {
    Admitted(Admitted),
    Claimed(Claimed),
    PassedOn(bool),
    Done,
    /// An invitation that had ended before.
    Ended(Option<Pending>),
    Held(Vec<Held>),
    Backlog(Vec<Pending>),
    /// The id of the first.
    Late(Option<Id>),
    Preferences(Preferences),
    LookAlike(Option<String>),
    Changed(Result<Preferences, TooMany>),
    Group(Result<(), GroupError>),
}

impl AfterAdmit {
    /// How an arrival ends at once, if it does.
    pub(super) fn outcome(&self, id: Id, claimed: Option<Claimed>) -> Option<Outcome> {
        let (state, reason) = match self {
            Self::Claim if claimed.is_some_and(Claimed::is_duplicate) => {
                (State::Suppressed, Some(Reason::Duplicate))
            }
            Self::Wait | Self::Claim => return None,
            Self::End { state, reason } => (*state, *reason),
        };
        Some(Outcome { id, state, reason, inviter: None, sent_as: None })
    }
}

impl Op {
    /// Sends the answer. A dropped receiver is fine: the caller has gone.
    pub(super) fn answer(self, with: Answer) {
        match (self, with) {
            (Self::Admit { answer, .. }, Answer::Admitted(admitted)) => drop(answer.send(admitted)),
            (Self::Claim { answer, .. }, Answer::Claimed(claimed)) => drop(answer.send(claimed)),
            (Self::PassMembershipOn { answer, .. }, Answer::PassedOn(passed)) => drop(answer.send(passed)),
            (
                Self::Discard { answer, .. }
                | Self::Settle { answer, .. }
                | Self::Hash { answer, .. }
                | Self::Looked { answer, .. },
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
            (Self::TakeLate { answer }, Answer::Late(first)) => drop(answer.send(first)),
            (Self::Preferences { answer, .. }, Answer::Preferences(preferences)) => {
                drop(answer.send(preferences));
            }
            (Self::LookAlike { answer, .. }, Answer::LookAlike(other)) => drop(answer.send(other)),
            (Self::Change { answer, .. }, Answer::Changed(preferences)) => drop(answer.send(preferences)),
            (Self::Group { answer, .. }, Answer::Group(done)) => drop(answer.send(done)),
            (op, _) => debug_assert!(false, "an answer to another question than {op:?}"),
        }
    }
}
