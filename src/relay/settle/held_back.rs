//! Whose invitations went no further because the contact has another one: if that one comes back later, they are told.
//! Forgotten after an hour, and at a restart. Knows nothing of why one comes back.

use std::sync::Arc;
use std::time::Duration;

use moka::ops::compute::Op;
use moka::sync::Cache;

use crate::model::{Arrival, Id, Payload, Pending};

/// Servers give up after some minutes at most.
const REMEMBERED_FOR: Duration = Duration::from_secs(3600);

/// Invitations that are in the way of others, and how many others are remembered of each.
const MAX_IN_THE_WAY: u64 = 2000;
const MAX_HELD_BACK: usize = 10;

/// By the invitation that was in the way.
#[derive(Debug)]
pub(crate) struct HeldBack(Cache<Id, Arc<[Pending]>>);

impl HeldBack {
    pub(crate) fn new() -> Self {
        Self(Cache::builder().max_capacity(MAX_IN_THE_WAY).time_to_live(REMEMBERED_FOR).build())
    }

    /// Notes that this one goes no further. `inviter`: see [`Arrival::inviter`], or who they were found out to be.
    pub(in crate::relay) fn note(&self, by: Id, row: &Pending, inviter: String) {
        // Nothing of what it says.
        let payload = Payload { language: row.arrival.payload.language, ..Payload::default() };
        let arrival = Arrival { inviter, payload, ..row.arrival.clone() };
        let row = Pending { arrival, added: false, ..row.clone() };
        self.0.entry(by).and_compute_with(|known| {
            let known: &[Pending] = known.as_ref().map_or(&[], |known| known.value());
            let is_known = known.iter().any(|it| it.arrival.inviter == row.arrival.inviter);
            if is_known || known.len() >= MAX_HELD_BACK {
                return Op::Nop;
            }
            Op::Put(known.iter().cloned().chain([row]).collect())
        });
    }

    /// Those of others that were held back by this one, which came back. They are forgotten.
    pub(super) fn by(&self, came_back: &Pending) -> Vec<Pending> {
        let held = self.0.remove(&came_back.id);
        let others = held.iter().flat_map(|held| held.iter());
        others.filter(|it| it.arrival.inviter != came_back.arrival.inviter).cloned().collect()
    }
}
