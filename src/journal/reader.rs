//! Reading a journal beside a relay that may be running. What can be read is in the files of what is read.
//! Knows nothing of it.

use std::path::{Path, PathBuf};

/// Reads a journal beside a relay that may be running. Each question is a connection of its own.
#[derive(Debug, Clone)]
pub struct JournalReader {
    pub(super) path: PathBuf,
}

impl JournalReader {
    /// A reader of this file, which need not exist yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }
}
