//! A hand-over: a server's module asks whether the relay takes an invitation. The answer `result` means that the invitation
//! is the relay's for good; any error means that the server delivers the mediated one itself, at once.
//!
//! So everything that could still stop the relay comes before the answer, and the journal has the invitation, claimed,
//! before it. Whatever is not sure goes back: the server knows a way without the relay.
//! Knows nothing of what the module is asked later: see `deliver/fate.rs`.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Instant, timeout};
use tracing::{debug, warn};

use crate::journal::{Admitted, Ask, Claimed, Delivery, JournalClosed, Wanted};
use crate::link::Epoch;
use crate::model::{Arrival, Id, Origin, Outcome, Payload, Pending, Reason, Route, State};
use crate::model::{address, clock};
use crate::relay::attempt::{self, Ran};
use crate::relay::context::{Context, still_connected};
use crate::relay::decide::facts::Invitation;
use crate::relay::decide::judge::Verdict;
use crate::relay::decide::{Decision, decide};
use crate::relay::job::Job;
use crate::relay::limits::Answer;
use crate::relay::parties::{Parties, is_a_person};
use crate::relay::payload;
use crate::relay::settle::report::report;
use crate::relay::settle::undo::undo;
use crate::relay::settle::words::{self, Told};
use crate::relay::stop::Stop;
use crate::wire::handover::HandedOver;
use crate::wire::muc::{Inviter, Malformed};
use crate::wire::{Condition, Iq, Stanza};

/// The answer is sent at least this long before the deadline, so that it arrives in time.
const ANSWER_MARGIN: Duration = Duration::from_millis(250);

/// An answer that is sent with less time left may arrive too late over a slow connection.
const LATE_ANSWER_MARGIN: Duration = Duration::from_secs(2);

/// What the server's clock may be ahead of this one.
const CLOCKS_AGREE_WITHIN: TimeDelta = TimeDelta::seconds(1);

/// Answers a hand-over that came by this connection, and runs the invitation if it is the relay's now. Returns what has become
/// of that.
pub(in crate::relay) async fn take(
    cx: Arc<Context>,
    question: Iq,
    parsed: Result<HandedOver, Malformed>,
    connection: Epoch,
) -> Ran {
    let (answer, after) = match admit(&cx, &question, parsed, connection).await {
        Ok(Admission::Ignore) | Err(JournalClosed) => return Ran::Ended(None),
        Ok(Admission::GoesBack(condition)) => (Iq::error_to(&question, condition), AfterAdmit::Nothing),
        Ok(Admission::Taken(after)) => (Iq::result_to(&question), after),
    };
    cx.link.post_on(connection, Stanza::Iq(answer)).await;
    match after {
        AfterAdmit::Run { mut job, early_until } => {
            // Otherwise the module is asked after the answer, which the server may have got too late.
            if early_until.is_some_and(|until| Instant::now() <= until) {
                job.module.hears_by(connection);
            }
            return attempt::run(cx, job).await;
        }
        AfterAdmit::Undo(row, told) => undo(&cx, &row, told.as_ref()).await,
        AfterAdmit::Nothing => {}
    }
    Ran::Ended(None)
}

/// The answer when too many invitations are under way. Nothing is recorded, since that would add to the load.
pub(in crate::relay) fn too_busy(question: &Iq) -> Iq {
    Iq::error_to(question, Condition::ResourceConstraint)
}

/// What becomes of a hand-over.
enum Admission {
    /// Its deadline has passed: the server has delivered it.
    Ignore,
    /// The server is to deliver it.
    GoesBack(Condition),
    /// It is the relay's for good.
    Taken(AfterAdmit),
}

/// What is done behind the answer.
enum AfterAdmit {
    /// `early_until`: an answer that is on its way by then is sent long before the deadline.
    Run {
        job: Box<Job>,
        early_until: Option<Instant>,
    },
    /// It has ended: the membership that came with it is taken back, and the inviter is told.
    Undo(Box<Pending>, Option<Told>),
    Nothing,
}

fn time_until(deadline: DateTime<Utc>) -> Option<Duration> {
    (deadline - clock::now()).to_std().ok()
}

async fn admit(
    cx: &Context,
    question: &Iq,
    parsed: Result<HandedOver, Malformed>,
    connection: Epoch,
) -> Result<Admission, JournalClosed> {
    let from = question.from.as_deref().unwrap_or_default();
    // Before a connection is up its grants are unknown, and so is whom to trust. If it is lost, the server has delivered it by now.
    if !cx.link.has(connection) {
        return Ok(Admission::GoesBack(Condition::RemoteServerTimeout));
    }
    let Some(host) = host_of_ours(cx, from) else {
        return forged(cx, from, parsed.ok()).await;
    };
    let handed_over = match parsed {
        Ok(handed_over) => handed_over,
        // People choose their addresses, so the log must not grow with these.
        Err(malformed @ Malformed::Address(_)) => {
            debug!(from = question.from, "a hand-over goes back: {malformed}");
            return Ok(Admission::GoesBack(Condition::NotAllowed));
        }
        Err(malformed) => {
            warn!(from = question.from, "a hand-over that can't be read ({malformed}) goes back");
            return Ok(Admission::GoesBack(Condition::BadRequest));
        }
    };
    let Ok(deadline) = DateTime::parse_from_rfc3339(&handed_over.deadline) else {
        warn!(from, "a hand-over goes back: its deadline {:?} is no time", handed_over.deadline);
        return Ok(Admission::GoesBack(Condition::BadRequest));
    };
    let left = || time_until(deadline.to_utc())?.checked_sub(ANSWER_MARGIN);
    let Some(time) = left() else {
        debug!(from = question.from, "a hand-over came after its deadline");
        return Ok(Admission::Ignore);
    };
    if !is_its_own(cx, host, handed_over.room.domain().as_str()) {
        return forged(cx, from, Some(handed_over)).await;
    }
    // It has come this way before, and the room is to deliver it now.
    if cx.passed_to_rooms.recognises(&handed_over) {
        debug!(id = handed_over.id, "an invitation that was left to its room goes back there");
        return Ok(Admission::GoesBack(Condition::NotAllowed));
    }
    let mut arrival = arrival(cx, &handed_over);
    let anew = handed_over.made_member.then(|| sent_at(&handed_over));
    // Then the deadline may have passed, whatever this clock says.
    let behind = time_at(&handed_over).is_some_and(|sent| sent > clock::now() + CLOCKS_AGREE_WITHIN);
    match cx.limits.load().received(handed_over.inviter.as_str(), handed_over.room.as_str()) {
        Answer::Pass => {}
        // The server's own delivery is not ours to limit; all of a flood are counted, only the first is noted.
        answer => {
            let (state, reason) = (State::HandedBack, Reason::RateLimited);
            if answer == Answer::Over {
                note(cx, arrival, state, reason).await?;
            } else {
                cx.metrics.ended(arrival.route, state, Some(reason), None);
            }
            return Ok(Admission::GoesBack(Condition::NotAllowed));
        }
    }
    if let Some(reason) = obstacle(cx, &handed_over, connection) {
        note(cx, arrival, State::HandedBack, reason).await?;
        return Ok(Admission::GoesBack(Condition::NotAllowed));
    }

    let Decision { verdict, lookalikes, .. } =
        match timeout(time, decided(cx, &handed_over, connection)).await {
            Ok(Ok(decision)) => decision,
            Ok(Err(Stop::Suspend)) => return Err(JournalClosed),
            Ok(Err(_)) | Err(_) => {
                note(cx, arrival, State::HandedBack, Reason::Unsure).await?;
                return Ok(Admission::GoesBack(Condition::RemoteServerTimeout));
            }
        };
    match verdict {
        Verdict::Suppress(reason) => {
            let (state, wanted) = (State::Suppressed, Wanted::Inside);
            let (row, told) = note_asked(cx, arrival, anew, wanted, state, reason).await?;
            return Ok(not_passed_on(row, told, false));
        }
        // Nobody delivers it. The inviter is told what they would be told for any other contact.
        Verdict::Unwanted(state, reason) => {
            let (row, told) = note_asked(cx, arrival, anew, Wanted::No, state, reason).await?;
            if reason == Reason::Mimicry {
                lookalikes.warn_of_dropped(&row);
            }
            return Ok(not_passed_on(row, told, anew.is_some()));
        }
        Verdict::HandBack(reason) => {
            note(cx, arrival, State::HandedBack, reason).await?;
            return Ok(Admission::GoesBack(Condition::NotAllowed));
        }
        // One that fails would reach nobody by the server either.
        Verdict::Relay { .. } | Verdict::Refuse(_) | Verdict::Fail(_) => {}
    }

    arrival.payload.hand_over = question_of(question);
    let to_be_relayed = matches!(verdict, Verdict::Relay { .. });
    take_over(cx, arrival, to_be_relayed, anew, left, behind).await
}

/// Takes an invitation, unless it is to be relayed and the contact has another one. One that is refused is under way as well
/// until its inviter has been told, so that they are told after a restart too. `behind`: this machine's clock is behind the
/// server's, so that `left` is too much.
async fn take_over(
    cx: &Context,
    arrival: Arrival,
    to_be_relayed: bool,
    anew: Option<i64>,
    left: impl Fn() -> Option<Duration>,
    behind: bool,
) -> Result<Admission, JournalClosed> {
    let admitted = if to_be_relayed {
        cx.journal.admit_claimed(arrival.clone(), &ask(cx, &arrival, anew, Wanted::Yes)).await?
    } else {
        cx.journal.admit_with_membership(arrival.clone(), anew.is_some()).await?
    };
    if let Some(Delivery::Held { by, under_way: false }) = admitted.claimed.map(|claimed| claimed.delivery) {
        let reason = Reason::Duplicate;
        let (row, told) = told_of_asked(cx, &admitted, arrival, State::Suppressed, reason);
        cx.held_back.note(by, &row, row.arrival.inviter.clone());
        return Ok(not_passed_on(row, told, false));
    }
    let Some(left) = left() else {
        // The disk took too long: the server is delivering it by now.
        let outcome = ended(admitted.id, State::HandedBack, Reason::TooLate);
        report(cx, &outcome, &arrival, None);
        cx.journal.settle_unclaimed(outcome, &arrival.contact, &arrival.room).await?;
        cx.endings.note(admitted.id);
        return Ok(Admission::Ignore);
    };
    // Only now, so that a duplicate uses up nothing.
    let counts = admitted.claimed.is_some_and(Claimed::counts);
    let sending = || cx.limits.load().sending(&arrival.contact, &arrival.inviter, None, false);
    if counts && sending() != Answer::Pass {
        let outcome = ended(admitted.id, State::HandedBack, Reason::RateLimited);
        report(cx, &outcome, &arrival, None);
        cx.journal.settle_unclaimed(outcome, &arrival.contact, &arrival.room).await?;
        cx.endings.note(admitted.id);
        return Ok(Admission::GoesBack(Condition::NotAllowed));
    }
    let job = Job::new(admitted, arrival).member_added_by_room(anew.is_some());
    let early = left.checked_sub(LATE_ANSWER_MARGIN).filter(|_| !behind);
    Ok(Admission::Taken(AfterAdmit::Run { job, early_until: early.map(|early| Instant::now() + early) }))
}

/// What identifies the hand-over if the module is asked about it later; `None` if the IQ has no sender or id.
fn question_of(question: &Iq) -> Option<Box<Origin>> {
    let (Some(sender), Some(id)) = (&question.from, &question.id) else { return None };
    Some(Box::new(Origin { sender: sender.clone(), message: Some(id.clone()) }))
}

/// Decides about it on this connection.
async fn decided(cx: &Context, handed_over: &HandedOver, on: Epoch) -> Result<Decision, Stop> {
    let HandedOver { room, contact, inviter, .. } = handed_over.clone();
    let parties = Parties::new(room, contact, Inviter::Person(inviter));
    let invitation = Invitation {
        route: Route::HandedOver,
        parties: &parties,
        part: false,
        parent: None,
        can_go_back: true,
        read_at: Instant::now(),
    };
    still_connected(cx, on)?;
    let decision = decide(cx, &invitation, None).await?;
    still_connected(cx, on)?;
    Ok(decision)
}

/// An invitation that is the relay's and goes no further. `added`: the room has made the contact a member for it, which is
/// taken back, as for an invitation that comes back later.
fn not_passed_on(row: Pending, told: Option<Told>, added: bool) -> Admission {
    Admission::Taken(AfterAdmit::Undo(Box::new(Pending { added, ..row }), told))
}

/// Answers a hand-over from a sender that may not hand over. It is recorded within a limit, so that it can't fill the journal.
async fn forged(cx: &Context, from: &str, read: Option<HandedOver>) -> Result<Admission, JournalClosed> {
    if let Some(handed_over) = read
        && cx.limits.load().forged(address::split_resource(from).0) == Answer::Pass
    {
        note(cx, arrival(cx, &handed_over), State::Refused, Reason::Untrusted).await?;
    }
    Ok(Admission::GoesBack(Condition::Forbidden))
}

/// The host that sent it, never a user, if it is ours: by configuration, or because it has granted us something on this
/// connection.
fn host_of_ours<'a>(cx: &Context, from: &'a str) -> Option<&'a str> {
    let host = address::split_resource(from).0;
    let config = cx.config.load();
    let configured = config.muc.serves(host) || config.muc.hand_over_from.iter().any(|known| known == host);
    let ours = configured || cx.link.grants(host).is_some();
    (ours && !host.contains('@')).then_some(host)
}

/// A host hands over for the rooms of its own MUC services only.
fn is_its_own(cx: &Context, host: &str, service: &str) -> bool {
    let config = cx.config.load();
    let above = service.strip_suffix(host).is_some_and(|label| label.ends_with('.'));
    config.muc.serves(service)
        && (host == service
            || config.muc.hand_over_from.iter().any(|known| known == host)
            || (above && cx.link.grants(host).is_some()))
}

/// What stands against taking it, before the room is asked.
fn obstacle(cx: &Context, handed_over: &HandedOver, connection: Epoch) -> Option<Reason> {
    let by_us = handed_over.inviter.domain().as_str() == cx.link.component();
    if by_us || !is_a_person(cx, &handed_over.contact) {
        return Some(Reason::Malformed);
    }
    if !payload::fits(&handed_over.details, &cx.config.load().relay) {
        return Some(Reason::Unsendable);
    }
    match cx.link.grants_on(connection, handed_over.inviter.domain().as_str()) {
        None => Some(Reason::NotLocal),
        Some(grants) if !grants.messages => Some(Reason::NotPermitted),
        Some(_) => None,
    }
}

fn arrival(cx: &Context, handed_over: &HandedOver) -> Arrival {
    let HandedOver { room, contact, inviter, details, .. } = handed_over;
    let device = handed_over.device.as_deref().filter(|device| address::is_resource(device));
    let addressed = device.map(|device| format!("{contact}/{device}").into());
    Arrival {
        route: Route::HandedOver,
        room: room.to_string(),
        inviter: inviter.to_string(),
        contact: contact.to_string(),
        payload: Payload { addressed, ..payload::taken(details.clone(), &cx.config.load().relay) },
        parent: None,
    }
}

/// When the server handed it over: ms since 1970, never in the future. Of older modules it is not known: then it was now.
fn sent_at(handed_over: &HandedOver) -> i64 {
    let now = clock::now();
    time_at(handed_over).map_or(now, |at| at.min(now)).timestamp_millis()
}

/// When it handed it over by its own clock, which older modules do not tell.
fn time_at(handed_over: &HandedOver) -> Option<DateTime<Utc>> {
    Some(DateTime::parse_from_rfc3339(handed_over.now.as_deref()?).ok()?.to_utc())
}

fn ended(id: Id, state: State, reason: Reason) -> Outcome {
    Outcome { id, state, reason: Some(reason), inviter: None, sent_as: None }
}

/// As it asks for its contact and room: the room has passed it on. `anew`: when the room has made the contact a member for it.
fn ask<'a>(cx: &Context, arrival: &'a Arrival, anew: Option<i64>, wanted: Wanted) -> Ask<'a> {
    let Arrival { room, inviter, contact, payload, .. } = arrival;
    let password = cx.journal.password(room, payload.password.as_deref(), true);
    Ask { contact, room, inviter, direct: false, password, wanted, adding: false, instead_of: None, anew }
}

/// Notes one that goes no further, and counts it for the contact's limit like any other. Returns what the inviter is told as
/// well.
async fn note_asked(
    cx: &Context,
    arrival: Arrival,
    anew: Option<i64>,
    wanted: Wanted,
    state: State,
    reason: Reason,
) -> Result<(Pending, Option<Told>), JournalClosed> {
    let ask = ask(cx, &arrival, anew, wanted);
    let admitted = cx.journal.note_asked(arrival.clone(), &ask, state, Some(reason)).await?;
    if wanted != Wanted::Barred && admitted.claimed.is_some_and(Claimed::counts) {
        cx.limits.load().sending(&arrival.contact, &arrival.inviter, None, false);
    }
    Ok(told_of_asked(cx, &admitted, arrival, state, reason))
}

fn told_of_asked(
    cx: &Context,
    admitted: &Admitted,
    arrival: Arrival,
    state: State,
    reason: Reason,
) -> (Pending, Option<Told>) {
    report(cx, &ended(admitted.id, state, reason), &arrival, None);
    let pending = Pending { id: admitted.id, received: admitted.received, arrival, added: false };
    let is_news = admitted.claimed.is_some_and(Claimed::is_news_to_the_inviter);
    (pending, is_news.then(words::invited_before))
}

async fn note(
    cx: &Context,
    arrival: Arrival,
    state: State,
    reason: Reason,
) -> Result<Pending, JournalClosed> {
    let id = cx.journal.note(arrival.clone(), state, Some(reason)).await?;
    report(cx, &ended(id, state, reason), &arrival, None);
    Ok(Pending { id, received: clock::now().timestamp_millis(), arrival, added: false })
}
