//! Looks at members-only rooms once more some seconds after an invitation has ended, and takes the relay address off their
//! member lists: some clients of owners make the address that they invite a member before or after the invitation.
//! Knows nothing of how an invitation ended.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::StreamExt;
use jid::BareJid;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::debug;

use super::leftovers::{InRoom, SECOND_LOOK_AFTER};
use crate::link::AskError;
use crate::model::clock;
use crate::relay::context::Context;
use crate::relay::deliver::membership;

/// Between two rounds, so that a flood of invitations to a room costs one look a second.
const PAUSE: Duration = Duration::from_secs(1);
/// When the relay stops, the rooms are looked at once more within this time.
const LAST_ROUND_TIMEOUT: Duration = Duration::from_secs(2);
/// Rooms that are asked at a time.
const ROOMS_AT_A_TIME: usize = 8;

/// Looks at rooms when they are due, until the relay stops; then once at all that are left.
pub(in crate::relay) async fn run(cx: Arc<Context>) {
    let mut looked_at = HashMap::new();
    let rounds = async {
        loop {
            sleep_until(cx.leftovers.next().await).await;
            if !cx.link.up().await {
                return;
            }
            let until = clock::now() - SECOND_LOOK_AFTER;
            looked_at = cx.leftovers.due(Instant::now());
            if look_at(&cx, looked_at.clone()).await {
                note_looked(&cx, until).await;
            }
            looked_at.clear();
            sleep(PAUSE).await;
        }
    };
    let stopping = cx.stopping.clone();
    stopping.run_until_cancelled(rounds).await;
    let until = clock::now();
    let mut left = cx.leftovers.due(Instant::now() + SECOND_LOOK_AFTER);
    // A round that was under way has not looked at all of its rooms.
    for (room, looked_for) in looked_at {
        left.entry(room).or_default().add(looked_for);
    }
    // What is not done by then is done at the next start.
    if timeout(LAST_ROUND_TIMEOUT, look_at(&cx, left)).await == Ok(true) {
        note_looked(&cx, until).await;
    }
}

/// Whatever has ended later is looked at again if the relay is killed now.
async fn note_looked(cx: &Context, until: DateTime<Utc>) {
    // If the journal is closed, the next start looks at more rooms than it would have to.
    let _ = cx.journal.note_looked(until.timestamp_millis()).await;
}

/// Looks at these rooms. Returns false if the link was lost.
async fn look_at(cx: &Context, rooms: HashMap<BareJid, InRoom>) -> bool {
    let looks = futures::stream::iter(rooms).map(|(room, looked_for)| async move {
        let InRoom { inviter, contacts } = &looked_for;
        match membership::take_off(cx, &room, inviter.as_ref(), contacts).await {
            Ok(()) => true,
            Err(AskError::Lost) => {
                cx.leftovers.put_back(&room, &looked_for);
                false
            }
            Err(e) => {
                debug!(%room, "relay addresses may stay on the member list: {e}");
                true
            }
        }
    });
    // All of them, even if one was not looked at.
    looks.buffer_unordered(ROOMS_AT_A_TIME).fold(true, |all, looked| async move { all && looked }).await
}
