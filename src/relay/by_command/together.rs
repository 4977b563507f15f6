//! What the invitations of one command have in common. Knows nothing of how they are run.

use std::sync::atomic::AtomicBool;

use tokio::time::Instant;

use crate::model::invite::InviteRequest;
use crate::relay::decide::facts::Parent;

/// They share what the room tells of its lists, which would be asked for each second otherwise. Nobody was invited at a relay
/// address, so there is none that the room could have made a member.
pub(super) fn parent(request: &InviteRequest) -> Parent {
    let address = request.room.clone();
    Parent { address, vouched: false, read_at: Instant::now(), silent: AtomicBool::new(false) }
}
