//! What holds for every journal, whatever its database is: claims, settling, what survives a restart. The file that includes this
//! one has the database in its `Bench`.

use std::time::Duration;

use muc_invite_relay::config::JournalPlace;
use muc_invite_relay::journal::{
    self, Ask, Claimed, Delivery, Filter, Forget, Forgotten, Journal, JournalReader, MAX_CLIENT_CAPS,
    OpenError, Retention, RoomPassword,
};
use muc_invite_relay::model::group::{GroupChange, GroupError, KeptGroup, MayUse};
use muc_invite_relay::model::{
    AcceptFrom, Arrival, Change, Language, MAX_BLOCKS, Origin, Outcome, Payload, Preferences, Reason, Route,
    State, TooMany,
};
use tokio::task::JoinHandle;

use super::Bench;
use super::ask::{ROOM, ask};

pub const BOB: &str = "bob@example.org";
pub const DAY: Duration = Duration::from_secs(24 * 3600);

pub async fn close(journal: Journal, writer: JoinHandle<Result<(), OpenError>>) {
    drop(journal);
    writer.await.unwrap().unwrap();
}

pub fn arrival(contact: &str) -> Arrival {
    Arrival {
        route: Route::Addressed,
        room: ROOM.into(),
        inviter: "alice@example.org".into(),
        contact: contact.into(),
        payload: Payload {
            reason: Some("Come & talk".into()),
            password: Some("planted-password".into()),
            thread: None,
            continues: false,
            language: Language::German,
            origin: None,
            hand_over: None,
            addressed: None,
        },
        parent: None,
    }
}

/// Whether it may be sent.
pub async fn claim(journal: &Journal, id: i64, contact: &str) -> bool {
    journal.claim(id, &ask(contact)).await.unwrap().delivery == Delivery::Granted
}

/// Whether another person's invitation would be held up.
async fn is_held(journal: &Journal, contact: &str) -> bool {
    let held = journal.held(ROOM, "eve@example.org", RoomPassword::Unknown, [contact].into_iter());
    let held = held.await.unwrap();
    held[0].reached
}

pub fn outcome(id: i64, state: State, reason: Option<Reason>) -> Outcome {
    Outcome { id, state, reason, inviter: None, sent_as: None }
}

pub async fn lines(place: &JournalPlace) -> Vec<journal::Record> {
    JournalReader::new(place).history(&Filter { limit: 100, ..Filter::default() }).await.unwrap()
}

#[tokio::test]
async fn an_invitation_is_pending_until_it_settles() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let admitted = journal.admit(arrival(BOB)).await.unwrap();

    let history = lines(&bench.place()).await;
    assert_eq!(history[0].state, State::Pending);
    assert_eq!(history[0].settled, None);

    let sent_as = Some("alice@example.org".to_owned());
    journal.settle(Outcome { sent_as, ..outcome(admitted.id, State::Relayed, None) }).await.unwrap();
    let history = lines(&bench.place()).await;
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].state, State::Relayed);
    assert_eq!(history[0].sent_as.as_deref(), Some("alice@example.org"));
    assert!(history[0].settled.is_some());
    close(journal, writer).await;
}

#[tokio::test]
async fn of_a_hundred_at_once_one_holds_contact_and_room() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let journal = journal.clone();
            tokio::spawn(async move {
                let id = journal.admit(arrival(BOB)).await.unwrap().id;
                claim(&journal, id, BOB).await
            })
        })
        .collect();
    let mut granted = 0;
    for task in tasks {
        granted += usize::from(task.await.unwrap());
    }
    assert_eq!(granted, 1);
    close(journal, writer).await;
}

/// A statement has places for more rows than there may be: each number of rows is written, and no row besides.
#[tokio::test]
async fn as_many_are_written_as_came() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let mut came = 0;
    for count in (1..40).chain([255, 256, 257, 700]) {
        let contacts: Vec<_> = (came..came + count).map(|n| format!("{n}@example.org")).collect();
        let lives = contacts.iter().map(|contact| async {
            let id = journal.admit(arrival(contact)).await.unwrap().id;
            assert!(claim(&journal, id, contact).await);
            journal.settle(outcome(id, State::Relayed, None)).await.unwrap();
            journal.admit(arrival(contact)).await.unwrap();
            assert!(is_held(&journal, contact).await);
        });
        futures::future::join_all(lives).await;
        came += count;
    }
    let count = |table| bench.sql(&format!("SELECT count(*) FROM {table}")).trim().parse::<usize>().unwrap();
    assert_eq!([count("history"), count("claims"), count("pending")], [came; 3]);
    close(journal, writer).await;
}

#[tokio::test]
async fn a_claim_survives_a_restart_and_stays_with_its_invitation() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let first = journal.admit(arrival(BOB)).await.unwrap().id;
    assert!(claim(&journal, first, BOB).await);
    let instance = journal.instance().to_owned();
    close(journal, writer).await;

    let (journal, writer) = bench.open().await;
    assert_eq!(journal.instance(), instance);
    let backlog = journal.backlog(0, 10).await.unwrap();
    assert_eq!(backlog.len(), 1);
    assert_eq!(backlog[0].id, first);
    assert_eq!(backlog[0].arrival, arrival(BOB));
    assert!(claim(&journal, first, BOB).await, "the interrupted one goes on");
    let second = journal.admit(arrival(BOB)).await.unwrap();
    assert!(is_held(&journal, BOB).await);
    assert!(second.id > first);
    assert!(!claim(&journal, second.id, BOB).await);
    close(journal, writer).await;
}

#[tokio::test]
async fn a_claim_ends_with_the_window_and_is_not_bound_to_a_future_that_was_set_back() {
    let Some(bench) = Bench::new() else { return };
    for shift in [DAY.as_millis() + 1000, 0].map(|ms| i64::try_from(ms).unwrap()) {
        let (journal, writer) = bench.open().await;
        let id = journal.admit(arrival(BOB)).await.unwrap().id;
        assert!(claim(&journal, id, BOB).await);
        journal.settle(outcome(id, State::Relayed, None)).await.unwrap();
        close(journal, writer).await;
        bench.sql(&format!("UPDATE claims SET at = at - {shift}"));
        let (journal, writer) = bench.open().await;
        let next = journal.admit(arrival(BOB)).await.unwrap();
        assert_eq!(is_held(&journal, BOB).await, shift == 0, "shifted by {shift}");
        assert_eq!(claim(&journal, next.id, BOB).await, shift != 0);
        close(journal, writer).await;
        bench.sql("DELETE FROM claims");
    }
    let (journal, writer) = bench.open().await;
    let id = journal.admit(arrival(BOB)).await.unwrap().id;
    claim(&journal, id, BOB).await;
    journal.settle(outcome(id, State::Relayed, None)).await.unwrap();
    close(journal, writer).await;
    bench.sql("UPDATE claims SET at = at + 10 * 86400000");
    let (journal, writer) = bench.open().await;
    let next = journal.admit(arrival(BOB)).await.unwrap();
    assert!(claim(&journal, next.id, BOB).await);
    close(journal, writer).await;
}

#[tokio::test]
async fn a_failed_one_gives_its_claim_up() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let first = journal.admit(arrival(BOB)).await.unwrap().id;
    assert!(claim(&journal, first, BOB).await);
    let failed = outcome(first, State::Failed, Some(Reason::Bounced));
    journal.settle_unclaimed(failed, BOB, ROOM).await.unwrap();
    let second = journal.admit(arrival(BOB)).await.unwrap();
    assert!(claim(&journal, second.id, BOB).await);
    close(journal, writer).await;
}

#[tokio::test]
async fn a_late_bounce_changes_history_once() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let id = journal.admit(arrival(BOB)).await.unwrap().id;
    claim(&journal, id, BOB).await;
    let us = r"alice\40example.org@invites.example.org";
    let sent_as = Some(us.to_owned());
    journal.settle(Outcome { sent_as, ..outcome(id, State::Relayed, None) }).await.unwrap();
    let bounced = outcome(id, State::Failed, Some(Reason::Bounced));
    assert_eq!(journal.bounce(bounced.clone(), "eve@example.org", us).await.unwrap(), None);
    assert_eq!(journal.bounce(bounced.clone(), BOB, "alice@example.org").await.unwrap(), None);
    let row = journal.bounce(bounced.clone(), BOB, us).await.unwrap().unwrap();
    assert_eq!(row.arrival.contact, BOB);
    assert_eq!(journal.bounce(bounced, BOB, us).await.unwrap(), None);
    assert_eq!(lines(&bench.place()).await[0].state, State::Failed);
    let next = journal.admit(arrival(BOB)).await.unwrap();
    assert!(claim(&journal, next.id, BOB).await, "the claim was given up");
    close(journal, writer).await;
}

async fn forget(bench: &Bench, jid: &str) -> Forgotten {
    JournalReader::new(bench.place()).forget(&jid.parse().unwrap(), Forget::Everything).await.unwrap()
}

#[tokio::test]
async fn forget_removes_a_person_or_a_room_and_the_claims() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    for contact in [BOB, "carol@example.org"] {
        let id = journal.admit(arrival(contact)).await.unwrap().id;
        claim(&journal, id, contact).await;
        journal.settle(outcome(id, State::Relayed, None)).await.unwrap();
    }
    let removed = forget(&bench, BOB).await;
    assert_eq!(removed, Forgotten { invitations: 1, preferences: false });
    journal.admit(arrival(BOB)).await.unwrap();
    assert!(!is_held(&journal, BOB).await);
    journal.admit(arrival("carol@example.org")).await.unwrap();
    assert!(is_held(&journal, "carol@example.org").await);
    assert_eq!(forget(&bench, ROOM).await.invitations, 3);
    assert!(lines(&bench.place()).await.is_empty());
    let next = journal.admit(arrival(BOB)).await.unwrap();
    assert_eq!(next.id, 5, "an id is never given twice");
    close(journal, writer).await;
}

#[tokio::test]
async fn history_filters() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let bob = journal.admit(arrival(BOB)).await.unwrap().id;
    journal.admit(arrival("carol@example.org")).await.unwrap();
    journal.settle(outcome(bob, State::Refused, Some(Reason::Outcast))).await.unwrap();
    let all = Filter { limit: 10, ..Filter::default() };
    let cases = [
        (all.clone(), 2),
        (Filter { limit: 1, ..all.clone() }, 1),
        (Filter { contact: Some(BOB.parse().unwrap()), ..all.clone() }, 1),
        (Filter { room: Some(ROOM.parse().unwrap()), ..all.clone() }, 2),
        (Filter { inviter: Some("eve@example.org".parse().unwrap()), ..all.clone() }, 0),
        (Filter { state: Some(State::Pending), ..all.clone() }, 1),
        (Filter { since: Some(chrono::Utc::now() + DAY), ..all }, 0),
    ];
    for (filter, expected) in cases {
        let found = JournalReader::new(bench.place()).history(&filter).await.unwrap();
        assert_eq!(found.len(), expected, "{filter:?}");
        assert!(found.is_sorted_by(|a, b| a.id > b.id), "newest first");
    }
    close(journal, writer).await;
}

#[tokio::test]
async fn old_rows_are_swept_away_in_steps() {
    let Some(mut bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    for n in 0..1300 {
        let contact = format!("contact{n}@example.org");
        let id = journal.admit(arrival(&contact)).await.unwrap().id;
        claim(&journal, id, &contact).await;
        journal.settle(outcome(id, State::Relayed, None)).await.unwrap();
        journal.look_alike(&contact, &contact).await.unwrap();
        journal.note_hash(format!("sha-1 {n}"), n % 2 == 0).await.unwrap();
    }
    close(journal, writer).await;
    let rows =
        ["history", "claims", "looks", "hashes"].map(|table| format!("(SELECT count(*) FROM {table})"));
    let rows = format!("SELECT {}", rows.join(" + "));
    assert_eq!(bench.sql(&rows).trim(), "5200");
    // Windows grow to a day.
    bench.sql("UPDATE claims SET at = at - 2 * 86400000");
    bench.retention = Retention { window: Duration::from_millis(1), retention: Duration::from_millis(1) };
    let (journal, writer) = bench.open().await;
    tokio::time::timeout(Duration::from_secs(60), async {
        while bench.sql(&rows).trim() != "0" {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    close(journal, writer).await;
}

#[tokio::test]
async fn rows_from_a_clock_that_was_ahead_keep_no_others() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let id = journal.admit(arrival(BOB)).await.unwrap().id;
    journal.settle(outcome(id, State::Relayed, None)).await.unwrap();
    close(journal, writer).await;
    let settled = (chrono::Utc::now() + 80 * DAY).timestamp_millis();
    bench.sql(&format!(
        "WITH RECURSIVE n(id) AS (VALUES (2) UNION ALL SELECT id + 1 FROM n WHERE id < 1600) \
         INSERT INTO history (id, received, settled, route, room, inviter, contact, state) \
         SELECT n.id, received, CASE WHEN n.id < 1500 THEN {settled} ELSE 0 END, route, room, inviter, contact, state \
         FROM n CROSS JOIN (SELECT * FROM history WHERE id = 1) AS first"
    ));
    let (journal, writer) = bench.open().await;
    tokio::time::timeout(Duration::from_secs(60), async {
        while bench.sql("SELECT count(*) FROM history").trim() != "1499" {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    close(journal, writer).await;
}

#[tokio::test]
async fn forget_removes_claims_that_outlive_their_invitations() {
    for forgotten in [BOB, ROOM, "alice@example.org"] {
        let Some(bench) = Bench::new() else { return };
        let (journal, writer) = bench.open().await;
        let id = journal.admit(arrival(BOB)).await.unwrap().id;
        assert!(claim(&journal, id, BOB).await);
        journal.settle(outcome(id, State::Relayed, None)).await.unwrap();
        bench.sql("DELETE FROM history");
        forget(&bench, forgotten).await;
        let held = is_held(&journal, BOB).await;
        assert_eq!(held, forgotten.starts_with("alice"), "{forgotten}");
        close(journal, writer).await;
    }
}

#[tokio::test]
async fn two_changes_at_once_close_no_circle() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let group = |name: &str, entry: &str| {
        let name = name.to_owned();
        let entries = [entry.to_owned()].into();
        KeptGroup { name, may_use: MayUse::Everybody, users: [].into(), entries }
    };
    for name in ["a", "b"] {
        journal.change_group(name, GroupChange::Create(group(name, BOB))).await.unwrap().unwrap();
    }
    let add = |name, entry: &str| journal.change_group(name, GroupChange::Add([entry.to_owned()].into()));
    let (first, second) = tokio::join!(add("a", "@b"), add("b", "@a"));
    assert_eq!([first.unwrap(), second.unwrap()], [Ok(()), Err(GroupError::Circle)]);
    let create = |name, entry| journal.change_group(name, GroupChange::Create(group(name, entry)));
    let (first, second) = tokio::join!(create("c", "@d"), create("d", "@c"));
    assert_eq!([first.unwrap(), second.unwrap()], [Ok(()), Err(GroupError::Circle)]);
    close(journal, writer).await;
}

#[tokio::test]
async fn reading_a_new_journal_removes_nothing_from_it() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    for n in 1..=3 {
        journal.admit(arrival(BOB)).await.unwrap();
        assert_eq!(bench.sql("SELECT count(*) FROM pending").trim(), n.to_string());
    }
    close(journal, writer).await;
    assert_eq!(bench.sql("SELECT count(*) FROM pending").trim(), "3");
}

#[tokio::test]
async fn what_can_never_be_written_ends_it() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    bench.insert_pending(journal.first());
    let admitted = tokio::time::timeout(Duration::from_secs(20), journal.admit(arrival(BOB))).await;
    assert!(admitted.expect("tried again and again").is_err());
    let ended = writer.await.unwrap().unwrap_err();
    assert!(matches!(ended, OpenError::Fault { .. } | OpenError::ServerFault { .. }), "{ended}");
}

#[tokio::test]
async fn taking_in_and_claiming_are_one() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let ask = ask(BOB);
    let (first, second) =
        tokio::join!(journal.admit_claimed(arrival(BOB), &ask), journal.admit_claimed(arrival(BOB), &ask));
    let (first, second) = (first.unwrap(), second.unwrap());
    let by_first = Delivery::Held { by: first.id, under_way: true };
    assert_eq!(first.claimed.map(|it| it.delivery), Some(Delivery::Granted));
    assert_eq!(second.claimed.map(|it| it.delivery), Some(by_first), "the first may fail");
    assert_eq!(journal.backlog(0, 10).await.unwrap().len(), 2);
    journal.settle(outcome(second.id, State::Failed, None)).await.unwrap();
    journal.settle(outcome(first.id, State::Relayed, None)).await.unwrap();
    let third = journal.admit_claimed(arrival(BOB), &ask).await.unwrap();
    assert!(third.claimed.is_some_and(Claimed::is_duplicate));
    assert!(claim(&journal, first.id, BOB).await, "it holds its claim");
    let history = lines(&bench.place()).await;
    assert_eq!((history[0].state, history[0].reason), (State::Suppressed, Some(Reason::Duplicate)));
    close(journal, writer).await;
}

#[tokio::test]
async fn what_ends_at_once_is_noted_without_its_payload() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let id = journal.note(arrival(BOB), State::Refused, Some(Reason::Untrusted)).await.unwrap();
    assert_eq!(journal.backlog(0, 10).await.unwrap(), []);
    assert!(!is_held(&journal, BOB).await, "it keeps nobody away");
    let history = lines(&bench.place()).await;
    assert_eq!((history[0].id, history[0].state), (id, State::Refused));
    close(journal, writer).await;
}

fn preferences(accept_from: AcceptFrom, blocks: &[&str]) -> Preferences {
    Preferences { accept_from, blocks: blocks.iter().map(|jid| (*jid).to_owned()).collect() }
}

fn block(jid: &str) -> Change {
    Change::Block(jid.into())
}

#[tokio::test]
async fn wishes_come_with_the_invitation_and_survive_a_restart() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    assert_eq!(journal.admit(arrival(BOB)).await.unwrap().preferences, Preferences::default());
    let changes =
        vec![Change::AcceptFrom(AcceptFrom::Contacts), block("a.example"), block(ROOM), block("a.example")];
    let now = journal.change_preferences(BOB, changes).await.unwrap().unwrap();
    assert_eq!(now, preferences(AcceptFrom::Contacts, &["a.example", ROOM]));
    close(journal, writer).await;

    let (journal, writer) = bench.open().await;
    assert_eq!(journal.preferences(BOB).await.unwrap(), now);
    assert_eq!(journal.admit(arrival(BOB)).await.unwrap().preferences, now);
    assert_eq!(journal.admit_claimed(arrival(BOB), &ask(BOB)).await.unwrap().preferences, now);
    assert_eq!(
        journal.admit(arrival("carol@example.org")).await.unwrap().preferences,
        Preferences::default()
    );

    let lifted = journal.change_preferences(BOB, vec![Change::Lift(ROOM.into())]).await.unwrap().unwrap();
    assert_eq!(lifted, preferences(AcceptFrom::Contacts, &["a.example"]));
    let nothing = vec![Change::AcceptFrom(AcceptFrom::Everybody), Change::LiftAll];
    assert_eq!(journal.change_preferences(BOB, nothing).await.unwrap(), Ok(Preferences::default()));
    assert_eq!(bench.sql("SELECT count(*) FROM wishes").trim(), "0", "who wants nothing has no row");
    close(journal, writer).await;
}

#[tokio::test]
async fn a_wish_holds_for_what_comes_in_by_the_same_batch() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = Journal::open(&bench.place(), bench.retention).await.unwrap();
    let (admitted, changed) = (journal.clone(), journal.clone());
    let admitted = tokio::spawn(async move { admitted.admit(arrival(BOB)).await });
    let changed = tokio::spawn(async move {
        changed.change_preferences(BOB, vec![Change::AcceptFrom(AcceptFrom::Nobody)]).await
    });
    // Both are in the queue before the writer takes the first.
    tokio::task::yield_now().await;
    let writer = tokio::spawn(writer.run());
    changed.await.unwrap().unwrap().unwrap();
    assert_eq!(admitted.await.unwrap().unwrap().preferences.accept_from, AcceptFrom::Nobody);
    close(journal, writer).await;
}

#[tokio::test]
async fn nobody_blocks_without_end() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let changes = (0..MAX_BLOCKS).map(|n| block(&format!("room{n}@conference.example.org"))).collect();
    assert_eq!(journal.change_preferences(BOB, changes).await.unwrap().unwrap().blocks.len(), MAX_BLOCKS);
    let one_more = vec![Change::AcceptFrom(AcceptFrom::Nobody), block(ROOM)];
    assert_eq!(journal.change_preferences(BOB, one_more.clone()).await.unwrap(), Err(TooMany(MAX_BLOCKS)));
    assert_eq!(journal.preferences(BOB).await.unwrap().accept_from, AcceptFrom::Everybody, "all or nothing");
    assert!(journal.change_preferences("carol@example.org", one_more).await.unwrap().is_ok());
    close(journal, writer).await;
}

#[tokio::test]
async fn what_is_blocked_for_everybody_survives_a_restart_and_is_nobodys_wish() {
    let Some(bench) = Bench::new() else { return };
    let asked = |jid: &str| vec!["conference.example.org".to_owned(), jid.to_owned()];
    let (journal, writer) = bench.open().await;
    assert!(!journal.is_blocked_for_all(&asked(ROOM)));
    journal.change_blocks_for_all(vec![block(ROOM), block("eve@evil.example")]).await.unwrap().unwrap();
    assert!(journal.is_blocked_for_all(&asked(ROOM)));
    close(journal, writer).await;

    let (journal, writer) = bench.open().await;
    assert!(journal.is_blocked_for_all(&asked(ROOM)));
    assert_eq!(journal.preferences(BOB).await.unwrap(), Preferences::default());
    forget(&bench, "eve@evil.example").await;
    let left = journal.change_blocks_for_all(vec![Change::Lift(ROOM.into())]).await.unwrap().unwrap();
    assert_eq!(left.into_iter().collect::<Vec<_>>(), ["eve@evil.example"]);
    assert!(!journal.is_blocked_for_all(&asked(ROOM)));
    assert_eq!(journal.blocks_for_all().await.unwrap().len(), 1);
    close(journal, writer).await;
}

#[tokio::test]
async fn forget_removes_one_person_s_preferences_and_no_others() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    for person in [BOB, "carol@example.org"] {
        let changes = vec![Change::AcceptFrom(AcceptFrom::Nobody), block("alice@example.org"), block(BOB)];
        journal.change_preferences(person, changes).await.unwrap().unwrap();
    }
    let bob: jid::BareJid = BOB.parse().unwrap();
    let kept = JournalReader::new(bench.place()).forget(&bob, Forget::Invitations).await.unwrap();
    assert_eq!(
        (kept.preferences, journal.preferences(BOB).await.unwrap().accept_from),
        (false, AcceptFrom::Nobody)
    );
    assert!(forget(&bench, BOB).await.preferences);
    assert_eq!(journal.preferences(BOB).await.unwrap(), Preferences::default());
    let carols = journal.preferences("carol@example.org").await.unwrap();
    assert_eq!(carols, preferences(AcceptFrom::Nobody, &["alice@example.org", BOB]));
    close(journal, writer).await;
}

#[tokio::test]
async fn an_inviter_who_is_forgotten_may_not_repeat_an_invitation() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let id = journal.admit(arrival(BOB)).await.unwrap().id;
    claim(&journal, id, BOB).await;
    journal.settle(outcome(id, State::Relayed, None)).await.unwrap();
    assert_eq!(forget(&bench, "alice@example.org").await.invitations, 1);
    assert!(is_held(&journal, BOB).await);
    close(journal, writer).await;
}

#[tokio::test]
async fn statistics_count_what_came_since() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let empty = JournalReader::new(bench.place()).statistics(chrono::Utc::now() - DAY).await.unwrap();
    assert_eq!(empty, journal::Statistics::default());
    for n in 0..20 {
        let state = if n % 2 == 0 { (State::Relayed, None) } else { (State::Refused, Some(Reason::Outcast)) };
        journal.note(arrival(BOB), state.0, state.1).await.unwrap();
    }
    journal.admit(arrival(BOB)).await.unwrap();
    journal.change_preferences(BOB, vec![block(ROOM)]).await.unwrap().unwrap();
    journal.change_blocks_for_all(vec![block(ROOM)]).await.unwrap().unwrap();
    // The first seven are of the day before yesterday, and some of them have been forgotten.
    bench.sql("UPDATE history SET received = received - 2 * 86400000 WHERE id <= 7");
    bench.sql("DELETE FROM history WHERE id IN (1, 3, 4, 8, 12)");
    let counted = JournalReader::new(bench.place()).statistics(chrono::Utc::now() - DAY).await.unwrap();
    assert_eq!((counted.pending, counted.people), (1, 1));
    // 9, 11, …, 19 were relayed; 10, 14, …, 20 were refused.
    assert_eq!(counted.ended, [(State::Relayed, None, 6), (State::Refused, Some(Reason::Outcast), 5)]);
    close(journal, writer).await;
}

#[tokio::test]
async fn whom_we_made_a_member_is_known_to_the_end_and_beyond() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let [bob, carol] = [BOB, "carol@example.org"].map(arrival);
    let added = journal.admit(bob).await.unwrap().id;
    let other = journal.admit(carol.clone()).await.unwrap().id;
    let adding = |contact| Ask { adding: true, ..ask(contact) };
    assert_eq!(journal.claim(added, &adding(BOB)).await.unwrap().delivery, Delivery::Granted);
    let first = journal.admit_claimed(carol, &ask("carol@example.org")).await.unwrap();
    let held = journal.claim(other, &adding("carol@example.org")).await.unwrap().delivery;
    assert_ne!(held, Delivery::Granted, "nothing is added for it");
    journal.discard(first.id, "carol@example.org", ROOM).await.unwrap();
    assert!(!is_held(&journal, "carol@example.org").await, "its claim is gone");
    close(journal, writer).await;

    let (journal, writer) = bench.open().await;
    let under_way = journal.backlog(0, 10).await.unwrap();
    assert_eq!(
        under_way.iter().map(|it| (it.id, it.added)).collect::<Vec<_>>(),
        [(added, true), (other, false)]
    );
    for id in [added, other] {
        let sent_as = Some("alice@example.org".to_owned());
        journal.settle(Outcome { sent_as, ..outcome(id, State::Relayed, None) }).await.unwrap();
    }
    close(journal, writer).await;

    let (journal, writer) = bench.open().await;
    for (id, contact, was_added) in [(added, BOB, true), (other, "carol@example.org", false)] {
        let failed = outcome(id, State::Failed, Some(Reason::Bounced));
        let bounced = journal.bounce(failed, contact, "alice@example.org").await.unwrap().unwrap();
        assert_eq!(bounced.added, was_added);
    }
    close(journal, writer).await;
}

#[tokio::test]
async fn what_is_discarded_leaves_no_trace() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let kept = journal.admit(arrival(BOB)).await.unwrap().id;
    let discarded = journal.admit(arrival("carol@example.org")).await.unwrap().id;
    journal.discard(discarded, "carol@example.org", ROOM).await.unwrap();
    assert_eq!(lines(&bench.place()).await.iter().map(|it| it.id).collect::<Vec<_>>(), [kept]);
    close(journal, writer).await;
    let (journal, writer) = bench.open().await;
    assert!(journal.admit(arrival(BOB)).await.unwrap().id > discarded, "its id is not given again");
    close(journal, writer).await;
}

const FIRST: &str = "alice@example.org";
/// With a Cyrillic a.
const SECOND: &str = "\u{430}lice@example.org";
const LOOK: &str = "alice@exarnple.org";

/// An invitation of this contact by this inviter, relayed.
async fn meets(journal: &Journal, contact: &str, inviter: &str) {
    let id = journal.admit(Arrival { inviter: inviter.into(), ..arrival(contact) }).await.unwrap().id;
    journal.settle(outcome(id, State::Relayed, None)).await.unwrap();
}

async fn met_first(bench: &Bench, contact: &str, look: &str) -> Option<String> {
    JournalReader::new(bench.place()).met_first(&jid::BareJid::new(contact).unwrap(), look).await.unwrap()
}

#[tokio::test]
async fn one_who_looks_alike_is_found() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let other = async |jid, look| journal.look_alike(jid, look).await.unwrap();
    assert_eq!(other(FIRST, LOOK).await, None);
    assert_eq!(other(ROOM, "another look").await, None);
    assert_eq!(other(SECOND, LOOK).await.as_deref(), Some(FIRST));
    assert_eq!(other(FIRST, LOOK).await.as_deref(), Some(SECOND));
    // An address that is seen again is kept: that is written once a day.
    let yesterday = (chrono::Utc::now() - DAY).timestamp_millis();
    let before = format!("SELECT count(*) FROM looks WHERE at < {yesterday}");
    bench.sql(&format!("UPDATE looks SET at = at - {}", (DAY * 2).as_millis()));
    other(FIRST, LOOK).await;
    assert_eq!(bench.sql(&before).trim(), "2", "of three");
    close(journal, writer).await;

    bench.sql(&format!("UPDATE looks SET at = at - {} WHERE jid <> '{FIRST}'", (DAY * 91).as_millis()));
    let (journal, writer) = bench.open().await;
    assert_eq!(journal.look_alike(FIRST, LOOK).await.unwrap(), None, "swept or not");
    assert_eq!(journal.look_alike(SECOND, LOOK).await.unwrap().as_deref(), Some(FIRST));
    forget(&bench, FIRST).await;
    assert_eq!(journal.look_alike(SECOND, LOOK).await.unwrap(), None, "who is forgotten looks like nobody");
    close(journal, writer).await;
}

#[tokio::test]
async fn what_hashes_stand_for_is_known_at_the_next_start() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    for (hash, shows_direct) in [("sha-1 b", true), ("sha-256 a", false), ("sha-1 b", true)] {
        journal.note_hash(hash.into(), shows_direct).await.unwrap();
    }
    let expected = [("sha-1 b".to_owned(), true), ("sha-256 a".to_owned(), false)];
    assert_eq!(JournalReader::new(bench.place()).hashes().await.unwrap(), expected);
    let seen =
        || bench.sql("SELECT max(at) FROM hashes WHERE hash = 'sha-1 b'").trim().parse::<i64>().unwrap();
    let first = seen();
    bench.sql(&format!("UPDATE hashes SET at = at - {}", DAY.as_millis()));
    journal.note_hash("sha-1 b".into(), true).await.unwrap();
    assert!(seen() >= first, "seen today");
    close(journal, writer).await;
}

#[tokio::test]
async fn of_hashes_those_are_kept_that_were_seen_last() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    bench.sql(&format!(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {MAX_CLIENT_CAPS}) \
         INSERT INTO hashes SELECT 'sha-1 ' || n, true, {} - {MAX_CLIENT_CAPS} * 10000 + n * 10000 FROM n",
        chrono::Utc::now().timestamp_millis()
    ));
    journal.note_hash("sha-256 new".into(), false).await.unwrap();
    let hashes = JournalReader::new(bench.place()).hashes().await.unwrap();
    assert_eq!(hashes.len(), MAX_CLIENT_CAPS as usize);
    let known = |hash: &str| hashes.iter().any(|(known, _)| known == hash);
    assert!(known("sha-256 new") && known("sha-1 2") && !known("sha-1 1"));
    close(journal, writer).await;
}

#[tokio::test]
async fn whom_a_contact_met_first() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    for (jid, look) in
        [(FIRST, LOOK), (SECOND, LOOK), (ROOM, "a room's"), ("tee@conference.example.org", "a room's")]
    {
        journal.look_alike(jid, look).await.unwrap();
    }
    assert_eq!(met_first(&bench, BOB, LOOK).await, None, "nobody has invited anybody");
    for inviter in [SECOND, FIRST, SECOND] {
        meets(&journal, BOB, inviter).await;
    }
    let refused =
        journal.admit(Arrival { inviter: SECOND.into(), ..arrival("carol@example.org") }).await.unwrap().id;
    journal.settle(outcome(refused, State::Refused, Some(Reason::Mimicry))).await.unwrap();
    assert_eq!(met_first(&bench, BOB, LOOK).await.as_deref(), Some(SECOND));
    assert_eq!(met_first(&bench, BOB, "a room's").await.as_deref(), Some(ROOM));
    assert_eq!(met_first(&bench, BOB, "another look").await, None);
    assert_eq!(met_first(&bench, "carol@example.org", LOOK).await, None, "nobody has reached her");
    forget(&bench, SECOND).await;
    assert_eq!(met_first(&bench, BOB, LOOK).await.as_deref(), Some(FIRST));
    close(journal, writer).await;

    bench.sql(
        "INSERT INTO history (id, received, settled, route, room, inviter, contact, state) \
         VALUES (200100, 0, 0, 'addressed', 'r', 'i', 'c', 'relayed')",
    );
    assert_eq!(met_first(&bench, BOB, LOOK).await, None, "only the newest are read");
}

/// By their addresses, and by their number.
#[tokio::test]
async fn many_look_alikes_do_not_hide_the_first_one() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    journal.look_alike("mmm@example.org", LOOK).await.unwrap();
    meets(&journal, BOB, "mmm@example.org").await;
    for other in (0..300).flat_map(|n| [format!("a{n}@example.org"), format!("z{n}@example.org")]) {
        assert!(journal.look_alike(&other, LOOK).await.unwrap().is_some());
        if other.ends_with("7@example.org") {
            meets(&journal, BOB, &other).await;
        }
    }
    assert_eq!(met_first(&bench, BOB, LOOK).await.as_deref(), Some("mmm@example.org"));
    close(journal, writer).await;
}

#[tokio::test]
async fn a_long_day_is_counted_by_hours_and_in_steps() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    close(journal, writer).await;
    let hour = Duration::from_secs(3600);
    let since = chrono::Utc::now() - 24 * hour;
    // 25 hours, one an hour before `since`; 1200 in each, every third of them a duplicate.
    bench.sql(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 29999) \
         INSERT INTO history (id, received, settled, route, room, inviter, contact, state, reason) \
         SELECT i + 1, {} + i * 3000, 0, 'addressed', 'r', 'i', 'c', \
         CASE WHEN i % 3 <> 0 THEN 'relayed' ELSE 'suppressed' END, \
         CASE WHEN i % 3 <> 0 THEN NULL ELSE 'duplicate' END FROM n",
        since.timestamp_millis() - 3_600_000,
    ));

    let mut tallies = JournalReader::new(bench.place()).tally(since, hour).await.unwrap();

    tallies.sort_by_key(|tally| (tally.span, tally.state));
    assert_eq!(tallies.len(), 48);
    for (at, tally) in tallies.iter().enumerate() {
        let expected =
            [(State::Relayed, None, 800), (State::Suppressed, Some(Reason::Duplicate), 400)][at % 2];
        assert_eq!((tally.span, (tally.state, tally.reason, tally.count)), (at / 2, expected));
    }
    let day = JournalReader::new(bench.place()).statistics(since).await.unwrap();
    let ended = [(State::Relayed, None, 19_200), (State::Suppressed, Some(Reason::Duplicate), 9_600)];
    assert_eq!(day.ended, ended);
}

#[tokio::test]
async fn what_a_hand_over_came_in_and_for_which_device_is_known_until_it_settles() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let sender = "conference.example.org/muc-invite-relay".to_owned();
    let hand_over = Some(Box::new(Origin { sender, message: Some("planted-id".into()) }));
    let mut handed_over = arrival(BOB);
    handed_over.payload.hand_over.clone_from(&hand_over);
    handed_over.payload.addressed = Some("bob@example.org/planted-id".into());
    let id = journal.admit_claimed(handed_over, &ask(BOB)).await.unwrap().id;
    journal.admit(arrival("carol@example.org")).await.unwrap();
    close(journal, writer).await;

    let (journal, writer) = bench.open().await;
    let rows = journal.backlog(0, 10).await.unwrap();
    assert_eq!(rows[0].arrival.payload.hand_over, hand_over);
    assert_eq!(rows[0].arrival.payload.device(), Some("planted-id"));
    assert_eq!((&rows[1].arrival.payload.hand_over, rows[1].arrival.payload.device()), (&None, None));

    journal.settle(outcome(id, State::HandedBack, Some(Reason::TooLate))).await.unwrap();
    assert!(is_held(&journal, BOB).await, "the server's own was the one invitation");
    close(journal, writer).await;
    assert!(!bench.holds("planted-id"));
}

/// An address that is nearly as long as one can be, and can hardly be compressed: a label of a domain has 63 bytes of ASCII at most,
/// which stand for many more of UTF-8.
fn longest(seed: u64) -> String {
    let mut random = fastrand::Rng::with_seed(seed);
    let name: String = (0..1023).map(|_| random.lowercase()).collect();
    let mut labels = Vec::new();
    while labels.len() < 4 {
        let label: String = (0..38).map(|_| random.char('\u{10428}'..='\u{1042b}')).collect();
        if jid::BareJid::new(&label).is_ok() {
            labels.push(label);
        }
    }
    let jid = jid::BareJid::new(&format!("{name}@{}", labels.join("."))).unwrap().to_string();
    assert!(jid.len() > 1600, "{}", jid.len());
    jid
}

#[tokio::test]
async fn the_longest_addresses_are_taken() {
    let Some(bench) = Bench::new() else { return };
    let (journal, writer) = bench.open().await;
    let [contact, room, inviter, relay_address] = [1, 2, 3, 4].map(longest);
    let mut ids = Vec::new();
    for _ in 0..2 {
        let (contact, room, inviter) = (contact.clone(), room.clone(), inviter.clone());
        let id = journal.admit(Arrival { contact, room, inviter, ..arrival(BOB) }).await.unwrap().id;
        let sent_as = Some(relay_address.clone());
        journal.settle(Outcome { sent_as, ..outcome(id, State::Relayed, None) }).await.unwrap();
        ids.push(id);
    }
    for id in ids.into_iter().rev() {
        let declined = journal.decline(&room, &contact, &relay_address).await.unwrap();
        assert_eq!(declined.map(|it| it.id), Some(id), "the newest first");
    }
    assert_eq!(journal.decline(&room, &contact, &relay_address).await.unwrap(), None);

    assert_eq!(journal.look_alike(&contact, LOOK).await.unwrap(), None);
    assert_eq!(journal.look_alike(&room, LOOK).await.unwrap(), Some(contact.clone()));
    let blocks = vec![Change::Block(room.clone())];
    assert_eq!(journal.change_preferences(&contact, blocks).await.unwrap().unwrap().blocks.len(), 1);
    let name: String = contact.chars().take(1023).collect();
    let group = KeptGroup {
        name: name.clone(),
        may_use: MayUse::Everybody,
        users: [].into(),
        entries: [contact.clone()].into(),
    };
    journal.change_group(&name, GroupChange::Create(group)).await.unwrap().unwrap();
    close(journal, writer).await;
}
