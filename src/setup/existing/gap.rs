//! What a comparison comes to: the things that are missing, or why there is none. Knows nothing of how it is made.

use std::io;
use std::path::PathBuf;

/// Why a server's configuration can't be compared.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file can't be read.
    #[error("{} can't be read: {source}; name the server's own configuration, as a user who may read it", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is not what the server would read.
    #[error("{place}: this is no configuration of the server: {why}")]
    Wrong {
        /// File and line.
        place: String,
        /// What is wrong.
        why: String,
    },
}

/// One thing that is missing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// File, line, section, and what to do there.
    pub(super) instruction: String,
    /// The lines to add; empty if the instruction says it all.
    pub(super) lines: String,
}
