//! Why the relay ended by itself. Knows nothing of exit codes.

use std::path::PathBuf;

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
    /// Another relay answers at the control socket. With a journal in a file its lock keeps the second one away before.
    #[error(
        "another relay answers at journal.socket = {}: stop it, or give each relay a journal.socket of its own", .0.display()
    )]
    SocketInUse(PathBuf),
    /// A part of the relay ended that must not: a bug.
    #[error("internal fault: {0} ended. Please report this with the log before it")]
    Fault(&'static str),
}
