//! What all commands share: their errors with the exit codes, the runtime, and arguments that are JIDs. Knows nothing of
//! single commands.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::ExitCode;

use chrono::{DateTime, Utc};
use jid::BareJid;

use crate::check::{Finding, RelayFound};
use crate::config::{ConfigError, JournalPlace};
use crate::journal::{BackupError, MoveError, OpenError, as_owner, owner};
use crate::model::{address, duration};
use crate::setup::ReadError;
use crate::telemetry::log::LogError;

/// The exit code where a command needs a running relay, and none runs or answers.
const EXIT_NO_RELAY: u8 = 4;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Journal(#[from] OpenError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Move(#[from] MoveError),
    /// The relay, or the command itself, has not done it. `wrong`: the operator has to correct what they asked for.
    #[error("{why}")]
    Refused { why: String, wrong: bool },
    #[error("no relay runs with {0}: start it, or name its configuration with --config")]
    NoRelay(Box<JournalPlace>),
    /// A relay runs, and did not begin: with what was found out about it.
    #[error("{0}. Nothing was done, and nothing will be when it goes on (muc-invite-relay check says more)")]
    NoAnswer(String),
    #[error(transparent)]
    Server(#[from] ReadError),
    #[error("interrupted: nothing was done")]
    Interrupted,
    #[error("the output can't be written: {0}")]
    Output(#[from] io::Error),
}

impl CommandError {
    /// The error where a relay hangs; `process`: which, if that is known.
    pub(super) fn no_answer(process: Option<i32>) -> Self {
        Self::NoAnswer(Finding::relay(&RelayFound::Hangs(process)).found)
    }

    /// The error where the relay could not be asked, or its answer broke off.
    pub(super) fn not_asked(e: &io::Error, socket: &Path) -> Self {
        Self::Refused { why: not_asked(e, socket), wrong: false }
    }

    /// 2 for what the operator has to correct in the configuration or the command, 4 if no relay runs or answers, else 1; 0
    /// for a reader that has closed the pipe.
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) | Self::Log(_) | Self::Server(_) | Self::Refused { wrong: true, .. } => {
                ExitCode::from(2)
            }
            Self::NoRelay(_) | Self::NoAnswer(_) => ExitCode::from(EXIT_NO_RELAY),
            // The reader has closed the pipe, as in `history | head`.
            Self::Output(e) if e.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Self::Journal(_)
            | Self::Backup(_)
            | Self::Move(_)
            | Self::Refused { .. }
            | Self::Interrupted
            | Self::Output(_) => ExitCode::FAILURE,
        }
    }
}

/// Why the relay at this socket could not be asked, and what to do.
pub(super) fn not_asked(e: &io::Error, socket: &Path) -> String {
    if e.kind() == ErrorKind::PermissionDenied {
        let user = owner(socket).map_or_else(|| "its own user".to_owned(), |user| format!("user {user}"));
        return format!(
            "the relay can't be asked by this user: run this as root, or as {user} ({} muc-invite-relay …)",
            as_owner(socket)
        );
    }
    format!("the relay does not answer: {e}")
}

/// Runs the asynchronous part of a command, on this thread.
///
/// # Errors
/// The system refuses what the runtime needs, such as open files.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(future);
    // A look-up of a name that nobody waits for any more may take the resolver half a minute.
    runtime.shutdown_background();
    Ok(done)
}

/// Reads an argument that is a bare JID.
///
/// # Errors
/// It is no JID, or it has a resource: an occupant's address must not be taken for the room's.
pub(super) fn bare_jid(text: &str) -> Result<BareJid, String> {
    let jid = address::typed(text).ok().filter(|_| !text.contains('/'));
    jid.ok_or_else(|| "write a bare JID, such as bob@example.org".to_owned())
}

/// Reads an argument that is a duration until now, or a time.
///
/// # Errors
/// It is neither.
pub(super) fn since(text: &str) -> Result<DateTime<Utc>, &'static str> {
    let ago = || Utc::now().checked_sub_signed(chrono::Duration::from_std(duration::parse(text)?).ok()?);
    let at = || Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc());
    ago()
        .or_else(at)
        .ok_or("write a duration such as 90s, 10m, 24h, 30d, or a time such as 2026-01-31T12:00:00Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_takes_a_duration_or_a_time() {
        let then = since("2h").unwrap();
        assert_eq!((Utc::now() - then).num_minutes(), 120);
        assert_eq!(since("2026-01-31T13:00:00+01:00").unwrap().to_rfc3339(), "2026-01-31T12:00:00+00:00");
        for wrong in ["5 bananas", "", "yesterday", "2026-01-31", "99999999999d", "10M", "1y"] {
            since(wrong).unwrap_err();
        }
    }
}
