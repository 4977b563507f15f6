//! What several files of tests share: a journal with invitations in it.

use std::path::Path;
use std::time::Duration;

use muc_invite_relay::journal::{Journal, Retention};
use muc_invite_relay::model::{Arrival, Outcome, Payload, Reason, Route, State};

/// Ends an invitation as relayed: this one, or a new one to the hall.
#[allow(dead_code, reason = "not all files of tests need it")]
pub async fn settle(path: &Path, id: Option<i64>) {
    let hour = Duration::from_secs(3600);
    let (journal, writer) = Journal::open(path, Retention { window: hour, retention: hour }).await.unwrap();
    let writer = tokio::spawn(writer.run());
    let id = match id {
        Some(id) => id,
        None => journal.admit(arrival("dave@example.org", "hall@conference.example.org")).await.unwrap().id,
    };
    let (state, reason) = (State::Relayed, None);
    journal.settle(Outcome { id, state, reason, inviter: None, sent_as: None }).await.unwrap();
    drop(journal);
    writer.await.unwrap().unwrap();
}

fn arrival(contact: &str, room: &str) -> Arrival {
    Arrival {
        route: Route::Addressed,
        room: room.into(),
        inviter: "alice@example.org".into(),
        contact: contact.into(),
        payload: Payload { password: Some("swordfish".into()), ..Payload::default() },
        parent: None,
    }
}

/// Creates a journal with two invitations: one that was refused, then one in progress.
pub async fn fill_journal(path: &Path) {
    let hour = Duration::from_secs(3600);
    let (journal, writer) = Journal::open(path, Retention { window: hour, retention: hour }).await.unwrap();
    let writer = tokio::spawn(writer.run());
    let first = journal.admit(arrival("bob@example.org", "cave@conference.example.org")).await.unwrap();
    let (id, state, reason) = (first.id, State::Refused, Some(Reason::Outcast));
    journal.settle(Outcome { id, state, reason, inviter: None, sent_as: None }).await.unwrap();
    journal.admit(arrival("carol@example.org", "hall@conference.example.org")).await.unwrap();
    drop(journal);
    writer.await.unwrap().unwrap();
}
