//! Restores the limits' counts at the start, from the newest invitations in the journal. Knows nothing of how invitations are
//! handled.

use chrono::{DateTime, Utc};

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
    let limits = Limits::new(&config.limits, config.relay.window);
    let now = Utc::now();
    let mut recent = JournalReader::new(&config.journal.path).recent(MAX_INVITATIONS_COUNTED).await?;
    recent.retain(|record| !matches!(record.reason, Some(Reason::Untrusted | Reason::RateLimited)));
    // The oldest first, as they came.
    for record in recent.iter().rev() {
        count_again(&limits, record, now);
    }
    Ok(limits)
}

/// Counts an invitation as the earlier run did; one in progress only as far as handling it again won't count it.
fn count_again(limits: &Limits, record: &Record, now: DateTime<Utc>) {
    let ago = (now - record.received).to_std().unwrap_or_default();
    let under_way = record.state == State::Pending;
    let sent = (under_way && record.route == Route::HandedOver)
        || matches!(record.state, State::Relayed | State::Failed)
        || matches!(
            record.reason,
            Some(Reason::Blocked | Reason::OptedOut | Reason::Stranger | Reason::Mimicry)
        );
    if record.parent.is_some() {
        limits.remember_part(ago, &record.inviter, &record.room, &record.contact, sent);
        return;
    }
    // A direct invitation that was refused as may-not-invite is not charged to the room.
    let direct = record.route == Route::Direct;
    let not_charged = direct && record.reason == Some(Reason::MayNotInvite);
    let later = under_way && (direct || record.inviter.contains('/'));
    let room = (!not_charged && !later).then_some(&*record.room);
    limits.remember(ago, &record.inviter, room, &record.contact, sent);
}
