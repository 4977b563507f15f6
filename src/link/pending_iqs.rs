//! The requests that wait for an answer. An answer counts only from the address that was asked (RFC 6120 §8.2.3), so that
//! a guessed id is of no use. Knows nothing of what is asked.

use std::collections::HashMap;

use tokio::sync::oneshot;

use super::answer::Answer;
use super::epoch::Epoch;
use super::failure::AskError;
use crate::wire::Iq;

/// Takes the answer.
pub(super) type Waiting = oneshot::Sender<Result<Answer, AskError>>;

/// The requests without an answer, by their ids.
#[derive(Debug, Default)]
pub(super) struct PendingIqs {
    waiting: HashMap<String, Asked>,
}

/// A request without an answer.
#[derive(Debug)]
struct Asked {
    /// The address that was asked.
    to: String,
    /// The connection that it went by.
    by: Epoch,
    waits: Waiting,
}

impl PendingIqs {
    /// A request with this id has been sent to `to` by this connection.
    pub(super) fn asked(&mut self, id: String, to: String, by: Epoch, waits: Waiting) {
        self.waiting.insert(id, Asked { to, by, waits });
    }

    /// Whether this is the answer to a pending request.
    pub(super) fn expects(&self, iq: &Iq) -> bool {
        let asked = iq.id.as_ref().and_then(|id| self.waiting.get(id));
        asked.is_some_and(|asked| iq.from.as_ref() == Some(&asked.to))
    }

    /// Hands an answer to the caller that waits for it; `false` if nobody waits.
    pub(super) fn answered(&mut self, answer: Answer) -> bool {
        let Some(waiting) = self.take(answer.head()) else { return false };
        // A dropped receiver is fine: the caller has given up.
        let _ = waiting.send(Ok(answer));
        true
    }

    /// Tells the caller that waits for an answer that it came and can't be read. `head`: its id and sender.
    pub(super) fn left_out(&mut self, head: &Iq) {
        if let Some(waiting) = self.take(head) {
            let _ = waiting.send(Err(AskError::Unreadable));
        }
    }

    fn take(&mut self, iq: &Iq) -> Option<Waiting> {
        if !self.expects(iq) {
            return None;
        }
        Some(self.waiting.remove(iq.id.as_ref()?)?.waits)
    }

    /// Forgets the requests whose callers have given up.
    pub(super) fn prune(&mut self) {
        self.waiting.retain(|_, asked| !asked.waits.is_closed());
    }

    /// This connection has ended. The answers may still come by another one, but not surely.
    pub(super) fn lost_with(&mut self, connection: Epoch) {
        self.waiting.retain(|_, asked| asked.by != connection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iq(id: &str, from: &str) -> Iq {
        Iq { id: Some(id.into()), from: Some(from.into()), type_: Some("result".into()), ..Iq::default() }
    }

    #[test]
    fn only_the_one_who_was_asked_answers() {
        let mut pending_iqs = PendingIqs::default();
        let (answer, mut wait) = oneshot::channel();
        pending_iqs.asked("q1".into(), "room@muc.example.org".into(), Epoch::default(), answer);
        assert!(
            !pending_iqs.expects(&iq("q1", "eve@example.org"))
                && pending_iqs.expects(&iq("q1", "room@muc.example.org"))
        );
        assert!(!pending_iqs.answered(Answer::Whole(iq("q1", "eve@example.org"))));
        assert!(!pending_iqs.answered(Answer::Whole(iq("q2", "room@muc.example.org"))));
        assert!(pending_iqs.answered(Answer::Whole(iq("q1", "room@muc.example.org"))));
        assert!(wait.try_recv().is_ok());
        assert!(!pending_iqs.answered(Answer::Whole(iq("q1", "room@muc.example.org"))), "once");
    }

    #[test]
    fn an_answer_that_was_left_out_is_unreadable() {
        let mut pending_iqs = PendingIqs::default();
        let (answer, mut wait) = oneshot::channel();
        pending_iqs.asked("q1".into(), "bob@example.org".into(), Epoch::default(), answer);
        pending_iqs.left_out(&iq("q1", "eve@example.org"));
        assert!(wait.try_recv().is_err(), "she was not asked");
        pending_iqs.left_out(&iq("q1", "bob@example.org"));
        assert!(matches!(wait.try_recv(), Ok(Err(AskError::Unreadable))));
    }
}
