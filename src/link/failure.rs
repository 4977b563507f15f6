//! Why a stanza was not delivered, or an IQ not answered. Knows nothing of how that is found out.

use crate::wire::StanzaError;

/// There is no connection, or it was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection was lost")]
pub struct Lost;

/// Why a stanza was not delivered.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DeliverError {
    /// The connection was lost before the server confirmed the stanza, which it may have taken or not.
    #[error("the connection was lost")]
    Lost,
    /// The stanza came back with this error.
    #[error("it came back: {0}")]
    Bounced(StanzaError),
    /// It is larger than servers take, XML can't carry it, or the server ends the connection at it.
    #[error("it can't be sent")]
    Unsendable,
}

/// Why an IQ has no result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AskError {
    /// The connection was lost before an answer came.
    #[error("the connection was lost")]
    Lost,
    /// No answer came in time.
    #[error("no answer")]
    Unanswered,
    /// The server drops such IQs without an answer, so it was not waited for one.
    #[error("the server swallows IQs to this address")]
    Swallowed,
    /// An answer came, and was left out: it is too long, or no XML parser accepts it. It would be the same again.
    #[error("the answer can't be read")]
    Unreadable,
    /// The answer is this error. It has no condition if the server returned the request itself.
    #[error("{0}")]
    Refused(StanzaError),
}
