//! Runs one invitation from the journal to its ending: identify the parties, decide, claim, send, confirm. [`run`] is used
//! for every route. Knows nothing of what an ending entails: see `settle/`.
//!
//! If the link or a room fails for the moment, the whole attempt is repeated, because facts may have changed meanwhile. A
//! claim stays with its invitation, so nothing is done twice.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use jid::BareJid;
use tokio::time::{Instant, sleep};
use tracing::debug;

use super::claim::{claim, claim_to_send};
use super::context::{Context, still_connected};
use super::decide::judge::{Adding, Verdict, bars_the_contact};
use super::decide::{ask_ahead, decide, unwanted_by_now};
use super::deliver::{deliver, fate, membership};
use super::ending::{Ended, Ending, within};
use super::fan_out;
use super::job::{Identity, Job, MAX_ATTEMPTS};
use super::limits::Answer;
use super::parties::{Parties, is_a_person, is_of_another_relay, nick_of};
use super::settle::settle;
use super::stop::Stop;
use crate::journal::Wanted;
use crate::link::AskError;
use crate::model::address;
use crate::model::{Arrival, Reason, Route, State};
use crate::rooms::MaxAge;
use crate::wire::muc::Affiliation;

/// The pause before a room that did not answer is asked again, and the one before it is asked for the last time.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LAST_PAUSE: Duration = Duration::from_secs(30);

/// For how long after an invitation's arrival the occupant with the inviter's nick is taken to be the inviter.
const NICK_VALID_FOR: Duration = Duration::from_secs(5);

/// What has become of an invitation.
#[derive(Debug)]
pub(super) enum Ran {
    /// It is settled, or the next start goes on with it. `None`: no trace of it is kept, or it is not settled.
    Ended(Option<Ended>),
    /// A room or server did not answer: it is to be run again at this moment.
    Again(Box<Job>, Instant),
}

/// Runs an invitation until it is settled, the relay stops, or it has to wait.
pub(super) async fn run(cx: Arc<Context>, mut job: Box<Job>) -> Ran {
    let expires_at = job.expires_at(cx.config.load().relay.expiry);
    let mut relayed = None;
    loop {
        // Without the link nobody could be told either, so an invitation expires only while it is up.
        if !cx.link.up().await {
            return Ran::Ended(None);
        }
        let ending = match relayed.take() {
            Some(relayed) => Ok(relayed),
            None => match attempt(&cx, &mut job, expires_at).await {
                Err(Stop::End(ending)) => Ok(*ending),
                ended => ended,
            },
        };
        job.unsendable |= matches!(ending, Ok(Ending::Failed(Reason::Unsendable)));
        let settled = match ending {
            Ok(ending) => {
                let settled = Box::pin(settle(&cx, &job, &ending)).await;
                // The contact has it: it is not sent once more because its inviter could not be told something.
                relayed = Some(ending).filter(|ending| matches!(ending, Ending::Relayed { .. }));
                settled
            }
            Err(stop) => Err(stop),
        };
        match settled {
            Ok(outcome) => {
                return Ran::Ended(outcome.map(|outcome| Ended { outcome, repeated: job.repeated }));
            }
            Err(Stop::Suspend | Stop::End(_)) => return Ran::Ended(None),
            Err(Stop::Again) => {}
            Err(Stop::Retry(AskError::Lost)) => debug!(id = job.row.id, "interrupted"),
            Err(Stop::Unreadable) => {
                job.share = None;
                return Ran::Again(job, Instant::now() + FIRST_PAUSE);
            }
            Err(Stop::Retry(e)) => {
                job.share = None;
                job.unanswered += 1;
                debug!(id = job.row.id, room = job.row.arrival.room, attempts = job.unanswered, "{e}");
                let pause = if job.unanswered == 1 { FIRST_PAUSE } else { LAST_PAUSE };
                // What is given up is given up at once.
                if job.unanswered < MAX_ATTEMPTS {
                    return Ran::Again(job, expires_at.min(Instant::now() + pause));
                }
            }
        }
    }
}

/// [`run`] for one of several that are run together, until it has ended. Boxed, since the future of the fan-out contains this one, which has the
/// same type. If the room does not answer for one part, the others are given up at the first attempt, so that the places of
/// parts are free again.
pub(super) fn run_part(cx: Arc<Context>, mut job: Box<Job>) -> BoxFuture<'static, Option<Ended>> {
    let parent = job.parent.clone();
    async move {
        loop {
            match run(Arc::clone(&cx), job).await {
                Ran::Ended(ended) => return ended,
                Ran::Again(again, _) => job = again,
            }
            if let Some(parent) = &parent
                && job.unanswered > 0
                && (job.unanswered + 1 >= MAX_ATTEMPTS || parent.silent.load(Ordering::Relaxed))
            {
                parent.silent.store(true, Ordering::Relaxed);
                job.unanswered = MAX_ATTEMPTS;
                continue;
            }
            tokio::select! {
                () = cx.stopping.cancelled() => return None,
                () = sleep(FIRST_PAUSE) => {}
            }
        }
    }
    .boxed()
}

/// One attempt; safe to repeat. Returns the ending.
///
/// # Errors
/// See [`Stop`].
async fn attempt(cx: &Arc<Context>, job: &mut Job, expires_at: Instant) -> Result<Ending, Stop> {
    if job.unsendable {
        return Ok(Ending::Failed(Reason::Unsendable));
    }
    if let Some(ending) = fate::ending_at_the_server(cx, job).await? {
        return Ok(ending);
    }
    if Instant::now() >= expires_at {
        return give_up(cx, job, Ending::Expired).await;
    }
    if job.unanswered >= MAX_ATTEMPTS {
        return give_up(cx, job, Ending::Failed(Reason::Unsure)).await;
    }
    let parties = identify(cx, job).await?;
    if is_of_another_relay(cx.link.component(), &parties.contact) {
        Ok(Ending::Refused(Reason::AnotherRelay))
    } else if is_a_person(cx, &parties.contact) {
        invite(cx, job, &parties).await
    } else if fan_out::may_be_one(&job.row.arrival) {
        fan_out::invite_all(cx, job, &parties, run_part).await
    } else {
        Ok(Ending::Refused(Reason::Malformed))
    }
}

/// Finds out who invites whom to which room, once. What their limits said then holds for each attempt.
async fn identify(cx: &Context, job: &mut Job) -> Result<Arc<Parties>, Stop> {
    let identity = identity(cx, job).await?;
    if job.parties.is_none() {
        job.parties = Parties::of(&job.row.arrival, identity.person).map(Arc::new);
    }
    let Some(parties) = job.parties.clone() else {
        return Err(Ending::Refused(Reason::Malformed).into());
    };
    within(identity.answer, Ending::Discarded)?;
    Ok(parties)
}

/// Finds out who has the inviter's nick, if the room names the inviter by that alone, and what their limits say. Done once,
/// and soon after the arrival: later the nick may be somebody else's, and the relay would send in the wrong name.
async fn identity(cx: &Context, job: &mut Job) -> Result<Identity, AskError> {
    let arrival = &job.row.arrival;
    let Some(nick) = nick_of(&arrival.inviter) else { return Ok(Identity::KNOWN) };
    if let Some(found) = &job.identity {
        return Ok(found.clone());
    }
    let person = match address::own(&arrival.room) {
        Ok(room) if job.age() < NICK_VALID_FOR => cx.rooms.occupant(&room, nick, job.read_at).await?,
        _ => None,
    };
    // What an earlier run took in is counted at the start.
    let answer = if job.row.id < cx.journal.first() {
        Answer::Pass
    } else {
        cx.limits.load().unmasked(person.as_ref().map(|person| person.as_str()), &arrival.room)
    };
    Ok(job.identity.insert(Identity { person, answer }).clone())
}

/// Invites one person.
async fn invite(cx: &Context, job: &mut Job, parties: &Parties) -> Result<Ending, Stop> {
    let Parties { room, .. } = parties;
    // The decision holds for this connection only: another one may have other grants. What was handed over goes by the one
    // that it came by: the server's module need not be asked then.
    let on = cx.link.epoch_or_else(job.module.heard_by())?;
    let preferences = job.take_preferences();
    let decision = decide(cx, &job.invitation(parties), preferences).await?;
    job.share = None;
    still_connected(cx, on)?;
    let verdict = decision.verdict;
    job.members_only = decision.snapshot.kind().members_only;
    job.unsupported = decision.unsupported;
    if !matches!(verdict, Verdict::Refuse(_)) {
        within(job.charge_room(|| cx.limits.load().seen_in(room.as_str())), Ending::Discarded)?;
    }
    let add_member = match verdict {
        Verdict::Suppress(reason) => {
            Box::pin(claim(cx, job, parties, Wanted::Inside)).await?;
            return Ok(Ending::Silent(State::Suppressed, reason));
        }
        // It has been answered by now, so it can't go back.
        Verdict::HandBack(reason) => return Ok(Ending::Silent(State::Suppressed, reason)),
        Verdict::Refuse(reason) => {
            if bars_the_contact(reason) {
                Box::pin(claim(cx, job, parties, Wanted::Barred)).await?;
            }
            return Ok(Ending::Refused(reason));
        }
        Verdict::Fail(reason) => return Ok(Ending::Failed(reason)),
        Verdict::Unwanted(state, reason) => {
            Box::pin(claim(cx, job, parties, Wanted::No)).await?;
            return Ok(Ending::Unwanted { state, reason, lookalikes: decision.lookalikes });
        }
        // The room saw to the membership when it handed this one over. Meanwhile another one, which did not reach them, may have
        // taken it back.
        Verdict::Relay { .. }
            if job.row.arrival.route == Route::HandedOver && cx.taken_back.lately(room, &parties.contact) =>
        {
            membership::given_again(cx, parties).await?
        }
        Verdict::Relay { add_member } => add_member,
    };
    if !claim_to_send(cx, job, parties, add_member).await? {
        return Ok(Ending::Silent(State::Suppressed, Reason::Duplicate));
    }
    if add_member != Adding::No
        && let Err(stop) = membership::add(cx, parties, add_member).await
    {
        still_connected(cx, on)?;
        return Err(stop);
    }
    if let Some(unwanted) = unwanted_by_now(cx, &job.invitation(parties), &decision).await? {
        Box::pin(claim(cx, job, parties, Wanted::No)).await?;
        return Ok(unwanted);
    }
    let sent_as = deliver(cx, job, parties, on).await?;
    Ok(Ending::Relayed { sent_as, lookalikes: decision.lookalikes })
}

/// The ending of an invitation that has expired, or whose room does not answer: `ending`, unless it is a fan-out of which
/// parts were begun.
async fn give_up(cx: &Arc<Context>, job: &mut Job, ending: Ending) -> Result<Ending, Stop> {
    let known = job.parties.clone().or_else(|| Parties::of(&job.row.arrival, None).map(Arc::new));
    match known {
        Some(parties) if !is_a_person(cx, &parties.contact) && fan_out::may_be_one(&job.row.arrival) => {
            job.parties = Some(Arc::clone(&parties));
            fan_out::give_up(cx, job, &parties, ending, run_part).await
        }
        _ => Ok(ending),
    }
}

/// Asks the room and the contact's server what the first attempt will ask, while the journal is being written, so that the
/// attempt finds the answers in the cache. Only saves time; errors are ignored.
pub(super) async fn look_ahead(cx: &Context, arrival: &Arrival, read_at: Instant) {
    if arrival.route != Route::Addressed {
        return;
    }
    let (Ok(room), Ok(contact)) = (BareJid::new(&arrival.room), BareJid::new(&arrival.contact)) else {
        return;
    };
    if let Some(parties) = Parties::of(arrival, None).filter(|parties| is_a_person(cx, &parties.contact)) {
        ask_ahead(cx, &parties, false);
    }
    // What fails here is asked again.
    if let Some(nick) = nick_of(&arrival.inviter) {
        let _ = cx.rooms.occupant(&room, nick, read_at).await;
    } else if let Ok(inviter) = BareJid::new(&arrival.inviter)
        && let Ok(view) = cx.rooms.look(&room, Some(&inviter), MaxAge::Fresh).await
        && view.kind().members_only == Some(true)
        && view.affiliation(&contact) == Some(Affiliation::None)
    {
        let _ = cx.rooms.look(&room, Some(&inviter), MaxAge::FreshSince(read_at)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thousand of them are in memory at a time, and each is copied some times before it runs.
    #[test]
    fn an_invitation_under_way_is_small() {
        fn size<A, B, F: Future>(_: impl FnOnce(A, B) -> F) -> usize {
            std::mem::size_of::<F>()
        }
        let size = size(run);
        assert!(size < 4096, "{size} bytes: put what is rarely needed on the heap (Box::pin)");
    }
}
