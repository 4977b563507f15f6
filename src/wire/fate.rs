//! Our own `<handed-over/>`: asks a server module what became of a hand-over, and is its answer. Knows its shape, not when
//! to ask.

use xso::{AsXml, FromXml};

use super::ns;

/// `<handed-over/>`: asks a module what became of a hand-over, and is its answer.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::HAND_OVER, name = "handed-over", discard(text))]
pub struct HandOverFate {
    /// The id of the IQ that handed it over.
    #[xml(attribute(default))]
    pub id: Option<String>,
    /// In the answer: `taken`, `delivered` or `unknown`.
    #[xml(attribute(default))]
    pub fate: Option<String>,
    /// In the answer: `true` if the direct invitation has passed the server since.
    #[xml(attribute(default))]
    pub passed: Option<String>,
}

/// What became of a hand-over, according to the server module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The relay's answer arrived at the module: the relay delivers.
    Taken,
    /// As [`Self::Taken`], and the server has taken the direct invitation from the relay.
    Passed,
    /// The server has delivered the invitation itself.
    Delivered,
    /// The hand-over was too long ago, the module has been restarted, or it does not know the question.
    Unknown,
}

impl HandOverFate {
    /// The question.
    #[must_use]
    pub fn question(id: &str) -> Self {
        Self { id: Some(id.to_owned()), ..Self::default() }
    }

    /// The fate in an answer; [`Fate::Unknown`] if there is none that is known.
    #[must_use]
    pub fn fate(&self) -> Fate {
        match self.fate.as_deref() {
            Some("taken") if matches!(self.passed.as_deref(), Some("true" | "1")) => Fate::Passed,
            Some("taken") => Fate::Taken,
            Some("delivered") => Fate::Delivered,
            _ => Fate::Unknown,
        }
    }
}
