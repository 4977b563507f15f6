//! Hands on what had come in when another relay took the lead. Knows nothing of what it is.

use std::time::Duration;

use tokio::time::timeout;
use tracing::{info, warn};

use crate::config::JournalPlace;
use crate::journal::{OpenError, Standby};
use crate::model::LateArrival;

/// How many are handed on in one transaction.
const AT_A_TIME: usize = 256;

/// How long a relay that stops takes for it.
pub(super) const AT_THE_END: Duration = Duration::from_secs(3);

/// Hands it on. What is left in `late` was not.
///
/// # Errors
/// [`OpenError`]: the database can't be used.
pub(super) async fn hand_on(standby: &mut Standby, late: &mut Vec<LateArrival>) -> Result<(), OpenError> {
    let before = late.len();
    let mut handed_on = Ok(());
    while !late.is_empty() && handed_on.is_ok() {
        let some = late.len().min(AT_A_TIME);
        handed_on = standby.hand_on(&late[..some]).await.map(|()| drop(late.drain(..some)));
    }
    let count = before - late.len();
    if count > 0 {
        info!(count, "invitations that had come in go to the relay that leads");
    }
    handed_on
}

/// Tries so once more before the relay ends.
pub(super) async fn before_the_end(place: &JournalPlace, late: &mut Vec<LateArrival>) {
    let JournalPlace::Server(server) = place else { return };
    if late.is_empty() {
        return;
    }
    let handing_on = async { hand_on(&mut Standby::open(server).await?, late).await };
    let done = timeout(AT_THE_END, handing_on).await;
    if !matches!(done, Ok(Ok(()))) {
        let count = late.len();
        warn!(
            count,
            "invitations that had come in are lost: the database could not be reached before this relay ended"
        );
    }
}
