//! The summary of a fan-out: what the journal shows, and what the inviter is told.
//! Knows nothing of how it is carried out.

use crate::model::{Reason, State};
use crate::relay::settle::words::{self, Told};

/// How many people were invited, were already there, or can't be reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::relay) struct Summary {
    /// People who were sent an invitation, and those who do not want one: the inviter sees no difference.
    pub(in crate::relay) invited: usize,
    /// People who were invited before, as the inviter sees it.
    pub(in crate::relay) before: usize,
    /// People who are in the room.
    pub(in crate::relay) already: usize,
    pub(in crate::relay) failed: usize,
    /// People among `invited` on other servers, which may still send the invitations back.
    pub(in crate::relay) elsewhere: usize,
    /// People among `invited` who were really sent one.
    relayed: usize,
}

impl Summary {
    /// Counts a part. `repeated`: as the inviter sees it, this contact had been invited already.
    pub(in crate::relay) fn add(
        &mut self,
        state: State,
        reason: Option<Reason>,
        repeated: bool,
        elsewhere: bool,
    ) {
        let before = self.invited;
        self.relayed += usize::from(state == State::Relayed);
        match (state, reason) {
            (State::Suppressed, Some(Reason::Occupant)) => self.already += 1,
            (State::Relayed | State::Suppressed, _) | (_, Some(Reason::Stranger | Reason::Mimicry)) => {
                *(if repeated { &mut self.before } else { &mut self.invited }) += 1;
            }
            _ => self.failed += 1,
        }
        if elsewhere {
            self.elsewhere += self.invited - before;
        }
    }

    /// So many of those who were sent an invitation can't be reached after all.
    pub(in crate::relay) fn bounced(&mut self, count: usize) {
        let count = count.min(self.relayed);
        // Those who had been invited before were sent one as well if they had not got it then.
        let new = count.min(self.invited);
        self.invited -= new;
        self.before = self.before.saturating_sub(count - new);
        self.relayed -= count;
        self.elsewhere = self.elsewhere.saturating_sub(count);
        self.failed += count;
    }

    /// What the inviter is told. For a single person the text is the same whether they are in the room or not, and whether they
    /// were invited before, so that a group address is no way to find out the former; nor does it say then where they are.
    pub(in crate::relay) fn told(self) -> Told {
        match self {
            Self { invited: 0, before: 0, already: 1, failed: 0, .. }
            | Self { invited: 0, before: 1, already: 0, failed: 0, .. }
            | Self { invited: 1, before: 0, already: 0, failed: 0, .. } => words::sum(1, 0, 0, 0, 0),
            Self { invited, before, already, failed, elsewhere, .. } => {
                words::sum(invited, before, already, failed, elsewhere)
            }
        }
    }

    /// State and reason of the fan-out itself.
    pub(in crate::relay) fn state(self) -> (State, Option<Reason>) {
        match self {
            Self { relayed: 1.., .. } => (State::Relayed, None),
            Self { failed: 1.., .. } => (State::Failed, Some(Reason::Nobody)),
            _ => (State::Suppressed, Some(Reason::Nobody)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(ended: &[(State, Option<Reason>)]) -> Summary {
        let mut sum = Summary::default();
        for (state, reason) in ended {
            sum.add(*state, *reason, *reason == Some(Reason::Duplicate), false);
        }
        sum
    }

    #[test]
    fn those_elsewhere_may_still_come_back() {
        let mut sum = Summary::default();
        sum.add(State::Relayed, None, false, false);
        for _ in 0..3 {
            sum.add(State::Relayed, None, false, true);
        }
        sum.add(State::Failed, Some(Reason::Bounced), false, true);
        sum.bounced(2);
        assert_eq!(sum.told(), words::sum(2, 0, 0, 3, 1));
        sum.bounced(10);
        assert_eq!(sum.told(), words::sum(0, 0, 0, 5, 0));
        assert_eq!(sum.state(), (State::Failed, Some(Reason::Nobody)));
    }

    #[test]
    fn those_who_had_been_invited_before_may_come_back_too() {
        let mut sum = Summary::default();
        sum.add(State::Relayed, None, true, true);
        sum.add(State::Relayed, None, false, true);
        sum.bounced(2);
        assert_eq!(sum.told(), words::sum(0, 0, 0, 2, 0));
    }

    #[test]
    #[rustfmt::skip]
    fn what_the_inviter_is_told() {
        use {Reason as R, State as S};
        let relayed = (S::Relayed, None);
        let inside = (S::Suppressed, Some(R::Occupant));
        let again = (S::Suppressed, Some(R::Duplicate));
        let silent = (S::Suppressed, Some(R::OptedOut));
        let strange = (S::Refused, Some(R::Stranger));
        let failed = (S::Failed, Some(R::Bounced));
        let table: [(&[_], _, _); 9] = [
            (&[relayed, relayed, inside, again, failed], words::sum(2, 1, 1, 1, 0), (S::Relayed, None)),
            (&[relayed, silent, strange],                words::sum(3, 0, 0, 0, 0),                    (S::Relayed, None)),
            (&[silent, strange],                         words::sum(2, 0, 0, 0, 0),                    (S::Suppressed, Some(R::Nobody))),
            (&[inside, again],                           words::sum(0, 1, 1, 0, 0),   (S::Suppressed, Some(R::Nobody))),
            (&[inside],                                  words::sum(1, 0, 0, 0, 0),                    (S::Suppressed, Some(R::Nobody))),
            (&[relayed],                                 words::sum(1, 0, 0, 0, 0),                    (S::Relayed, None)),
            (&[failed, inside],                          words::sum(0, 0, 1, 1, 0), (S::Failed, Some(R::Nobody))),
            (&[(S::Expired, None)],                      words::sum(0, 0, 0, 1, 0), (S::Failed, Some(R::Nobody))),
            (&[],                                        words::sum(0, 0, 0, 0, 0),                    (S::Suppressed, Some(R::Nobody))),
        ];
        for (ended, told, end) in table {
            let sum = sum(ended);
            assert_eq!(sum.told(), told);
            assert_eq!(sum.state(), end, "{told:?}");
        }
    }
}
