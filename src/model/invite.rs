//! Invitations that an operator or an admin asks for by a command: what they ask for, and what they are told.
//! Knows nothing of where the command comes from, nor of how it is carried out.

use jid::BareJid;

use super::{Id, Reason, State};

/// The most contacts that one command invites.
pub const MAX_CONTACTS_OF_COMMAND: usize = 10_000;

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteRequest {
    /// The room.
    pub room: BareJid,
    /// In whose name: a user of this server.
    pub inviter: BareJid,
    /// Who is invited.
    pub whom: Whom,
    /// The inviter's reason.
    pub reason: Option<Text>,
    /// It is a test, which says what it does step by step.
    pub trial: Option<Trial>,
    /// Only tell what would become of each: nothing is sent, nobody is made a member, nothing is written.
    pub dry_run: bool,
}

/// Where a test invites to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trial {
    /// To a room that exists.
    InRoom,
    /// To a room that the relay makes for it, and destroys afterwards.
    InNewRoom,
}

/// A text of somebody's that is no log's business: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(pub String);

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Text(…)")
    }
}

/// Who is invited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// These people; relay addresses stand for the people behind them.
    Contacts(Vec<BareJid>),
    /// The people on the room's own owner, admin and member lists, without the inviter.
    Members,
    /// The people in this group, without the inviter.
    Group(String),
}

/// What is told while a request is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InviteEvent {
    /// Nothing was done.
    Obstacle(Obstacle),
    /// So many contacts are about to be invited.
    Begun(usize),
    /// What became of one of them.
    Contact(InvitedContact),
    /// A step of a test.
    Step(Step),
}

/// A step of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it is about, in a word.
    pub what: &'static str,
    /// It is as it should be.
    pub well: bool,
    /// What was found or done.
    pub found: String,
}

/// What became of one contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitedContact {
    /// The contact's bare JID.
    pub contact: String,
    /// The invitation's number in the journal; `None` if nothing was written.
    pub id: Option<Id>,
    /// How it ended; [`State::Pending`] if it goes on.
    pub state: State,
    /// Why.
    pub reason: Option<Reason>,
    /// The `from` that the contact sees, if it was sent.
    pub sent_as: Option<String>,
    /// For a dry run: they would be made a member of the room.
    pub adds_member: bool,
}

impl InvitedContact {
    /// One whose invitation goes on, or was not begun.
    #[must_use]
    pub fn pending(contact: String) -> Self {
        let (state, reason) = (State::Pending, None);
        Self { contact, id: None, state, reason, sent_as: None, adds_member: false }
    }

    /// Whether the contact has the invitation, or is there already.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.state == State::Relayed || matches!(self.reason, Some(Reason::Duplicate | Reason::Occupant))
    }
}

/// Why a request is not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// A word is no address.
    NoAddress(String),
    /// It is no room of a MUC service that the relay serves.
    NoRoom(String),
    /// The service has no such room.
    NoSuchRoom(String),
    /// It is no user of a host that belongs to this server.
    NoUser(String),
    /// A contact is no person: a room, a domain, or a relay address that stands for nobody or for several.
    NoPerson(String),
    /// Nobody is named, or contacts beside members or a group.
    Whom,
    /// More than [`MAX_CONTACTS_OF_COMMAND`].
    TooMany,
    /// There is no such group, or nobody is in it.
    NoGroup(String),
    /// The inviter may not use this group.
    MayNotUse(String),
    /// The room did not tell who its members are.
    NoList,
    /// The room did not answer.
    Silent,
    /// There is no connection to the server.
    NotConnected,
    /// Other such commands are being carried out.
    Busy,
    /// The journal can't be read.
    Journal,
}

impl Obstacle {
    /// Whether the request itself is wrong, so that trying again does not help.
    #[must_use]
    pub fn is_in_the_request(&self) -> bool {
        match self {
            Self::NoAddress(_)
            | Self::NoRoom(_)
            | Self::NoSuchRoom(_)
            | Self::NoUser(_)
            | Self::NoPerson(_)
            | Self::Whom
            | Self::TooMany
            | Self::NoGroup(_)
            | Self::MayNotUse(_) => true,
            Self::NoList | Self::Silent | Self::NotConnected | Self::Busy | Self::Journal => false,
        }
    }
}
