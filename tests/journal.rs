//! The journal in a file of `SQLite`: what holds for every journal, and what is refused at the start, wiped and locked here.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use muc_invite_relay::config::JournalPlace;
use muc_invite_relay::journal::{Filter, Forget, Journal, JournalReader, OpenError, Retention};
use muc_invite_relay::model::State;
use tempfile::TempDir;
use tokio::task::JoinHandle;

#[path = "common/ask.rs"]
mod ask;
#[path = "journals/batches.rs"]
mod batches;
#[path = "journals/suite.rs"]
mod suite;

use suite::{BOB, DAY, arrival, close, lines, outcome};

struct Bench {
    folder: TempDir,
    retention: Retention,
}

/// A process that is being started has the files of all tests open for a moment, and so holds their locks.
static STARTS: Mutex<()> = Mutex::new(());

impl Bench {
    #[allow(clippy::unnecessary_wraps, reason = "other databases may not be there")]
    fn new() -> Option<Self> {
        let retention = Retention { window: DAY, retention: 90 * DAY };
        Some(Self { folder: TempDir::new().unwrap(), retention })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("journal.db")
    }

    fn place(&self) -> JournalPlace {
        JournalPlace::File(self.path())
    }

    async fn open(&self) -> (Journal, JoinHandle<Result<(), OpenError>>) {
        drop(STARTS.lock().unwrap());
        let (journal, writer) = Journal::open(&self.path(), self.retention).await.unwrap();
        (journal, tokio::spawn(writer.run()))
    }

    /// Runs `sql` as another process would.
    fn sql(&self, sql: &str) -> String {
        let mut command = std::process::Command::new("sqlite3");
        command.arg(self.path()).arg(sql).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = STARTS.lock().unwrap();
        let child = command.spawn().unwrap();
        drop(started);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Writes an invitation under way beside the writer.
    fn insert_pending(&self, id: i64) {
        self.sql(&format!(
            "INSERT INTO pending (id, received, route, room, inviter, contact, continues) \
             VALUES ({id}, 0, 'addressed', 'r', 'i', 'c', 0)"
        ));
    }

    /// Whether this text stands anywhere in the files.
    fn holds(&self, text: &str) -> bool {
        fs::read_dir(self.folder.path()).unwrap().any(|file| {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        })
    }
}

#[tokio::test]
async fn a_settled_payload_is_nowhere_in_the_files() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let mut ids = Vec::new();
    for n in 0..200 {
        ids.push(journal.admit(arrival(&format!("contact{n}@example.org"))).await.unwrap().id);
    }
    assert!(bench.holds("planted-password"), "under way it must be on the disk");
    for id in ids {
        journal.settle(outcome(id, State::Relayed, None)).await.unwrap();
    }
    close(journal, writer).await;
    assert!(!bench.holds("planted-password"));
    assert_eq!(lines(&bench.place()).await.len(), 100);
}

#[tokio::test]
async fn a_lock_is_waited_for() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let lock = sqlx::sqlite::SqliteConnectOptions::new().filename(bench.path());
    let mut lock = sqlx::ConnectOptions::connect(&lock).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut lock).await.unwrap();
    let mut admit = Box::pin(journal.admit(arrival(BOB)));
    assert!(tokio::time::timeout(Duration::from_millis(700), &mut admit).await.is_err(), "held up");
    sqlx::query("ROLLBACK").execute(&mut lock).await.unwrap();
    assert_eq!(admit.await.unwrap().id, 1);
    close(journal, writer).await;
}

#[tokio::test]
async fn one_journal_has_one_writer_whatever_its_path() {
    let Some(bench) = Bench::new() else { return };
    let long = bench.folder.path().join("x".repeat(200));
    fs::create_dir(&long).unwrap();
    let [path, other] = [long.join("journal.db"), bench.folder.path().join("link.db")];
    std::os::unix::fs::symlink(&path, &other).unwrap();
    let (journal, writer) = Journal::open(&path, bench.retention).await.unwrap();
    for path in [&path, &other] {
        let second = Journal::open(path, bench.retention).await;
        assert!(matches!(second, Err(OpenError::InUse { .. })), "{}", path.display());
    }
    close(journal, tokio::spawn(writer.run())).await;
    let (journal, writer) = Journal::open(&other, bench.retention).await.unwrap();
    close(journal, tokio::spawn(writer.run())).await;
}

#[tokio::test]
async fn a_journal_that_is_not_fit_is_refused_and_left_alone() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    for n in 0..300 {
        let id = journal.admit(arrival(&format!("contact{n}@example.org"))).await.unwrap().id;
        journal.settle(outcome(id, State::Relayed, None)).await.unwrap();
    }
    close(journal, writer).await;
    let whole = fs::read(bench.path()).unwrap();
    let error = async || Journal::open(&bench.path(), bench.retention).await.map(|_| ()).unwrap_err();

    fs::set_permissions(bench.path(), fs::Permissions::from_mode(0o640)).unwrap();
    let e = error().await;
    assert!(matches!(e, OpenError::TooOpen { mode: 0o640, .. }), "{e}");
    assert!(e.to_string().contains("chmod 600"));
    fs::set_permissions(bench.path(), fs::Permissions::from_mode(0o600)).unwrap();

    bench.sql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (29991231000000, 'later', 1, x'00', 0)",
    );
    let e = error().await;
    assert!(matches!(e, OpenError::Newer { found: 29_991_231_000_000, .. }), "{e}");

    let mut holed = whole.clone();
    holed[4096..12288].fill(0x55);
    let damaged: [(&str, &[u8]); 3] = [
        ("garbage", b"this is no database, and never was one"),
        ("cut", &whole[..whole.len() / 2]),
        ("holed", &holed),
    ];
    for (what, bytes) in damaged {
        fs::write(bench.path(), bytes).unwrap();
        let e = error().await;
        assert!(matches!(e, OpenError::Corrupt { .. }), "{what}: {e}");
        assert!(e.to_string().contains("Restore it from a backup"), "{what}: {e}");
        assert_eq!(fs::read(bench.path()).unwrap(), bytes, "{what}: left as it was");
    }

    let missing = bench.folder.path().join("no/such/journal.db");
    let e = Journal::open(&missing, bench.retention).await.map(|_| ()).unwrap_err();
    assert!(e.to_string().contains("Create the folder"), "{e}");
    let e = JournalReader::new(&missing).history(&Filter::default()).await.unwrap_err();
    assert!(matches!(e, OpenError::Missing { .. }), "{e}");
}

#[tokio::test]
async fn the_file_is_for_its_owner_alone() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    journal.admit(arrival(BOB)).await.unwrap();
    for file in fs::read_dir(bench.folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
    close(journal, writer).await;
}

/// Rows of a version that knew no hand-overs by their names are delivered as then.
#[tokio::test]
async fn a_journal_without_hand_overs_is_brought_up_to_date() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    journal.admit(arrival(BOB)).await.unwrap();
    close(journal, writer).await;
    bench.sql("ALTER TABLE pending DROP COLUMN hand_over");
    bench.sql("ALTER TABLE pending DROP COLUMN addressed");
    bench.sql("DELETE FROM _sqlx_migrations WHERE version IN (20261128020000, 20261128100000)");

    let (journal, writer) = bench.open().await;

    let [row] = &journal.backlog(0, 10).await.unwrap()[..] else { panic!("it has one row") };
    assert_eq!((row.arrival.contact.as_str(), &row.arrival.payload.hand_over), (BOB, &None));
    close(journal, writer).await;
}

/// Nothing of who was forgotten is left in a file beside the journal.
#[tokio::test]
async fn forgetting_ends_with_the_file_closed() {
    let bench = Bench::new().unwrap();
    let (journal, writer) = bench.open().await;
    close(journal, writer).await;
    for _ in 0..20 {
        let bob = jid::BareJid::new(BOB).unwrap();
        JournalReader::new(bench.place()).forget(&bob, Forget::Everything).await.unwrap();
        let files: Vec<_> =
            fs::read_dir(bench.folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
        assert_eq!(files, ["journal.db"]);
    }
}
