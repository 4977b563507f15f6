//! The element of XEP-0050: ad-hoc commands, which people give by filling in forms. Knows its shape, not what the
//! commands do.

use xso::{AsXml, FromXml};

use super::data_form::Form;
use super::ns;
use super::xml::{First, Word, named_element, without_forbidden, words};

/// `<command/>`, asked and answered with the same element.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::COMMANDS, name = "command", discard(text))]
pub struct Command {
    /// Which command.
    #[xml(attribute(default))]
    pub node: Option<String>,
    /// The session, which the executing side names in its first answer.
    #[xml(attribute(default))]
    pub sessionid: Option<String>,
    /// The language of its texts (BCP 47).
    #[xml(attribute(namespace = ns::XML, name = "lang", default))]
    pub lang: Option<String>,
    /// What to do next, as received: see [`Command::action`].
    #[xml(attribute(default))]
    pub action: Option<String>,
    /// In an answer: how far the command has come.
    #[xml(attribute(default, codec = Word))]
    pub status: Option<Status>,
    /// In an answer: which actions are allowed next.
    #[xml(child(n = ..))]
    pub actions: First<Actions>,
    /// In an answer: notes to the user.
    #[xml(child(n = ..))]
    pub notes: Vec<Note>,
    /// The form, to be filled in or filled in.
    #[xml(child(n = ..))]
    pub form: First<Form>,
}

impl Command {
    /// What to do next: `execute` if it is absent, `None` if it is unknown.
    #[must_use]
    pub fn action(&self) -> Option<Action> {
        self.action.as_deref().map_or(Some(Action::Execute), Action::from_word)
    }

    /// The form that the user has submitted.
    #[must_use]
    pub fn filled_in(&self) -> Option<&Form> {
        self.form.as_ref().filter(|form| form.type_.as_deref() == Some("submit"))
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

/// `<actions/>`: which actions are allowed next, besides cancelling.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::COMMANDS, name = "actions", discard(text))]
pub struct Actions {
    /// Which of them is the default.
    #[xml(attribute(default, codec = Word))]
    pub execute: Option<Action>,
    /// The allowed actions.
    #[xml(child(n = ..))]
    pub allowed: Vec<Action>,
}

/// `<note/>`.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::COMMANDS, name = "note")]
pub struct Note {
    /// How serious it is; absent means `info`.
    #[xml(attribute(name = "type", default, codec = Word))]
    pub kind: Option<NoteKind>,
    /// The text.
    #[xml(text)]
    pub text: String,
}

impl Note {
    /// A note with this text, without the characters that XML forbids.
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
