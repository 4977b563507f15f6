//! A model of invitations' lives: whatever happens, and wherever the relay is killed, each one that it has taken ends once;
//! the contact has it, or its inviter knows.

use std::collections::BTreeMap;
use std::env;
use std::time::Duration;

use chrono::TimeDelta;
use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use tempfile::TempDir;

use super::running::{NO_LIMITS, Running, a_moment, at_once, config, folder, runtime};
use super::world::{World, person, relay_address, room};
use crate::journal::{Filter, Journal, JournalReader, Record, RoomPassword};
use crate::model::{Reason, Route, State};
use crate::wire::muc::Affiliation;

/// How many runs, in each of which every contact and room lives a life of its own: 64. They are the same each time, as far as
/// the thread of the database lets them; `LIFE_RUNS` makes as many others.
const RUNS: u32 = 32;

const INVITERS: [&str; 3] = ["alice", "eve", "carl"];
const CONTACTS: [&str; 16] = [
    "bob", "dan", "dora", "fay", "fred", "gina", "hal", "hugo", "ida", "jack", "kim", "leo", "mia", "ned",
    "olga", "banned",
];
/// The last two let only members in.
const ROOMS: [&str; 4] = ["tea", "den", "cave", "attic"];

const MINUTE: i64 = 60_000;
const WINDOW: i64 = 10 * MINUTE;
const DAY: i64 = 24 * 60 * MINUTE;

#[derive(Debug, Clone, Copy)]
struct Invitation {
    inviter: usize,
    contact: usize,
    room: usize,
    handed_over: bool,
}

/// What happens.
#[derive(Debug, Clone)]
enum Step {
    Invite(Vec<Invitation>),
    /// The relay goes on for a little, and the server handles only so much.
    Works {
        steps: u16,
        handled: usize,
    },
    /// Everything that can happen at once happens.
    Settles,
    Passes {
        ms: i64,
    },
    /// The relay is killed after so many steps, and is started again after a while.
    Killed {
        steps: u16,
        handled: usize,
        down: i64,
    },
    Stops {
        down: i64,
    },
    /// The connection ends and comes back.
    Lost {
        steps: u16,
        handled: usize,
        down: i64,
    },
    /// A contact's messages come back from now on, or do so no more.
    Moves {
        contact: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let ms = || prop::sample::select(vec![0, 1000, MINUTE, 9 * MINUTE, 11 * MINUTE, 70 * MINUTE, DAY]);
    let work = || (0..400_u16, 0..160_usize);
    let invitation = (0..INVITERS.len(), 0..CONTACTS.len(), 0..ROOMS.len(), any::<bool>())
        .prop_map(|(inviter, contact, room, handed_over)| Invitation { inviter, contact, room, handed_over });
    prop_oneof![
        12 => prop::collection::vec(invitation, 1..16).prop_map(Step::Invite),
        4 => work().prop_map(|(steps, handled)| Step::Works { steps, handled }),
        2 => Just(Step::Settles),
        3 => ms().prop_map(|ms| Step::Passes { ms }),
        3 => (work(), ms()).prop_map(|((steps, handled), down)| Step::Killed { steps, handled, down }),
        1 => ms().prop_map(|down| Step::Stops { down }),
        2 => (work(), ms()).prop_map(|((steps, handled), down)| Step::Lost { steps, handled, down }),
        2 => (0..CONTACTS.len()).prop_map(|contact| Step::Moves { contact }),
    ]
}

/// Who was invited where by whom: inviter, contact, room.
type Case = (String, String, String);

struct Scene {
    folder: TempDir,
    /// `relay.expiry`.
    expiry: &'static str,
    world: World,
    /// None while it is down.
    running: Option<Running>,
    sent: usize,
    /// Addressed invitations that the relay was given, and those among them that it may have lost unread with the connection.
    given: BTreeMap<Case, usize>,
    unread: BTreeMap<Case, usize>,
    /// What it was given since everything was last settled.
    fresh: Vec<Case>,
}

impl Scene {
    async fn new(expiry: &'static str) -> Self {
        let folder = folder();
        let mut world = World::default();
        for name in ROOMS {
            let host = world.rooms.entry(room(name)).or_default();
            host.members_only = ROOMS[2..].contains(&name);
            for inviter in INVITERS {
                host.affiliations.insert(person(inviter), Affiliation::Owner);
            }
            host.affiliations.insert(person("banned"), Affiliation::Outcast);
        }
        let running = Some(start(&folder, expiry).await);
        Self {
            expiry,
            folder,
            world,
            running,
            sent: 0,
            given: BTreeMap::new(),
            unread: BTreeMap::new(),
            fresh: Vec::new(),
        }
    }

    fn parts(&mut self) -> (&mut Running, &mut World) {
        let Some(running) = &mut self.running else { panic!("it does not run") };
        (running, &mut self.world)
    }

    async fn takes_steps(&mut self, steps: u16, handled: usize) {
        let (running, world) = self.parts();
        running.takes_steps(world, steps, handled).await;
    }

    async fn goes(&mut self, step: Step) {
        if !matches!(step, Step::Invite(_)) {
            self.world.happens(&format!("{step:?}"));
        }
        match step {
            Step::Invite(all) => {
                for invitation in all {
                    a_moment().await;
                    self.invites(invitation);
                }
            }
            Step::Works { steps, handled } => {
                self.takes_steps(steps, handled).await;
            }
            Step::Settles => self.settles().await,
            Step::Passes { ms } => {
                self.settles().await;
                self.passes(ms).await;
            }
            Step::Killed { steps, handled, down } => {
                self.takes_steps(steps, handled).await;
                self.may_be_unread();
                self.restart(true, down).await;
            }
            Step::Stops { down } => {
                self.may_be_unread();
                self.restart(false, down).await;
            }
            Step::Lost { steps, handled, down } => {
                self.takes_steps(steps, handled).await;
                let (running, world) = self.parts();
                world.connection_ends(&mut running.server);
                self.passes(down).await;
                World::connects(&mut self.parts().0.server);
            }
            Step::Moves { contact } => {
                let contact = person(CONTACTS[contact]);
                if !self.world.unreachable.remove(&contact) {
                    self.world.unreachable.insert(contact);
                }
            }
        }
    }

    fn invites(&mut self, Invitation { inviter, contact, room: name, handed_over }: Invitation) {
        self.sent += 1;
        let (inviter, contact, name) = (INVITERS[inviter], CONTACTS[contact], ROOMS[name]);
        if handed_over {
            let id = format!("h{}", self.sent);
            let (running, world) = self.parts();
            world.hand_over(&running.server, inviter, contact, name, &id);
        } else {
            let reason = format!("a{}", self.sent);
            let (running, world) = self.parts();
            world.invite(&running.server, &person(inviter), contact, name, &reason);
            let case = (person(inviter), person(contact), room(name));
            *self.given.entry(case.clone()).or_default() += 1;
            self.fresh.push(case);
        }
    }

    async fn settles(&mut self) {
        let (running, world) = self.parts();
        running.settles(world).await;
        self.world.is_quiet();
        self.fresh.clear();
    }

    async fn passes(&mut self, ms: i64) {
        let (running, world) = self.parts();
        running.passes(world, Duration::from_millis(ms.unsigned_abs())).await;
        self.world.time_passes();
    }

    /// What was not read and written before the relay ends is lost with the connection.
    fn may_be_unread(&mut self) {
        for case in self.fresh.drain(..) {
            *self.unread.entry(case).or_default() += 1;
        }
    }

    async fn restart(&mut self, killed: bool, down: i64) {
        let Some(running) = self.running.take() else { return };
        if killed {
            running.kill(&mut self.world).await;
        } else {
            running.stop(&mut self.world).await;
        }
        tokio::time::advance(Duration::from_millis(down.unsigned_abs())).await;
        self.world.time_passes();
        self.running = Some(start(&self.folder, self.expiry).await);
    }

    /// Everything that is under way ends.
    async fn ends(&mut self) -> Vec<Record> {
        self.settles().await;
        let path = self.folder.path().join("journal.db");
        for _ in 0..200 {
            let filter = Filter { limit: u32::MAX, ..Filter::default() };
            let rows = at_once(JournalReader::new(&path).history(&filter)).await.unwrap();
            if rows.iter().all(|row| row.state != State::Pending) {
                // The rooms are looked at once more.
                let (running, world) = self.parts();
                running.passes_slowly(world, 10).await;
                world.time_passes();
                return rows;
            }
            let (running, world) = self.parts();
            running.passes_slowly(world, 5).await;
            world.is_quiet();
        }
        panic!("some invitations never end");
    }
}

async fn start(folder: &TempDir, expiry: &str) -> Running {
    let mut running = Running::start(config(folder, &format!("expiry = \"{expiry}\"\n{NO_LIMITS}"))).await;
    World::connects(&mut running.server);
    running
}

/// What must hold at the end.
async fn judge(scene: &mut Scene) -> Result<(), TestCaseError> {
    let rows = scene.ends().await;
    let instance = scene.parts().0.cx.journal.instance().to_owned();
    let Scene { world, given, unread, .. } = &*scene;
    let unsure = |id: &str| world.unsure.get(id).copied().unwrap_or(0);
    for row in &rows {
        let (id, told_id) = (format!("{instance}-{}", row.id), format!("{instance}-{}-told", row.id));
        let reached = world.reached.iter().filter(|it| it.id.as_ref() == Some(&id)).count();
        let told = world.told.iter().filter(|it| it.id == told_id).count();
        // The contact has it once, and so has the inviter what they are told, but for what nobody can know.
        let again = if row.route == Route::HandedOver { 0 } else { unsure(&id) };
        prop_assert!(reached <= 1 + again, "{row:?} reached them {reached} times");
        prop_assert!(told <= 1 + unsure(&told_id), "of {row:?} they were told {told} times");
        match row.state {
            State::Relayed => prop_assert!(reached >= 1, "{row:?} reached nobody"),
            State::Failed | State::Refused | State::Expired => {
                prop_assert!(told >= 1, "{row:?}: nobody was told");
                prop_assert!(reached == 0 || unsure(&id) > 0, "{row:?} reached them");
            }
            State::Suppressed if row.reason == Some(Reason::Duplicate) => {
                let settled = row.settled.unwrap();
                let another = world.reached.iter().any(|it| {
                    let window = if it.inviter == row.inviter { DAY } else { WINDOW + MINUTE };
                    it.contact == row.contact
                        && it.room == row.room
                        && it.id.as_ref() != Some(&id)
                        && it.at > row.received.min(settled) - TimeDelta::milliseconds(window)
                        && it.at.timestamp_millis() <= settled.timestamp_millis()
                });
                prop_assert!(another, "{row:?} is in nobody's way");
                prop_assert!(reached == 0 || unsure(&id) > 0, "{row:?} reached them");
            }
            State::HandedBack => prop_assert_eq!(reached, 0, "{:?}", row),
            state => prop_assert!(false, "{:?} is {}", row, state),
        }
    }
    // None is lost: what was given is there.
    let mut found = BTreeMap::<Case, usize>::new();
    for row in rows.iter().filter(|row| row.route == Route::Addressed) {
        *found.entry((row.inviter.clone(), row.contact.clone(), row.room.clone())).or_default() += 1;
    }
    for (case, given) in given {
        let found = found.get(case).copied().unwrap_or(0);
        let unread = unread.get(case).copied().unwrap_or(0);
        prop_assert!(found <= *given && found + unread >= *given, "{case:?}: {found} of {given}");
    }
    // What was handed over reaches the contact by the server or by the relay.
    for (reason, times) in scene.world.reached.iter().filter(|it| it.reason.starts_with('h')).fold(
        BTreeMap::<&str, usize>::new(),
        |mut times, it| {
            *times.entry(&it.reason).or_default() += 1;
            times
        },
    ) {
        prop_assert!(times == 1, "{reason} reached them {times} times");
    }
    let mut taken = BTreeMap::<(&str, &str), usize>::new();
    for handed_over in world.taken() {
        *taken.entry(handed_over).or_default() += 1;
    }
    for ((room, contact), taken) in taken {
        let kept = rows.iter().filter(|row| {
            row.route == Route::HandedOver
                && row.room == room
                && row.contact == contact
                && row.state != State::HandedBack
        });
        prop_assert!(kept.count() >= taken, "{contact} in {room}: one that was taken is lost");
    }
    windows(world)?;
    claims(&scene.parts().0.cx.journal, &rows).await?;
    members(&scene.world, &rows, &scene.unread)
}

/// Nobody gets two of one moment.
fn windows(world: &World) -> Result<(), TestCaseError> {
    for (at, earlier) in world.reached.iter().enumerate() {
        for later in &world.reached[at + 1..] {
            let same = (&earlier.contact, &earlier.room) == (&later.contact, &later.room);
            let (Some(one), Some(other)) = (&earlier.id, &later.id) else { continue };
            // A claim is made a little before the invitation is sent.
            let claimed = earlier.at - TimeDelta::milliseconds(MINUTE / 6);
            // By a hand-over the room has made the contact a member after the earlier one, which is an occasion of its own.
            let anew = world.made_members.get(&later.reason).is_some_and(|at| *at > claimed);
            if same && one != other && !anew && !world.unsure.contains_key(one) {
                let apart = (later.at - earlier.at).num_milliseconds();
                prop_assert!(
                    apart >= WINDOW - MINUTE / 6,
                    "{one} and {other} are {apart} ms apart:{}",
                    world.story_of(&later.contact, &later.room)
                );
            }
        }
    }
    Ok(())
}

/// No claim is left of what has not reached the contact.
async fn claims(journal: &Journal, rows: &[Record]) -> Result<(), TestCaseError> {
    for name in ROOMS {
        for inviter in INVITERS {
            let contacts: Vec<_> = CONTACTS.iter().map(|contact| person(contact)).collect();
            let (host, inviter) = (room(name), person(inviter));
            let named = contacts.iter().map(String::as_str);
            let held = journal.held(&host, &inviter, RoomPassword::Unknown, named);
            let held = at_once(held).await.unwrap();
            for (contact, held) in contacts.iter().zip(held) {
                // One that the server has delivered after all has reached them as well.
                let reached = rows.iter().any(|row| {
                    (row.state == State::Relayed || row.reason == Some(Reason::TooLate))
                        && row.contact == *contact
                        && row.room == room(name)
                });
                prop_assert!(!held.reached || reached, "{contact} is held up in {name} by nothing");
            }
        }
    }
    Ok(())
}

/// Who was invited is a member, nobody else is, and no relay address is left.
fn members(world: &World, rows: &[Record], unread: &BTreeMap<Case, usize>) -> Result<(), TestCaseError> {
    for name in ROOMS {
        let host = &world.rooms[&room(name)];
        for contact in CONTACTS {
            let left = host.affiliations.contains_key(&relay_address(contact));
            // The relay can't know of an invitation that was lost with the connection.
            let unread =
                unread.keys().any(|(_, invited, to)| *invited == person(contact) && *to == room(name));
            prop_assert!(!left || unread, "the relay address of {contact} is left in {name}");
            let contact = person(contact);
            let member = host.affiliations.get(&contact) == Some(&Affiliation::Member);
            let its = || rows.iter().filter(|row| row.contact == contact && row.room == room(name));
            let last = its().filter(|row| row.state == State::Relayed).filter_map(|row| row.settled).max();
            let invited = last.is_some();
            // Which invitation another one has to thank for its membership is known for a day.
            let forgotten = last.is_some_and(|last| {
                its().filter_map(|row| row.settled).any(|at| at - last >= TimeDelta::milliseconds(DAY))
            });
            let by_server = world
                .reached
                .iter()
                .any(|it| it.contact == contact && it.room == room(name) && it.id.is_none());
            if host.members_only && contact != person("banned") {
                let story = || {
                    its()
                        .fold(world.story_of(&contact, &room(name)), |story, row| format!("{story}\n{row:?}"))
                };
                prop_assert!(
                    member || !invited || forgotten,
                    "{contact} can't come in to {name}: {}",
                    story()
                );
                prop_assert!(!member || invited || by_server, "{contact} is a member of {name}: {}", story());
            }
        }
    }
    Ok(())
}

#[test]
fn each_ends_once_wherever_the_relay_is_killed() {
    let others = env::var("LIFE_RUNS").ok().and_then(|runs| runs.parse().ok());
    let runs = Runs {
        cases: others.unwrap_or(RUNS),
        max_shrink_iters: 200,
        failure_persistence: None,
        ..Runs::default()
    };
    let mut runner = match others {
        Some(_) => TestRunner::new(runs),
        None => TestRunner::new_with_rng(runs, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    };
    let expiry = prop::sample::select(vec!["1h", "30d"]);
    let steps = prop::collection::vec(step(), 1..80);
    let result = runner.run(&(expiry, steps), |(expiry, steps)| {
        runtime().block_on(async {
            let mut scene = Scene::new(expiry).await;
            for step in steps {
                scene.goes(step).await;
            }
            let judged = judge(&mut scene).await;
            scene.restart(true, 0).await;
            judged
        })
    });
    if let Err(e) = result {
        panic!("{e}");
    }
}
