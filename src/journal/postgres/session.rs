//! Connects to the first server of a list that takes writes, with the settings of a session. Every wait has an end, which sqlx's do
//! not. Knows nothing of what is in the tables.

use std::cmp::Ordering;
use std::future::Future;
use std::io;
use std::str::FromStr;
use std::time::Duration;

use secrecy::ExposeSecret;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};
use tokio::time::timeout;

use crate::config::JournalServer;
use crate::journal::open_error::OpenError;

/// `server_version_num` of the oldest server that has all settings of a session.
const OLDEST_VERSION: i32 = 14_00_00;

/// How long one server may take to let a session in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a transaction of the writer may take, with the connection that it may need first. Its lead has ended by then.
pub(super) const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a reader may take.
pub(in crate::journal) const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Write,
    Read,
}

impl Purpose {
    /// The server ends what takes longer than the relay waits for it. Each session of the writer is used every second, so one that
    /// is silent for a minute belongs to a process that hangs, or to a connection that is gone; and in a transaction for three
    /// seconds, which would keep others from taking the lead.
    ///
    /// The writer's statements look up some rows by their keys. Without other kinds of joins and scans the planner can't decide to
    /// read a whole table for that, which it did where dead rows could not be removed (a dump ran beside). So a statement has one
    /// plan, whatever its rows are, and is planned once.
    fn settings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Write => &[
                ("statement_timeout", "8s"),
                ("lock_timeout", "5s"),
                ("idle_in_transaction_session_timeout", "3s"),
                ("enable_hashjoin", "off"),
                ("enable_mergejoin", "off"),
                ("enable_seqscan", "off"),
                ("enable_bitmapscan", "off"),
                ("plan_cache_mode", "force_generic_plan"),
                ("jit", "off"),
            ],
            Self::Read => &[
                ("statement_timeout", "60s"),
                ("lock_timeout", "5s"),
                ("idle_in_transaction_session_timeout", "10s"),
            ],
        }
    }
}

/// Waits for this long at most.
///
/// # Errors
/// That of the work; or [`sqlx::Error::Io`], [`io::ErrorKind::TimedOut`].
pub(in crate::journal) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| {
        let why = format!("the database has not answered for {} s", limit.as_secs());
        Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, why)))
    })
}

/// A session with the first server that takes writes. `from`: where in the list that begins, so that servers that do not answer don't
/// use up the time of each attempt; it is moved on behind one that failed.
///
/// # Errors
/// None does; the error is that of the last.
pub(super) async fn connect(
    server: &JournalServer,
    from: &mut usize,
    purpose: Purpose,
) -> sqlx::Result<PgConnection> {
    let mut failed = sqlx::Error::Configuration("journal.url names no server".into());
    for _ in 0..server.urls.len() {
        let at = *from % server.urls.len();
        // Before the attempt, which may be dropped.
        *from = at + 1;
        match within(CONNECT_TIMEOUT, connect_to(server.urls[at].expose_secret(), purpose)).await {
            Ok(db) => {
                *from = at;
                return Ok(db);
            }
            Err(e) => failed = e,
        }
    }
    Err(failed)
}

async fn connect_to(url: &str, purpose: Purpose) -> sqlx::Result<PgConnection> {
    let mut options = PgConnectOptions::from_str(url)?
        .options(purpose.settings().iter().copied())
        .disable_statement_logging();
    if options.get_application_name().is_none() {
        options = options.application_name("muc-invite-relay");
    }
    let mut db = options.connect().await?;
    // An answer of the journal means that the data is on the disk, whatever the server's default is. Older servers let nobody in who
    // asks for `idle_session_timeout` at once.
    let (version, encoding, read_only): (i32, String, bool) = sqlx::query_as(
        "SELECT version, current_setting('server_encoding'), current_setting('transaction_read_only') = 'on' \
         FROM (SELECT version, CASE WHEN version >= $1 THEN set_config('idle_session_timeout', '60s', false) END, \
         CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END \
         FROM (SELECT current_setting('server_version_num')::int AS version) AS server) AS settings",
    )
    .bind(OLDEST_VERSION)
    .fetch_one(&mut db)
    .await?;
    match unsuitable(version, &encoding) {
        Some(why) => Err(sqlx::Error::Configuration(why.into())),
        None if read_only => Err(read_only_error()),
        None => Ok(db),
    }
}

/// Why a database can't have a journal, and what to do.
fn unsuitable(version: i32, encoding: &str) -> Option<String> {
    if version < OLDEST_VERSION {
        let (found, oldest) = (version / 10_000, OLDEST_VERSION / 10_000);
        return Some(format!("the server is PostgreSQL {found}. Use {oldest} or later"));
    }
    (encoding != "UTF8").then(|| {
        format!(
            "its encoding is {encoding}, in which names are lost. Make another one: createdb --encoding UTF8 --template template0 \
             --owner USER NAME"
        )
    })
}

fn read_only_error() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(
        io::ErrorKind::ReadOnlyFilesystem,
        "the server takes no writes (a standby?)",
    ))
}

/// A session for a relay that may write, with the tables made where there are none. Those of an older version stay as they are, since
/// one that leads may use them.
///
/// # Errors
/// [`OpenError`]: among others, a newer version has written it.
pub(super) async fn prepared(server: &JournalServer) -> Result<PgConnection, OpenError> {
    let failed = |e| open_error(server, e);
    let mut db = connect(server, &mut 0, Purpose::Write).await.map_err(failed)?;
    let looking = sqlx::query_scalar("SELECT to_regclass('leader') IS NOT NULL").fetch_one(&mut db);
    let is_there: bool = within(READ_TIMEOUT, looking).await.map_err(failed)?;
    if !is_there {
        migrate(server, &mut db).await?;
    }
    not_newer(server, &mut db).await?;
    Ok(db)
}

/// # Errors
/// [`OpenError::ServerNewer`]: a newer version has written the tables.
pub(super) async fn not_newer(server: &JournalServer, db: &mut PgConnection) -> Result<(), OpenError> {
    match version(server, db).await? {
        (Ordering::Greater, found) => Err(OpenError::ServerNewer { server: server.shown.clone(), found }),
        _ => Ok(()),
    }
}

/// How the version of the tables stands to this program's; and that version.
async fn version(server: &JournalServer, db: &mut PgConnection) -> Result<(Ordering, i64), OpenError> {
    let version = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(db);
    // A few rows: one that stands by asks each time, and must not wait for a server that hangs as long as for a search.
    let found: Option<i64> = within(TRANSACTION_TIMEOUT, version).await.map_err(|e| open_error(server, e))?;
    let ours = migrations().iter().map(|migration| migration.version).max().unwrap_or(0);
    let Some(found) = found else { return Err(OpenError::ServerMissing { server: server.shown.clone() }) };
    Ok((found.cmp(&ours), found))
}

/// Brings the tables of an older version up to date.
///
/// # Errors
/// As [`prepared`].
pub(super) async fn up_to_date(server: &JournalServer, db: &mut PgConnection) -> Result<(), OpenError> {
    match version(server, db).await? {
        (Ordering::Less, _) => migrate(server, db).await,
        _ => Ok(()),
    }
}

/// Makes the tables, or brings them up to date. Two relays that do so at once wait for each other.
///
/// # Errors
/// [`OpenError`]: among others, a newer version has written them.
async fn migrate(server: &JournalServer, db: &mut PgConnection) -> Result<(), OpenError> {
    let migrations = migrations();
    let migrating = async { migrations.run(db).await.map_err(|e| sqlx::Error::Migrate(Box::new(e))) };
    within(READ_TIMEOUT, migrating).await.map_err(|e| open_error(server, e))
}

fn migrations() -> Migrator {
    sqlx::migrate!("migrations/postgres")
}

/// A session beside a relay that may be running. Creates nothing.
///
/// # Errors
/// [`OpenError`]: among others, there is no journal yet, or its schema has another version.
pub(in crate::journal) async fn beside(server: &JournalServer) -> Result<PgConnection, OpenError> {
    let mut db = connect(server, &mut 0, Purpose::Read).await.map_err(|e| open_error(server, e))?;
    let shown = server.shown.clone();
    match version(server, &mut db).await? {
        (Ordering::Less, found) => Err(OpenError::ServerOlder { server: shown, found }),
        (Ordering::Equal, _) => Ok(db),
        (Ordering::Greater, found) => Err(OpenError::ServerNewer { server: shown, found }),
    }
}

/// What an error of the database means.
pub(in crate::journal) fn open_error(server: &JournalServer, source: sqlx::Error) -> OpenError {
    let shown = server.shown.clone();
    match source {
        sqlx::Error::Migrate(e) => match *e {
            MigrateError::VersionMissing(found) | MigrateError::VersionTooNew(found, _) => {
                OpenError::ServerNewer { server: shown, found }
            }
            MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => {
                open_error(server, source)
            }
            other => OpenError::Server {
                server: shown,
                remedy: remedy(&sqlx::Error::PoolClosed),
                source: sqlx::Error::Migrate(Box::new(other)),
            },
        },
        e if code(&e).is_some_and(|code| code == "42P01") => OpenError::ServerMissing { server: shown },
        sqlx::Error::Configuration(why) => {
            OpenError::ServerUnsuitable { server: shown, why: why.to_string() }
        }
        e if is_damage(&e) => OpenError::ServerCorrupt { server: shown, detail: e.to_string() },
        e if is_fault(&e) => OpenError::ServerFault { server: shown, source: e },
        source => OpenError::Server { server: shown, remedy: remedy(&source), source },
    }
}

/// Data exceptions (22), constraints (23), syntax and names (42), but for missing rights (42501), limits of the server (54): the same
/// statement would fail each time.
pub(super) fn is_fault(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| {
        code != "42501" && ["21", "22", "23", "42", "54"].iter().any(|class| code.starts_with(class))
    })
}

/// Damaged data (XX001, XX002), and a row that holds what this version never writes.
pub(super) fn is_damage(error: &sqlx::Error) -> bool {
    let unreadable = matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_));
    unreadable || code(error).is_some_and(|code| code == "XX001" || code == "XX002")
}

/// The relay or the server has ended what took too long.
pub(super) fn is_too_slow(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(e) if e.kind() == io::ErrorKind::TimedOut)
        || code(error).is_some_and(|code| code == "57014")
}

/// What the operator should do about an error that may pass.
pub(super) fn remedy(error: &sqlx::Error) -> &'static str {
    match code(error).as_deref() {
        Some("28000" | "28P01") => {
            "Correct user and password in journal.url, or let the user in (pg_hba.conf)"
        }
        Some("3D000") => "Make the database: createdb --owner USER NAME",
        Some("42501") => "Let the user of journal.url own the database, or its schema",
        Some(code) if code.starts_with("53") => {
            "The server has no room: free some disk space, memory or connections"
        }
        Some("25006") => "The server takes no writes: add the one that does to journal.url",
        Some("55P03" | "57014") => {
            "Another session holds what is written, or the server is slow: look at pg_stat_activity"
        }
        _ => "Look at the database server, and at the way to it",
    }
}

/// The SQLSTATE.
fn code(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::config::JournalKey;

    #[test]
    fn what_a_server_must_have_is_said() {
        assert_eq!(unsuitable(150_018, "UTF8"), None);
        assert!(unsuitable(130_099, "UTF8").unwrap().contains("is PostgreSQL 13. Use 14"));
        assert!(unsuitable(150_018, "SQL_ASCII").unwrap().contains("its encoding is SQL_ASCII"));
    }

    #[tokio::test(start_paused = true)]
    async fn servers_that_do_not_answer_don_t_use_up_each_attempt() {
        let silent = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let urls = silent.iter().map(|it| format!("postgresql://a@{}/b", it.local_addr().unwrap()).into());
        let server = JournalServer {
            urls: urls.collect(),
            shown: String::new(),
            key: JournalKey::new([0; JournalKey::BYTES]),
            key_file: "key".into(),
            password_in: None,
            lease: crate::config::DEFAULT_LEASE,
            relay: String::new(),
        };
        let mut from = 0;
        for _ in 0..2 {
            let connecting = connect(&server, &mut from, Purpose::Write);
            assert!(within(TRANSACTION_TIMEOUT.mul_f32(0.9), connecting).await.is_err());
        }
        for listener in silent {
            listener.set_nonblocking(true).unwrap();
            assert!(listener.accept().is_ok(), "it was asked");
        }
    }
}
