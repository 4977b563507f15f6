//! Why an attempt at an invitation stopped early. Carried by `?`.
//! Knows nothing of how an invitation is settled.

use super::ending::Ending;
use crate::journal::JournalClosed;
use crate::link::{AskError, Lost};

/// Why an attempt stopped.
#[derive(Debug)]
pub(super) enum Stop {
    /// The invitation has come to its ending.
    End(Box<Ending>),
    /// The link was lost, or a room or server did not answer: the whole attempt is repeated, a few times.
    Retry(AskError),
    /// The journal can't be read for the moment: the whole attempt is repeated.
    Unreadable,
    /// Another invitation had contact and room, and has ended, or the room's facts are newer: the whole attempt is repeated.
    Again,
    /// The journal is closed, or the relay stops: the next start continues.
    Suspend,
}

impl From<Ending> for Stop {
    fn from(ending: Ending) -> Self {
        Self::End(Box::new(ending))
    }
}

impl From<AskError> for Stop {
    fn from(e: AskError) -> Self {
        Self::Retry(e)
    }
}

impl From<Lost> for Stop {
    fn from(_: Lost) -> Self {
        Self::Retry(AskError::Lost)
    }
}

impl From<JournalClosed> for Stop {
    fn from(_: JournalClosed) -> Self {
        Self::Suspend
    }
}
