//! Why the relay ended by itself.

use crate::journal::OpenError;
use crate::link::Refused;

/// Why the relay ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The journal can't be used.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// The server refused the relay and never let it in.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A part of the relay stopped that must not: a fault of the relay.
    #[error("internal fault: {0} ended. Please report this with the log before it")]
    Fault(&'static str),
}
