//! Backups of the journal: consistent, complete or not there at all, and usable in place of the journal.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use muc_invite_relay::journal::{
    self, BackupError, Claimed, Filter, Journal, JournalReader, OpenError, Retention,
};
use muc_invite_relay::model::{AcceptFrom, Arrival, Change, Outcome, Payload, Route, State};
use tempfile::TempDir;

#[path = "common/ask.rs"]
mod ask;

use ask::{ROOM, ask};

const BOB: &str = "bob@example.org";
const CAROL: &str = "carol@example.org";
const DAY: Duration = Duration::from_secs(24 * 3600);
const RETENTION: Retention = Retention { window: DAY, retention: DAY };

struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn journal(&self) -> PathBuf {
        self.path("journal.db")
    }

    fn backup(&self) -> PathBuf {
        self.path("backup.db")
    }

    /// The files in the folder, without the journal and its WAL.
    fn others(&self) -> Vec<String> {
        let names =
            fs::read_dir(self.0.path()).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
        names.filter(|name| !name.starts_with("journal.db")).collect()
    }

    /// Runs the binary.
    fn run(&self, arguments: &[&str]) -> Output {
        let config = self.path("config.toml");
        let least = include_str!("configs/valid/least.toml");
        fs::write(&config, format!("{least}\n[journal]\npath = '{}'\n", self.journal().display())).unwrap();
        let binary = env!("CARGO_BIN_EXE_muc-invite-relay");
        let done = Command::new(binary).arg("--config").arg(&config).args(arguments).output().unwrap();
        fs::remove_file(config).unwrap();
        done
    }
}

fn arrival(contact: &str) -> Arrival {
    let payload = Payload { password: Some("planted-password".into()), ..Payload::default() };
    Arrival {
        route: Route::Addressed,
        room: ROOM.into(),
        inviter: "alice@example.org".into(),
        contact: contact.into(),
        payload,
        parent: None,
    }
}

fn outcome(id: i64) -> Outcome {
    Outcome { id, state: State::Relayed, reason: None, inviter: None, sent_as: None }
}

/// A journal in which Bob's invitation is relayed, Carol's is in progress, and Bob has settings.
async fn fill(path: &Path) -> (Journal, tokio::task::JoinHandle<Result<(), OpenError>>) {
    let (journal, writer) = Journal::open(path, RETENTION).await.unwrap();
    let writer = tokio::spawn(writer.run());
    let bobs = journal.admit_claimed(arrival(BOB), &ask(BOB)).await.unwrap().id;
    journal.settle(outcome(bobs)).await.unwrap();
    journal.admit_claimed(arrival(CAROL), &ask(CAROL)).await.unwrap();
    journal.change_preferences(BOB, vec![Change::AcceptFrom(AcceptFrom::Contacts)]).await.unwrap().unwrap();
    (journal, writer)
}

#[tokio::test]
async fn a_backup_is_as_good_as_the_journal() {
    let bench = Bench::new();
    let (journal, writer) = fill(&bench.journal()).await;

    let status = journal::backup(&bench.journal(), &bench.backup()).await.unwrap();
    assert_eq!(status.pending, 1);
    assert_eq!(fs::metadata(bench.backup()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(bench.others(), ["backup.db"]);

    // An invitation that comes later is not in the backup.
    journal.admit(arrival("dave@example.org")).await.unwrap();
    let instance = journal.instance().to_owned();
    drop(journal);
    writer.await.unwrap().unwrap();

    let (restored, writer) = Journal::open(&bench.backup(), RETENTION).await.unwrap();
    let writer = tokio::spawn(writer.run());
    assert_eq!(restored.instance(), instance);
    let backlog = restored.backlog(0, 10).await.unwrap();
    assert_eq!(backlog.len(), 1);
    assert_eq!(backlog[0].arrival, arrival(CAROL), "its payload included");
    assert_eq!(restored.preferences(BOB).await.unwrap().accept_from, AcceptFrom::Contacts);
    let next = restored.admit_claimed(arrival(BOB), &ask(BOB)).await.unwrap();
    let duplicate = next.claimed.is_some_and(Claimed::is_duplicate);
    assert_eq!((next.id, duplicate), (3, true), "ids go on, claims hold");
    let records =
        JournalReader::new(&bench.backup()).history(&Filter { limit: 9, ..Filter::default() }).await.unwrap();
    let known: Vec<_> = records.iter().map(|it| (it.id, it.state)).collect();
    assert_eq!(known, [(3, State::Suppressed), (2, State::Pending), (1, State::Relayed)]);
    drop(restored);
    writer.await.unwrap().unwrap();
}

#[tokio::test]
async fn nothing_is_overwritten_and_nothing_half_is_left() {
    let bench = Bench::new();
    drop(fill(&bench.journal()).await);
    let taken = bench.path("taken.db");
    fs::write(&taken, "somebody's").unwrap();
    let dangling = bench.path("dangling.db");
    symlink(bench.path("nowhere"), &dangling).unwrap();
    let others = bench.others();

    for path in [&taken, &dangling, &bench.journal()] {
        let e = journal::backup(&bench.journal(), path).await.unwrap_err();
        assert!(matches!(e, BackupError::Exists { .. }), "{e}");
    }
    let no_folder = bench.path("no/such/backup.db");
    let e = journal::backup(&bench.journal(), &no_folder).await.unwrap_err();
    assert!(matches!(e, BackupError::Target { .. }), "{e}");

    assert_eq!(fs::read(&taken).unwrap(), b"somebody's");
    assert_eq!(bench.others(), others);
}

#[tokio::test]
async fn what_is_no_journal_makes_no_backup() {
    let bench = Bench::new();
    let e = journal::backup(&bench.journal(), &bench.backup()).await.unwrap_err();
    assert!(matches!(e, BackupError::Journal(OpenError::Missing { .. })), "{e}");

    fs::write(bench.journal(), "this is no database, and never was one").unwrap();
    fs::set_permissions(bench.journal(), fs::Permissions::from_mode(0o600)).unwrap();
    let e = journal::backup(&bench.journal(), &bench.backup()).await.unwrap_err();
    assert!(matches!(e, BackupError::Journal(OpenError::Corrupt { .. })), "{e}");
    assert_eq!(bench.others(), [""; 0]);
}

/// `backup` works with any binary, before an upgrade and after it: the backup has the version of the journal. Commands that read
/// rows say what to do instead.
#[tokio::test]
async fn a_journal_of_another_version_can_be_backed_up() {
    for (change, words) in [
        ("DELETE FROM _sqlx_migrations WHERE version > 20261121000000", "Start the relay, or restart it"),
        (
            "UPDATE _sqlx_migrations SET version = 29991231000000 WHERE version = 20261121000000",
            "Install that version again",
        ),
    ] {
        let bench = Bench::new();
        let (journal, writer) = fill(&bench.journal()).await;
        drop(journal);
        writer.await.unwrap().unwrap();
        let sqlite3 = Command::new("sqlite3").arg(bench.journal()).arg(change).status().unwrap();
        assert!(sqlite3.success());

        let backup = bench.run(&["backup", bench.backup().to_str().unwrap()]);
        assert!(backup.status.success(), "{}", String::from_utf8_lossy(&backup.stderr));
        let said = String::from_utf8(backup.stdout).unwrap();
        assert!(said.contains("/backup.db: 0.") && said.ends_with(", 1 under way\n"), "{said}");

        let history = bench.run(&["history"]);
        assert_eq!(history.status.code(), Some(1));
        let said = String::from_utf8(history.stderr).unwrap();
        assert!(said.contains(words), "{said}");
    }
}
