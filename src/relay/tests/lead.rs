//! What becomes of invitations that come in when another relay has taken the lead.

use std::time::Duration;

use super::running::{NO_LIMITS, a_moment};
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
        assert!(late.is_sorted_by(|a, b| a.number < b.number), "in the order in which they came");
        let now = clock::now().timestamp_millis();
        assert!(late.iter().all(|it| it.number < 0 && (now - 60_000..=now).contains(&it.received)));
        assert_eq!(late[2].arrival.payload.reason.as_deref(), Some("a4"));
    });
}

/// The other relay has sent it, if it was written down; and takes it for a duplicate as long as the window lasts.
#[test]
fn what_may_have_been_written_down_is_not_handed_on_for_ever() {
    for (minutes, handed_on) in [(9, &["carol", "dave"][..]), (11, &["dave"])] {
        plays(async move {
            let mut scene = Scene::new(NO_LIMITS).await;
            scene.running.cx.journal.writer_health().ends_unsure();
            scene.running.loses_the_lead().await;
            tokio::time::advance(Duration::from_secs(60 * minutes)).await;
            scene.sends(&person("alice"), "carol", "tea");
            for _ in 0..100 {
                a_moment().await;
            }
            scene.sends(&person("alice"), "dave", "tea");
            let Scene { running, .. } = scene;
            let late = running.stands_by().await;
            let contacts: Vec<_> = late.iter().map(|it| it.arrival.contact.clone()).collect();
            assert_eq!(contacts, handed_on.iter().map(|name| person(name)).collect::<Vec<_>>());
        });
    }
}
