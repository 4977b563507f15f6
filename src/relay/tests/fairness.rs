//! Nobody uses up what is others': whom the limits count for, and who is told.

use super::scene::{Scene, plays};
use super::world::{person, room};
use crate::model::{Reason, State};

fn limits(which: &str) -> String {
    format!("[limits]\n{which}\n")
}

/// Of a hand-over, a part or a command the inviter is told nothing; so what they are told once is still to come.
#[test]
fn an_inviter_is_told_of_the_contacts_limit_by_the_first_that_reaches_them() {
    plays(async {
        let mut scene = Scene::new(&limits("per_contact = \"1/1h\"")).await;
        assert_eq!(scene.invites("alice", "bob", "tea").await.state, State::Relayed);
        let den = scene.world.rooms.entry(room("den")).or_default();
        den.occupants.insert("Bob".into(), person("bob"));
        scene.world.hand_over(&scene.running.server, "alice", "bob", "den", "h1");
        scene.settles().await;
        assert_eq!(scene.last().await.reason, Some(Reason::Occupant));
        assert_eq!(scene.world.told, []);
        assert_eq!(scene.invites("alice", "bob", "cave").await.reason, Some(Reason::RateLimited));
        assert_eq!(scene.world.told.len(), 1);
        scene.ends().await;
    });
}

#[test]
fn a_server_elsewhere_uses_up_half_of_a_contacts_limit_across_restarts() {
    plays(async {
        let four = limits("per_contact = \"4/1h\"");
        let mut scene = Scene::new(&four).await;
        for name in ["tea", "den"] {
            scene.sends("eve@evil.example", "bob", name);
            scene.settles().await;
            assert_eq!(scene.last().await.state, State::Relayed);
        }
        let mut scene = scene.restarts(&four).await;
        scene.settles().await;
        scene.sends("mallory@evil.example", "bob", "bar");
        scene.settles().await;
        assert_eq!(scene.last().await.reason, Some(Reason::RateLimited));
        assert_eq!(scene.invites("alice", "bob", "tea").await.reason, Some(Reason::Duplicate));
        for name in ["pub", "inn"] {
            assert_eq!(scene.invites("alice", "bob", name).await.state, State::Relayed, "{name}");
        }
        scene.ends().await;
    });
}

#[test]
fn who_writes_nonsense_silences_nobody_else() {
    plays(async {
        let five = limits("per_inviter = \"5/10m\"");
        let mut scene = Scene::new(&five).await;
        let others = ["tea@", "tea@elsewhere.example"];
        for place in others.into_iter().cycle().take(20) {
            scene.world.write(&scene.running.server, "mallory", "bob", place);
            scene.settles().await;
        }
        assert_eq!(scene.world.told.len(), 5);
        let mut scene = scene.restarts(&five).await;
        scene.settles().await;
        scene.world.told.clear();
        scene.world.write(&scene.running.server, "mallory", "bob", others[0]);
        scene.settles().await;
        assert_eq!(scene.world.told, []);
        for place in others {
            scene.world.write(&scene.running.server, "alice", "bob", place);
            scene.settles().await;
        }
        assert_eq!(scene.world.told.len(), 2);
        scene.ends().await;
    });
}
