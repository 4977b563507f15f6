//! One invitation from the journal to its end: looked into, judged, claimed, sent, confirmed, settled. How it ends is
//! written in `ends.rs`.
//!
//! The happy path reads straight down in [`Life::attempt`]. Whatever the link or a room fails to do for the moment
//! starts the whole attempt again, because the world may have changed meanwhile; a claim stays with its invitation, so
//! nothing is done twice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use chrono::Utc;
use jid::BareJid;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info};

use super::bounce::{self, Bounce};
use super::buckets::Answer;
use super::case::{self, Above, Case, Invitation};
use super::judge::{Adding, Facts, Verdict, judge};
use super::mimicry::Seen;
use super::{Relay, delivery, fan_out, handover, membership, through_room, wishes};
use crate::journal::{Admitted, Arrival, Closed, Outcome, Pending, Reason, Route, State, Wishes};
use crate::link::{AskError, Epoch, Lost};
use crate::rooms::{Age, View};
use crate::wire::address;
use crate::wire::muc::Affiliation;

/// The pause before a room that did not answer is asked again.
const PAUSE: Duration = Duration::from_secs(5);

/// So long after an invitation came, whoever has its nick is taken for the one who sent it.
const NICK_HOLDS: Duration = Duration::from_secs(5);

/// An invitation in memory.
pub(super) struct Life {
    pub(super) pending: Pending,
    /// Another one held contact and room when it came in.
    duplicate: bool,
    /// When it was read, by the clock that nobody can set.
    begun: Instant,
    /// How old it was then.
    age: Duration,
    /// It has claimed contact and room, at the very moment it was taken in.
    claimed: AtomicBool,
    /// It has been counted against the contact's limit: what was handed over, when it was taken.
    counted: AtomicBool,
    /// What the contact wanted when it came in; `None` once it is long ago.
    wishes: Mutex<Option<Wishes>>,
    /// The contact was made a member for it, or was about to be.
    pub(super) added: AtomicBool,
    /// None of the contact's clients that are online shows direct invitations.
    pub(super) unsupported: AtomicBool,
    /// It has been counted against the room's limit, by whoever takes the room's word for it; else when the relay has seen
    /// for itself that the inviter may invite there.
    room_counted: AtomicBool,
    /// See [`Life::unmask`].
    unmasked: OnceLock<(Option<BareJid>, Answer)>,
    /// What its module knows, if it was handed over.
    pub(super) module: handover::Module,
    /// What it is a part of.
    above: Option<Arc<Above>>,
    /// What becomes of its parts, where it stands for several people.
    pub(super) parts: fan_out::Parts,
}

impl Life {
    /// It has just come in.
    pub(super) fn new(admitted: Admitted, arrival: Arrival) -> Self {
        let (direct, handed_over) = (arrival.route == Route::Direct, arrival.route == Route::HandedOver);
        let Admitted { id, received, duplicate, wishes } = admitted;
        Self {
            pending: Pending { id, received, arrival, added: false },
            duplicate,
            begun: Instant::now(),
            age: Duration::ZERO,
            claimed: AtomicBool::new(handed_over),
            counted: AtomicBool::new(handed_over),
            wishes: Mutex::new(Some(wishes)),
            added: AtomicBool::new(false),
            unsupported: AtomicBool::new(false),
            room_counted: AtomicBool::new(!direct),
            unmasked: OnceLock::new(),
            module: handover::Module::default(),
            above: None,
            parts: fan_out::Parts::none_yet(),
        }
    }

    /// It has waited on the disk.
    pub(super) fn resumed(pending: Pending) -> Self {
        // A clock that was set back makes nothing older.
        let age = u64::try_from(Utc::now().timestamp_millis() - pending.received).unwrap_or(0);
        Self {
            duplicate: false,
            begun: Instant::now(),
            age: Duration::from_millis(age),
            claimed: AtomicBool::new(false),
            // What an earlier run counted is forgotten, and the start of this one leaves it to this life.
            counted: AtomicBool::new(pending.arrival.route == Route::HandedOver),
            wishes: Mutex::default(),
            added: AtomicBool::new(pending.added),
            unsupported: AtomicBool::new(false),
            room_counted: AtomicBool::new(pending.arrival.route != Route::Direct),
            unmasked: OnceLock::new(),
            module: handover::Module::default(),
            above: None,
            parts: fan_out::Parts::perhaps(),
            pending,
        }
    }

    /// It was read at this moment, some time before the journal had it.
    pub(super) fn read_at(self, begun: Instant) -> Self {
        Self { begun, ..self }
    }

    /// It is a part of another one, which knows the inviter as well as he is known.
    pub(super) fn part_of(self, above: &Arc<Above>) -> Self {
        let unmasked = OnceLock::from((None, Answer::Pass));
        Self { above: Some(Arc::clone(above)), unmasked, ..self }
    }
}

/// Why an attempt did not end the invitation.
pub(super) enum Setback {
    /// The link was lost, or a room did not answer.
    Again(AskError),
    /// The journal is closed: the next start goes on.
    Closed,
    /// Its inviter is over his limit, and knows: there is no trace of it any more.
    Dropped,
    /// The relay stops: the next start goes on.
    Stopped,
}

impl From<AskError> for Setback {
    fn from(e: AskError) -> Self {
        Self::Again(e)
    }
}

impl From<Lost> for Setback {
    fn from(_: Lost) -> Self {
        Self::Again(AskError::Lost)
    }
}

impl From<Closed> for Setback {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

/// How it ended, if it did.
pub(super) type Ended = Result<Outcome, Setback>;

/// Lives until the invitation is settled, or the relay stops. Tells how it was settled.
pub(super) async fn live(relay: Arc<Relay>, life: Life) -> Option<Outcome> {
    let left = relay.config.load().relay.expiry.saturating_sub(life.age);
    let expiry = life.begun + left;
    loop {
        // Without the link nobody could be told either, so an invitation expires only while it is up.
        if !relay.link.up().await {
            return None;
        }
        let ended = match life.known_to_the_server(&relay).await {
            Ok(Some(outcome)) => Ok(outcome),
            Ok(None) if Instant::now() < expiry => life.attempt(&relay).await,
            Ok(None) => life.give_up(&relay).await,
            Err(setback) => Err(setback),
        };
        match ended {
            Ok(outcome) => {
                report(&relay, &outcome, &life.pending.arrival, Some(life.begun.elapsed() + life.age));
                if let Some(sent_as) = outcome.sent_as.clone() {
                    let contact = life.pending.arrival.contact;
                    // With the journal closed the next start finds it relayed.
                    let _ = bounce::settled(&relay, Bounce { id: outcome.id, contact, sent_as }).await;
                }
                return Some(outcome);
            }
            Err(Setback::Closed | Setback::Dropped | Setback::Stopped) => return None,
            Err(Setback::Again(AskError::Lost)) => debug!(id = life.pending.id, "interrupted"),
            Err(Setback::Again(e)) => {
                debug!(
                    id = life.pending.id,
                    room = life.pending.arrival.room,
                    "{e}: trying again in a while"
                );
                sleep_until(expiry.min(Instant::now() + PAUSE)).await;
            }
        }
    }
}

impl Life {
    async fn attempt(&self, relay: &Arc<Relay>) -> Ended {
        let (unmasked, answer) = self.unmask(relay).await?;
        let Some(case) = Case::of(&self.pending.arrival, unmasked) else {
            return self.refuse(relay, Reason::Malformed, None).await;
        };
        match answer {
            Answer::Pass => {}
            Answer::Over => return self.refuse(relay, Reason::RateLimited, Some(&case)).await,
            Answer::StillOver => return self.discard(relay).await,
        }
        if case::is_a_person(relay, &case.contact) {
            self.attempt_one(relay, &case).await
        } else if fan_out::may_be_one(&self.pending.arrival) {
            fan_out::attempt(relay, self, &case).await
        } else {
            self.refuse(relay, Reason::Malformed, Some(&case)).await
        }
    }

    async fn attempt_one(&self, relay: &Relay, case: &Case) -> Ended {
        // All that is decided from here on holds for this connection: on another one other things may be granted.
        let on = relay.link.epoch()?;
        let (verdict, view, seen) = self.judged(relay, case).await?;
        still(relay, on)?;
        if !matches!(verdict, Verdict::Refuse(_)) {
            match self.count_room(relay, case) {
                Answer::Pass => {}
                Answer::Over => return self.refuse(relay, Reason::RateLimited, Some(case)).await,
                Answer::StillOver => return self.discard(relay).await,
            }
        }
        match verdict {
            // What was handed over is ours by now, so it can't go back.
            Verdict::Suppress(reason) | Verdict::HandBack(reason) => {
                self.settle(relay, State::Suppressed, Some(reason), Some(case)).await
            }
            Verdict::Refuse(reason) => self.refuse(relay, reason, Some(case)).await,
            Verdict::Hush(state, reason) => {
                let ended = self.hush(relay, case, &view, state, reason).await?;
                if ended.reason == Some(Reason::Mimicry) {
                    seen.warn_of_dropped(&self.pending);
                }
                Ok(ended)
            }
            Verdict::Relay { add_member } => {
                if !self.claim(relay, case, add_member).await? {
                    let reason = Some(Reason::Duplicate);
                    return self.settle(relay, State::Suppressed, reason, Some(case)).await;
                }
                let answer = self.count(|| relay.limits.load().sending(case.contact.as_str()));
                if answer != Answer::Pass {
                    return self.over_limit(relay, case, answer).await;
                }
                if let Err(reason) = self.add(relay, case, add_member).await? {
                    still(relay, on)?;
                    return self.refuse(relay, reason, Some(case)).await;
                }
                let ended = self.send(relay, case, on).await?;
                self.take_off(relay, case, &view).await;
                match ended {
                    Ok(sent_as) => self.relayed(relay, case, &sent_as, &seen).await,
                    Err(reason) => self.fail(relay, reason, case).await,
                }
            }
        }
    }

    /// Sends it, the room's own where the contact can't be shown another. The address that he sees it come from, or why it
    /// came back.
    async fn send(&self, relay: &Relay, case: &Case, on: Epoch) -> Result<Result<BareJid, Reason>, Setback> {
        // What was handed over has had its chance to go back.
        if self.unsupported.load(Ordering::Relaxed)
            && self.pending.arrival.route != Route::HandedOver
            && Box::pin(through_room::send(relay, &self.pending, case, on)).await?
        {
            return Ok(Ok(case.room.clone()));
        }
        if !self.may_go_by(on) {
            return Err(Setback::Again(AskError::Lost));
        }
        let ended = delivery::deliver(relay, &self.pending, case, on).await?;
        Ok(ended.map(|sender| sender.address().clone()))
    }

    /// The room's limit, where it is not the room that has passed the invitation on.
    pub(super) fn count_room(&self, relay: &Relay, case: &Case) -> Answer {
        if self.room_counted.swap(true, Ordering::Relaxed) {
            return Answer::Pass;
        }
        relay.limits.load().seen_in(case.room.as_str())
    }

    /// Whose nick it is, where the room names the inviter by that alone, and what his limits say then. Found out once, and
    /// soon after the invitation came: later the nick may be somebody else's, and we would speak in the wrong name.
    async fn unmask(&self, relay: &Relay) -> Result<(Option<BareJid>, Answer), AskError> {
        let arrival = &self.pending.arrival;
        let Some(nick) = case::masked(&arrival.inviter) else { return Ok((None, Answer::Pass)) };
        if let Some(known) = self.unmasked.get() {
            return Ok(known.clone());
        }
        let person = match address::own(&arrival.room) {
            Ok(room) if self.age + self.begun.elapsed() < NICK_HOLDS => {
                relay.rooms.occupant(&room, nick, self.begun).await?
            }
            _ => None,
        };
        let answer =
            relay.limits.load().unmasked(person.as_ref().map(|person| person.as_str()), &arrival.room);
        Ok(self.unmasked.get_or_init(|| (person, answer)).clone())
    }

    /// Judges with what is remembered of the room; whatever stops an invitation, or changes the room, must be so now.
    async fn judged(&self, relay: &Relay, case: &Case) -> Result<(Verdict, Arc<View>, Seen), Setback> {
        let known = self.above.is_some() || self.invitation(case).vouched();
        let first = if known { Age::Recent } else { Age::Fresh };
        let mut view = self.look(relay, case, first).await?;
        let mut verdict = self.verdict(relay, case, &view);
        if matches!(verdict, Verdict::Refuse(_) | Verdict::Suppress(Reason::Occupant)) {
            view = self.look(relay, case, Age::Fresh).await?;
            verdict = self.verdict(relay, case, &view);
        }
        if let Verdict::Relay { add_member: Adding::ByInviter | Adding::ByAnyRight } = verdict {
            // Somebody may just have made more of the contact than a member; and what the room did with this very
            // invitation can vouch for it. Of a part the room knows nothing, and a whole list may be many questions.
            let age = if self.above.is_some() { Age::Fresh } else { Age::FreshSince(self.begun) };
            view = self.look(relay, case, age).await?;
            verdict = self.verdict(relay, case, &view);
        }
        let mut seen = Seen::default();
        if let Verdict::Relay { .. } = verdict {
            let wishes = self.wishes(relay).await?;
            let wants;
            (wants, seen) = wishes::of(relay, &case.room, &case.contact, &case.inviter, &wishes).await?;
            self.unsupported.store(wants.unsupported, Ordering::Relaxed);
            verdict = judge(Facts { wants, ..self.facts(relay, case, &view) });
        }
        Ok((verdict, view, seen))
    }

    fn verdict(&self, relay: &Relay, case: &Case, view: &View) -> Verdict {
        judge(self.facts(relay, case, view))
    }

    fn facts(&self, relay: &Relay, case: &Case, view: &View) -> Facts {
        self.invitation(case).facts(relay, view)
    }

    pub(super) fn invitation<'a>(&'a self, case: &'a Case) -> Invitation<'a> {
        Invitation {
            route: self.pending.arrival.route,
            contact: &case.contact,
            inviter: case.person(),
            duplicate: self.duplicate,
            part: self.pending.arrival.parent.is_some(),
            above: self.above.as_deref(),
        }
    }

    async fn look(&self, relay: &Relay, case: &Case, age: Age) -> Result<Arc<View>, AskError> {
        if self.invitation(case).vouched() {
            relay.rooms.look(&case.room, case.person(), age).await
        } else {
            relay.rooms.look_at_all(&case.room, case.person(), age).await
        }
    }

    /// What the contact wants now: at the first attempt that is what he wanted when it came in.
    async fn wishes(&self, relay: &Relay) -> Result<Wishes, Closed> {
        let known = self.wishes.lock().unwrap_or_else(PoisonError::into_inner).take();
        match known {
            Some(wishes) => Ok(wishes),
            None => relay.journal.wishes(&self.pending.arrival.contact).await,
        }
    }

    /// Claims contact and room, once; and what the contact is about to be made is written down with that.
    async fn claim(&self, relay: &Relay, case: &Case, adding: Adding) -> Result<bool, Closed> {
        let (id, contact, room) = (self.pending.id, case.contact.as_str(), case.room.as_str());
        if adding != Adding::No {
            relay.journal.claim_adding(id, contact, room).await
        } else if self.claimed.swap(false, Ordering::Relaxed) {
            Ok(true)
        } else {
            relay.journal.claim(id, contact, room).await
        }
    }

    /// Makes the contact a member, if that is to be: it has been written down. The inner error is why it can't be.
    async fn add(&self, relay: &Relay, case: &Case, adding: Adding) -> Result<Result<(), Reason>, Setback> {
        if adding != Adding::No {
            self.added.store(true, Ordering::Relaxed);
        }
        Ok(membership::add(relay, &case.room, case.person(), &case.contact, adding).await?)
    }

    /// The contact's limit, once for each invitation.
    pub(super) fn count(&self, count: impl FnOnce() -> Answer) -> Answer {
        if self.counted.swap(true, Ordering::Relaxed) { Answer::Pass } else { count() }
    }

    async fn give_up(&self, relay: &Arc<Relay>) -> Ended {
        match Case::of(&self.pending.arrival, None) {
            Some(case)
                if !case::is_a_person(relay, &case.contact) && fan_out::may_be_one(&self.pending.arrival) =>
            {
                fan_out::give_up(relay, self, &case).await
            }
            _ => self.expire(relay).await,
        }
    }
}

/// Asks the room what the life of an invitation that is being taken in will ask first: the same questions, which it then
/// finds answered. Of no consequence but for the time.
pub(super) async fn look_ahead(relay: &Relay, arrival: &Arrival, read_at: Instant) {
    if arrival.route != Route::Addressed {
        return;
    }
    let (Ok(room), Ok(contact)) = (BareJid::new(&arrival.room), BareJid::new(&arrival.contact)) else {
        return;
    };
    // What fails here is asked again.
    if let Some(nick) = case::masked(&arrival.inviter) {
        let _ = relay.rooms.occupant(&room, nick, read_at).await;
    } else if let Ok(inviter) = BareJid::new(&arrival.inviter)
        && let Ok(view) = relay.rooms.look(&room, Some(&inviter), Age::Recent).await
        && view.kind().members_only == Some(true)
        && view.affiliation(&contact) == Some(Affiliation::None)
    {
        let _ = relay.rooms.look(&room, Some(&inviter), Age::FreshSince(read_at)).await;
    }
}

/// What was found out on a connection that has ended means nothing: less may have been granted meanwhile, or nothing.
pub(super) fn still(relay: &Relay, on: Epoch) -> Result<(), Lost> {
    if relay.link.epoch()? == on { Ok(()) } else { Err(Lost) }
}

/// One line for each outcome, and it is counted.
pub(super) fn report(relay: &Relay, outcome: &Outcome, arrival: &Arrival, took: Option<Duration>) {
    relay.counts.ended(arrival.route, outcome.state, outcome.reason, took);
    info!(
        id = outcome.id,
        route = %arrival.route,
        room = arrival.room,
        inviter = outcome.inviter.as_deref().unwrap_or(&arrival.inviter),
        contact = arrival.contact,
        reason = outcome.reason.map(Reason::as_str),
        sent_as = outcome.sent_as,
        ms = took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
        "{}",
        outcome.state,
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Payload;

    /// A thousand of them live at a time, and each is copied some times before it does.
    #[test]
    fn an_invitation_under_way_is_small() {
        fn size<A, B, F: Future>(_: impl FnOnce(A, B) -> F) -> usize {
            std::mem::size_of::<F>()
        }
        let size = size(live);
        assert!(size < 4096, "{size} bytes: put what is rarely needed on the heap (Box::pin)");
    }

    #[test]
    fn each_is_counted_once_whichever_way_it_waited() {
        for (route, by_contact, by_room) in [
            (Route::Addressed, true, false),
            (Route::Direct, true, true),
            (Route::FanOut, true, false),
            (Route::HandedOver, false, false),
        ] {
            let arrival = || Arrival {
                route,
                room: "tea@c.example".to_owned(),
                inviter: "alice@example.org".to_owned(),
                contact: "bob@example.org".to_owned(),
                payload: Payload::default(),
                parent: None,
            };
            let admitted = Admitted { id: 1, received: 0, duplicate: false, wishes: Wishes::default() };
            let waited = Pending { id: 1, received: 0, arrival: arrival(), added: false };
            for life in [Life::new(admitted, arrival()), Life::resumed(waited)] {
                let full = || life.count(|| Answer::Over) == Answer::Over;
                assert_eq!([full(), full()], [by_contact, false], "{route}");
                assert_eq!(life.room_counted.into_inner(), !by_room, "{route}");
            }
        }
    }
}
