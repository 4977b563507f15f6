//! Single moments of invitations' lives, each of which a small change of the relay would break.

use std::time::Duration;

use super::running::NO_LIMITS;
use super::scene::{SECOND, Scene, plays};
use super::world::{Told, World, person, room};
use crate::model::{Reason, State};
use crate::wire::muc::Affiliation;

const TWO_FOR_EACH_CONTACT: &str = "[limits]\nper_inviter = \"1000/1h\"\nper_domain = \"1000/1h\"\nper_contact = \"2/1h\"\nper_room = \"1000/1h\"\n";

#[test]
fn what_is_not_sent_uses_up_nothing_of_the_contacts_limit() {
    plays(async {
        let mut scene = Scene::new(TWO_FOR_EACH_CONTACT).await;
        assert_eq!(scene.invites("alice", "bob", "tea").await.state, State::Relayed);
        for _ in 0..3 {
            assert_eq!(scene.invites("alice", "bob", "tea").await.reason, Some(Reason::Duplicate));
        }
        let host = scene.world.rooms.entry(room("cave")).or_default();
        host.affiliations.insert(person("bob"), Affiliation::Outcast);
        assert_eq!(scene.invites("alice", "bob", "cave").await.reason, Some(Reason::Outcast));
        // Nor after a restart.
        let mut scene = scene.restarts(TWO_FOR_EACH_CONTACT).await;
        scene.settles().await;
        for _ in 0..2 {
            scene.count += 1;
            let id = format!("h{}", scene.count);
            scene.world.hand_over(&scene.running.server, "alice", "bob", "tea", &id);
            scene.settles().await;
        }
        assert_eq!(scene.invites("alice", "bob", "den").await.state, State::Relayed);
        scene.world.rooms.entry(room("pub")).or_default();
        assert_eq!(scene.invites("alice", "bob", "pub").await.reason, Some(Reason::RateLimited));
        scene.ends().await;
    });
}

#[test]
fn a_nick_is_resolved_soon_or_not_at_all() {
    plays(async {
        let mut scene = Scene::new(NO_LIMITS).await;
        let tea = room("tea");
        let host = scene.world.rooms.entry(tea.clone()).or_default();
        host.occupants.insert("Ally".to_owned(), person("alice"));
        scene.sends(&format!("{tea}/Ally"), "bob", "tea");
        scene.settles().await;
        assert_eq!(scene.world.reached[0].from, person("alice"));
        // While the room does not answer, somebody else takes the nick.
        scene.world.rooms.entry(tea.clone()).or_default().silent = true;
        scene.sends(&format!("{tea}/Ally"), "dora", "tea");
        scene.settles().await;
        scene.passes(11 * SECOND).await;
        let host = scene.world.rooms.entry(tea.clone()).or_default();
        host.silent = false;
        host.occupants.insert("Ally".to_owned(), person("mallory"));
        for _ in 0..10 {
            scene.passes(SECOND).await;
        }
        // It waited in memory, and was tried again.
        assert_eq!(scene.got("dora"), 1);
        assert!(
            scene.world.reached[1].from.ends_with("@invites.example.org"),
            "{:?}",
            scene.world.reached[1]
        );
        scene.ends().await;
    });
}

#[test]
fn a_refusal_holds_no_longer_than_its_reason() {
    plays(async {
        let mut scene = Scene::new(NO_LIMITS).await;
        let banned = |scene: &mut Scene, affiliation| {
            let host = scene.world.rooms.entry(room("tea")).or_default();
            host.affiliations.insert(person("bob"), affiliation);
        };
        banned(&mut scene, Affiliation::Outcast);
        assert_eq!(scene.invites("alice", "bob", "tea").await.reason, Some(Reason::Outcast));
        assert_eq!(scene.world.told.len(), 1);
        banned(&mut scene, Affiliation::Member);
        scene.passes(SECOND * 2).await;
        assert_eq!(scene.invites("alice", "bob", "tea").await.state, State::Relayed);
        scene.ends().await;
    });
}

#[test]
fn what_was_over_a_limit_is_not_counted_at_the_next_start() {
    plays(async {
        let two = "[limits]\nper_inviter = \"2/1h\"\nper_domain = \"5/1h\"\nper_contact = \"99/1h\"\nper_room = \"5/1h\"\n";
        let mut scene = Scene::new(two).await;
        for contact in ["bob", "dora", "fred", "gina", "hugo"] {
            scene.invites("alice", contact, "tea").await;
        }
        let rows = scene.rows().await;
        // The first beyond the limit is noted and told of, the others are not even noted.
        assert_eq!(
            rows.iter().map(|row| row.reason).collect::<Vec<_>>(),
            [Some(Reason::RateLimited), None, None]
        );
        assert_eq!(scene.world.told.len(), 1);
        // Two of the domain's and the room's five are used up, and not three.
        let mut scene = scene.restarts(two).await;
        scene.settles().await;
        for (inviter, contact) in [("eve", "gina"), ("eve", "hugo"), ("carl", "ida")] {
            assert_eq!(scene.invites(inviter, contact, "tea").await.state, State::Relayed, "{inviter}");
        }
        assert_eq!(scene.invites("carl", "jack", "tea").await.reason, Some(Reason::RateLimited));
        assert_eq!(scene.invites("alice", "kim", "den").await.reason, Some(Reason::RateLimited), "still");
        scene.ends().await;
    });
}

#[test]
fn nor_is_what_was_over_the_contacts_limit() {
    plays(async {
        let three = "[limits]\nper_inviter = \"3/1h\"\nper_domain = \"99/1h\"\nper_contact = \"1/1h\"\nper_room = \"99/1h\"\n";
        let mut scene = Scene::new(three).await;
        assert_eq!(scene.invites("alice", "bob", "tea").await.state, State::Relayed);
        assert_eq!(scene.invites("alice", "bob", "den").await.reason, Some(Reason::RateLimited));
        let mut scene = scene.restarts(three).await;
        scene.settles().await;
        for contact in ["dora", "fred"] {
            assert_eq!(scene.invites("alice", contact, "tea").await.state, State::Relayed, "{contact}");
        }
        assert_eq!(scene.invites("alice", "gina", "tea").await.reason, Some(Reason::RateLimited));
        scene.ends().await;
    });
}

#[test]
fn one_that_waits_for_too_long_expires() {
    plays(async {
        let mut scene = Scene::new(NO_LIMITS).await;
        scene.sends(&person("alice"), "bob", "tea");
        scene.running.takes_steps(&mut scene.world, 200, 0).await;
        scene.world.connection_ends(&mut scene.running.server);
        scene.passes(61 * 60 * SECOND).await;
        World::connects(&mut scene.running.server);
        scene.settles().await;
        assert_eq!(scene.last().await.state, State::Expired);
        let to: Vec<_> = scene.world.told.iter().map(|Told { to, .. }| to.as_str()).collect();
        assert_eq!((scene.got("bob"), to), (0, vec!["alice@example.org"]));
        scene.ends().await;
    });
}

/// As their inviter sees it, bob was invited before: they are told so, after bob has got this one.
#[test]
fn one_that_the_contact_has_is_not_sent_again_because_its_inviter_was_not_told() {
    plays(async {
        let mut scene = Scene::new(NO_LIMITS).await;
        let inside = ("Bob".to_owned(), person("bob"));
        scene.world.rooms.entry(room("tea")).or_default().occupants.extend([inside]);
        assert_eq!(scene.invites("alice", "bob", "tea").await.reason, Some(Reason::Occupant));
        scene.world.rooms.entry(room("tea")).or_default().occupants.clear();
        scene.passes(SECOND).await;
        scene.sends(&person("alice"), "bob", "tea");
        while scene.got("bob") == 0 {
            scene.running.takes_steps(&mut scene.world, 1, 1).await;
        }
        // What alice is told is under way when the connection ends.
        scene.running.takes_steps(&mut scene.world, 20, 0).await;
        scene.world.connection_ends(&mut scene.running.server);
        World::connects(&mut scene.running.server);
        scene.settles().await;
        assert_eq!(scene.last().await.state, State::Relayed);
        assert_eq!(scene.got("bob"), 1);
        assert_eq!(scene.world.told.last().map(|told| &*told.to), Some(&*person("alice")));
        scene.ends().await;
    });
}

/// Whoever was held back by it would believe that the contact has an invitation.
#[test]
fn one_that_comes_back_is_told_to_all_who_were_held_back_by_it() {
    plays(async {
        let mut scene = Scene::new(NO_LIMITS).await;
        assert_eq!(scene.invites("alice", "bob", "tea").await.state, State::Relayed);
        for inviter in ["carol", "dave"] {
            assert_eq!(scene.invites(inviter, "bob", "tea").await.reason, Some(Reason::Duplicate));
        }
        scene.world.told.clear();
        scene.world.comes_back(&scene.running.server, "bob");
        scene.settles().await;
        let told: Vec<_> = scene.world.told.iter().map(|told| told.to.clone()).collect();
        assert_eq!(told, ["alice", "carol", "dave"].map(person));
        assert_eq!(scene.invites("carol", "bob", "tea").await.state, State::Relayed, "once more");
        scene.ends().await;
    });
}

#[test]
fn a_hand_over_is_not_answered_shortly_before_its_deadline() {
    plays(async {
        let mut scene = Scene::new(NO_LIMITS).await;
        scene.world.hand_over(&scene.running.server, "alice", "bob", "tea", "h1");
        // It waited in the socket.
        tokio::time::advance(Duration::from_millis(4800)).await;
        scene.settles().await;
        assert_eq!(scene.world.answers, [], "the answer could come too late");
        scene.passes(SECOND).await;
        assert_eq!(scene.got("bob"), 1, "by the server");
        scene.ends().await;
    });
}

/// This machine stood still for half a minute, and so did its clock.
#[test]
fn a_hand_over_is_the_servers_by_the_servers_clock() {
    plays(async {
        let mut scene = Scene::new(NO_LIMITS).await;
        scene.world.ahead = SECOND * 30;
        scene.world.hand_over(&scene.running.server, "alice", "bob", "tea", "h1");
        tokio::time::advance(SECOND * 6).await;
        scene.world.time_passes();
        scene.settles().await;
        let row = scene.last().await;
        assert_eq!((row.state, row.reason), (State::HandedBack, Some(Reason::TooLate)));
        assert_eq!(scene.got("bob"), 1, "by the server");
        scene.world.hand_over(&scene.running.server, "alice", "carol", "tea", "h2");
        scene.settles().await;
        assert_eq!(scene.last().await.state, State::Relayed, "one that is in time");
        scene.ends().await;
    });
}

/// The rooms are looked at once more at the end, and the link stays up until then.
#[test]
fn what_comes_while_the_relay_stops_waits_for_the_next_start() {
    plays(async {
        let mut scene = Scene::new(NO_LIMITS).await;
        scene.invites("alice", "bob", "cave").await;
        scene.world.rooms.entry(room("cave")).or_default().silent = true;
        scene.running.cx.stopping.cancel();
        scene.settles().await;
        scene.sends(&person("alice"), "carol", "tea");
        scene.settles().await;
        assert_eq!(scene.got("carol"), 0);
        let mut scene = scene.stops_and_starts(NO_LIMITS).await;
        scene.settles().await;
        assert_eq!(scene.got("carol"), 1);
        scene.ends().await;
    });
}

#[test]
fn a_hand_over_that_the_disk_makes_late_is_the_servers() {
    plays(async {
        let mut scene = Scene::new(NO_LIMITS).await;
        scene.world.hand_over(&scene.running.server, "alice", "bob", "tea", "h1");
        // The first write is a question for what the contact wants, the second takes the hand-over.
        let mut writes = 0;
        while writes < 2 {
            let was_idle = scene.running.cx.journal.is_idle();
            scene.running.takes_steps(&mut scene.world, 1, 1).await;
            writes += usize::from(was_idle && !scene.running.cx.journal.is_idle());
        }
        tokio::time::advance(SECOND * 6).await;
        scene.world.time_passes();
        scene.settles().await;
        let row = scene.last().await;
        assert_eq!((row.state, row.reason), (State::HandedBack, Some(Reason::TooLate)));
        assert_eq!((scene.world.answers.len(), scene.got("bob")), (0, 1), "by the server alone");
        scene.ends().await;
    });
}

#[test]
fn those_that_wait_for_a_place_and_on_the_disk_run_each_once() {
    plays(async {
        const COUNT: usize = 600;
        let mut scene = Scene::new(NO_LIMITS).await;
        for n in 0..COUNT {
            scene.sends(&person("alice"), &format!("c{n}"), "tea");
            // More than a room's share: the others wait in memory.
            if n % 50 == 0 {
                scene.running.takes_steps(&mut scene.world, 200, 0).await;
            }
            while n % 50 == 0 && !scene.running.cx.journal.is_idle() {
                scene.running.takes_steps(&mut scene.world, 20, 0).await;
            }
        }
        while !scene.running.cx.journal.is_idle() || scene.rows().await.len() < COUNT {
            scene.running.takes_steps(&mut scene.world, 50, 0).await;
        }
        // These are on the disk only, more than are fetched at once.
        let mut scene = scene.restarts(NO_LIMITS).await;
        for _ in 0..30 {
            scene.passes(SECOND).await;
        }
        let missed: Vec<_> = (0..COUNT).filter(|n| scene.got(&format!("c{n}")) != 1).collect();
        assert_eq!(missed, [0; 0], "of {}", scene.rows().await.len());
        scene.ends().await;
    });
}
