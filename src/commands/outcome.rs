//! What carrying out a command results in. Knows nothing of single commands.

use crate::journal::{JournalClosed, OpenError};
use crate::model::address::printable;
use crate::wire::data_form::Form;
use crate::wire::error::Refusal;
use crate::wire::{Condition, StanzaError};

/// The most bytes of text in one answer. Servers close a connection that sends too large a stanza, and escaping makes the
/// text longer.
const MAX_ANSWER_BYTES: usize = 40_000;

/// The most characters of a word that a complaint repeats.
const MAX_WORD_CHARACTERS: usize = 200;

/// What became of a command that was filled in.
pub(super) enum Outcome {
    /// It has been carried out.
    Done { note: String, form: Form },
    /// It can't be carried out as it was filled in, and the form is shown again.
    Again { complaint: String },
}

/// Why the answer to a command is an error.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Refused(StanzaError),
    #[error(transparent)]
    Closed(#[from] JournalClosed),
    #[error(transparent)]
    Journal(#[from] OpenError),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.into())
    }
}

impl From<Condition> for Failure {
    fn from(condition: Condition) -> Self {
        Self::Refused(StanzaError::new(condition, None))
    }
}

/// As many of these lines as one answer can carry, from the first one on.
pub(super) fn lines_that_fit(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut left = MAX_ANSWER_BYTES;
    let mut fitting = Vec::new();
    for line in lines {
        match left.checked_sub(line.len() + 1) {
            Some(rest) => left = rest,
            None => break,
        }
        fitting.push(line);
    }
    fitting
}

/// A word that a person has typed, to be shown to them again.
pub(super) fn shortened(word: &str) -> String {
    printable(word).chars().take(MAX_WORD_CHARACTERS).collect()
}
