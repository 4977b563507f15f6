//! What a batch answers and leaves behind is what its operations would one after the other: those that end invitations first, then
//! those that ask, then the rest. The file that includes this one has the database in its `Bench`.

use fastrand::Rng;
use futures::future::{LocalBoxFuture, join_all};
use muc_invite_relay::journal::{Ask, Journal, RoomPassword, Wanted};
use muc_invite_relay::model::{Outcome, Reason, State};

use super::Bench;
use super::ask::{ROOM, ask};
use super::suite::{arrival, close, outcome};

const INVITERS: [&str; 2] = ["alice@example.org", "carol@example.org"];
/// Not `Barred`: what it forgets depends on which others ask in the same moment.
const WANTED: [Wanted; 5] = [Wanted::Yes, Wanted::Yes, Wanted::Yes, Wanted::No, Wanted::Inside];

/// An operation on one of three contacts, by this inviter.
#[derive(Debug, Clone)]
struct Step {
    kind: Kind,
    contact: String,
    inviter: &'static str,
    wanted: Wanted,
    adding: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Settle { id: i64, unclaimed: bool },
    Admit,
    Claim(i64),
    Discard(i64),
    PassOn(i64),
    Bounce(i64),
    Held,
}

impl Kind {
    fn phase(self) -> u8 {
        match self {
            Self::Settle { .. } => 0,
            Self::Admit | Self::Claim(_) => 1,
            Self::Discard(_) | Self::PassOn(_) | Self::Bounce(_) | Self::Held => 2,
        }
    }
}

/// Says what was answered, but for times.
fn done<'a>(journal: &'a Journal, step: &'a Step) -> LocalBoxFuture<'a, String> {
    let Step { kind, contact, inviter, wanted, adding } = step;
    let ask = Ask { inviter, wanted: *wanted, adding: *adding, ..ask(contact) };
    Box::pin(async move {
        match *kind {
            Kind::Settle { id, unclaimed: true } => {
                let failed = outcome(id, State::Failed, Some(Reason::Bounced));
                format!("{:?}", journal.settle_unclaimed(failed, contact, ROOM).await)
            }
            Kind::Settle { id, unclaimed: false } => {
                let sent_as = Some("relay@example.org".to_owned());
                let relayed = Outcome { sent_as, ..outcome(id, State::Relayed, None) };
                format!("{:?}", journal.settle(relayed).await)
            }
            Kind::Admit => {
                let admitted = journal.admit_claimed(arrival(contact), &ask).await.unwrap();
                format!("{} {:?}", admitted.id, admitted.claimed)
            }
            Kind::Claim(id) => format!("{:?}", journal.claim(id, &ask).await),
            Kind::Discard(id) => format!("{:?}", journal.discard(id, contact, ROOM).await),
            Kind::PassOn(id) => format!("{:?}", journal.pass_membership_on(id, contact, ROOM).await),
            Kind::Bounce(id) => {
                let bounced = outcome(id, State::Failed, Some(Reason::Bounced));
                let bounced = journal.bounce(bounced, contact, "relay@example.org").await.unwrap();
                format!("{:?}", bounced.map(|it| (it.id, it.added)))
            }
            Kind::Held => {
                let held = journal.held(ROOM, inviter, RoomPassword::Unknown, [&**contact].into_iter());
                format!("{:?}", held.await)
            }
        }
    })
}

/// Steps on the contacts of this round. `pending`, `relayed`: invitations with their contacts; each is ended by one step at most.
fn steps(rng: &mut Rng, round: u64, mut pending: Vec<(i64, String)>, relayed: &[(i64, String)]) -> Vec<Step> {
    let mut steps = Vec::new();
    for _ in 0..rng.usize(1..14) {
        let mut contact = format!("contact{}-{round}@example.org", rng.u8(0..3));
        let mut of = |found: &(i64, String)| {
            contact.clone_from(&found.1);
            found.0
        };
        let some = (!pending.is_empty()).then(|| rng.usize(0..pending.len()));
        let kind = match (rng.u8(0..10), some) {
            (0 | 1, Some(at)) => Kind::Settle { id: of(&pending.swap_remove(at)), unclaimed: rng.bool() },
            (2, Some(at)) => Kind::Discard(of(&pending.swap_remove(at))),
            (3, Some(at)) => Kind::Claim(of(&pending[at])),
            (4, Some(at)) => Kind::PassOn(of(&pending[at])),
            (5 | 6, _) if !relayed.is_empty() => Kind::Bounce(of(&relayed[rng.usize(0..relayed.len())])),
            (7, _) => Kind::Held,
            _ => Kind::Admit,
        };
        let inviter = INVITERS[rng.usize(0..2)];
        steps.push(Step {
            kind,
            contact,
            inviter,
            wanted: WANTED[rng.usize(0..WANTED.len())],
            adding: rng.bool(),
        });
    }
    // An invitation that asks has not ended.
    let ends =
        |step: &Step, id| matches!(step.kind, Kind::Settle { id: it, .. } | Kind::Discard(it) if it == id);
    let asks_too_late =
        |step: &Step| matches!(step.kind, Kind::Claim(id) if steps.iter().any(|it| ends(it, id)));
    steps.iter().filter(|step| !asks_too_late(step)).cloned().collect()
}

fn rows(bench: &Bench, sql: &str) -> Vec<(i64, String)> {
    let parsed = |line: &str| {
        let (id, contact) = line.split_once('|').unwrap();
        (id.parse().unwrap(), contact.to_owned())
    };
    bench.sql(sql).lines().map(parsed).collect()
}

#[tokio::test]
async fn a_batch_does_what_its_operations_do_one_by_one() {
    let (Some(at_once), Some(apart)) = (Bench::new(), Bench::new()) else { return };
    let (batched, first_writer) = at_once.open().await;
    let (single, second_writer) = apart.open().await;
    let mut rng = Rng::with_seed(1);
    for round in 0..25 {
        for _ in 0..4 {
            let of_round = format!("contact LIKE '%-{round}@example.org' ORDER BY id");
            let pending = rows(&apart, &format!("SELECT id, contact FROM pending WHERE {of_round}"));
            let relayed = format!("SELECT id, contact FROM history WHERE state = 'relayed' AND {of_round}");
            let steps = steps(&mut rng, round, pending, &rows(&apart, &relayed));

            let mut ordered: Vec<usize> = (0..steps.len()).collect();
            ordered.sort_by_key(|at| steps[*at].kind.phase());
            let mut expected = vec![String::new(); steps.len()];
            for at in ordered {
                expected[at] = done(&single, &steps[at]).await;
            }
            // All of them wait before the writer, which is a task of the same thread, takes the first.
            let answers = join_all(steps.iter().map(|step| done(&batched, step))).await;

            assert_eq!(answers, expected, "{steps:#?}");
        }
        for left in [
            "SELECT id, contact, added FROM pending ORDER BY id",
            "SELECT id, contact, state, added FROM history ORDER BY id",
            "SELECT invitation FROM claims ORDER BY invitation",
        ] {
            assert_eq!(at_once.sql(left), apart.sql(left), "{round}: {left}");
        }
    }
    close(batched, first_writer).await;
    close(single, second_writer).await;
}
