//! XEP-0050: ad-hoc commands, which people give by filling in forms. Knows their shape, not what they do.

use xso::{AsXml, FromXml};

use super::data_form::Form;
use super::error::{Condition, StanzaError};
use super::ns;
use super::stanza::{Iq, IqPayload, IqType};
use super::xml::{First, Word, named_element, without_forbidden, words};

/// `<command/>`, asked and answered with the same element.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::COMMANDS, name = "command", discard(text))]
pub struct Command {
    /// Which command.
    #[xml(attribute(default))]
    pub node: Option<String>,
    /// The session: given by the one who executes the command, with the first answer.
    #[xml(attribute(default))]
    pub sessionid: Option<String>,
    /// What to do next, as it was written: see [`Command::action`].
    #[xml(attribute(default))]
    pub action: Option<String>,
    /// In an answer, how far it has come.
    #[xml(attribute(default, codec = Word))]
    pub status: Option<Status>,
    /// In an answer, what may be done next.
    #[xml(child(n = ..))]
    pub actions: First<Actions>,
    /// In an answer, what there is to say.
    #[xml(child(n = ..))]
    pub notes: Vec<Note>,
    /// What is to be filled in, or has been.
    #[xml(child(n = ..))]
    pub form: First<Form>,
}

impl Command {
    /// What to do next; `execute` where nothing is said, `None` for what nobody has defined.
    #[must_use]
    pub fn action(&self) -> Option<Action> {
        self.action.as_deref().map_or(Some(Action::Execute), Action::from_word)
    }

    /// The form as somebody has filled it in.
    #[must_use]
    pub fn filled_in(&self) -> Option<&Form> {
        self.form.as_ref().filter(|form| form.type_.as_deref() == Some("submit"))
    }
}

/// The command in an IQ, if it gives one.
#[must_use]
pub fn command(iq: &Iq) -> Option<&Command> {
    match iq.payload.as_ref() {
        Some(IqPayload::Command(command)) if iq.kind() == Some(IqType::Set) => Some(command),
        _ => None,
    }
}

words! {
    /// What to do next with a command (§4.3).
    pub enum Action {
        Execute = "execute",
        Complete = "complete",
        Cancel = "cancel",
        Next = "next",
        Prev = "prev",
    }
}

named_element!(Action, ns::COMMANDS, Action::from_word);

words! {
    /// How far a command has come (§4.2).
    pub enum Status {
        Executing = "executing",
        Completed = "completed",
        Canceled = "canceled",
    }
}

/// `<actions/>`: what may be done next; cancelling always may.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::COMMANDS, name = "actions", discard(text))]
pub struct Actions {
    /// Which of them `execute` stands for.
    #[xml(attribute(default, codec = Word))]
    pub execute: Option<Action>,
    /// They.
    #[xml(child(n = ..))]
    pub allowed: Vec<Action>,
}

/// `<note/>`.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::COMMANDS, name = "note")]
pub struct Note {
    /// How serious it is; absent: for information.
    #[xml(attribute(name = "type", default, codec = Word))]
    pub kind: Option<NoteKind>,
    /// What it says.
    #[xml(text)]
    pub text: String,
}

impl Note {
    /// A note.
    #[must_use]
    pub fn new(kind: NoteKind, text: &str) -> Self {
        Self { kind: Some(kind), text: without_forbidden(text) }
    }
}

words! {
    /// How serious a note is (§4.2).
    pub enum NoteKind {
        Info = "info",
        Warn = "warn",
        Error = "error",
    }
}

words! {
    /// Why a command can't be executed (§4.4).
    pub enum Refusal {
        MalformedAction = "malformed-action",
        BadAction = "bad-action",
        BadLocale = "bad-locale",
        BadPayload = "bad-payload",
        BadSessionid = "bad-sessionid",
        SessionExpired = "session-expired",
    }
}

named_element!(Refusal, ns::COMMANDS, Refusal::from_word);

impl From<Refusal> for StanzaError {
    fn from(refusal: Refusal) -> Self {
        let condition = match refusal {
            Refusal::SessionExpired => Condition::NotAllowed,
            _ => Condition::BadRequest,
        };
        Self { refusal: refusal.into(), ..Self::new(condition, None) }
    }
}
