//! Restores at the start what an earlier run had in memory, from the newest invitations in the journal: the limits' counts, and
//! which rooms are to be looked at once more. Knows nothing of how invitations are handled.

use std::collections::HashMap;
use std::time::Duration;

use chrono::TimeDelta;

use crate::config::Config;
use crate::journal::{JournalReader, OpenError, Record};
use crate::model::{Reason, Route, State, clock};
use crate::relay::limits::Limits;
use crate::relay::settle::leftovers::Leftovers;

/// The most invitations of earlier runs that are counted against the limits.
const MAX_INVITATIONS_COUNTED: u32 = 10_000;

/// The newest invitations, the newest first.
///
/// # Errors
/// [`OpenError`] if the journal can't be read.
pub(crate) async fn recent(config: &Config) -> Result<Vec<Record>, OpenError> {
    JournalReader::new(&config.journal.place).recent(MAX_INVITATIONS_COUNTED).await
}

/// The rooms that the earlier run may not have looked at once more: those of all that ended since the time until which it
/// has done so ([`crate::journal::Journal::looked`]).
pub(crate) fn leftovers(recent: &[Record], looked: i64) -> Leftovers {
    let leftovers = Leftovers::default();
    let may_be_left = |record: &&Record| {
        record.parent.is_none()
            && !matches!(record.route, Route::HandedOver | Route::Command)
            && record.reason != Some(Reason::Untrusted)
            && record.settled.is_some_and(|settled| settled.timestamp_millis() > looked)
    };
    for record in recent.iter().filter(may_be_left) {
        leftovers.note(&record.room, &record.contact, &record.inviter, None);
    }
    leftovers
}

/// The limits, with the newest invitations counted.
pub(crate) fn limits(config: &Config, recent: &[Record]) -> Limits {
    let limits = Limits::new(&config.limits);
    let now = clock::now();
    let window = TimeDelta::from_std(config.relay.window).unwrap_or(TimeDelta::MAX);
    // The oldest first, as they came.
    let mut asked = HashMap::new();
    let counts = |record: &&Record| match record.reason {
        Some(Reason::Untrusted) => record.route == Route::Direct,
        reason => reason != Some(Reason::RateLimited),
    };
    for record in recent.iter().rev().filter(counts) {
        let sent = counted_for_the_contact(record) && {
            let last = asked.get(&(&record.contact, &record.room));
            let repeated = last.is_some_and(|last| record.received - last < window);
            record.state == State::Failed || !repeated
        };
        if sent {
            asked.insert((&record.contact, &record.room), record.received);
        }
        let ago = (now - record.received).to_std().unwrap_or_default();
        if sent {
            let elsewhere = config.domain_elsewhere(&record.inviter);
            limits.remember_sent(ago, &record.contact, &record.inviter, elsewhere);
        }
        count_again(&limits, record, ago);
    }
    limits
}

/// Whether it was asked for its contact, and not told to be too many. Whether the contact wanted it makes no difference, so
/// that the limit shows none of that. Where not all could be found out, nothing was asked.
fn counted_for_the_contact(record: &Record) -> bool {
    let under_way = record.state == State::Pending && record.route == Route::HandedOver;
    let failed = record.state == State::Failed && record.reason != Some(Reason::Unsure);
    under_way
        || failed
        || matches!(record.state, State::Relayed | State::Suppressed)
        || matches!(record.reason, Some(Reason::Stranger | Reason::Mimicry))
}

/// Counts an invitation for inviter and room as the earlier run did; one in progress only as far as handling it again won't
/// count it.
fn count_again(limits: &Limits, record: &Record, ago: Duration) {
    if record.route == Route::Command {
        return;
    }
    if record.parent.is_some() {
        limits.remember_part(ago, &record.inviter, &record.room);
    } else {
        let room = counted_for_the_room(record).then_some(&*record.room);
        limits.remember(ago, &record.inviter, room);
    }
}

/// A direct invitation counts for the room once the room has let its inviter invite there.
fn counted_for_the_room(record: &Record) -> bool {
    let let_in = || match record.state {
        State::Pending => false,
        State::Refused => {
            matches!(record.reason, Some(Reason::Stranger | Reason::Mimicry | Reason::NoRights))
        }
        _ => true,
    };
    record.route != Route::Direct || let_in()
}
