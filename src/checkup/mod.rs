//! Whether the set-up works: what the server grants, what rooms let us do, how the journal is. Each finding that is not
//! well comes with its remedy, in the words of the server at hand.
//!
//! Asked by `check`; a running relay answers through its control socket, so that nobody has to connect a second time.
//! Knows nothing of how findings are printed.

pub mod control;
mod disk;
mod server;
mod words;

pub use disk::journal;
pub use server::server;

use serde::{Deserialize, Serialize};

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Not there, and nobody needs it in this configuration; or nobody can tell.
    Note,
    /// Not there: the relay works, but not as well as it could.
    Missing,
    /// It does not work.
    Failed,
}

impl State {
    /// The word that is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Missing => "missing",
            Self::Failed => "failed",
        }
    }
}

/// One line of `check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How it is.
    pub state: State,
    /// What was looked at.
    pub what: String,
    /// What was found.
    pub found: String,
    /// What to do; none if it is well.
    pub remedy: Option<String>,
}

impl Finding {
    /// All is well.
    pub fn ok(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self { state: State::Ok, what: what.into(), found: found.into(), remedy: None }
    }

    /// Something is not, and what to do.
    pub fn wanting(
        state: State,
        what: impl Into<String>,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { state, what: what.into(), found: found.into(), remedy: Some(remedy.into()) }
    }
}
