//! Looks at members-only rooms once more some seconds after an invitation has ended, and takes the relay address off their
//! member lists: some clients of owners make the address that they invite a member before or after the invitation.
//! Knows nothing of how an invitation ended.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jid::BareJid;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::debug;

use super::leftovers::{InRoom, SECOND_LOOK_AFTER};
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
    let rounds = async {
        loop {
            sleep_until(cx.leftovers.next().await).await;
            look_at(&cx, cx.leftovers.due(Instant::now())).await;
            sleep(PAUSE).await;
        }
    };
    let stopping = cx.stopping.clone();
    stopping.run_until_cancelled(rounds).await;
    let left = cx.leftovers.due(Instant::now() + SECOND_LOOK_AFTER);
    // What is not done by then stays on the list until the room is next looked at for the same contact.
    let _ = timeout(LAST_ROUND_TIMEOUT, look_at(&cx, left)).await;
}

async fn look_at(cx: &Context, rooms: HashMap<BareJid, InRoom>) {
    let looks = futures::stream::iter(rooms).map(|(room, InRoom { inviter, contacts })| async move {
        if let Err(e) = membership::take_off(cx, &room, inviter.as_ref(), &contacts).await {
            debug!(%room, "relay addresses may stay on the member list: {e}");
        }
    });
    looks.buffer_unordered(ROOMS_AT_A_TIME).collect::<()>().await;
}
