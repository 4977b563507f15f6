//! Settles invitations: undoes what an ending requires, tells the inviter, updates journal, log and metrics.
//! Knows nothing of what led to the ending.

pub(crate) mod bounce;
pub(crate) mod declined;
pub(crate) mod early_bounces;
pub(crate) mod held_back;
pub(crate) mod leftovers;
pub(crate) mod notify;
pub(crate) mod report;
pub(in crate::relay) mod second_look;
pub(in crate::relay) mod undo;
pub(crate) mod words;

use self::bounce::Bounce;
use self::notify::notify;
use self::report::report;
use self::words::Told;
use super::context::Context;
use super::deliver::membership;
use super::ending::Ending;
use super::job::Job;
use super::parties::Parties;
use super::stop::Stop;
use crate::model::{Outcome, Reason, Route, State};

/// Settles an invitation: removes a membership that was added for it if it did not reach the contact, tells the inviter,
/// writes the outcome to the journal. Safe to repeat. Returns the outcome; `None` if no trace of the invitation is kept.
///
/// # Errors
/// [`Stop::Retry`]: the link was lost. [`Stop::Suspend`]: the journal is closed.
pub(super) async fn settle(cx: &Context, job: &Job, ending: &Ending) -> Result<Option<Outcome>, Stop> {
    let (arrival, parties) = (&job.row.arrival, job.parties.as_deref());
    if leaves_a_relay_address(job) {
        if let Some(parties) = parties {
            membership::take_off_at_once(cx, &parties.room, parties.person(), &parties.contact).await;
        }
        let person = parties.and_then(Parties::person);
        cx.leftovers.note(&arrival.room, &arrival.contact, &arrival.inviter, person);
    }
    if job.member_added
        && did_not_reach_the_contact(ending)
        && !cx.journal.pass_membership_on(job.row.id, &arrival.contact, &arrival.room).await?
    {
        membership::take_back(cx, &job.row, parties.and_then(Parties::person)).await?;
    }
    if let Some(told) = told(job, ending) {
        // On the heap, since most invitations end without it.
        Box::pin(notify(cx, &job.row, parties.and_then(Parties::person), &told)).await?;
    }
    let outcome = write(cx, job, ending).await?;
    cx.endings.note(job.row.id);
    let Some(outcome) = outcome else { return Ok(None) };
    report(cx, &outcome, arrival, Some(job.age()));
    if let Some(sent_as) = outcome.sent_as.clone() {
        let bounce = Bounce { id: outcome.id, contact: arrival.contact.clone(), sent_as };
        // If the journal is closed, the next start finds it relayed.
        let _ = bounce::relayed(cx, bounce).await;
    }
    Ok(Some(outcome))
}

fn did_not_reach_the_contact(ending: &Ending) -> bool {
    match ending {
        Ending::Unwanted { .. }
        | Ending::Refused(_)
        | Ending::Failed(_)
        | Ending::Expired
        | Ending::Discarded => true,
        Ending::Silent(state, _) => *state != State::Suppressed,
        Ending::Relayed { .. } | Ending::DeliveredByServer(..) | Ending::Summarized(_) => false,
    }
}

/// Whether the room may have the relay address on its member list, because it was told to invite it, or because the
/// inviter's client has put it there. An open room has no need of that.
fn leaves_a_relay_address(job: &Job) -> bool {
    let arrival = &job.row.arrival;
    let by_address = !matches!(arrival.route, Route::HandedOver | Route::Command);
    job.members_only != Some(false) && arrival.parent.is_none() && by_address
}

/// What the inviter is told; `None`: nothing.
fn told(job: &Job, ending: &Ending) -> Option<Told> {
    match ending {
        Ending::Relayed { .. } | Ending::Unwanted { .. } | Ending::Silent(State::Suppressed, _)
            if job.repeated =>
        {
            Some(words::invited_before())
        }
        Ending::Refused(reason) | Ending::Failed(reason) => Some(words::for_inviter(*reason)),
        Ending::Expired => Some(words::expired()),
        Ending::Summarized(summary) => Some(summary.told()),
        Ending::Relayed { .. }
        | Ending::Silent(..)
        | Ending::Unwanted { .. }
        | Ending::DeliveredByServer(..)
        | Ending::Discarded => None,
    }
}

/// Writes the outcome to the journal. Those that did not reach somebody for other reasons than what the contact wants give their
/// claim up.
async fn write(cx: &Context, job: &Job, ending: &Ending) -> Result<Option<Outcome>, Stop> {
    let (id, arrival) = (job.row.id, &job.row.arrival);
    let inviter = job.parties.as_deref().and_then(Parties::person).map(ToString::to_string);
    let outcome = |state, reason| Outcome { id, state, reason, inviter, sent_as: None };
    let outcome = match ending {
        Ending::Relayed { sent_as, lookalikes } => {
            lookalikes.warn_of_relayed(&job.row);
            let reason = job.unsupported.then_some(Reason::Unsupported);
            Outcome { sent_as: Some(sent_as.to_string()), ..outcome(State::Relayed, reason) }
        }
        Ending::DeliveredByServer(state, reason) => {
            let sent_as = (*state == State::Relayed).then(|| arrival.inviter.clone());
            Outcome { sent_as, ..outcome(*state, *reason) }
        }
        Ending::Summarized(summary) => {
            let (state, reason) = summary.state();
            outcome(state, reason)
        }
        Ending::Discarded => {
            cx.journal.discard(id, &arrival.contact, &arrival.room).await?;
            return Ok(None);
        }
        Ending::Unwanted { state, reason, lookalikes } => {
            if *reason == Reason::Mimicry {
                lookalikes.warn_of_dropped(&job.row);
            }
            outcome(*state, Some(*reason))
        }
        Ending::Silent(state @ State::Suppressed, reason) => outcome(*state, Some(*reason)),
        Ending::Silent(state, reason) => return release(cx, job, outcome(*state, Some(*reason))).await,
        Ending::Refused(reason) => return release(cx, job, outcome(State::Refused, Some(*reason))).await,
        Ending::Failed(reason) => return release(cx, job, outcome(State::Failed, Some(*reason))).await,
        Ending::Expired => return release(cx, job, outcome(State::Expired, None)).await,
    };
    cx.journal.settle(outcome.clone()).await?;
    Ok(Some(outcome))
}

/// Writes an outcome and releases the claim, so that the contact can be invited to the room again.
async fn release(cx: &Context, job: &Job, outcome: Outcome) -> Result<Option<Outcome>, Stop> {
    let arrival = &job.row.arrival;
    cx.journal.settle_unclaimed(outcome.clone(), &arrival.contact, &arrival.room).await?;
    Ok(Some(outcome))
}
