//! Asks the journal for contact and room: once per contact and room, an invitation is sent. Counts what asks for the contact's limit.
//! Knows nothing of how it is decided about and sent.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tracing::debug;

use super::context::Context;
use super::decide::judge::Adding;
use super::ending::{Ending, within};
use super::job::Job;
use super::limits::Answer;
use super::parties::{Parties, reaches_the_inviter};
use super::stop::Stop;
use crate::journal::{Ask, Claimed, Delivery, JournalClosed, RoomPassword, Wanted};
use crate::model::{Arrival, Id, Reason, State};
use crate::rooms::MaxAge;

/// For how long after an invitation's arrival the claim that was made together with it is as good as a new one.
const CLAIM_VALID_FOR: Duration = Duration::from_secs(5);

/// How long one waits for another that is under way and in its way.
const WAIT_FOR_ANOTHER: Duration = Duration::from_secs(5);

/// Claims contact and room in order to send. Returns false if the contact has another invitation. Waits for one that is under
/// way, since it may fail, unless many do so already.
///
/// # Errors
/// [`Stop::Again`]: it has ended. [`Stop::End`]: the contact's limit is exceeded. Else see [`Stop`].
pub(super) async fn claim_to_send(
    cx: &Context,
    job: &mut Job,
    parties: &Parties,
    add_member: Adding,
) -> Result<bool, Stop> {
    let adding = add_member != Adding::No;
    // A claim counts from when it was made. If the link was down since, it is made anew, so that the contact does not get
    // another one a moment after this.
    if std::mem::take(&mut job.claimed_when_taken) && !adding && job.age() < CLAIM_VALID_FOR {
        if let Some(claimed) = job.claimed {
            count_for_contact(cx, job, parties, claimed)?;
        }
        return Ok(true);
    }
    match ask(cx, job, parties, Wanted::Yes, adding, None).await? {
        Delivery::Granted => Ok(true),
        // On the heap: hardly any is held up.
        held => Box::pin(held_up(cx, job, parties, adding, held)).await,
    }
}

/// [`claim_to_send`] for one that another invitation holds up.
///
/// # Errors
/// See [`claim_to_send`].
async fn held_up(
    cx: &Context,
    job: &mut Job,
    parties: &Parties,
    adding: bool,
    mut delivery: Delivery,
) -> Result<bool, Stop> {
    // They were a member, since the one that is in the way has made them one, and are none any more.
    if let Delivery::Held { by, under_way: false } = delivery
        && is_no_member(cx, job, parties).await?
    {
        if adding {
            delivery = ask(cx, job, parties, Wanted::Yes, adding, Some(by)).await?;
        } else if !std::mem::replace(&mut job.decided_again, true) {
            // What was remembered of the room is older, and so is what was decided.
            return Err(Stop::Again);
        }
    }
    let Delivery::Held { by, under_way } = delivery else { return Ok(delivery == Delivery::Granted) };
    let Some(ended) = under_way.then(|| cx.endings.of(by)).flatten() else {
        if reaches_the_inviter(&job.row.arrival) {
            cx.held_back.note(by, &job.row, parties.inviter_name());
        }
        return Ok(false);
    };
    let mut ended = pin!(ended.notified());
    ended.as_mut().enable();
    // It may have ended meanwhile.
    match ask(cx, job, parties, Wanted::Yes, adding, None).await? {
        Delivery::Held { by: still, under_way: true } if still == by => {
            debug!(id = job.row.id, by, "waits for the one that is under way");
            let _ = timeout(WAIT_FOR_ANOTHER, ended).await;
        }
        _ => cx.endings.note(by),
    }
    Err(Stop::Again)
}

/// Notes that the contact was asked for, without sending anything.
pub(super) async fn claim(
    cx: &Context,
    job: &mut Job,
    parties: &Parties,
    wanted: Wanted,
) -> Result<(), Stop> {
    ask(cx, job, parties, wanted, false, None).await.map(drop)
}

/// Asks the journal for contact and room, and counts the invitation for the contact's limit. If the contact is about to be
/// made a member, the journal records that together with the claim.
async fn ask(
    cx: &Context,
    job: &mut Job,
    parties: &Parties,
    wanted: Wanted,
    adding: bool,
    instead_of: Option<Id>,
) -> Result<Delivery, Stop> {
    let (contact, room) = (parties.contact.as_str(), parties.room.as_str());
    let vouched = job.invitation(parties).vouched();
    let inviter = parties.inviter_name();
    let password = password_of(cx, &job.row.arrival, vouched);
    let direct = !vouched;
    let ask =
        Ask { contact, room, inviter: &inviter, direct, password, wanted, adding, instead_of, anew: None };
    let claimed: Claimed = cx.journal.claim(job.row.id, &ask).await?;
    job.repeated = claimed.is_news_to_the_inviter();
    job.member_added |= adding && claimed.delivery == Delivery::Granted;
    if wanted != Wanted::Barred {
        count_for_contact(cx, job, parties, claimed)?;
    }
    Ok(claimed.delivery)
}

/// What the journal is told of the room's password.
pub(super) fn password_of(cx: &Context, arrival: &Arrival, vouched: bool) -> RoomPassword {
    cx.journal.password(&arrival.room, arrival.payload.password.as_deref(), vouched)
}

/// Takes in a part of a fan-out, and asks the journal for contact and room in the same commit: nearly all are sent, since the
/// room has just told that they may be. Returns its job, which decides.
///
/// # Errors
/// [`JournalClosed`].
pub(in crate::relay) async fn admit_part(
    cx: &Context,
    arrival: Arrival,
    vouched: bool,
) -> Result<Box<Job>, JournalClosed> {
    let ask = Ask {
        contact: &arrival.contact,
        room: &arrival.room,
        inviter: &arrival.inviter,
        direct: !vouched,
        password: password_of(cx, &arrival, vouched),
        wanted: Wanted::Yes,
        adding: false,
        instead_of: None,
        anew: None,
    };
    let admitted = cx.journal.admit_asking(arrival.clone(), &ask).await?;
    Ok(Job::new(admitted, arrival))
}

/// Counts an invitation that has asked for contact and room for the contact's limit, once.
fn count_for_contact(cx: &Context, job: &mut Job, parties: &Parties, claimed: Claimed) -> Result<(), Ending> {
    if claimed.repeated {
        return Ok(());
    }
    // An earlier run has let it pass, unless it was this one that has asked.
    let passed = claimed.again && job.claimed.is_none_or(|first| first.again);
    let inviter = parties.inviter_name();
    let told = reaches_the_inviter(&job.row.arrival);
    let answer = job.charge_contact(|| {
        let config = cx.config.load();
        let elsewhere = config.domain_elsewhere(&inviter);
        let answer = cx.limits.load().sending(parties.contact.as_str(), &inviter, elsewhere, told);
        if passed { Answer::Pass } else { answer }
    });
    within(answer, Ending::Silent(State::Refused, Reason::RateLimited))
}

/// Whether the room lets in members only, and the contact is none. If so by a look after the invitation was read, it is asked
/// once more: that look may be older than the membership that came with the other invitation.
async fn is_no_member(cx: &Context, job: &Job, parties: &Parties) -> Result<bool, Stop> {
    for moment in [job.read_at, Instant::now()] {
        let view = cx.rooms.look(&parties.room, parties.person(), MaxAge::Since(moment)).await?;
        if !view.shuts_out(&parties.contact) {
            return Ok(false);
        }
    }
    Ok(true)
}
