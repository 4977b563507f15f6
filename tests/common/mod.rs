//! What several files of tests share: a journal with invitations in it.

use std::path::Path;
use std::time::Duration;

use muc_invite_relay::journal::{Journal, Retention};
use muc_invite_relay::model::{Arrival, Outcome, Payload, Reason, Route, State};

/// Creates a journal with two invitations: one that was refused, then one in progress.
pub async fn fill_journal(path: &Path) {
    let hour = Duration::from_secs(3600);
    let (journal, writer) = Journal::open(path, Retention { window: hour, retention: hour }).await.unwrap();
    let writer = tokio::spawn(writer.run());
    let arrival = |contact: &str, room: &str| Arrival {
        route: Route::Addressed,
        room: room.into(),
        inviter: "alice@example.org".into(),
        contact: contact.into(),
        payload: Payload { password: Some("swordfish".into()), ..Payload::default() },
        parent: None,
    };
    let first = journal.admit(arrival("bob@example.org", "cave@conference.example.org")).await.unwrap();
    let (id, state, reason) = (first.id, State::Refused, Some(Reason::Outcast));
    journal.settle(Outcome { id, state, reason, inviter: None, sent_as: None }).await.unwrap();
    journal.admit(arrival("carol@example.org", "hall@conference.example.org")).await.unwrap();
    drop(journal);
    writer.await.unwrap().unwrap();
}
