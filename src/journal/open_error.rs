//! Why a journal can't be opened or used. Each text says what to do; none shows a password or a key. Knows nothing of how that is
//! found out.

use std::io;
use std::path::PathBuf;

/// Why the journal can't be opened or used. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its folder is missing or can't be used.
    #[error(
        "journal.path = {path:?} can't be opened: {source}. Create the folder and give it to the user that runs \
         the relay, or set journal.path to a file in a folder that it may write"
    )]
    File {
        /// The configured path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file or its folder is another user's, can only be read, or is no file; or it is a link that leads nowhere.
    #[error("journal.path = {path:?} can't be used: {why}")]
    Denied {
        /// The configured path.
        path: PathBuf,
        /// What stands in the way, and what to do.
        why: String,
    },
    /// Two relays with one journal would both deliver what is in it.
    #[error("another relay runs with journal.path = {path:?}: stop it, or give each its own journal")]
    InUse {
        /// The configured path.
        path: PathBuf,
    },
    /// `SQLite` rejects what the relay writes: an error in the relay, which trying again does not solve.
    #[error(
        "internal fault: the journal {path:?} takes no such row ({source}). Please report this with the log before it"
    )]
    Fault {
        /// The configured path.
        path: PathBuf,
        /// What `SQLite` said.
        source: sqlx::Error,
    },
    /// There is no journal yet.
    #[error(
        "journal.path = {path:?} does not exist: nothing has been relayed yet, or another file is configured for \
         the relay that runs"
    )]
    Missing {
        /// The configured path.
        path: PathBuf,
    },
    /// Others than the owner may read or write the file, and room passwords pass through it.
    #[error(
        "journal.path = {path:?} has mode {mode:04o}, so other users can read room passwords in it. \
         Run: chmod 600 {path:?}"
    )]
    TooOpen {
        /// The configured path.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is not a database, or is damaged.
    #[error(
        "the journal {path:?} is damaged ({detail}). Nothing was changed. Restore it from a backup, or move it away \
         together with the -wal file beside it and start with an empty one: what was under way is then forgotten and invitations \
         of the last window may be repeated"
    )]
    Corrupt {
        /// The configured path.
        path: PathBuf,
        /// What `SQLite` found.
        detail: String,
    },
    /// A later version of the relay has written it.
    #[error(
        "the journal {path:?} was written by a newer muc-invite-relay (schema {found}). Install that version again, \
         or restore the backup that was made before the upgrade"
    )]
    Newer {
        /// The configured path.
        path: PathBuf,
        /// The schema version found.
        found: i64,
    },
    /// An earlier version of the relay has written it, and this one has not run yet.
    #[error(
        "the journal {path:?} was written by an older muc-invite-relay (schema {found}). Start the relay, or restart \
         it: that brings the journal up to date"
    )]
    Older {
        /// The configured path.
        path: PathBuf,
        /// The schema version found.
        found: i64,
    },
    /// Any other error of `SQLite`.
    #[error("the journal {path:?} can't be used: {source}")]
    Database {
        /// The configured path.
        path: PathBuf,
        /// What `SQLite` said.
        source: sqlx::Error,
    },
    /// A database failed for a moment while a journal was moved.
    #[error("the journal {journal} can't be used: {detail}. {remedy}. Nothing was moved to {target}")]
    Interrupted {
        /// The one that failed.
        journal: String,
        /// Where it was to be moved.
        target: String,
        /// What was said.
        detail: String,
        /// What to do.
        remedy: &'static str,
    },
    /// Another relay leads.
    #[error(
        "the relay {leader} leads the journal at journal.url = {server}: do that there, or stop it first"
    )]
    ServerInUse {
        /// Host, port and database.
        server: String,
        /// Its machine and control socket.
        leader: String,
    },
    /// Another relay has taken the lead.
    #[error("another relay has taken the lead of the journal at journal.url = {server}")]
    LeadLost {
        /// Host, port and database.
        server: String,
    },
    /// There is no journal in the database.
    #[error(
        "there is no journal in the database of journal.url = {server}: nothing has been relayed yet, or another one is \
         configured for the relay that runs"
    )]
    ServerMissing {
        /// Host, port and database.
        server: String,
    },
    /// A later version of the relay has written it.
    #[error(
        "the journal at journal.url = {server} was written by a newer muc-invite-relay (schema {found}). Install that version \
         again, or restore the dump that was made before the upgrade"
    )]
    ServerNewer {
        /// Host, port and database.
        server: String,
        /// The schema version found.
        found: i64,
    },
    /// An earlier version of the relay has written it, and this one has not run yet.
    #[error(
        "the journal at journal.url = {server} was written by an older muc-invite-relay (schema {found}). Start the relay, or \
         restart it: that brings the journal up to date"
    )]
    ServerOlder {
        /// Host, port and database.
        server: String,
        /// The schema version found.
        found: i64,
    },
    /// The database, or its URL, is of no use for a journal.
    #[error("the database of journal.url = {server} can't be used: {why}")]
    ServerUnsuitable {
        /// Host, port and database.
        server: String,
        /// What it lacks, and what to do.
        why: String,
    },
    /// What is in it was sealed with another key.
    #[error(
        "journal.key_file = {key_file:?} is not the key of the journal at journal.url = {server}. Put the key back that the journal \
         was begun with: without it invitations under way can't be read"
    )]
    WrongKey {
        /// Host, port and database.
        server: String,
        /// The configured file.
        key_file: PathBuf,
    },
    /// It holds what this version never writes.
    #[error(
        "the journal at journal.url = {server} is damaged ({detail}). Nothing was changed. Restore it from a dump, or give the relay \
         an empty database"
    )]
    ServerCorrupt {
        /// Host, port and database.
        server: String,
        /// What was found.
        detail: String,
    },
    /// `PostgreSQL` rejects what the relay writes: an error in the relay, which trying again does not solve.
    #[error(
        "internal fault: the journal at journal.url = {server} takes no such row ({source}). Please report this with the log \
         before it"
    )]
    ServerFault {
        /// Host, port and database.
        server: String,
        /// What `PostgreSQL` said.
        source: sqlx::Error,
    },
    /// Any other error of `PostgreSQL`, or of the way to it.
    #[error("the journal at journal.url = {server} can't be used: {source}. {remedy}")]
    Server {
        /// Host, port and database.
        server: String,
        /// What was said.
        source: sqlx::Error,
        /// What to do.
        remedy: &'static str,
    },
}
