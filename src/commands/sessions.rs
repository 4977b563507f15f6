//! Sessions of commands that take several steps. Knows nothing of what the commands do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jid::BareJid;

use super::catalogue::CommandKind;
use super::draft::Draft;
use crate::wire::error::Refusal;

/// A session without a further step ends after this time.
const SESSION_IDLE_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// The most sessions at a time; a further one takes the place of another.
const MAX_SESSIONS: u64 = 1000;

/// A command that a person has begun.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) person: BareJid,
    pub(super) kind: CommandKind,
    pub(super) draft: Draft,
}

/// All sessions.
#[derive(Debug)]
pub(super) struct Sessions {
    open: moka::sync::Cache<String, Session>,
    /// What the ids of this process begin with.
    prefix: String,
    next: AtomicU64,
}

impl Sessions {
    pub(super) fn new() -> Self {
        Self {
            open: moka::sync::Cache::builder()
                .max_capacity(MAX_SESSIONS)
                .time_to_idle(SESSION_IDLE_TIMEOUT)
                .build(),
            prefix: format!("{:08x}", fastrand::u32(..)),
            next: AtomicU64::new(0),
        }
    }

    /// A new session, which is not stored yet.
    pub(super) fn begin(&self, person: BareJid, kind: CommandKind) -> Session {
        let id = format!("{}-{}", self.prefix, self.next.fetch_add(1, Ordering::Relaxed));
        Session { id, person, kind, draft: Draft::default() }
    }

    /// Takes a session out, so that one step at a time goes on with it.
    ///
    /// # Errors
    /// [`Refusal::SessionExpired`] if it has ended, [`Refusal::BadSessionid`] if it never was, or belongs to another person
    /// or another command.
    pub(super) fn resume(&self, id: &str, person: &BareJid, kind: CommandKind) -> Result<Session, Refusal> {
        let number =
            id.strip_prefix(&self.prefix).and_then(|rest| rest.strip_prefix('-')?.parse::<u64>().ok());
        let was_ours = number.is_some_and(|number| number < self.next.load(Ordering::Relaxed));
        match self.open.get(id) {
            Some(session) if session.person != *person || session.kind != kind => Err(Refusal::BadSessionid),
            Some(_) => self.open.remove(id).ok_or(Refusal::SessionExpired),
            None if was_ours => Err(Refusal::SessionExpired),
            None => Err(Refusal::BadSessionid),
        }
    }

    /// Stores a session until its next step.
    pub(super) fn store(&self, session: Session) {
        self.open.insert(session.id.clone(), session);
    }
}
