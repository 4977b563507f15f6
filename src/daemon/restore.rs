//! Restores the limits' counts at the start, from the newest invitations in the journal. Knows nothing of how invitations are
//! handled.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::config::Config;
use crate::journal::{JournalReader, OpenError, Record};
use crate::model::{Reason, Route, State};
use crate::relay::limits::Limits;

/// The most invitations of earlier runs that are counted against the limits.
const MAX_INVITATIONS_COUNTED: u32 = 10_000;

/// The limits, with the newest invitations counted.
///
/// # Errors
/// [`OpenError`] if the journal can't be read.
pub(super) async fn limits(config: &Config) -> Result<Limits, OpenError> {
    let limits = Limits::new(&config.limits);
    let now = Utc::now();
    let window = TimeDelta::from_std(config.relay.window).unwrap_or(TimeDelta::MAX);
    let mut recent = JournalReader::new(&config.journal.path).recent(MAX_INVITATIONS_COUNTED).await?;
    recent.retain(|record| !matches!(record.reason, Some(Reason::Untrusted | Reason::RateLimited)));
    // The oldest first, as they came.
    let mut asked = HashMap::new();
    for record in recent.iter().rev() {
        let sent = counted_for_the_contact(record) && {
            let last = asked.get(&(&record.contact, &record.room));
            let repeated = last.is_some_and(|last| record.received - last < window);
            record.state == State::Failed || !repeated
        };
        if sent {
            asked.insert((&record.contact, &record.room), record.received);
        }
        count_again(&limits, record, sent, now);
    }
    Ok(limits)
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

/// Counts an invitation as the earlier run did; one in progress only as far as handling it again won't count it.
fn count_again(limits: &Limits, record: &Record, sent: bool, now: DateTime<Utc>) {
    let ago = (now - record.received).to_std().unwrap_or_default();
    // Not counted for the inviter and the room.
    if record.route == Route::Command {
        if sent {
            limits.remember_sent(ago, &record.contact);
        }
        return;
    }
    let under_way = record.state == State::Pending;
    if record.parent.is_some() {
        limits.remember_part(ago, &record.inviter, &record.room, &record.contact, sent);
        return;
    }
    // A direct invitation that was refused as may-not-invite is not charged to the room.
    let direct = record.route == Route::Direct;
    let not_charged = direct && record.reason == Some(Reason::MayNotInvite);
    let later = under_way && direct;
    let room = (!not_charged && !later).then_some(&*record.room);
    limits.remember(ago, &record.inviter, room, &record.contact, sent);
}
