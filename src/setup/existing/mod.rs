//! What a server's configuration that is there lacks of what [`Setup`] prints: what to add, and where. It is read, never run.
//! Knows nothing of who asks.

mod changes;
mod ejabberd;
mod gap;
mod lua;
mod lua_limits;
mod macros;
mod pattern;
mod place;
mod prosody;
mod source;
mod tree;
mod written;
mod yaml;

use std::fmt;
use std::path::{Path, PathBuf};

pub use self::gap::ReadError;

use self::gap::Gap;
use super::printed::{Make, Setup, Version};

/// What is missing.
#[derive(Debug)]
pub struct Missing {
    make: Make,
    file: PathBuf,
    gaps: Vec<Gap>,
    /// What stands in the file and can't be followed.
    unseen: Vec<String>,
}

impl Missing {
    /// Whether nothing is missing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.gaps.is_empty()
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let comment = match self.make {
            Make::Prosody => "--",
            Make::Ejabberd => "#",
        };
        for Gap { instruction, lines } in &self.gaps {
            writeln!(f, "{comment} {instruction}")?;
            for line in lines.lines() {
                writeln!(f, "{line}")?;
            }
            writeln!(f)?;
        }
        for unseen in &self.unseen {
            writeln!(f, "{comment} Not looked at: {unseen}")?;
        }
        let file = self.file.display();
        let order = match self.make {
            Make::Ejabberd => {
                " The last lines come first, so that the numbers of the others hold while you go on."
            }
            Make::Prosody => "",
        };
        match self.gaps.len() {
            0 => writeln!(f, "{comment} Nothing is missing in {file}."),
            1 => writeln!(f, "{comment} One thing is missing in {file}."),
            several => writeln!(f, "{comment} {several} things are missing in {file}.{order}"),
        }
    }
}

/// Compares this file, and those that it includes, with the whole server's side for this version or the newest one.
///
/// # Errors
/// [`ReadError`]: a file can't be read, or is not what this make of server reads.
pub fn missing(
    setup: &Setup,
    make: Make,
    version: Option<Version>,
    file: &Path,
) -> Result<Missing, ReadError> {
    let (gaps, unseen) = match make {
        Make::Prosody => prosody::missing(setup, version, file)?,
        Make::Ejabberd => ejabberd::missing(setup, version, file)?,
    };
    Ok(Missing { make, file: file.to_owned(), gaps, unseen })
}
