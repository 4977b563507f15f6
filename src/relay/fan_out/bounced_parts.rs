//! Counts the bounces of parts whose fan-out has not been summed up yet, so that the summary has them.
//! Knows nothing of what is done about a bounce.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::model::Id;

/// How long a fan-out waits for bounces from other servers. Most come within two seconds: a server that can't be found, a
/// contact who does not exist. A server that hangs is given up after a minute or two.
const BOUNCE_TIMEOUT: Duration = Duration::from_secs(5);

/// Bounces of parts, by their fan-outs.
#[derive(Debug, Default)]
pub(crate) struct BouncedParts(Mutex<HashMap<Id, watch::Sender<usize>>>);

/// A fan-out whose bounces are counted until this is dropped.
pub(super) struct Counting<'a> {
    all: &'a BouncedParts,
    fan_out: Id,
    count: watch::Receiver<usize>,
}

impl BouncedParts {
    /// Counts from now on.
    pub(super) fn count(&self, fan_out: Id) -> Counting<'_> {
        let (sender, count) = watch::channel(0);
        self.counting().insert(fan_out, sender);
        Counting { all: self, fan_out, count }
    }

    /// A part of this fan-out has come back.
    pub(in crate::relay) fn one_more(&self, fan_out: Id) {
        if let Some(count) = self.counting().get(&fan_out) {
            count.send_modify(|count| *count += 1);
        }
    }

    fn counting(&self) -> MutexGuard<'_, HashMap<Id, watch::Sender<usize>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counting<'_> {
    /// Waits a little for so many bounces. Returns how many have come.
    pub(super) async fn wait_for(mut self, all: usize) -> usize {
        // If the time is over, those that have come count.
        let _ = timeout(BOUNCE_TIMEOUT, self.count.wait_for(|count| *count >= all)).await;
        *self.count.borrow()
    }
}

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        self.all.counting().remove(&self.fan_out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn bounces_are_waited_for_no_longer_than_they_take() {
        let bounced = BouncedParts::default();
        bounced.one_more(1);
        let (one, other) = (bounced.count(1), bounced.count(2));
        bounced.one_more(1);
        bounced.one_more(1);
        let begun = tokio::time::Instant::now();
        assert_eq!(one.wait_for(2).await, 2, "what came before is not counted");
        assert_eq!(begun.elapsed(), Duration::ZERO);
        bounced.one_more(2);
        assert_eq!(other.wait_for(2).await, 1);
        assert_eq!(begun.elapsed(), BOUNCE_TIMEOUT);
        assert!(bounced.counting().is_empty());
    }
}
