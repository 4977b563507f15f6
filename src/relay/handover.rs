//! A hand-over (`CONTRACT.md`, "Hand-over"): a server's module asks whether we take an invitation. The answer `result`
//! means that it is ours for good; any error means that the server delivers the mediated one itself, at once.
//!
//! So everything that could still stop us comes before the answer, and the journal has the invitation, claimed, before
//! it. Whatever is not sure goes back: the server knows a way without us.
//!
//! The answer can get lost with the connection, and the server delivers then. It handles what we send in order, so on the
//! connection that the answer went by, it is known before the invitation is. On any other the server's module is asked
//! first what became of the hand-over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use jid::BareJid;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::buckets::Answer;
use super::case::Invitation;
use super::judge::{Facts, Verdict, Wants, judge};
use super::life::{self, Life, Setback};
use super::mimicry::Seen;
use super::tell::tell;
use super::{Relay, case, payload, wishes, words};
use crate::config::Muc;
use crate::journal::{Arrival, Closed, Origin, Outcome, Pending, Reason, Route, State};
use crate::link::{AskError, Epoch};
use crate::rooms::Age;
use crate::wire::handover::{Fate, FateOf, HandedOver};
use crate::wire::muc::{Inviter, Malformed};
use crate::wire::{Condition, Iq, IqPayload, IqType, Stanza, address};

/// The answer needs some time to arrive before the deadline.
const MARGIN: Duration = Duration::from_millis(250);

/// So often a module that does not answer is asked what became of a hand-over. Then the invitation is delivered: twice is
/// better than never.
const ASKS: u8 = 3;

/// An answer that is sent with less time left may arrive too late over a slow connection.
const CLOSE_TO_THE_DEADLINE: Duration = Duration::from_secs(2);

/// Answers a hand-over that came by this connection, and lives the invitation's life if it is ours.
pub(super) async fn take(
    relay: Arc<Relay>,
    question: Iq,
    read: Result<HandedOver, Malformed>,
    connection: Epoch,
) {
    if relay.link.epoch().is_ok_and(|now| now != connection) {
        debug!(from = question.from, "a hand-over came by a connection that is lost");
        return;
    }
    let answer = match decide(&relay, &question, read, connection).await {
        Ok(Decision::Ignore) | Err(Closed) => return,
        Ok(Decision::Refuse(condition)) => (Iq::error_to(&question, condition), None),
        Ok(Decision::Done(then)) => (Iq::result_to(&question), Some(then)),
    };
    let (answer, then) = answer;
    relay.link.post_on(connection, Stanza::Iq(answer)).await;
    match then {
        Some(Then::Live { life, early }) => {
            // Else it asks, behind the answer: the server may have got that too late.
            if early {
                life.module.knows_by(connection);
            }
            drop(life::live(relay, *life).await);
        }
        Some(Then::Decline(pending, reason)) => {
            // Told or not, it has ended.
            let _ = tell(&relay, &pending, &words::for_inviter(reason)).await;
        }
        Some(Then::Nothing) | None => {}
    }
}

/// The answer when more is under way than the relay takes. Nothing is noted: that would only add to the load.
pub(super) fn too_busy(question: &Iq) -> Iq {
    Iq::error_to(question, Condition::ResourceConstraint)
}

enum Decision {
    /// Its deadline has passed: the server has delivered it.
    Ignore,
    /// The server is to deliver it.
    Refuse(Condition),
    /// Ours for good.
    Done(Then),
}

enum Then {
    /// `early`: the answer is sent long before the deadline.
    Live {
        life: Box<Life>,
        early: bool,
    },
    Decline(Box<Pending>, Reason),
    Nothing,
}

async fn decide(
    relay: &Relay,
    question: &Iq,
    read: Result<HandedOver, Malformed>,
    connection: Epoch,
) -> Result<Decision, Closed> {
    let from = question.from.as_deref().unwrap_or_default();
    // Without a connection nobody knows what is granted, and so whom to believe. The server has delivered it by now.
    if !relay.link.is_up() {
        return Ok(Decision::Refuse(Condition::RemoteServerTimeout));
    }
    let Some(host) = host_of_ours(relay, from) else {
        return forged(relay, from, read.ok()).await;
    };
    let handed_over = match read {
        Ok(handed_over) => handed_over,
        Err(malformed) => {
            warn!(from = question.from, "a hand-over that can't be read ({malformed}) goes back");
            return Ok(Decision::Refuse(Condition::BadRequest));
        }
    };
    let Ok(deadline) = DateTime::parse_from_rfc3339(&handed_over.deadline) else {
        warn!(
            from = question.from,
            "a hand-over goes back: its deadline {:?} is no time", handed_over.deadline
        );
        return Ok(Decision::Refuse(Condition::BadRequest));
    };
    let left = || (deadline.to_utc() - Utc::now()).to_std().ok().and_then(|left| left.checked_sub(MARGIN));
    let Some(time) = left() else {
        debug!(from = question.from, "a hand-over came after its deadline");
        return Ok(Decision::Ignore);
    };
    if !is_its_own(relay, host, handed_over.room.domain().as_str()) {
        return forged(relay, from, Some(handed_over)).await;
    }
    // It has come this way before, and the room is to deliver it now.
    if relay.passing.is_ours(&handed_over) {
        debug!(id = handed_over.id, "an invitation that was left to its room goes back there");
        return Ok(Decision::Refuse(Condition::NotAllowed));
    }
    let mut arrival = arrival(relay, &handed_over);
    match relay.limits.load().received(handed_over.inviter.as_str(), handed_over.room.as_str()) {
        Answer::Pass => {}
        // The server's own delivery is not ours to limit; all of a flood are counted, only the first is noted.
        answer => {
            let (state, reason) = (State::HandedBack, Reason::RateLimited);
            if answer == Answer::Over {
                note(relay, arrival, state, reason).await?;
            } else {
                relay.counts.ended(arrival.route, state, Some(reason), None);
            }
            return Ok(Decision::Refuse(Condition::NotAllowed));
        }
    }
    if let Some(reason) = obstacle(relay, &handed_over) {
        note(relay, arrival, State::HandedBack, reason).await?;
        return Ok(Decision::Refuse(Condition::NotAllowed));
    }

    let (verdict, seen) = match timeout(time, judged(relay, &handed_over, connection)).await {
        Ok(Ok(judged)) => judged,
        Ok(Err(Setback::Closed)) => return Err(Closed),
        Ok(Err(_)) | Err(_) => {
            note(relay, arrival, State::HandedBack, Reason::Unsure).await?;
            return Ok(Decision::Refuse(Condition::RemoteServerTimeout));
        }
    };
    match verdict {
        Verdict::Suppress(reason) => {
            note(relay, arrival, State::Suppressed, reason).await?;
            return Ok(Decision::Done(Then::Nothing));
        }
        Verdict::Refuse(reason) => {
            let pending = note(relay, arrival, State::Refused, reason).await?;
            return Ok(Decision::Done(Then::Decline(Box::new(pending), reason)));
        }
        Verdict::Hush(state, reason) => return hush(relay, arrival, state, reason, &seen).await,
        Verdict::HandBack(reason) => {
            note(relay, arrival, State::HandedBack, reason).await?;
            return Ok(Decision::Refuse(Condition::NotAllowed));
        }
        Verdict::Relay { .. } => {}
    }

    arrival.payload.hand_over = question_of(question);
    let admitted = relay.journal.admit_claimed(arrival.clone()).await?;
    if admitted.duplicate {
        life::report(relay, &ended(admitted.id, State::Suppressed, Reason::Duplicate), &arrival, None);
        return Ok(Decision::Done(Then::Nothing));
    }
    let Some(left) = left() else {
        // The disk took too long: the server is delivering it by now.
        let outcome = ended(admitted.id, State::HandedBack, Reason::TooLate);
        life::report(relay, &outcome, &arrival, None);
        relay.journal.settle_unclaimed(outcome, &arrival.contact, &arrival.room).await?;
        return Ok(Decision::Ignore);
    };
    // Only now, so that a duplicate uses up nothing.
    if relay.limits.load().sending(&arrival.contact) != Answer::Pass {
        let outcome = ended(admitted.id, State::HandedBack, Reason::RateLimited);
        life::report(relay, &outcome, &arrival, None);
        relay.journal.settle_unclaimed(outcome, &arrival.contact, &arrival.room).await?;
        return Ok(Decision::Refuse(Condition::NotAllowed));
    }
    let early = left >= CLOSE_TO_THE_DEADLINE;
    Ok(Decision::Done(Then::Live { life: Box::new(Life::new(admitted, arrival)), early }))
}

/// What the module is asked by, should that be necessary.
fn question_of(question: &Iq) -> Option<Box<Origin>> {
    let (Some(sender), Some(id)) = (&question.from, &question.id) else { return None };
    Some(Box::new(Origin { sender: sender.clone(), message: Some(id.clone()) }))
}

/// What the module of the server knows of an invitation that it has handed over.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// The connection on which it learned that the invitation is ours, or was asked; 0: none yet.
    by: AtomicU64,
    /// So often it did not answer.
    unanswered: AtomicU8,
}

impl Module {
    fn knows_by(&self, connection: Epoch) {
        self.by.store(connection.number(), Ordering::Relaxed);
    }

    fn heard_by(&self, connection: Epoch) -> bool {
        self.by.load(Ordering::Relaxed) == connection.number()
    }
}

impl Life {
    /// Whether it may be delivered by this connection: what was handed over only by the one where the module heard of it.
    pub(super) fn may_go_by(&self, connection: Epoch) -> bool {
        let hand_over = self.pending.arrival.payload.hand_over.as_deref();
        let asks = matches!(hand_over, Some(Origin { message: Some(_), .. }));
        !asks || self.module.heard_by(connection)
    }

    /// How it has ended, if the server knows that of what it has handed over. Asks only on another connection than the one
    /// where the module last heard of it.
    pub(super) async fn known_to_the_server(&self, relay: &Relay) -> Result<Option<Outcome>, Setback> {
        let hand_over = self.pending.arrival.payload.hand_over.as_deref();
        let Some(Origin { sender, message: Some(id) }) = hand_over else { return Ok(None) };
        let connection = relay.link.epoch()?;
        if self.module.heard_by(connection) {
            return Ok(None);
        }
        // On the heap: hardly any asks.
        match Box::pin(self.fate(relay, sender, id)).await? {
            Fate::Taken | Fate::Unknown => {
                self.module.knows_by(connection);
                Ok(None)
            }
            Fate::Passed => self.was_delivered(relay, State::Relayed, None).await.map(Some),
            Fate::Delivered => {
                self.was_delivered(relay, State::HandedBack, Some(Reason::TooLate)).await.map(Some)
            }
        }
    }

    async fn fate(&self, relay: &Relay, module: &str, id: &str) -> Result<Fate, AskError> {
        let question = IqPayload::FateOf(FateOf::hand_over(id));
        let fate = match relay.link.ask(module, IqType::Get, question).await {
            Ok(Iq { payload, .. }) => match payload.0 {
                Some(IqPayload::FateOf(answer)) => answer.fate(),
                _ => Fate::Unknown,
            },
            Err(AskError::Lost) => return Err(AskError::Lost),
            Err(AskError::Unanswered)
                if self.module.unanswered.fetch_add(1, Ordering::Relaxed) + 1 < ASKS =>
            {
                return Err(AskError::Unanswered);
            }
            // A module that is older than the question, or none any more.
            Err(AskError::Unanswered | AskError::Refused(_) | AskError::Swallowed) => Fate::Unknown,
        };
        debug!(id = self.pending.id, ?fate, "asked what became of a hand-over");
        Ok(fate)
    }
}

async fn judged(relay: &Relay, handed_over: &HandedOver, on: Epoch) -> Result<(Verdict, Seen), Setback> {
    let HandedOver { room, contact, inviter, .. } = handed_over;
    life::still(relay, on)?;
    let judged = judged_on_this_connection(relay, room, contact, inviter).await?;
    life::still(relay, on)?;
    Ok(judged)
}

async fn judged_on_this_connection(
    relay: &Relay,
    room: &BareJid,
    contact: &BareJid,
    inviter: &BareJid,
) -> Result<(Verdict, Seen), Setback> {
    let wishes = async { Ok::<_, Setback>(relay.journal.wishes(contact.as_str()).await?) };
    let view = async { Ok(relay.rooms.look(room, Some(inviter), Age::Fresh).await?) };
    let (view, wishes) = tokio::try_join!(view, wishes)?;
    let route = Route::HandedOver;
    let asks = Some(inviter);
    let invitation = Invitation { route, contact, inviter: asks, duplicate: false, part: false, above: None };
    let facts = invitation.facts(relay, &view);
    match judge(facts) {
        Verdict::Relay { .. } => {
            let inviter = Inviter::Person(inviter.clone());
            let (wants, seen) = wishes::of(relay, room, contact, &inviter, &wishes).await?;
            Ok((judge(Facts { wants: Wants { can_go_back: true, ..wants }, ..facts }), seen))
        }
        verdict => Ok((verdict, Seen::default())),
    }
}

/// It is ours, so that nobody delivers it, and the inviter sees what he would see of anybody: nothing, over the contact's
/// limit too, because then the server would deliver another's without a word.
async fn hush(
    relay: &Relay,
    arrival: Arrival,
    state: State,
    reason: Reason,
    seen: &Seen,
) -> Result<Decision, Closed> {
    relay.limits.load().hushing(&arrival.contact, &arrival.room);
    let pending = note(relay, arrival, state, reason).await?;
    if reason == Reason::Mimicry {
        seen.warn_of_dropped(&pending);
    }
    Ok(Decision::Done(Then::Nothing))
}

/// Somebody who may not hand over has sent this. Noted as far as it does not fill the journal.
async fn forged(relay: &Relay, from: &str, read: Option<HandedOver>) -> Result<Decision, Closed> {
    if let Some(handed_over) = read
        && relay.limits.load().forged(address::domain_of(from)) == Answer::Pass
    {
        note(relay, arrival(relay, &handed_over), State::Refused, Reason::Untrusted).await?;
    }
    Ok(Decision::Refuse(Condition::Forbidden))
}

/// The host that sent it, never a user, if it is ours: by configuration, or because it has granted us something on this
/// connection.
fn host_of_ours<'a>(relay: &Relay, from: &'a str) -> Option<&'a str> {
    let host = address::split_resource(from).0;
    let config = relay.config.load();
    let Muc { services, hand_over_from, .. } = &config.muc;
    let ours =
        services.iter().chain(hand_over_from).any(|known| known == host) || relay.link.grants(host).is_some();
    (ours && !host.contains('@')).then_some(host)
}

/// A host hands over for the rooms of its own MUC services only.
fn is_its_own(relay: &Relay, host: &str, service: &str) -> bool {
    let config = relay.config.load();
    let Muc { services, hand_over_from, .. } = &config.muc;
    let above = service.strip_suffix(host).is_some_and(|label| label.ends_with('.'));
    services.iter().any(|known| known == service)
        && (host == service
            || hand_over_from.iter().any(|known| known == host)
            || (above && relay.link.grants(host).is_some()))
}

/// What stands against taking it, before the room is asked.
fn obstacle(relay: &Relay, handed_over: &HandedOver) -> Option<Reason> {
    let by_us = handed_over.inviter.domain().as_str() == relay.link.component();
    if by_us || !case::is_a_person(relay, &handed_over.contact) {
        return Some(Reason::Malformed);
    }
    match relay.link.grants(handed_over.inviter.domain().as_str()) {
        None => Some(Reason::NotLocal),
        Some(grants) if !grants.messages => Some(Reason::NotPermitted),
        Some(_) => None,
    }
}

fn arrival(relay: &Relay, handed_over: &HandedOver) -> Arrival {
    Arrival {
        route: Route::HandedOver,
        room: handed_over.room.to_string(),
        inviter: handed_over.inviter.to_string(),
        contact: handed_over.contact.to_string(),
        payload: payload::taken(handed_over.details.clone(), &relay.config.load().relay),
        parent: None,
    }
}

fn ended(id: crate::journal::Id, state: State, reason: Reason) -> Outcome {
    Outcome { id, state, reason: Some(reason), inviter: None, sent_as: None }
}

async fn note(relay: &Relay, arrival: Arrival, state: State, reason: Reason) -> Result<Pending, Closed> {
    let id = relay.journal.note(arrival.clone(), state, Some(reason)).await?;
    life::report(relay, &ended(id, state, reason), &arrival, None);
    Ok(Pending { id, received: Utc::now().timestamp_millis(), arrival, added: false })
}
