//! Why a stanza was not delivered, or a question not answered. Knows nothing of how that was found out.

use crate::wire::StanzaError;

/// The connection was lost before the server had surely taken it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection was lost")]
pub struct Lost;

/// Why a stanza was not delivered.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DeliverError {
    /// The connection was lost before the server had surely taken it.
    #[error("the connection was lost")]
    Lost,
    /// The server sent it back.
    #[error("it came back: {0}")]
    Bounced(StanzaError),
    /// It is larger than servers take, XML can't carry it, or the server ends the connection at it.
    #[error("it can't be sent")]
    Unsendable,
}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AskError {
    /// The connection was lost meanwhile.
    #[error("the connection was lost")]
    Lost,
    /// Nothing came in time.
    #[error("no answer")]
    Unanswered,
    /// The server swallows such questions.
    #[error("the server swallows IQs to this address")]
    Swallowed,
    /// An answer came, and was left out: it is too long, or no XML parser accepts it. It would be the same again.
    #[error("the answer can't be read")]
    Unreadable,
    /// The one who was asked answered with an error; one without a condition if their server gave the question back.
    #[error("{0}")]
    Refused(StanzaError),
}
