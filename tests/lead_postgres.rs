//! Several relays with one journal in `PostgreSQL`: one leads, the others stand by, and one that led before writes nothing.

use std::time::Duration;

use jid::BareJid;
use muc_invite_relay::config::JournalServer;
use muc_invite_relay::journal::{Forget, Journal, JournalReader, OpenError, Retention, Standby, Writer};
use muc_invite_relay::model::{Arrival, LateArrival, Payload};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

#[path = "common/postgres.rs"]
mod postgres;

use postgres::Database;

const HOUR: Duration = Duration::from_secs(3600);
const RETENTION: Retention = Retention { window: HOUR, retention: HOUR };

/// How long a lead holds that is not renewed.
const LEASE: Duration = Duration::from_secs(5);

fn relay(database: &Database, name: &str) -> JournalServer {
    JournalServer { relay: name.to_owned(), ..database.server(7) }
}

async fn standby(database: &Database, name: &str) -> Standby {
    Standby::open(&relay(database, name)).await.unwrap()
}

/// Takes the lead at once.
async fn leads(database: &Database, name: &str) -> (Journal, Writer) {
    standby(database, name).await.lead(RETENTION, false).await.unwrap().expect("nobody leads")
}

fn arrival(n: usize) -> Arrival {
    Arrival {
        route: muc_invite_relay::model::Route::Addressed,
        room: "tea@conference.example.org".to_owned(),
        inviter: "alice@example.org".to_owned(),
        contact: format!("contact{n}@example.org"),
        payload: muc_invite_relay::model::Payload::default(),
        parent: None,
    }
}

async fn close(journal: Journal, writer: JoinHandle<Result<(), OpenError>>) {
    drop(journal);
    writer.await.unwrap().unwrap();
}

/// As if the lead had not been renewed for long.
fn expire(database: &Database) {
    database.sql("UPDATE leader SET until = '-infinity'");
}

#[tokio::test]
async fn one_leads_and_the_next_one_does_when_it_has_stopped() {
    let Some(database) = Database::new() else { return };
    let (journal, writer) = leads(&database, "a").await;
    let writer = tokio::spawn(writer.run());
    assert_eq!(journal.admit(arrival(1)).await.unwrap().id, 1);
    let (mut b, mut c) = (standby(&database, "b").await, standby(&database, "c").await);
    for waiting in [&mut b, &mut c] {
        assert!(waiting.lead(RETENTION, false).await.unwrap().is_none());
        waiting.stand_by().await.unwrap();
    }
    let leader = JournalReader::new(relay(&database, "d")).leader().await.unwrap().unwrap();
    assert_eq!((leader.name.as_str(), leader.holds), ("a", true));
    assert_eq!(leader.standbys, ["b", "c"]);
    // It is renewed.
    sleep(LEASE + Duration::from_secs(1)).await;
    assert!(journal.lease().is_sure());
    assert!(b.lead(RETENTION, false).await.unwrap().is_none());

    close(journal, writer).await;

    let (journal, writer) = b.lead(RETENTION, false).await.unwrap().expect("the lead was given up");
    let writer = tokio::spawn(writer.run());
    assert_eq!(journal.admit(arrival(2)).await.unwrap().id, 2);
    let leader = c.stand_by().await.unwrap();
    assert_eq!((leader.name.as_str(), leader.standbys), ("b", vec!["c".to_owned()]));
    c.go().await;
    let leader = JournalReader::new(relay(&database, "d")).leader().await.unwrap().unwrap();
    assert!(leader.standbys.is_empty());
    close(journal, writer).await;
}

#[tokio::test]
async fn one_that_stands_still_is_replaced_and_writes_nothing_more() {
    let Some(database) = Database::new() else { return };
    let begun = Instant::now();
    // Nobody runs its writer.
    let (old, stopped) = leads(&database, "a").await;
    let mut b = standby(&database, "b").await;
    let (new, writer) = loop {
        if let Some(lead) = b.lead(RETENTION, false).await.unwrap() {
            break lead;
        }
        assert!(old.lease().is_sure() || begun.elapsed() + Duration::from_secs(1) > LEASE);
        sleep(Duration::from_millis(100)).await;
    };
    assert!(begun.elapsed() >= LEASE, "it was not taken too early");
    assert!(!old.lease().is_sure(), "the old one knows that it may have lost it");
    let writer = tokio::spawn(writer.run());
    assert_eq!(new.admit(arrival(1)).await.unwrap().id, 1);

    let stopped = tokio::spawn(stopped.run());
    assert!(old.admit(arrival(2)).await.is_err());

    let e = stopped.await.unwrap().unwrap_err();
    assert!(matches!(e, OpenError::LeadLost { .. }), "{e}");
    assert!(!old.lease().is_sure());
    assert_eq!(new.admit(arrival(3)).await.unwrap().id, 2);
    close(new, writer).await;
    assert_eq!(database.sql("SELECT count(*) FROM pending").trim(), "2");
}

#[tokio::test]
async fn one_that_crashed_leads_again_at_once() {
    let Some(database) = Database::new() else { return };
    let (_before, crashed) = leads(&database, "a").await;
    let mut again = standby(&database, "a").await;
    assert!(again.lead(RETENTION, false).await.unwrap().is_none(), "it may run twice by mistake");
    let (journal, writer) = again.lead(RETENTION, true).await.unwrap().expect("it was its own");
    let writer = tokio::spawn(writer.run());
    journal.admit(arrival(1)).await.unwrap();
    let e = tokio::spawn(crashed.run()).await.unwrap().unwrap_err();
    assert!(matches!(e, OpenError::LeadLost { .. }), "{e}");
    close(journal, writer).await;
}

/// Whoever takes the lead: what is written was written by the one that led, and has an id of its own.
#[tokio::test]
async fn nothing_of_an_older_lead_is_written_after_a_newer_one_began() {
    let Some(database) = Database::new() else { return };
    let mut leaders: Vec<(Journal, JoinHandle<_>)> = Vec::new();
    let mut written = Vec::new();
    let mut random = fastrand::Rng::with_seed(17);
    for n in 0..60 {
        if leaders.is_empty() || random.u8(0..3) == 0 {
            let mut next = standby(&database, &format!("relay{n}")).await;
            let (journal, writer) = loop {
                expire(&database);
                // The one that leads may have renewed it meanwhile.
                if let Some(lead) = next.lead(RETENTION, false).await.unwrap() {
                    break lead;
                }
            };
            leaders.push((journal, tokio::spawn(writer.run())));
        }
        let at = random.usize(..leaders.len());
        let is_newest = at + 1 == leaders.len();
        let admitted = leaders[at].0.admit(arrival(n)).await;
        assert_eq!(admitted.is_ok(), is_newest, "{n}");
        written.extend(admitted.ok().map(|it| it.id.to_string()));
    }
    assert_eq!(database.sql("SELECT id FROM pending ORDER BY id").lines().collect::<Vec<_>>(), written);
    let newest = leaders.pop().unwrap();
    for (journal, writer) in leaders {
        drop(journal);
        let e = writer.await.unwrap().unwrap_err();
        assert!(matches!(e, OpenError::LeadLost { .. }), "{e}");
    }
    close(newest.0, newest.1).await;
}

/// Both find tables missing, both find nobody in the lead.
#[tokio::test]
async fn of_many_that_start_at_once_one_leads() {
    let Some(database) = Database::new() else { return };
    let starting = (0..8).map(|n| {
        let server = relay(&database, &format!("relay{n}"));
        async move { Standby::open(&server).await.unwrap().lead(RETENTION, true).await.unwrap() }
    });
    let leading: Vec<_> = futures::future::join_all(starting).await.into_iter().flatten().collect();
    assert_eq!(leading.len(), 1);
}

/// A relay that hangs in its transaction keeps the lead's row locked; the server ends its session.
#[tokio::test]
async fn one_that_hangs_in_its_transaction_is_replaced() {
    let Some(database) = Database::new() else { return };
    let (old, writer) = leads(&database, "a").await;
    // The writer waits in its transaction, and so does the server's lock.
    let mut lock = <sqlx::PgConnection as sqlx::Connection>::connect(&database.url()).await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE pending").execute(&mut lock).await.unwrap();
    let writing = tokio::spawn(writer.run());
    let admitting = tokio::spawn(async move { old.admit(arrival(1)).await });
    while database.sql("SELECT count(*) FROM pg_locks WHERE NOT granted").trim() == "0" {
        sleep(Duration::from_millis(20)).await;
    }
    writing.abort();
    let _ = writing.await;
    let begun = Instant::now();
    expire(&database);
    let (journal, writer) = loop {
        if let Some(lead) = standby(&database, "b").await.lead(RETENTION, false).await.unwrap() {
            break lead;
        }
    };
    sqlx::raw_sql("ROLLBACK").execute(&mut lock).await.unwrap();
    assert!(begun.elapsed() < 4 * LEASE, "it was not waited for");
    assert!(admitting.await.unwrap().is_err());
    let writer = tokio::spawn(writer.run());
    journal.admit(arrival(2)).await.unwrap();
    close(journal, writer).await;
    assert_eq!(database.sql("SELECT contact FROM pending").trim(), "contact2@example.org");
}

/// A relay that waits may be older than the one that leads: that one has brought the tables up to date meanwhile.
#[tokio::test]
async fn an_older_one_does_not_take_the_lead_over_newer_tables() {
    let Some(database) = Database::new() else {
        panic!("it takes the lead over tables that it does not know")
    };
    let mut older = standby(&database, "older").await;
    database.sql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (99990101000000, 'newer', true, '', 0)",
    );
    let led = older.lead(RETENTION, false).await;
    assert!(
        matches!(led, Err(OpenError::ServerNewer { .. })),
        "it takes the lead over tables that it does not know"
    );
    assert_eq!(database.sql("SELECT epoch FROM leader").trim(), "0");
}

/// It would end when it is needed.
#[tokio::test]
async fn one_with_another_key_does_not_stand_by() {
    let Some(database) = Database::new() else { panic!("it stands by") };
    let _leading = leads(&database, "a").await;
    let wrong = JournalServer { relay: "b".to_owned(), ..database.server(8) };
    let e = Standby::open(&wrong).await;
    assert!(matches!(e, Err(OpenError::WrongKey { .. })), "it stands by");
}

#[tokio::test]
async fn one_with_another_key_leaves_the_lead_to_others() {
    let Some(database) = Database::new() else { return };
    let (journal, writer) = leads(&database, "a").await;
    close(journal, tokio::spawn(writer.run())).await;
    let wrong = JournalServer { relay: "b".to_owned(), ..database.server(8) };
    if let Ok(mut wrong) = Standby::open(&wrong).await {
        let e = wrong.lead(RETENTION, false).await.unwrap_err();
        assert!(matches!(e, OpenError::WrongKey { .. }), "{e}");
    }
    let (journal, writer) = leads(&database, "c").await;
    close(journal, tokio::spawn(writer.run())).await;
}

/// The one that led wrote its end by a clock that has been set back since, and is gone.
#[tokio::test]
async fn a_clock_that_is_set_back_does_not_keep_others_from_the_lead() {
    let Some(database) = Database::new() else { panic!("nobody takes the lead") };
    let _gone = leads(&database, "a").await;
    database.sql("UPDATE leader SET until = until + interval '1 hour'");
    let mut b = standby(&database, "b").await;
    let begun = Instant::now();
    while b.lead(RETENTION, false).await.unwrap().is_none() {
        assert!(begun.elapsed() < 3 * LEASE, "nobody takes the lead");
        sleep(Duration::from_millis(200)).await;
    }
}

/// Set forward, it makes the lead end early for all but the one that has it, which learns of it at its next write.
#[tokio::test]
async fn a_clock_that_is_set_forward_lets_the_old_one_write_nothing() {
    let Some(database) = Database::new() else { panic!("it may send") };
    let (old, old_writer) = leads(&database, "a").await;
    let old_writer = tokio::spawn(old_writer.run());
    old.admit(arrival(1)).await.unwrap();
    let mut b = standby(&database, "b").await;
    let (new, writer) = loop {
        database.sql("UPDATE leader SET until = until - interval '1 hour'");
        if let Some(lead) = b.lead(RETENTION, false).await.unwrap() {
            break lead;
        }
    };
    assert!(old.admit(arrival(2)).await.is_err());
    assert!(matches!(old_writer.await.unwrap(), Err(OpenError::LeadLost { .. })));
    assert!(!old.lease().is_sure(), "it may send");
    let writer = tokio::spawn(writer.run());
    assert_eq!(new.admit(arrival(3)).await.unwrap().id, 2);
    close(new, writer).await;
}

/// Servers that are off, and say nothing.
#[tokio::test]
async fn two_of_three_servers_are_off() {
    let Some(database) = Database::new() else { panic!("the journal is not written again") };
    // Nobody takes what connects.
    let off: Vec<_> = (0..2).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let mut server = relay(&database, "a");
    for silent in &off {
        server
            .urls
            .insert(0, format!("postgresql://127.0.0.1:{}/x", silent.local_addr().unwrap().port()).into());
    }
    let (journal, writer) =
        Standby::open(&server).await.unwrap().lead(RETENTION, false).await.unwrap().unwrap();
    let writer = tokio::spawn(writer.run());
    journal.admit(arrival(1)).await.unwrap();
    database.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'muc-invite-relay'",
    );
    let again = tokio::time::timeout(Duration::from_secs(25), journal.admit(arrival(2))).await;
    assert!(again.is_ok_and(|admitted| admitted.is_ok()), "the journal is not written again");
    close(journal, writer).await;
}

/// The one that led hangs while the server sends it more than the kernel takes: no time limit of a session ends that.
#[tokio::test]
async fn one_that_hangs_while_it_reads_much_is_replaced() {
    let Some(database) = Database::new() else { panic!("nobody takes the lead") };
    let _gone = leads(&database, "a").await;
    // What the writer's session does, with the same limits, by hand: of its own one can't be stopped in the middle.
    let _reading = hangs_while_it_reads(
        &database,
        "-c statement_timeout=8s -c lock_timeout=5s -c idle_in_transaction_session_timeout=3s",
        "BEGIN; SELECT FROM leader FOR SHARE; SELECT repeat('x', 1000000) FROM generate_series(1, 60)",
    );
    while database.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'ClientWrite'").trim() == "0"
    {
        sleep(Duration::from_millis(20)).await;
    }
    let mut b = standby(&database, "b").await;
    let begun = Instant::now();
    loop {
        // While the row is locked that is an error, which may pass.
        if let Ok(Some(_)) = b.lead(RETENTION, false).await {
            break;
        }
        assert!(begun.elapsed() < 5 * LEASE, "nobody takes the lead");
        sleep(Duration::from_millis(200)).await;
    }
}

/// A session that asks this and reads nothing of the answer.
fn hangs_while_it_reads(database: &Database, options: &str, sql: &str) -> std::net::TcpStream {
    let url = database.url();
    let (address, name) = url.rsplit_once('@').unwrap().1.split_once('/').unwrap();
    let start = format!("\0\u{3}\0\0user\0postgres\0database\0{name}\0options\0{options}\0\0");
    let length = |text: &str| u32::try_from(text.len() + 4).unwrap().to_be_bytes();
    let question = format!("{sql}\0");
    let said = [&length(&start), start.as_bytes(), b"Q", &length(&question), question.as_bytes()].concat();
    let mut session = std::net::TcpStream::connect(address).unwrap();
    std::io::Write::write_all(&mut session, &said).unwrap();
    session
}

/// An asynchronous replica lacked the newest leads when it was promoted, so their epochs are given again.
#[tokio::test]
async fn after_a_failover_an_epoch_that_is_given_again_is_another_one() {
    let Some(database) = Database::new() else { panic!("two relays lead") };
    let (old, old_writer) = leads(&database, "a").await;
    let old_writer = tokio::spawn(old_writer.run());
    old.admit(arrival(1)).await.unwrap();
    let mut b = standby(&database, "b").await;
    let (new, writer) = loop {
        // As the replica has it.
        database.sql("UPDATE leader SET epoch = 0, holder = '', until = '-infinity'");
        if let Some(lead) = b.lead(RETENTION, false).await.unwrap() {
            break lead;
        }
    };
    assert_eq!(database.sql("SELECT epoch FROM leader").trim(), "1");
    let writer = tokio::spawn(writer.run());
    assert!(old.admit(arrival(2)).await.is_err(), "two relays lead");
    assert!(matches!(old_writer.await.unwrap(), Err(OpenError::LeadLost { .. })));
    new.admit(arrival(3)).await.unwrap();
    close(new, writer).await;
}

fn late(number: i64, n: usize, received: i64) -> LateArrival {
    let payload = Payload { password: Some("planted-password".to_owned()), ..Payload::default() };
    LateArrival { number, received, arrival: Arrival { payload, ..arrival(n) } }
}

#[tokio::test]
async fn what_another_relay_had_read_is_taken_in_once() {
    let Some(database) = Database::new() else { return };
    let (journal, writer) = leads(&database, "a").await;
    let writer = tokio::spawn(writer.run());
    assert_eq!(journal.take_late().await.unwrap(), None);
    let first = journal.admit(arrival(1)).await.unwrap().id;

    let mut other = standby(&database, "b").await;
    for _ in 0..2 {
        // As after an answer that was lost.
        other.hand_on(&[late(-7, 2, 2000), late(i64::MIN, 3, 1000)]).await.unwrap();
    }
    assert!(!database.dump().contains("planted"));
    // Of one who is forgotten meanwhile nothing is taken in.
    other.hand_on(&[late(-9, 4, 3000)]).await.unwrap();
    let reader = JournalReader::new(relay(&database, "c"));
    let forgotten =
        reader.forget(&BareJid::new("contact4@example.org").unwrap(), Forget::Invitations).await.unwrap();
    assert_eq!(forgotten.invitations, 1);
    journal.late_arrives().await;
    let id = journal.take_late().await.unwrap().expect("two");
    assert_eq!(journal.take_late().await.unwrap(), None);
    let taken = journal.backlog(id - 1, 10).await.unwrap();
    let shown: Vec<_> = taken.iter().map(|it| (it.received, it.arrival.contact.as_str())).collect();
    assert_eq!(shown, [(1000, "contact3@example.org"), (2000, "contact2@example.org")], "the oldest first");
    assert_eq!(taken[0].arrival.payload.password.as_deref(), Some("planted-password"));
    let ids = [first, taken[0].id, taken[1].id, journal.admit(arrival(5)).await.unwrap().id];
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    close(journal, writer).await;

    // And by one that takes the lead later.
    other.hand_on(&[late(-11, 6, 4000)]).await.unwrap();
    let (journal, writer) = leads(&database, "b").await;
    let writer = tokio::spawn(writer.run());
    journal.late_arrives().await;
    assert!(journal.take_late().await.unwrap().is_some_and(|id| id > ids[3]));
    close(journal, writer).await;
}
