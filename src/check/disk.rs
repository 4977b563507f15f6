//! The journal's file and its disk. Reads only, also while the relay runs. Knows nothing of what invitations are in it.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, Mode, OFlags};
use rustix::io::Errno;

use super::finding::{Finding, What};
use crate::config::{JournalPlace, JournalServer};
use crate::journal::{self, JournalReader, OpenError, folder_of};

/// Less free space than this is reported.
const MIN_FREE_BYTES: u64 = 100 << 20;

/// How much is written to see whether the disk takes it: as much as some invitations.
const TRIAL_WRITE_BYTES: usize = 256 << 10;

/// Whether the journal can be used, and whether its disk has space.
pub async fn journal(place: &JournalPlace) -> Vec<Finding> {
    match place {
        JournalPlace::File(path) => in_file(path).await,
        JournalPlace::Server(server) => vec![on_server(server).await],
    }
}

/// Its disk is the server's.
async fn on_server(server: &JournalServer) -> Finding {
    let finding = Finding::of(What::Journal, server.shown.clone());
    match JournalReader::new(server.clone()).status().await {
        Ok(status) => {
            finding.ok(format!("in PostgreSQL, schema {}, {} under way", status.schema, status.pending))
        }
        Err(OpenError::ServerMissing { .. }) => finding.ok("will be made at the first start"),
        Err(e) => finding.failed("can't be used", e.to_string()),
    }
}

async fn in_file(path: &Path) -> Vec<Finding> {
    let finding = Finding::of(What::Journal, path.display().to_string());
    let target = journal::dangling(path);
    let disk = folder_of(target.as_deref().unwrap_or(path));
    let found = match fs::metadata(path) {
        Ok(file) if !file.is_file() => {
            finding.failed("is no file", journal::no_file(path).unwrap_or_default())
        }
        Ok(file) => match JournalReader::new(path).status().await {
            Ok(status) => finding.ok(format!(
                "mode 0600, schema {}, {:.1} MB, {} under way",
                status.schema,
                megabytes(file.len() + fs::metadata(wal(path)).map_or(0, |wal| wal.len())),
                status.pending
            )),
            Err(OpenError::TooOpen { mode, .. }) => finding.failed(
                format!("has mode {mode:04o}, so other users can read room passwords in it"),
                format!("chmod 600 {}", path.display()),
            ),
            Err(OpenError::Denied { why, .. }) => finding.failed("can't be used by this user", why),
            Err(e) => finding.failed("can't be used", e.to_string()),
        },
        Err(e) if e.kind() == ErrorKind::NotFound => to_be_made(finding, path, target.as_deref()),
        Err(e) if e.kind() == ErrorKind::PermissionDenied => {
            finding.failed(format!("can't be looked at: {e}"), run_as_the_relay(path))
        }
        Err(e) => finding.failed(format!("can't be looked at: {e}"), obstacle(path)),
    };
    let others = replaced_by_others(path, folder_of(path));
    std::iter::once(found).chain(others).chain(free(path, disk)).collect()
}

/// The finding about a journal that is not there yet. `target`: what its path is a link to, if it is one.
fn to_be_made(finding: Finding, path: &Path, target: Option<&Path>) -> Finding {
    let folder = folder_of(target.unwrap_or(path));
    let shown = folder.display();
    let link = target.map_or_else(String::new, |target| format!("is a link to {}: ", target.display()));
    if !folder.is_dir() {
        return finding.failed(
            format!("{link}there is no folder {shown}"),
            format!("install -d -m 0700 -o USER {shown}   # USER: the user that runs the relay"),
        );
    }
    match rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => finding.ok(format!("{link}will be made at the first start")),
        Err(e) => finding.failed(
            format!("{link}can't be made in {shown}: {e}"),
            if e == Errno::ACCESS {
                format!("{}\nor give that user the folder: chown USER {shown}", run_as_the_relay(path))
            } else {
                obstacle(path)
            },
        ),
    }
}

/// What prevents the use of the journal, in the words of the relay that can't open it.
fn obstacle(path: &Path) -> String {
    journal::obstacle(path).unwrap_or_else(|| {
        "set journal.path to a file in a folder that the relay's user may write".to_owned()
    })
}

fn run_as_the_relay(path: &Path) -> String {
    format!(
        "run this check as the user that runs the relay: {} muc-invite-relay check",
        journal::as_owner(path)
    )
}

/// The finding about a folder in which every user can put another journal in the place of this one.
fn replaced_by_others(path: &Path, folder: &Path) -> Option<Finding> {
    const WRITTEN_BY_OTHERS: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    let mode = fs::metadata(folder).ok()?.mode() & 0o7777;
    let open = mode & WRITTEN_BY_OTHERS != 0 && mode & STICKY == 0;
    open.then(|| {
        Finding::of(What::Journal, path.display().to_string()).missing(
            format!(
                "stands in the folder {} with mode {mode:04o}, so every user of this machine can put another file in its place",
                folder.display()
            ),
            format!("chmod 700 {}", folder.display()),
        )
    })
}

/// The finding about a journal that could not be read in time.
#[must_use]
pub fn journal_does_not_answer(place: &JournalPlace) -> Finding {
    let path = match place {
        JournalPlace::File(path) => path,
        JournalPlace::Server(server) => {
            return Finding::of(What::Journal, server.shown.clone())
                .failed("does not answer", "look at the database server, and at the way to it");
        }
    };
    Finding::of(What::Journal, path.display().to_string()).failed(
        "does not answer: another process holds it, or its disk does not answer",
        format!("see which process has it (as root: fuser -v {}), and look at its disk", path.display()),
    )
}

fn free(path: &Path, folder: &Path) -> Option<Finding> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let finding = Finding::of(What::Disk, folder.display().to_string());
    let found = format!("{:.0} MB free", megabytes(free));
    Some(if let Err(e) = trial_write(folder) {
        let remedy = if e.kind() == ErrorKind::ReadOnlyFilesystem {
            obstacle(path)
        } else {
            "free some space, or lift the quota: until then nothing is taken in, and servers deliver invitations \
             themselves"
                .to_owned()
        };
        finding.failed(format!("{found}, and nothing more can be written: {e}"), remedy)
    } else if free < MIN_FREE_BYTES {
        finding.missing(found, "free some space: on a full disk nothing is taken in")
    } else {
        finding.ok(found)
    })
}

/// Writes a little into a file without a name, which is gone at once: a disk with free space may still refuse a write (quotas,
/// limits, i-nodes).
///
/// # Errors
/// The disk is full, or read-only. Other errors, such as missing permissions, are reported with the journal.
fn trial_write(folder: &Path) -> io::Result<()> {
    let opened =
        rustix::fs::open(folder, OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR);
    let is_full = |e: &io::Error| {
        matches!(
            e.kind(),
            ErrorKind::StorageFull
                | ErrorKind::QuotaExceeded
                | ErrorKind::FileTooLarge
                | ErrorKind::ReadOnlyFilesystem
        )
    };
    let written = match opened {
        Ok(file) => {
            let mut file = fs::File::from(file);
            file.write_all(&vec![0; TRIAL_WRITE_BYTES]).and_then(|()| file.sync_data())
        }
        Err(e) => Err(e.into()),
    };
    // Not every file system can have files without a name.
    written.or_else(|e| if is_full(&e) { Err(e) } else { Ok(()) })
}

fn wal(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push("-wal");
    name.into()
}

#[allow(clippy::cast_precision_loss, reason = "for people to read")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::check::finding::State;

    async fn found(path: &Path) -> (State, String, String) {
        let finding = in_file(path).await.swap_remove(0);
        (finding.state, finding.found, finding.remedy.unwrap_or_default())
    }

    #[tokio::test]
    async fn a_link_to_what_is_not_there_yet_is_followed() {
        let directory = tempfile::TempDir::new().unwrap();
        let [path, folder] = ["journal.db", "elsewhere"].map(|name| directory.path().join(name));
        symlink("elsewhere/journal.db", &path).unwrap();
        let (state, text, remedy) = found(&path).await;
        assert_eq!(state, State::Failed, "{text}");
        assert!(text.contains("is a link to") && text.contains("there is no folder"), "{text}");
        assert!(remedy.contains(&format!("-o USER {}", folder.display())), "{remedy}");
        fs::create_dir(folder).unwrap();
        let (state, text, _) = found(&path).await;
        assert_eq!(state, State::Ok, "{text}");
        assert!(text.ends_with("will be made at the first start"), "{text}");
        fs::remove_file(&path).unwrap();
        symlink("journal.db", &path).unwrap();
        let (state, text, remedy) = found(&path).await;
        assert_eq!(state, State::Failed, "{text}");
        assert!(!remedy.contains("run this check as"), "{remedy}");
    }

    #[tokio::test]
    async fn what_is_no_file_stays_where_it_is() {
        let (state, text, remedy) = found(Path::new("/dev/null")).await;
        assert_eq!((state, text.as_str()), (State::Failed, "is no file"));
        assert!(remedy.contains("Set journal.path") && !remedy.contains("ove it away"), "{remedy}");
    }
}
