//! What is sent and what is told, by what was asked before.

use std::collections::HashSet;

use proptest::prelude::*;

use super::claim::{Claim, Claimed, Delivery, RoomPassword, Wanted};
use super::claim_memory::{Memory, Windows};
use crate::model::Id;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const BEGIN: i64 = 1_800_000_000_000;

const ALICE: u8 = 1;
const CAROL: u8 = 2;

/// One contact and room, at a time that passes.
struct Scene {
    memory: Memory,
    now: i64,
    last: Id,
    under_way: HashSet<Id>,
}

impl Scene {
    fn new() -> Self {
        Self { memory: Memory::default(), now: BEGIN, last: 0, under_way: HashSet::new() }
    }

    fn after(&mut self, time: i64) -> &mut Self {
        self.now += time;
        self
    }

    fn claim(&mut self, inviter: u8) -> Claim {
        self.last += 1;
        Claim::ordinary([0; 16], self.last, [inviter; 8])
    }

    fn ask(&mut self, claim: &Claim) -> Claimed {
        // Each time as a later process would read it.
        let newest = self.memory.newest().unwrap_or_default();
        let stored = Memory::from_bytes(&self.memory.to_bytes(newest), newest);
        assert_eq!(stored, self.memory);
        self.memory.ask(claim, self.windows(), &self.under_way)
    }

    fn windows(&self) -> Windows {
        Windows { now: self.now, first: 10 * MINUTE }
    }

    fn by(&mut self, inviter: u8) -> &'static str {
        let claim = self.claim(inviter);
        shown(self.ask(&claim))
    }

    fn with(&mut self, change: impl FnOnce(Claim) -> Claim) -> &'static str {
        let claim = self.claim(ALICE);
        shown(self.ask(&change(claim)))
    }
}

/// What becomes of it, and whether the inviter is told.
fn shown(claimed: Claimed) -> &'static str {
    match (claimed.delivery == Delivery::Granted, claimed.is_news_to_the_inviter()) {
        (true, false) => "sent",
        (true, true) => "sent, told",
        (false, true) => "told",
        (false, false) => "silent",
    }
}

#[test]
fn repetitions_collapse_and_the_window_grows() {
    let mut scene = Scene::new();
    assert_eq!(scene.by(ALICE), "sent");
    assert_eq!(scene.after(9 * MINUTE).by(ALICE), "told");
    assert_eq!(scene.after(MINUTE).by(ALICE), "sent", "what was held up does not begin it anew");
    assert_eq!(scene.after(59 * MINUTE).by(ALICE), "told");
    assert_eq!(scene.after(MINUTE).by(ALICE), "sent");
    assert_eq!(scene.after(23 * HOUR).by(ALICE), "told");
    assert_eq!(scene.after(HOUR).by(ALICE), "sent");
    assert_eq!(scene.after(11 * MINUTE).by(ALICE), "sent", "after a day it begins anew");
}

#[test]
fn who_asks_every_day_is_not_held_up() {
    let mut scene = Scene::new();
    for day in 0..10 {
        assert_eq!(scene.by(ALICE), "sent", "{day}");
        // A little earlier each time.
        scene.after(DAY - 5 * MINUTE);
    }
}

#[test]
fn the_window_is_the_inviters_own() {
    let mut scene = Scene::new();
    assert_eq!([scene.by(ALICE), scene.after(MINUTE).by(CAROL)], ["sent", "told"]);
    assert_eq!(scene.after(10 * MINUTE).by(ALICE), "sent");
    assert_eq!(scene.after(11 * MINUTE).by(CAROL), "sent");
    assert_eq!(scene.after(11 * MINUTE).by(ALICE), "told", "an hour, whoever has invited meanwhile");
    assert_eq!(scene.by(CAROL), "sent");
}

#[test]
fn inviters_without_end_are_not_remembered() {
    let mut scene = Scene::new();
    for inviter in 0..200 {
        assert_eq!(scene.after(11 * MINUTE).by(inviter), "sent");
    }
    let newest = scene.memory.newest().unwrap();
    assert!(scene.memory.to_bytes(newest).len() < 200);
}

#[test]
fn a_second_form_of_the_same_moment_is_no_news() {
    let mut scene = Scene::new();
    assert_eq!(scene.by(ALICE), "sent");
    let directly = |claim| Claim { direct: true, password: RoomPassword::Unknown, ..claim };
    assert_eq!(scene.with(directly), "silent");
    assert_eq!(scene.by(ALICE), "told", "once more in the same form");
    assert_eq!(scene.after(MINUTE).with(directly), "told", "later");
}

#[test]
fn a_new_password_is_a_new_occasion() {
    let told = |digest| move |claim| Claim { password: RoomPassword::Digest(digest), ..claim };
    let mut scene = Scene::new();
    assert_eq!(scene.by(ALICE), "sent");
    assert_eq!(scene.with(told(1)), "sent");
    assert_eq!(scene.with(told(1)), "told");
    let older = scene.claim(ALICE);
    assert_eq!(scene.with(told(2)), "sent");
    assert_eq!(shown(scene.ask(&told(1)(older))), "told", "one that waited does not know the newest");
    assert_eq!(scene.by(ALICE), "told", "without one they can come in as well");
    let unknown = |claim| Claim { password: RoomPassword::Unknown, direct: true, ..claim };
    assert_eq!(scene.after(MINUTE).with(unknown), "told", "an inviter can say what they like");

    let mut scene = Scene::new();
    assert_eq!([scene.with(unknown), scene.with(told(1))], ["sent", "silent"], "two forms of one moment");
}

#[test]
fn a_wrong_password_holds_back_no_right_one() {
    let said = |said| move |claim| Claim { password: RoomPassword::Said(said), direct: true, ..claim };
    let by_carol = |claim| Claim { inviter: [CAROL; 8], password: RoomPassword::Digest(1), ..claim };
    for wrong in [None, Some(2)] {
        let mut scene = Scene::new();
        assert_eq!([scene.with(said(wrong)), scene.with(by_carol)], ["sent"; 2]);
        assert_eq!([scene.with(said(wrong)), scene.with(by_carol)], ["told"; 2], "once, whatever is said");
    }
    let mut scene = Scene::new();
    assert_eq!([scene.with(said(Some(1))), scene.with(by_carol)], ["sent", "told"], "it was right");
    let told = |claim| Claim { password: RoomPassword::Digest(1), ..claim };
    let mut scene = Scene::new();
    assert_eq!([scene.with(said(Some(2))), scene.with(told)], ["sent", "silent"], "the other form");
    assert_eq!(scene.after(MINUTE).with(told), "sent", "it is wrong all the same");
}

#[test]
fn a_membership_that_is_gone_is_a_new_occasion_once() {
    let mut scene = Scene::new();
    let first = scene.claim(ALICE);
    assert_eq!(shown(scene.ask(&first)), "sent");
    let [second, third] = [scene.claim(CAROL), scene.claim(ALICE)];
    let held = Delivery::Held { by: first.id, under_way: false };
    assert_eq!(scene.ask(&second).delivery, held);
    assert_eq!(scene.ask(&third).delivery, held);
    let instead = |claim| Claim { instead_of: Some(first.id), ..claim };
    assert_eq!(shown(scene.ask(&instead(second))), "sent");
    assert_eq!(shown(scene.ask(&instead(third))), "told", "the second has come between");
    assert_eq!(shown(scene.ask(&second)), "sent", "again and again");
}

#[test]
fn a_membership_that_the_room_gives_anew_is_a_new_occasion() {
    let mut scene = Scene::new();
    let by_room = |at| move |claim| Claim { anew: Some(at), ..claim };
    for _ in 0..2 {
        let now = scene.now + 1;
        assert_eq!(scene.after(1).with(by_room(now)), "sent", "each time as the first");
    }
    assert_eq!(scene.by(ALICE), "told");
    let earlier = by_room(scene.now - 1);
    assert_eq!(
        scene.with(earlier),
        "told",
        "the last one was let through after the room had made them a member"
    );
    let now = scene.now + 1;
    assert_eq!(scene.after(1).with(|claim| Claim { inviter: [CAROL; 8], ..by_room(now)(claim) }), "sent");
}

/// The room gives it each time, since the relay takes it back where the contact does not want the invitation.
#[test]
fn a_membership_that_the_relay_took_back_shows_nothing() {
    let (mut wanted, mut not_wanted) = (Scene::new(), Scene::new());
    let by_room = |claim| Claim { anew: Some(i64::MAX), ..claim };
    wanted.with(by_room);
    not_wanted.with(|claim| Claim { wanted: Wanted::No, ..by_room(claim) });
    for _ in 0..3 {
        assert_eq!(wanted.by(ALICE), "told");
        assert_eq!(not_wanted.with(|claim| Claim { wanted: Wanted::No, ..by_room(claim) }), "told");
    }
}

#[test]
fn a_membership_given_anew_leaves_what_is_under_way() {
    let mut scene = Scene::new();
    let first = scene.claim(ALICE);
    scene.under_way.insert(first.id);
    assert_eq!(scene.ask(&first).delivery, Delivery::Granted);
    let second = Claim { anew: Some(i64::MAX), ..scene.claim(CAROL) };
    assert_eq!(scene.ask(&second).delivery, Delivery::Held { by: first.id, under_way: true });
}

#[test]
fn one_under_way_is_in_the_way_however_long_it_takes() {
    let mut scene = Scene::new();
    let first = scene.claim(ALICE);
    scene.under_way.insert(first.id);
    assert_eq!(scene.ask(&first).delivery, Delivery::Granted);
    let second = scene.claim(CAROL);
    let held = scene.after(3 * DAY).ask(&second).delivery;
    assert_eq!(held, Delivery::Held { by: first.id, under_way: true });
    assert!(scene.ask(&first).again);
    // It counts from when it went on.
    scene.under_way.clear();
    assert_eq!(
        scene.after(9 * MINUTE).ask(&second).delivery,
        Delivery::Held { by: first.id, under_way: false }
    );
}

#[test]
fn what_fails_is_as_if_it_had_never_been() {
    let mut scene = Scene::new();
    let first = scene.claim(ALICE);
    assert_eq!(shown(scene.ask(&first)), "sent");
    scene.memory.release(first.id);
    assert_eq!(scene.memory, Memory::default());
    assert_eq!(scene.by(ALICE), "sent");
}

#[test]
fn who_was_inside_or_barred_meanwhile_is_invited_again() {
    for meanwhile in [Wanted::Inside, Wanted::Barred] {
        let mut scene = Scene::new();
        assert_eq!(scene.by(ALICE), "sent");
        scene.with(|claim| Claim { wanted: meanwhile, ..claim });
        let again = scene.by(ALICE);
        // Nobody learns that somebody was inside. That they were barred was said.
        assert_eq!(again, if meanwhile == Wanted::Inside { "sent, told" } else { "sent" });
    }
}

#[test]
fn a_clock_that_was_set_back_holds_nobody_up_for_long() {
    let mut scene = Scene::new();
    assert_eq!(scene.by(ALICE), "sent");
    assert_eq!(scene.after(-MINUTE).by(CAROL), "told");
    assert_eq!(scene.after(-HOUR).by(CAROL), "sent");
    assert_eq!(scene.after(-365 * DAY).by(ALICE), "sent");
}

#[test]
fn what_an_older_journal_had_holds_for_the_first_window() {
    let mut scene = Scene::new();
    scene.memory = Memory::of_older(BEGIN, 7);
    scene.last = 7;
    assert_eq!(scene.after(9 * MINUTE).by(ALICE), "told");
    assert_eq!(scene.after(MINUTE).by(ALICE), "sent");
}

#[test]
fn what_is_no_memory_is_forgotten() {
    for bytes in [&[][..], &[1, 2, 3], &[9, 0, 0, 0, 1], &[255; 7]] {
        assert_eq!(Memory::from_bytes(bytes, BEGIN), Memory::default(), "{bytes:?}");
    }
}

/// An invitation: by whom, how long after the one before, in which form, with which password, and whether it then fails for
/// a reason that the inviter is told.
#[derive(Debug, Clone)]
struct Step {
    inviter: u8,
    after: i64,
    direct: bool,
    password: u16,
    fails: bool,
}

fn steps() -> impl Strategy<Value = Vec<(Step, Wanted)>> {
    let after =
        prop::sample::select(vec![0, 1, MINUTE, 9 * MINUTE, 10 * MINUTE, HOUR, 5 * HOUR, DAY, -MINUTE]);
    let step = (0..4_u8, after, any::<bool>(), 0..2_u16, prop::bool::weighted(0.1)).prop_map(
        |(inviter, after, direct, password, fails)| Step { inviter, after, direct, password, fails },
    );
    let wanted = prop::sample::select(vec![Wanted::Yes, Wanted::Yes, Wanted::No, Wanted::Inside]);
    prop::collection::vec((step, wanted), 1..40)
}

/// Whether the inviter is told, and whether it counts for the contact's limit.
type Seen = (bool, bool);

/// When something was sent to the contact, and by whom.
type SentAt = (i64, u8);

/// What the inviters see, and what was sent to the contact.
fn played(steps: &[(Step, Wanted)]) -> (Vec<Seen>, Vec<SentAt>) {
    let mut scene = Scene::new();
    let (mut seen, mut sent) = (Vec::new(), Vec::new());
    for (step, wanted) in steps {
        let claim = scene.after(step.after).claim(step.inviter);
        let password = if step.direct {
            RoomPassword::Said(Some(step.password))
        } else {
            RoomPassword::Digest(step.password)
        };
        let claim = Claim { direct: step.direct, password, wanted: *wanted, ..claim };
        let held = scene.memory.holds(claim.inviter, password, scene.windows());
        let claimed = scene.ask(&claim);
        if *wanted == Wanted::Yes {
            assert_eq!(held.reached, claimed.delivery != Delivery::Granted, "as a fan-out expects: {step:?}");
        }
        seen.push((claimed.is_news_to_the_inviter(), claimed.counts()));
        if claimed.delivery == Delivery::Granted {
            sent.push((scene.now, step.inviter));
        }
        if step.fails {
            scene.memory.release(claim.id);
        }
    }
    (seen, sent)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_inviter_sees_what_a_contact_wants(steps in steps()) {
        let open: Vec<_> = steps.iter().map(|(step, _)| (step.clone(), Wanted::Yes)).collect();
        prop_assert_eq!(played(&steps).0, played(&open).0);
    }

    #[test]
    fn no_contact_gets_two_of_one_moment(steps in steps()) {
        let mut steps = steps;
        for (step, wanted) in &mut steps {
            (step.password, step.fails, step.after) = (0, false, step.after.max(0));
            *wanted = if *wanted == Wanted::Inside { Wanted::No } else { *wanted };
        }
        let (_, sent) = played(&steps);
        for pair in sent.windows(2) {
            prop_assert!(pair[1].0 - pair[0].0 >= 10 * MINUTE);
        }
        for inviter in 0..4 {
            let own: Vec<_> = sent.iter().filter(|(_, by)| *by == inviter).map(|(at, _)| *at).collect();
            for day in own.windows(5) {
                // At 0, 10 minutes, an hour and 10 minutes, a day and so on.
                prop_assert!(day[4] - day[0] >= DAY / 2, "{own:?}");
            }
        }
    }

    #[test]
    fn all_memories_are_stored_as_they_are(steps in steps()) {
        // `Scene::ask` compares them.
        played(&steps);
    }
}
