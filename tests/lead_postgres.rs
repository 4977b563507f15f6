//! Several relays with one journal in `PostgreSQL`: one leads, the others stand by, and one that led before writes nothing.

use std::time::Duration;

use muc_invite_relay::config::JournalServer;
use muc_invite_relay::journal::{Journal, JournalReader, OpenError, Retention, Standby, Writer};
use muc_invite_relay::model::Arrival;
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
        assert!(old.lease().is_sure() || begun.elapsed() > LEASE - Duration::from_secs(1));
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
