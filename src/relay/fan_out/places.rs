//! Limits how many fan-outs and commands, and how many of their parts, run at a time: of all, and of one room, inviter and MUC
//! service. Knows nothing of what a part is.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jid::BareJid;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Fan-outs that run at a time. The others wait, since each has a list of recipients in memory.
const MAX_FAN_OUTS: usize = 4;
/// Of these, those to rooms of one MUC service: if it is slow, there is a place for those to another.
const MAX_FAN_OUTS_OF_SERVICE: usize = MAX_FAN_OUTS - 1;
/// Of these, those to one room, or of one inviter.
const MAX_FAN_OUTS_OF_ONE: usize = 1;

/// Commands to invite that are carried out at a time. Further ones are refused.
const MAX_COMMANDS: usize = 2;

/// Parts of one fan-out or command that run at a time.
pub(in crate::relay) const MAX_PARTS_OF_ONE: usize = 32;
/// Parts that run at a time, of all together, so that single invitations do not wait behind them. However slow the rooms and
/// contacts of some are, the others have places.
const MAX_PARTS: usize = MAX_PARTS_OF_ONE * (MAX_FAN_OUTS + MAX_COMMANDS);

/// The permits that all fan-outs and commands share.
#[derive(Debug)]
pub(crate) struct Places {
    pub(super) fan_outs: FanOuts,
    pub(in crate::relay) parts: Arc<Semaphore>,
    pub(in crate::relay) commands: Semaphore,
}

impl Places {
    pub(crate) fn new() -> Self {
        Self {
            fan_outs: FanOuts::default(),
            parts: Arc::new(Semaphore::new(MAX_PARTS)),
            commands: Semaphore::new(MAX_COMMANDS),
        }
    }
}

/// The fan-outs that run.
#[derive(Debug, Default)]
pub(super) struct FanOuts {
    /// By room, inviter and MUC service; their addresses never coincide.
    counts: Mutex<HashMap<String, usize>>,
    ended: Notify,
}

/// A fan-out that runs; it has ended when this is dropped.
#[derive(Debug)]
pub(super) struct FanOutPlace<'a> {
    fan_outs: &'a FanOuts,
    keys: [(String, usize); 4],
}

impl FanOuts {
    /// Waits for a place for a fan-out of this inviter to this room.
    pub(super) async fn place(&self, room: &BareJid, inviter: &str) -> FanOutPlace<'_> {
        let keys = [
            (String::new(), MAX_FAN_OUTS),
            (room.domain().to_string(), MAX_FAN_OUTS_OF_SERVICE),
            (room.to_string(), MAX_FAN_OUTS_OF_ONE),
            (inviter.to_owned(), MAX_FAN_OUTS_OF_ONE),
        ];
        loop {
            let mut ended = pin!(self.ended.notified());
            ended.as_mut().enable();
            if self.take(&keys) {
                return FanOutPlace { fan_outs: self, keys };
            }
            ended.await;
        }
    }

    fn take(&self, keys: &[(String, usize)]) -> bool {
        let mut counts = self.counts();
        let is_free = keys.iter().all(|(key, max)| counts.get(key).is_none_or(|count| count < max));
        if is_free {
            for (key, _) in keys {
                *counts.entry(key.clone()).or_default() += 1;
            }
        }
        is_free
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FanOutPlace<'_> {
    fn drop(&mut self) {
        let mut counts = self.fan_outs.counts();
        for (key, _) in &self.keys {
            if let Some(count) = counts.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(key);
                }
            }
        }
        drop(counts);
        self.fan_outs.ended.notify_waiters();
    }
}

/// A place among the parts of one fan-out, and then one among all parts.
pub(in crate::relay) async fn own_place_then(
    own: &Arc<Semaphore>,
    all: &Arc<Semaphore>,
) -> Option<[OwnedSemaphorePermit; 2]> {
    let own = Arc::clone(own).acquire_owned().await.ok()?;
    Some([own, Arc::clone(all).acquire_owned().await.ok()?])
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_room_inviter_or_service_leaves_places_for_others() {
        let fan_outs = FanOuts::default();
        let place = |room: &str, inviter: &'static str| {
            let room = BareJid::new(room).unwrap();
            let fan_outs = &fan_outs;
            async move { fan_outs.place(&room, inviter).await }
        };
        let now = |room, inviter| place(room, inviter).now_or_never();
        let first = now("tea@slow.example", "eve@a.example").unwrap();
        assert!(now("tea@slow.example", "bob@a.example").is_none(), "the room");
        assert!(now("den@c.example", "eve@a.example").is_none(), "the inviter");
        let others = [
            now("den@slow.example", "mallory@a.example").unwrap(),
            now("pub@slow.example", "trudy@a.example").unwrap(),
        ];
        assert!(now("inn@slow.example", "dan@a.example").is_none(), "the service");
        let last = now("tea@c.example", "alice@a.example").unwrap();
        assert!(now("den@c.example", "bob@a.example").is_none(), "all");

        let mut waiting = Box::pin(place("inn@slow.example", "dan@a.example"));
        assert!((&mut waiting).now_or_never().is_none());
        drop(last);
        assert!((&mut waiting).now_or_never().is_none(), "the service's places are still taken");
        drop(first);
        drop((waiting.await, others));
        assert!(fan_outs.counts().is_empty());
    }
}
