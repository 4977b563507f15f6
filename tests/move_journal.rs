//! `journal move`: a journal in a file goes to `PostgreSQL` and back, and is the same; and what is refused. Runs the binary.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use muc_invite_relay::config::JournalPlace;
use muc_invite_relay::journal::{Journal, Retention, Standby};
use muc_invite_relay::model::group::{GroupChange, KeptGroup, MayUse};
use muc_invite_relay::model::{Arrival, Change, LateArrival, Outcome, Payload, Reason, Route, State};
use tempfile::TempDir;
use tokio::task::JoinHandle;

#[path = "common/ask.rs"]
mod ask;
#[path = "common/postgres.rs"]
mod postgres;
#[path = "common/proxy.rs"]
mod proxy;

use ask::{ROOM, ask};
use postgres::Database;

const KEY: u8 = 7;

struct Bench {
    folder: TempDir,
    database: Database,
    /// Of the configurations that have one.
    urls: RefCell<HashMap<String, String>>,
}

impl Bench {
    fn new() -> Option<Self> {
        let bench =
            Self { folder: TempDir::new().unwrap(), database: Database::new()?, urls: RefCell::default() };
        std::fs::write(bench.path("key"), format!("{KEY:02x}").repeat(32)).unwrap();
        bench.configure_server("server.toml", &bench.database.url());
        for name in ["first", "second"] {
            bench.configure(&format!("{name}.toml"), &format!("path = '{}'", bench.path(name).display()));
        }
        Some(bench)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn configure(&self, name: &str, journal: &str) {
        let text = format!(
            "[component]\njid = 'invites.example.org'\nsecret = 'swordfish'\nserver = '127.0.0.1:1'\n\
             [muc]\nservices = ['conference.example.org']\n[journal]\n{journal}\n"
        );
        std::fs::write(self.path(name), text).unwrap();
    }

    fn configure_server(&self, name: &str, url: &str) {
        self.urls.borrow_mut().insert(name.to_owned(), url.to_owned());
        let [key, socket] = ["key", "sock"].map(|name| self.path(name).display().to_string());
        self.configure(name, &format!("url = '{url}'\nkey_file = '{key}'\nsocket = '{socket}'"));
    }

    fn run(&self, config: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muc-invite-relay"));
        command.arg("--config").arg(self.path(config)).args(arguments).output().unwrap()
    }

    fn moves(&self, from: &str, to: &str) -> Output {
        let key = self.path("key").display().to_string();
        let path = self.path(to).display().to_string();
        match self.urls.borrow().get(to) {
            Some(url) => self.run(from, &["journal", "move", "--to", url, "--key-file", &key]),
            None => self.run(from, &["journal", "move", "--to", path.strip_suffix(".toml").unwrap()]),
        }
    }

    fn refuses(&self, from: &str, to: &str, why: &str) {
        let done = self.moves(from, to);
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(said.contains(why) && !said.contains("planted"), "{said}");
    }

    fn sqlite(&self, name: &str, sql: &str) -> String {
        let done = Command::new("sqlite3").arg(self.path(name)).arg(sql).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    fn server(&self) -> JournalPlace {
        self.database.server(KEY).into()
    }

    /// All that is in a file, as text.
    fn dump(&self, name: &str) -> String {
        let tables =
            ["pending", "history", "wishes", "groups", "looks", "hashes", "journal", "sqlite_sequence"];
        let mut selects: Vec<_> =
            tables.iter().map(|table| format!("SELECT '{table}', * FROM {table} ORDER BY 2, 3;")).collect();
        selects.push(
            "SELECT 'claims', hex(key), at, invitation, hex(memory) FROM claims ORDER BY 2;".to_owned(),
        );
        let done = Command::new("sqlite3").arg(self.path(name)).arg(selects.concat()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }
}

async fn open(place: impl Into<JournalPlace>) -> (Journal, JoinHandle<()>) {
    let hour = Duration::from_secs(3600);
    let retention = Retention { window: hour, retention: 24 * hour };
    let (journal, writer) = Journal::open(place, retention).await.unwrap();
    (journal, tokio::spawn(async { writer.run().await.unwrap() }))
}

fn arrival(contact: &str) -> Arrival {
    Arrival {
        route: Route::Addressed,
        room: ROOM.into(),
        inviter: "alice@example.org".into(),
        contact: contact.into(),
        payload: Payload { password: Some("planted-password".into()), ..Payload::default() },
        parent: None,
    }
}

/// More than two pages of what there can be many of, and all kinds of rows.
async fn fill(path: &Path) {
    let (journal, writer) = open(path).await;
    for n in 0..1100 {
        let contact = format!("contact{n}@example.org");
        let id = journal.admit_claimed(arrival(&contact), &ask(&contact)).await.unwrap().id;
        let (state, reason, sent_as) = match n % 3 {
            0 => (State::Relayed, None, Some(r"alice\40example.org@invites.example.org".to_owned())),
            1 => (State::Relayed, None, Some("alice@example.org".to_owned())),
            _ => (State::Refused, Some(Reason::Outcast), None),
        };
        journal.settle(Outcome { id, state, reason, inviter: None, sent_as }).await.unwrap();
        journal.look_alike(&contact, &format!("look{}", n / 3)).await.unwrap();
    }
    for n in 0..20 {
        let part = Arrival { parent: (n > 0).then_some(1101), ..arrival(&format!("waiting{n}@example.org")) };
        journal.admit(part).await.unwrap();
        journal.note_hash(format!("sha-1 {n}"), n % 2 == 0).await.unwrap();
        journal
            .change_preferences(&format!("p{n}@example.org"), vec![Change::Block(ROOM.into())])
            .await
            .unwrap()
            .unwrap();
    }
    journal.change_blocks_for_all(vec![Change::Block("evil.example".into())]).await.unwrap().unwrap();
    let group = KeptGroup {
        name: "team".into(),
        may_use: MayUse::Everybody,
        users: [].into(),
        entries: ["bob@example.org".to_owned()].into(),
    };
    journal.change_group("team", GroupChange::Create(group)).await.unwrap().unwrap();
    journal.discard(1120, "waiting19@example.org", ROOM).await.unwrap();
    journal.note_looked(12345).await.unwrap();
    drop(journal);
    writer.await.unwrap();
}

#[tokio::test]
async fn a_journal_goes_to_a_server_and_back_and_is_the_same() {
    let Some(bench) = Bench::new() else { return };
    fill(&bench.path("first")).await;
    let before = bench.dump("first");
    assert!(before.contains("planted-password"));

    let done = bench.moves("first.toml", "server.toml");
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    for line in [
        "          19  invitations under way",
        "        1100  invitations that have ended",
        "           1  groups",
    ] {
        assert!(said.contains(line), "{said}");
    }
    assert_eq!(bench.dump("first"), before, "the source stays");
    assert!(!bench.database.dump().contains("planted"));
    bench.refuses("first.toml", "server.toml", "has a journal with something in it");

    let (journal, writer) = open(bench.server()).await;
    assert_eq!(journal.first(), 1121, "an id is never given twice");
    assert!(journal.is_blocked_for_all(&["evil.example".to_owned()]) && journal.keeps_group("team"));
    let again = journal.claim(9999, &ask("contact0@example.org")).await.unwrap();
    assert!(again.is_duplicate(), "{again:?}");
    for (from, to) in [("server.toml", "second.toml"), ("first.toml", "server.toml")] {
        bench.refuses(from, to, "leads the journal at journal.url");
    }
    drop(journal);
    writer.await.unwrap();

    let done = bench.moves("server.toml", "second.toml");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(bench.dump("second"), before);
}

#[tokio::test]
async fn nothing_is_moved_while_a_relay_runs_or_from_nowhere() {
    let Some(bench) = Bench::new() else { return };
    bench.refuses("first.toml", "server.toml", "does not exist");
    bench.refuses("server.toml", "first.toml", "there is no journal in the database");
    assert!(!bench.path("first").exists());
    let (journal, writer) = open(&bench.path("first")).await;
    journal.admit(arrival("bob@example.org")).await.unwrap();
    bench.refuses("first.toml", "server.toml", "another relay runs with journal.path");
    bench.refuses("first.toml", "second.toml", "both journals are in files");
    drop(journal);
    writer.await.unwrap();
}

#[tokio::test]
async fn nothing_that_was_handed_on_is_left_behind() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = open(bench.server()).await;
    let late = LateArrival { number: -1, received: 1, arrival: arrival("bob@example.org") };
    Standby::open(&bench.database.server(KEY)).await.unwrap().hand_on(&[late]).await.unwrap();
    drop(journal);
    writer.await.unwrap();
    bench.refuses("server.toml", "second.toml", "start the relay once, and move the journal then");
}

#[tokio::test]
async fn a_key_that_others_can_read_is_found() {
    use std::os::unix::fs::PermissionsExt;
    let Some(bench) = Bench::new() else { return };
    for (mode, found) in [(0o644, true), (0o600, false)] {
        std::fs::set_permissions(bench.path("key"), std::fs::Permissions::from_mode(mode)).unwrap();
        let done = bench.run("server.toml", &["check", "--offline"]);
        let text = String::from_utf8(done.stdout).unwrap();
        assert_eq!(text.contains("can read the key, and with it passwords"), found, "{text}");
    }
}

#[tokio::test]
async fn commands_read_a_journal_on_a_server() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = open(bench.server()).await;
    let id = journal.admit(arrival("bob@example.org")).await.unwrap().id;
    journal
        .settle(Outcome { id, state: State::Relayed, reason: None, inviter: None, sent_as: None })
        .await
        .unwrap();
    journal.admit(arrival("carol@example.org")).await.unwrap();
    drop(journal);
    writer.await.unwrap();
    for (arguments, said, code) in [
        (&["history"][..], "relayed", 0),
        (&["stats"], "1 have ended; 1 under way", 0),
        (&["check"], "in PostgreSQL, schema", 1),
        (&["groups", "create", "team", "bob@example.org"], "", 0),
        (&["groups", "list"], "team", 0),
        (&["forget", "bob@example.org"], "1 invitation of bob@example.org removed", 0),
        (&["backup", "copy.db"], "pg_dump", 2),
        (&["healthy"], "no relay runs with journal.url = 127.0.0.1:", 1),
    ] {
        let done = bench.run("server.toml", arguments);
        let text = [done.stdout, done.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(done.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(said) && !text.contains("planted"), "{arguments:?}: {text}");
    }
}

/// The server commits, and says so to nobody.
#[tokio::test(flavor = "multi_thread")]
async fn whether_all_was_written_is_asked_where_the_answer_was_lost() {
    let Some(bench) = Bench::new() else { return };
    fill(&bench.path("first")).await;
    // The tables are there: so the first commit is that of the move.
    let (journal, writer) = open(bench.server()).await;
    drop(journal);
    writer.await.unwrap();
    let proxy = proxy::Proxy::before(&bench.database.url()).await;
    bench.configure_server("proxied.toml", &proxy.url);
    proxy.lose_next_commit();
    let done = bench.moves("first.toml", "proxied.toml");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(proxy.lost(), 1);
    let (journal, writer) = open(bench.server()).await;
    assert_eq!(journal.backlog(0, 100).await.unwrap().len(), 1);
    drop(journal);
    writer.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_can_say_whether_all_was_written_that_is_said() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = open(&bench.path("first")).await;
    journal.admit(arrival("bob@example.org")).await.unwrap();
    drop(journal);
    writer.await.unwrap();
    let (journal, writer) = open(bench.server()).await;
    drop(journal);
    writer.await.unwrap();
    let proxy = proxy::Proxy::before(&bench.database.url()).await;
    bench.configure_server("proxied.toml", &proxy.url);
    proxy.lose_next_commit_and_close();
    bench.refuses(
        "first.toml",
        "proxied.toml",
        "it is not known whether the journal was moved to journal.url",
    );
    assert_eq!(proxy.lost(), 1);
    bench.refuses("first.toml", "server.toml", "has a journal with something in it");
}

#[tokio::test]
async fn a_place_that_has_given_ids_is_refused_though_it_is_empty() {
    let Some(bench) = Bench::new() else { return };
    for place in [JournalPlace::File(bench.path("first")), bench.server()] {
        let (journal, writer) = open(place).await;
        let id = journal.admit(arrival("bob@example.org")).await.unwrap().id;
        journal.discard(id, "bob@example.org", ROOM).await.unwrap();
        drop(journal);
        writer.await.unwrap();
    }
    for (from, to) in [("first.toml", "server.toml"), ("server.toml", "first.toml")] {
        bench.refuses(from, to, "is empty, but has given ids");
    }
}

#[tokio::test]
async fn a_journal_of_an_older_version_stays_as_it_is() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = open(&bench.path("first")).await;
    drop(journal);
    writer.await.unwrap();
    bench.sqlite(
        "first",
        "DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)",
    );
    bench.refuses("first.toml", "server.toml", "was written by an older muc-invite-relay");
}

/// A large journal takes longer than a statement of the writer may, and one session is silent meanwhile.
#[tokio::test]
async fn moving_may_take_its_time() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = open(&bench.path("first")).await;
    journal.admit(arrival("bob@example.org")).await.unwrap();
    drop(journal);
    writer.await.unwrap();
    let (journal, writer) = open(bench.server()).await;
    drop(journal);
    writer.await.unwrap();
    // A trigger runs in the session that writes.
    bench.database.sql(
        "CREATE TABLE seen (value text); CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen \
         SELECT setting FROM pg_settings WHERE name LIKE '%session_timeout' OR name = 'statement_timeout'; RETURN NEW; END $$; \
         CREATE TRIGGER look AFTER INSERT ON pending EXECUTE FUNCTION look()",
    );
    let done = bench.moves("first.toml", "server.toml");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(
        bench.database.sql("SELECT DISTINCT value, count(*) FROM seen GROUP BY 1").trim(),
        "3600000|3"
    );
}

#[tokio::test]
async fn a_database_in_which_names_are_lost_is_refused() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = open(&bench.path("first")).await;
    drop(journal);
    writer.await.unwrap();
    for encoding in ["SQL_ASCII", "LATIN1"] {
        bench.database.recode(encoding);
        let remedy = "createdb --encoding UTF8 --template template0";
        bench.refuses("first.toml", "server.toml", remedy);
        let done = bench.run("server.toml", &["check"]);
        let text = String::from_utf8(done.stdout).unwrap();
        assert!(text.contains(&format!("its encoding is {encoding}")) && text.contains(remedy), "{text}");
    }
}

/// Relays of two databases on one machine have the same socket, unless it is configured.
#[tokio::test]
async fn the_socket_of_a_relay_that_runs_is_not_taken_away() {
    let Some(bench) = Bench::new() else { return };
    let _running = std::os::unix::net::UnixListener::bind(bench.path("sock")).unwrap();
    let done = bench.run("server.toml", &["run"]);
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("give each relay a journal.socket of its own"), "{said}");
    assert!(std::os::unix::net::UnixStream::connect(bench.path("sock")).is_ok());
}

#[tokio::test]
async fn a_password_of_the_database_that_others_can_read_is_found() {
    use std::os::unix::fs::PermissionsExt;
    let Some(bench) = Bench::new() else { return };
    // The component's secret stands elsewhere.
    std::fs::create_dir(bench.path("conf.d")).unwrap();
    let text = std::fs::read_to_string(bench.path("server.toml")).unwrap();
    std::fs::write(bench.path("server.toml"), text.replace("secret = 'swordfish'", "")).unwrap();
    std::fs::write(bench.path("conf.d/secret.toml"), "[component]\nsecret = 'swordfish'\n").unwrap();
    for name in ["key", "conf.d/secret.toml"] {
        std::fs::set_permissions(bench.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    for (mode, found) in [(0o644, true), (0o600, false)] {
        std::fs::set_permissions(bench.path("server.toml"), std::fs::Permissions::from_mode(mode)).unwrap();
        let done = bench.run("server.toml", &["check", "--offline"]);
        let text = String::from_utf8(done.stdout).unwrap();
        assert_eq!(text.contains("can read the password of journal.url"), found, "{text}");
    }
}
