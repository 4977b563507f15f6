//! What becomes of invitations that come in when another relay has taken the lead.

use super::running::NO_LIMITS;
use super::scene::{Scene, plays};
use super::world::person;
use crate::model::clock;

#[test]
fn what_comes_in_when_another_relay_leads_is_for_that_one() {
    plays(async {
        let mut scene = Scene::new(NO_LIMITS).await;
        scene.invites("alice", "bob", "tea").await;
        scene.sends(&person("alice"), "carol", "tea");
        scene.running.loses_the_lead().await;
        for contact in ["dave", "erin"] {
            scene.sends(&person("alice"), contact, "cave");
        }
        let Scene { running, .. } = scene;
        let late = running.stands_by().await;
        let contacts: Vec<_> = late.iter().map(|it| it.arrival.contact.clone()).collect();
        assert_eq!(contacts, ["carol", "dave", "erin"].map(person), "and not bob, who has it");
        let now = clock::now().timestamp_millis();
        assert!(late.iter().all(|it| it.number < 0 && (now - 60_000..=now).contains(&it.received)));
        assert_eq!(late[2].arrival.payload.reason.as_deref(), Some("a4"));
    });
}
