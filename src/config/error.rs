//! Errors of the configuration, each with its remedy. They never show a secret.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::files::{DEFAULT_PATH, MORE_FILES};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("{} can't be read: {source}; {}", path.display(), remedy(path, source))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file or the environment is wrong: everything that is, in the order in which it is read.
    #[error("{}", lines(.0))]
    Invalid(Vec<Complaint>),
}

/// One thing that is wrong: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The file and line, or the variable; empty for what is missing.
    pub(super) place: String,
    /// The key, the value, and the remedy.
    pub(super) text: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() {
            f.write_str(&self.text)
        } else {
            write!(f, "{}: {}", self.place, self.text)
        }
    }
}

fn lines(complaints: &[Complaint]) -> String {
    complaints.iter().map(Complaint::to_string).collect::<Vec<_>>().join("\n")
}

fn remedy(path: &Path, source: &io::Error) -> String {
    let in_folder = path.parent().and_then(Path::file_name).is_some_and(|folder| folder == MORE_FILES);
    match source.kind() {
        ErrorKind::NotFound if in_folder => {
            "it is a link that leads nowhere: remove or correct it".to_owned()
        }
        ErrorKind::IsADirectory => "it is a folder, and must be a file: give it another name".to_owned(),
        ErrorKind::NotFound if path == Path::new(DEFAULT_PATH) => {
            format!("begin with the annotated reference: muc-invite-relay check --reference > {DEFAULT_PATH}")
        }
        ErrorKind::NotFound => "name the file with --config or MUC_INVITE_RELAY_CONFIG".to_owned(),
        ErrorKind::PermissionDenied => "let the user that the relay runs as read it".to_owned(),
        ErrorKind::InvalidData => "save it as UTF-8".to_owned(),
        ErrorKind::InvalidInput => "put an ordinary file in its place".to_owned(),
        _ => "the file named by --config must be readable".to_owned(),
    }
}
