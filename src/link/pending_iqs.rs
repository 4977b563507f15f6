//! Who waits for which IQ answer. An answer counts only from the address that was asked (RFC 6120 §8.2.3), so that a
//! guessed id is worth nothing. Knows nothing of what is asked.

use std::collections::HashMap;

use tokio::sync::oneshot;

use crate::wire::Iq;

#[derive(Debug, Default)]
pub(super) struct Replies {
    waiting: HashMap<String, (String, oneshot::Sender<Iq>)>,
}

impl Replies {
    /// `id` was asked of `to`.
    pub(super) fn asked(&mut self, id: String, to: String, answer: oneshot::Sender<Iq>) {
        self.waiting.insert(id, (to, answer));
    }

    /// Whether somebody waits for this.
    pub(super) fn expects(&self, iq: &Iq) -> bool {
        let asked = iq.id.as_ref().and_then(|id| self.waiting.get(id));
        asked.is_some_and(|(to, _)| iq.from.as_ref() == Some(to))
    }

    /// Hands an answer to the caller that waits for it; `false` if there is none.
    pub(super) fn answered(&mut self, iq: Iq) -> bool {
        if !self.expects(&iq) {
            return false;
        }
        let Some((_, answer)) = iq.id.as_ref().and_then(|id| self.waiting.remove(id)) else { return false };
        // The caller may have given up.
        let _ = answer.send(iq);
        true
    }

    /// Forgets those who gave up.
    pub(super) fn prune(&mut self) {
        self.waiting.retain(|_, (_, answer)| !answer.is_closed());
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
        let mut replies = Replies::default();
        let (answer, mut wait) = oneshot::channel();
        replies.asked("q1".into(), "room@muc.example.org".into(), answer);
        assert!(
            !replies.expects(&iq("q1", "eve@example.org"))
                && replies.expects(&iq("q1", "room@muc.example.org"))
        );
        assert!(!replies.answered(iq("q1", "eve@example.org")));
        assert!(!replies.answered(iq("q2", "room@muc.example.org")));
        assert!(replies.answered(iq("q1", "room@muc.example.org")));
        assert!(wait.try_recv().is_ok());
        assert!(!replies.answered(iq("q1", "room@muc.example.org")), "once");
    }
}
