//! The journal in `PostgreSQL`: what holds for every journal, and what is refused at the start, sealed, locked and waited for here.

use std::time::Duration;

use muc_invite_relay::config::{JournalPlace, JournalServer};
use muc_invite_relay::journal::{Forget, Journal, JournalReader, OpenError, Retention};
use muc_invite_relay::model::{Arrival, Payload, State};
use sqlx::Connection;
use tokio::task::JoinHandle;

#[path = "common/ask.rs"]
mod ask;
#[path = "journals/batches.rs"]
mod batches;
#[path = "common/postgres.rs"]
mod postgres;
#[path = "common/proxy.rs"]
mod proxy;
#[path = "journals/suite.rs"]
mod suite;

use postgres::Database;
use suite::{BOB, DAY, arrival, claim, close, lines, outcome};

const KEY: u8 = 7;

struct Bench {
    database: Database,
    retention: Retention,
}

impl Bench {
    fn new() -> Option<Self> {
        let retention = Retention { window: DAY, retention: 90 * DAY };
        Some(Self { database: Database::new()?, retention })
    }

    fn server(&self) -> JournalServer {
        self.database.server(KEY)
    }

    fn place(&self) -> JournalPlace {
        self.server().into()
    }

    async fn open(&self) -> (Journal, JoinHandle<Result<(), OpenError>>) {
        let (journal, writer) = Journal::open(self.server(), self.retention).await.unwrap();
        (journal, tokio::spawn(writer.run()))
    }

    async fn refused(&self, server: JournalServer) -> OpenError {
        Journal::open(server, self.retention).await.map(|_| ()).unwrap_err()
    }

    fn sql(&self, sql: &str) -> String {
        self.database.sql(sql)
    }

    fn insert_pending(&self, id: i64) {
        self.sql(&format!(
            "INSERT INTO pending (id, received, route, room, inviter, contact, payload) \
             VALUES ({id}, 0, 'addressed', 'r', 'i', 'c', '')"
        ));
    }

    /// Whether this text stands in any table.
    fn holds(&self, text: &str) -> bool {
        let hex = text.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        let dump = self.database.dump();
        assert!(dump.contains("PRIMARY KEY"), "{dump}");
        dump.contains(text) || dump.contains(&hex)
    }

    /// Ends all sessions, as a server that is restarted does.
    fn end_sessions(&self) -> usize {
        let ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                     WHERE datname = current_database() AND pid <> pg_backend_pid()";
        self.sql(ended).trim().parse().unwrap()
    }
}

#[tokio::test]
async fn what_is_secret_is_never_to_be_read_there() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let id = journal.admit(arrival(BOB)).await.unwrap().id;
    assert!(bench.holds(BOB));
    assert!(!bench.holds("planted-password") && !bench.holds("Come & talk"));
    journal.settle(outcome(id, State::Relayed, None)).await.unwrap();
    assert_eq!(bench.sql("SELECT count(*) FROM pending").trim(), "0");
    close(journal, writer).await;
}

/// Neither before nor after it is deleted; who was invited does, for as long as the server keeps it.
#[tokio::test]
async fn what_is_secret_stands_in_no_file_of_the_server() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let contact = format!("contact{}@example.org", std::process::id());
    let payload = Payload {
        password: Some("password-that-is-searched".into()),
        reason: Some("reason-that-is-searched".into()),
        ..Payload::default()
    };
    let id = journal.admit(Arrival { payload, ..arrival(&contact) }).await.unwrap().id;
    assert!(bench.database.files_hold(&contact), "the search finds something");
    assert!(!bench.database.files_hold("-that-is-searched"));
    journal.settle(outcome(id, State::Relayed, None)).await.unwrap();
    let forgotten = jid::BareJid::new(&contact).unwrap();
    JournalReader::new(bench.server()).forget(&forgotten, Forget::Everything).await.unwrap();
    assert!(!bench.database.files_hold("-that-is-searched"));
    assert!(bench.database.files_hold(&contact), "see docs/postgresql.md");
    close(journal, writer).await;
}

#[tokio::test]
async fn another_key_is_refused_at_the_start() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    journal.admit(arrival(BOB)).await.unwrap();
    close(journal, writer).await;
    let e = bench.refused(bench.database.server(KEY + 1)).await;
    assert!(matches!(e, OpenError::WrongKey { .. }), "{e}");
    let (journal, writer) = bench.open().await;
    assert_eq!(journal.backlog(0, 10).await.unwrap()[0].arrival, arrival(BOB));
    // As if somebody had moved a payload to another row.
    journal.admit(arrival("carol@example.org")).await.unwrap();
    bench.sql("UPDATE pending SET payload = (SELECT payload FROM pending WHERE id = 1) WHERE id = 2");
    assert!(journal.backlog(0, 10).await.is_err());
    let e = writer.await.unwrap().unwrap_err();
    assert!(matches!(e, OpenError::ServerCorrupt { .. }), "{e}");
}

#[tokio::test]
async fn one_journal_has_one_writer() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let another = JournalServer { relay: "there:/run/relay.sock".into(), ..bench.server() };
    let e = bench.refused(another).await;
    assert!(matches!(&e, OpenError::ServerInUse { leader, .. } if leader == "here:/run/relay.sock"), "{e}");
    close(journal, writer).await;
    let (journal, writer) = bench.open().await;
    // Somebody writes all the same.
    journal.admit(arrival(BOB)).await.unwrap();
    bench.sql("INSERT INTO batches SELECT max(number) + 1, 100 FROM batches");
    assert!(journal.admit(arrival(BOB)).await.is_err());
    let e = writer.await.unwrap().unwrap_err();
    assert!(matches!(e, OpenError::LeadLost { .. }), "{e}");
    assert_eq!(bench.sql("SELECT count(*) FROM pending").trim(), "1");
}

#[tokio::test]
async fn two_schemas_of_a_database_are_two_journals() {
    let Some(bench) = Bench::new() else { return };
    bench.sql("CREATE SCHEMA other");
    let (journal, writer) = bench.open().await;
    let url = format!("{}?options=-c%20search_path%3Dother", bench.database.url());
    let other = JournalServer { urls: vec![url.into()], ..bench.server() };
    let (second, second_writer) = Journal::open(other, bench.retention).await.unwrap();
    let second_writer = tokio::spawn(second_writer.run());
    assert_ne!(journal.instance(), second.instance());
    assert_eq!(
        [journal.admit(arrival(BOB)).await.unwrap().id, second.admit(arrival(BOB)).await.unwrap().id],
        [1; 2]
    );
    close(second, second_writer).await;
    close(journal, writer).await;
}

#[tokio::test]
async fn a_lost_session_is_made_anew_and_nothing_is_written_twice() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    for n in 1..=5 {
        assert_eq!(journal.admit(arrival(BOB)).await.unwrap().id, n);
        assert_eq!(bench.end_sessions(), 1);
    }
    assert_eq!(bench.sql("SELECT count(*), max(id) FROM pending").trim(), "5|5");
    close(journal, writer).await;
}

/// The server commits, and says so to nobody: a proxy ends the connection when the answer comes.
#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_not_made_again() {
    let Some(bench) = Bench::new() else { return };
    let proxy = proxy::Proxy::before(&bench.database.url()).await;
    let server = JournalServer { urls: vec![proxy.url.clone().into()], ..bench.server() };
    let (journal, writer) = Journal::open(server, bench.retention).await.unwrap();
    let writer = tokio::spawn(writer.run());
    let mut ids = Vec::new();
    for n in 0..20 {
        proxy.lose_next_commit();
        let contact = format!("contact{n}@example.org");
        let admitted = journal.admit_claimed(arrival(&contact), &ask::ask(&contact)).await.unwrap();
        assert!(
            admitted.claimed.is_some_and(|it| !it.again && it.counts()),
            "as the first attempt was answered"
        );
        ids.push(admitted.id);
    }
    assert_eq!(proxy.lost(), 20);
    assert_eq!(ids, (1..=20).collect::<Vec<_>>());
    assert_eq!(bench.sql("SELECT count(*), max(id) FROM pending").trim(), "20|20");
    assert_eq!(bench.sql("SELECT count(*) FROM claims").trim(), "20");
    close(journal, writer).await;
}

/// Each reads a group as a whole, and writes it without one person.
#[tokio::test(flavor = "multi_thread")]
async fn two_who_are_forgotten_at_once_both_are() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    bench.sql("INSERT INTO groups (name, may_use, users, entries) VALUES ('team', 'everybody', '', E'a@x.org\nb@x.org')");
    let mut lock = sqlx::PgConnection::connect(&bench.database.url()).await.unwrap();
    // Both have begun before one can go on.
    sqlx::raw_sql("BEGIN; SELECT FROM groups FOR UPDATE").execute(&mut lock).await.unwrap();
    let [a, b] = ["a@x.org", "b@x.org"].map(|jid| {
        let reader = JournalReader::new(bench.server());
        tokio::spawn(async move { reader.forget(&jid::BareJid::new(jid).unwrap(), Forget::Everything).await })
    });
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    while bench.sql(waiting).trim() != "2" {}
    sqlx::raw_sql("ROLLBACK").execute(&mut lock).await.unwrap();
    a.await.unwrap().unwrap();
    b.await.unwrap().unwrap();
    assert_eq!(bench.sql("SELECT entries FROM groups").trim(), "");
    close(journal, writer).await;
}

#[tokio::test]
async fn a_lock_is_waited_for() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let mut lock = sqlx::PgConnection::connect(&bench.database.url()).await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE pending").execute(&mut lock).await.unwrap();
    let mut admit = Box::pin(journal.admit(arrival(BOB)));
    // Longer than the server lets the writer wait.
    assert!(tokio::time::timeout(Duration::from_secs(7), &mut admit).await.is_err(), "held up");
    assert!(journal.writer_health().refused().is_some());
    sqlx::raw_sql("ROLLBACK").execute(&mut lock).await.unwrap();
    assert_eq!(admit.await.unwrap().id, 1);
    close(journal, writer).await;
}

#[tokio::test]
async fn the_first_server_that_takes_writes_is_used() {
    let Some(bench) = Bench::new() else { return };
    let standby = format!("{}?options=-c%20default_transaction_read_only%3Don", bench.database.url());
    let nobody = "postgresql://postgres@127.0.0.1:1/nothing".to_owned();
    let urls = [nobody.clone(), standby.clone(), bench.database.url()].map(Into::into).into();
    let (journal, writer) =
        Journal::open(JournalServer { urls, ..bench.server() }, bench.retention).await.unwrap();
    let writer = tokio::spawn(writer.run());
    journal.admit(arrival(BOB)).await.unwrap();
    close(journal, writer).await;
    for (url, said) in [(nobody, "refused"), (standby, "takes no writes")] {
        let e = bench.refused(JournalServer { urls: vec![url.into()], ..bench.server() }).await.to_string();
        assert!(e.contains(said) && !e.contains("planted-url-password"), "{e}");
    }
}

#[tokio::test]
async fn a_journal_of_another_version_is_refused_and_none_is_made_by_reading() {
    let Some(bench) = Bench::new() else { return };
    let reader = JournalReader::new(bench.server());
    let e = reader.status().await.unwrap_err();
    assert!(matches!(e, OpenError::ServerMissing { .. }), "{e}");
    let (journal, writer) = bench.open().await;
    close(journal, writer).await;
    assert_eq!(reader.status().await.unwrap().pending, 0);
    bench.sql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (29991231000000, 'later', true, '', 0)",
    );
    for e in [bench.refused(bench.server()).await, reader.hashes().await.unwrap_err()] {
        assert!(matches!(e, OpenError::ServerNewer { found: 29_991_231_000_000, .. }), "{e}");
    }
}

#[tokio::test]
async fn texts_that_the_database_does_not_take_stop_nobody() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let contact = "b\0b@example.org";
    let payload = Payload { reason: Some("a\0b".into()), ..Payload::default() };
    let id = journal.admit(Arrival { payload: payload.clone(), ..arrival(contact) }).await.unwrap().id;
    assert!(claim(&journal, id, contact).await);
    let pending = journal.backlog(0, 10).await.unwrap();
    assert_eq!(pending[0].arrival.payload, payload);
    assert_eq!(pending[0].arrival.contact, "b\u{fffd}b@example.org");
    let sent_as = Some("x\0".to_owned());
    journal
        .settle(muc_invite_relay::model::Outcome { sent_as, ..outcome(id, State::Relayed, None) })
        .await
        .unwrap();
    assert_eq!(lines(&bench.place()).await.len(), 1);
    close(journal, writer).await;
}

/// Sessions have the settings that keep a server from waiting for them, or from reading whole tables.
#[tokio::test]
async fn sessions_have_their_settings() {
    let Some(bench) = Bench::new() else { return };
    bench.sql(&format!(
        "ALTER DATABASE {} SET synchronous_commit = off",
        bench.sql("SELECT current_database()").trim()
    ));
    // A trigger runs in the writer's session.
    let (journal, writer) = bench.open().await;
    bench.sql(
        "CREATE TABLE seen (name text, value text); CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         INSERT INTO seen SELECT name, setting FROM pg_settings; RETURN NEW; END $$; \
         CREATE TRIGGER look AFTER INSERT ON pending EXECUTE FUNCTION look()",
    );
    journal.admit(arrival(BOB)).await.unwrap();
    let seen = bench.sql(
        "SELECT string_agg(name || '=' || value, ' ' ORDER BY name) FROM seen WHERE name IN ('enable_hashjoin', \
         'enable_mergejoin', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'lock_timeout', \
         'statement_timeout', 'synchronous_commit')",
    );
    assert_eq!(
        seen.trim(),
        "enable_hashjoin=off enable_mergejoin=off idle_in_transaction_session_timeout=3000 idle_session_timeout=60000 \
         lock_timeout=5000 statement_timeout=8000 synchronous_commit=on"
    );
    close(journal, writer).await;
}
