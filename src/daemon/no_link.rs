//! Whether a relay that leads should give the lead up, since it has no link to the server and another relay may have one. Knows
//! nothing of how that is done.

use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::{debug, info};

use crate::config::JournalPlace;
use crate::journal::JournalReader;
use crate::link::Link;

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Resolves when there has been no link for `patience`, and another relay stands by; with whether there was one before.
pub(super) async fn lasts(link: Link, place: JournalPlace, patience: Duration) -> bool {
    if place.file().is_some() {
        return pending().await;
    }
    let reader = JournalReader::new(place);
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut up_at = Instant::now();
    let mut had_one = false;
    loop {
        let now = look.tick().await;
        if link.is_up() {
            (up_at, had_one) = (now, true);
        }
        if now - up_at < patience {
            continue;
        }
        match reader.leader().await {
            Ok(Some(leader)) if !leader.standbys.is_empty() => {
                let others = leader.standbys.join(", ");
                info!(
                    "this relay has had no link for {} s: it gives the lead up to {others}",
                    patience.as_secs()
                );
                return had_one;
            }
            Ok(_) => {}
            Err(e) => debug!("who stands by is not known: {e}"),
        }
    }
}
