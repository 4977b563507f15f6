//! The files that operators know: the one that is read by default, the folder beside it, and the annotated reference; and how
//! one is read.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

/// The file that is read when none is named.
pub const DEFAULT_PATH: &str = "/etc/muc-invite-relay/config.toml";

/// The folder beside the file whose `.toml` files are read after it.
pub(super) const MORE_FILES: &str = "conf.d";

/// The annotated reference: every key, what it does, its default, when to change it.
pub const REFERENCE: &str = include_str!("../../config/muc-invite-relay.toml");

/// What a shell passes on, such as `<(command)`, and the file that has nothing in it: read, though they are no files.
const NO_FILES_ON_PURPOSE: [&str; 4] = ["/dev/fd", "/proc/self/fd", "/dev/stdin", "/dev/null"];

/// The text of a file.
///
/// # Errors
/// It can't be read, is not UTF-8, or is a pipe or a device, which may never come to an end.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let found = fs::metadata(path)?;
    // A folder has an error of its own.
    let may_be_read = found.is_file() || found.is_dir();
    if !may_be_read && !NO_FILES_ON_PURPOSE.iter().any(|it| path.starts_with(it)) {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is a pipe or a device, and no file"));
    }
    fs::read_to_string(path)
}
