//! Memberships that come with an invitation: when they are taken back, and when they stay.

use std::sync::Arc;

use super::running::NO_LIMITS;
use super::scene::{SECOND, Scene, plays};
use super::world::{Room, person, relay_address, room};
use crate::model::{Arrival, Payload, Pending, Reason, State};
use crate::relay::deliver::membership::take_back;
use crate::wire::muc::Affiliation;

#[test]
fn an_address_that_a_client_puts_on_the_list_afterwards_is_taken_off() {
    plays(async {
        let mut scene = Scene::new(NO_LIMITS).await;
        scene.invites("alice", "bob", "cave").await;
        scene.passes(SECOND).await;
        let bobs = relay_address("bob");
        let host = scene.world.rooms.entry(room("cave")).or_default();
        assert!(!host.affiliations.contains_key(&bobs), "at once");
        host.affiliations.insert(bobs.clone(), Affiliation::Member);
        scene.passes(SECOND * 3).await;
        assert!(!scene.world.rooms[&room("cave")].affiliations.contains_key(&bobs), "and once more");
        scene.ends().await;
    });
}

/// By an invitation of alice's to the cave that will come back. Returns their addresses too.
async fn bob_is_made_a_member() -> (Scene, String, String) {
    let mut scene = Scene::new(NO_LIMITS).await;
    let (bob, cave) = (person("bob"), room("cave"));
    scene.world.unreachable.insert(bob.clone());
    scene.sends(&person("alice"), "bob", "cave");
    while !scene.world.rooms[&cave].affiliations.contains_key(&bob) {
        scene.running.takes_steps(&mut scene.world, 1, 1).await;
    }
    (scene, bob, cave)
}

/// The room hands over for a contact who is a member, by an invitation that fails.
#[test]
fn a_membership_that_is_taken_back_is_given_again_for_the_next_one() {
    plays(async {
        let (mut scene, bob, cave) = bob_is_made_a_member().await;
        scene.world.hand_over(&scene.running.server, "alice", "bob", "cave", "h1");
        // In the inviter's name, and then in the component's own.
        while scene.world.story_of(&bob, &cave).matches("comes back").count() < 2 {
            scene.running.takes_steps(&mut scene.world, 1, 1).await;
        }
        scene.world.unreachable.remove(&bob);
        scene.settles().await;
        let taken_back = format!("{bob} has the affiliation None");
        assert!(scene.world.story_of(&bob, &cave).contains(&taken_back));
        assert_eq!(scene.got("bob"), 1, "{}", scene.world.story_of(&bob, &cave));
        assert_eq!(scene.world.rooms[&cave].affiliations.get(&bob), Some(&Affiliation::Member));
        scene.ends().await;
    });
}

/// Nor is one who is banned let in, or anybody made a member of a room that is open by now.
#[test]
fn who_is_more_than_a_member_by_now_stays_it() {
    plays(async {
        let admin = (true, Some(Affiliation::Admin));
        for (members_only, affiliation) in [admin, (true, Some(Affiliation::Owner)), (false, None)] {
            let (mut scene, bob, cave) = bob_is_made_a_member().await;
            scene.settles().await;
            assert_eq!(scene.last().await.reason, Some(Reason::Bounced));
            scene.world.unreachable.remove(&bob);
            let host = scene.world.rooms.entry(cave.clone()).or_default();
            host.members_only = members_only;
            host.affiliations.extend(affiliation.map(|it| (bob.clone(), it)));
            scene.world.hand_over(&scene.running.server, "alice", "bob", "cave", "h1");
            scene.settles().await;
            assert_eq!(scene.got("bob"), 1, "{}", scene.world.story_of(&bob, &cave));
            assert_eq!(scene.world.rooms[&cave].affiliations.get(&bob).copied(), affiliation);
            scene.ends().await;
        }
    });
}

/// They have followed the room's own invitation, or another's word.
#[test]
fn a_contact_who_is_in_the_room_stays_a_member() {
    plays(async {
        let (mut scene, bob, cave) = bob_is_made_a_member().await;
        let host = scene.world.rooms.entry(cave.clone()).or_default();
        host.occupants.insert("Bob".to_owned(), bob.clone());
        scene.settles().await;
        assert_eq!(scene.last().await.reason, Some(Reason::Bounced));
        assert_eq!(scene.world.rooms[&cave].affiliations.get(&bob), Some(&Affiliation::Member));
        scene.ends().await;
    });
}

/// Two have reached bob, who is a member by the first. Then the room is as `since` leaves it, and the membership is taken back.
/// Returns what bob is afterwards.
async fn taken_back(since: fn(&mut Room)) -> Option<Affiliation> {
    let mut scene = Scene::new(NO_LIMITS).await;
    let (alice, bob, cave) = (person("alice"), person("bob"), room("cave"));
    let first = scene.invites("alice", "bob", "cave").await;
    scene.passes(11 * 60 * SECOND).await;
    assert_eq!(scene.invites("alice", "bob", "cave").await.state, State::Relayed);
    since(scene.world.rooms.entry(cave.clone()).or_default());
    let arrival = Arrival {
        route: first.route,
        room: cave.clone(),
        inviter: alice,
        contact: bob.clone(),
        payload: Payload::default(),
        parent: None,
    };
    let row = Pending { id: first.id, received: 0, arrival, added: true };
    let cx = Arc::clone(&scene.running.cx);
    let (taken, ()) = tokio::join!(take_back(&cx, &row, None), scene.settles());
    assert_eq!(taken, Ok(()));
    let affiliation = scene.world.rooms[&cave].affiliations.get(&bob).copied();
    drop(cx);
    scene.ends().await;
    affiliation
}

#[test]
fn a_membership_passes_on_to_another_one() {
    plays(async {
        let it_was_taken_already = |cave: &mut Room| {
            cave.affiliations.remove(&person("bob"));
        };
        assert_eq!(taken_back(|_| ()).await, Some(Affiliation::Member));
        assert_eq!(taken_back(it_was_taken_already).await, Some(Affiliation::Member));
    });
}

#[test]
fn nobody_becomes_a_member_of_a_room_that_is_open_by_now() {
    plays(async {
        let opens = |cave: &mut Room| {
            cave.members_only = false;
            cave.affiliations.remove(&person("bob"));
        };
        assert_eq!(taken_back(opens).await, None);
    });
}
