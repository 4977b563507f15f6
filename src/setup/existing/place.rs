//! Where something stands: a file, and a line of it. Knows nothing of what stands there.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A file and a line of it, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    file: Arc<str>,
    line: usize,
}

impl Place {
    pub(super) fn file(path: &Path) -> Self {
        Self { file: path.display().to_string().into(), line: 0 }
    }

    pub(super) fn at(&self, line: usize) -> Self {
        Self { line, ..self.clone() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 { f.write_str(&self.file) } else { write!(f, "{}:{}", self.file, self.line) }
    }
}
