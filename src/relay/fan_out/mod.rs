//! Runs one invitation to several people: finds the recipients, runs a part for each, ends with one summary. A part is an
//! ordinary invitation with a row of its own, and the same checks, claims and limits as any other. Its row is written when
//! the part starts, so memory and journal have only a few unfinished parts at a time.
//!
//! Progress is stored in the journal only: an attempt that continues leaves out people whose parts were begun.
//! Knows nothing of how a single invitation is decided about and sent.

pub(crate) mod bounced_parts;
mod earlier;
pub(crate) mod places;
pub(crate) mod progress;
pub(crate) mod recipients;
pub(crate) mod summary;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::debug;

use self::earlier::Earlier;
use self::places::{MAX_PARTS_OF_ONE, own_place_then};
use self::recipients::{Recipients, recipients};
use self::summary::Summary;
use super::claim::admit_part;
use super::context::Context;
use super::decide::facts::Parent;
use super::ending::{Ended, Ending};
use super::job::Job;
use super::parties::Parties;
use super::stop::Stop;
use crate::journal::JournalClosed;
use crate::model::address;
use crate::model::{Arrival, Payload, Pending, Route};

/// Runs a part like any other invitation.
type RunPart = fn(Arc<Context>, Box<Job>) -> BoxFuture<'static, Option<Ended>>;

/// Whether an invitation can be a fan-out; a part never is.
pub(super) fn may_be_one(arrival: &Arrival) -> bool {
    arrival.parent.is_none() && matches!(arrival.route, Route::FanOut | Route::Direct)
}

/// Invites all recipients, and returns when the last part has ended.
///
/// # Errors
/// See [`recipients()`]. [`Stop::Suspend`] also if the relay stops before all parts have ended.
pub(super) async fn invite_all(
    cx: &Arc<Context>,
    job: &mut Job,
    parties: &Parties,
    run_part: RunPart,
) -> Result<Ending, Stop> {
    if let Some(summary) = job.progress.summary {
        return Ok(Ending::Summarized(summary));
    }
    // Before there is a place: a room that does not answer keeps nobody else's fan-out waiting.
    recipients::answers(cx, job, parties).await?;
    job.share = None;
    let place = cx.places.fan_outs.place(&parties.room, &parties.inviter_name()).await;
    let begun = std::mem::replace(&mut job.progress.begun, true);
    let earlier = if begun { Earlier::read(cx, job.row.id).await? } else { Earlier::default() };
    let recipients = match recipients(cx, job, parties, &earlier).await {
        // Parts were begun, so the fan-out ends with a summary of those.
        Err(Stop::End(_)) if !earlier.contacts.is_empty() => Recipients::default(),
        recipients => recipients?,
    };
    let bounced = cx.bounced_parts.count(job.row.id);
    let mut summary = carry_out(cx, job, parties, earlier, recipients, run_part).await?;
    drop(place);
    if summary.elsewhere > 0 {
        summary.bounced(bounced.wait_for(summary.elsewhere).await);
    }
    Ok(end(job, summary))
}

/// Ends a fan-out that has expired, or whose room does not answer: finishes the parts that were begun, and begins no others.
/// `otherwise`: the ending if none was begun.
///
/// # Errors
/// See [`invite_all`].
pub(super) async fn give_up(
    cx: &Arc<Context>,
    job: &mut Job,
    parties: &Parties,
    otherwise: Ending,
    run_part: RunPart,
) -> Result<Ending, Stop> {
    let earlier = Earlier::read(cx, job.row.id).await?;
    if earlier.contacts.is_empty() {
        return Ok(otherwise);
    }
    let summary = carry_out(cx, job, parties, earlier, Recipients::default(), run_part).await?;
    Ok(end(job, summary))
}

/// A part that is about to run.
enum Part {
    /// The contact.
    New(String),
    Waiting(Box<Pending>),
}

/// Runs the parts that were begun earlier, then the others, a few at a time. Returns when all have ended.
async fn carry_out(
    cx: &Arc<Context>,
    job: &mut Job,
    parties: &Parties,
    earlier: Earlier,
    recipients: Recipients,
    run_part: RunPart,
) -> Result<Summary, Stop> {
    let vouched = job.invitation(parties).vouched();
    let (address, read_at) = (parties.contact.clone(), job.read_at);
    let parent = Arc::new(Parent { address, vouched, read_at, silent: AtomicBool::new(false) });
    let mut summary = earlier.summary;
    summary.already += recipients.already;
    summary.before += recipients.before;

    let waiting = earlier.waiting.into_iter().map(|row| Part::Waiting(row.into()));
    let new = recipients.contacts.into_iter().map(Part::New);
    let template = Arc::new((arrival(job, parties), parties.clone()));

    let own_places = Arc::new(Semaphore::new(MAX_PARTS_OF_ONE));
    let mut under_way = JoinSet::new();
    let mut all_ended = true;
    let mut count = |ended: Option<(Ended, bool)>| match ended {
        Some((Ended { outcome, repeated }, elsewhere)) => {
            summary.add(outcome.state, outcome.reason, repeated, elsewhere);
        }
        None => all_ended = false,
    };
    let mut stopped = false;
    for part in waiting.chain(new) {
        let place = tokio::select! {
            biased;
            () = cx.stopping.cancelled() => {
                stopped = true;
                break;
            }
            place = own_place_then(&own_places, &cx.places.parts) => place,
        };
        let (cx, parent, template) = (Arc::clone(cx), Arc::clone(&parent), Arc::clone(&template));
        under_way.spawn(async move {
            let _place = place;
            let job = match part {
                Part::Waiting(row) => Job::resumed(*row),
                Part::New(contact) => new_part(&cx, &template, contact, parent.vouched).await.ok()?,
            };
            let elsewhere = cx.config.load().domain_elsewhere(&job.row.arrival.contact).is_some();
            Some((run_part(cx, job.part_of(&parent)).await?, elsewhere))
        });
        while let Some(ended) = under_way.try_join_next() {
            count(ended.ok().flatten());
        }
    }
    while let Some(ended) = under_way.join_next().await {
        count(ended.ok().flatten());
    }
    if stopped || !all_ended {
        return Err(Stop::Suspend);
    }
    Ok(summary)
}

/// Takes in the invitation of one contact. `template`: its arrival and parties, but for the contact.
///
/// # Errors
/// [`JournalClosed`]: the relay stops.
async fn new_part(
    cx: &Context,
    template: &(Arrival, Parties),
    contact: String,
    vouched: bool,
) -> Result<Box<Job>, JournalClosed> {
    let (arrival, parties) = template;
    let known = address::own(&contact).map(|contact| parties.with(contact));
    let job = admit_part(cx, Arrival { contact, ..arrival.clone() }, vouched).await?;
    Ok(job.between(known.ok()))
}

/// The arrival of each part, but for the contact.
fn arrival(job: &Job, parties: &Parties) -> Arrival {
    Arrival {
        route: Route::FanOut,
        room: parties.room.to_string(),
        inviter: parties.inviter_name(),
        contact: String::new(),
        payload: Payload {
            origin: None,
            hand_over: None,
            addressed: None,
            ..job.row.arrival.payload.clone()
        },
        parent: Some(job.row.id),
    }
}

/// The ending after all parts have ended.
fn end(job: &mut Job, summary: Summary) -> Ending {
    job.progress.summary = Some(summary);
    let Summary { invited, already, failed, .. } = summary;
    debug!(id = job.row.id, invited, already, failed, "all parts have ended");
    Ending::Summarized(summary)
}
