//! Why the relay ended by itself. Knows nothing of exit codes.

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
    /// A part of the relay ended that must not: a bug.
    #[error("internal fault: {0} ended. Please report this with the log before it")]
    Fault(&'static str),
}
