//! How the journal's file is. Reads it beside a relay that runs; changes nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{Finding, State};
use crate::journal;

/// Less free space than this deserves a word.
const LITTLE: u64 = 100 << 20;

/// The journal: there, fit to be used, with room to grow.
pub async fn journal(path: &Path) -> Vec<Finding> {
    let shown = path.display().to_string();
    if !path.exists() {
        let folder = path.parent().unwrap_or(Path::new("/"));
        return vec![if folder.is_dir() {
            Finding::ok("journal", format!("{shown} will be made at the first start"))
        } else {
            Finding::wanting(
                State::Failed,
                "journal",
                format!("{shown}: there is no folder {}", folder.display()),
                format!(
                    "install -d -m 0700 -o USER {}   # USER: the user that runs the relay",
                    folder.display()
                ),
            )
        }];
    }
    let mut findings = vec![match journal::status(path).await {
        Ok(status) => {
            let size = fs::metadata(path).map_or(0, |it| it.len());
            let mode = fs::metadata(path).map_or(0, |it| it.permissions().mode() & 0o777);
            Finding::ok(
                "journal",
                format!(
                    "{shown}: mode {mode:04o}, schema {}, {:.1} MB, {} under way",
                    status.schema,
                    megabytes(size),
                    status.pending
                ),
            )
        }
        Err(e) => Finding::wanting(State::Failed, "journal", shown, e.to_string()),
    }];
    if let Ok(disk) = rustix::fs::statvfs(path) {
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let found = format!("{:.0} MB free", megabytes(free));
        findings.push(if free < LITTLE {
            Finding::wanting(
                State::Missing,
                "disk",
                found,
                "free some space: on a full disk nothing is taken in",
            )
        } else {
            Finding::ok("disk", found)
        });
    }
    findings
}

#[allow(clippy::cast_precision_loss, reason = "for people to read")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
