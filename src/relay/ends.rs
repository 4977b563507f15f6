//! How an invitation's life ends: what is undone, who is told, what the journal gets.
//! Knows nothing of what led there.

use std::sync::atomic::Ordering;

use jid::BareJid;

use super::buckets::Answer;
use super::case::{self, Case};
use super::life::{Ended, Life, Setback};
use super::mimicry::Seen;
use super::tell::tell;
use super::{Relay, membership, words};
use crate::journal::{Outcome, Reason, Route, State};
use crate::rooms::View;

impl Life {
    /// As if it had been known when it came in: a flood must not fill the disk.
    pub(super) async fn discard(&self, relay: &Relay) -> Ended {
        relay.journal.discard(self.pending.id).await?;
        Err(Setback::Dropped)
    }

    pub(super) async fn over_limit(&self, relay: &Relay, case: &Case, answer: Answer) -> Ended {
        let reason = Reason::RateLimited;
        if answer == Answer::Over {
            self.refuse(relay, reason, Some(case)).await
        } else {
            self.settle(relay, State::Refused, Some(reason), Some(case)).await
        }
    }

    /// Ends it, and everything that the inviter can see is as if the contact did not answer: the limits count, and the
    /// room is rid of the relay address. Nobody becomes a member.
    pub(super) async fn hush(
        &self,
        relay: &Relay,
        case: &Case,
        view: &View,
        state: State,
        reason: Reason,
    ) -> Ended {
        let answer = self.count(|| relay.limits.load().hushing(case.contact.as_str(), case.room.as_str()));
        if answer != Answer::Pass {
            return self.over_limit(relay, case, answer).await;
        }
        self.take_back(relay, Some(case)).await?;
        self.take_off(relay, case, view).await;
        self.settle(relay, state, Some(reason), Some(case)).await
    }

    /// The room is rid of the relay address.
    pub(super) async fn take_off(&self, relay: &Relay, case: &Case, view: &View) {
        if self.pending.arrival.route == Route::Addressed
            && view.kind().members_only == Some(true)
            && let Some(address) = case::relay_address_of(relay, &case.contact)
        {
            membership::take_off(relay, &case.room, case.person(), &address).await;
        }
    }

    pub(super) async fn expire(&self, relay: &Relay) -> Ended {
        self.take_back(relay, None).await?;
        tell(relay, &self.pending, &words::expired()).await?;
        self.settle(relay, State::Expired, None, None).await
    }

    pub(super) async fn refuse(&self, relay: &Relay, reason: Reason, case: Option<&Case>) -> Ended {
        self.take_back(relay, case).await?;
        tell(relay, &self.pending, &words::for_inviter(reason)).await?;
        self.settle(relay, State::Refused, Some(reason), case).await
    }

    pub(super) async fn fail(&self, relay: &Relay, reason: Reason, case: &Case) -> Ended {
        self.take_back(relay, Some(case)).await?;
        tell(relay, &self.pending, &words::for_inviter(reason)).await?;
        self.settle(relay, State::Failed, Some(reason), Some(case)).await
    }

    /// The contact has it.
    pub(super) async fn relayed(&self, relay: &Relay, case: &Case, sent_as: &BareJid, seen: &Seen) -> Ended {
        seen.warn_of_relayed(&self.pending);
        let reason = self.unsupported.load(Ordering::Relaxed).then_some(Reason::Unsupported);
        let outcome = self.outcome(State::Relayed, reason, Some(case), Some(sent_as));
        relay.journal.settle(outcome.clone()).await?;
        Ok(outcome)
    }

    /// The server has it all already: the room's own invitation, or the direct one. Nobody is told anything, and it counts
    /// as the one invitation for contact and room.
    pub(super) async fn was_delivered(&self, relay: &Relay, state: State, reason: Option<Reason>) -> Ended {
        let sent_as = (state == State::Relayed).then(|| self.pending.arrival.inviter.clone());
        let outcome = Outcome { sent_as, ..self.outcome(state, reason, None, None) };
        relay.journal.settle(outcome.clone()).await?;
        Ok(outcome)
    }

    /// Writes another end: none of these keeps others away.
    pub(super) async fn settle(
        &self,
        relay: &Relay,
        state: State,
        reason: Option<Reason>,
        case: Option<&Case>,
    ) -> Ended {
        let outcome = self.outcome(state, reason, case, None);
        let arrival = &self.pending.arrival;
        relay.journal.settle_unclaimed(outcome.clone(), &arrival.contact, &arrival.room).await?;
        Ok(outcome)
    }

    fn outcome(
        &self,
        state: State,
        reason: Option<Reason>,
        case: Option<&Case>,
        sent_as: Option<&BareJid>,
    ) -> Outcome {
        Outcome {
            id: self.pending.id,
            state,
            reason,
            inviter: case.and_then(Case::person).map(ToString::to_string),
            sent_as: sent_as.map(ToString::to_string),
        }
    }

    /// An invitation that did not reach the contact leaves no membership behind.
    async fn take_back(&self, relay: &Relay, case: Option<&Case>) -> Result<(), Setback> {
        if !self.added.load(Ordering::Relaxed) {
            return Ok(());
        }
        Ok(membership::take_back(relay, &self.pending.arrival, case.and_then(Case::person)).await?)
    }
}
