//! Invitations that were left to their rooms. Where the server has our module the room hands such an invitation over to the
//! relay, and it is recognised here. Knows nothing of why an invitation is left to its room.

use std::time::Duration;

use jid::BareJid;
use moka::sync::Cache;

use crate::wire::handover::HandedOver;

/// A room hands over before the server has confirmed that it took the invitation, and the relay may read it a little later.
const RECOGNISED_FOR: Duration = Duration::from_secs(60);

/// How many are recognised. One that is not is decided about like any other, and goes back as well.
const MAX_RECOGNISED: u64 = 10_000;

/// Who was invited where by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Passed {
    room: BareJid,
    contact: BareJid,
    inviter: BareJid,
}

/// Invitations on their way through their rooms, by the ids of their messages. Anybody can give a message any id.
#[derive(Debug)]
pub(crate) struct PassedToRooms(Cache<String, Passed>);

impl PassedToRooms {
    pub(crate) fn new() -> Self {
        Self(Cache::builder().max_capacity(MAX_RECOGNISED).time_to_live(RECOGNISED_FOR).build())
    }

    /// Remembers an invitation that is about to be left to its room.
    pub(super) fn remember(&self, message_id: String, room: BareJid, contact: BareJid, inviter: BareJid) {
        self.0.insert(message_id, Passed { room, contact, inviter });
    }

    /// Whether the room has this one from the relay. True once only.
    pub(in crate::relay) fn recognises(&self, handed_over: &HandedOver) -> bool {
        let HandedOver { id: Some(id), room, contact, inviter, .. } = handed_over else { return false };
        let ours = self.0.get(id).is_some_and(|passed| {
            passed.room == *room && passed.contact == *contact && passed.inviter == *inviter
        });
        if ours {
            self.0.invalidate(id);
        }
        ours
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::muc::Details;

    #[test]
    fn only_what_was_sent_is_recognised_and_once() {
        let jid = |text| BareJid::new(text).unwrap();
        let [room, contact, inviter] = ["tea@c.example.org", "bob@example.org", "alice@example.org"].map(jid);
        let handed_over = HandedOver {
            id: Some("1b783e70-1".into()),
            deadline: String::new(),
            room: room.clone(),
            contact: contact.clone(),
            device: None,
            inviter: inviter.clone(),
            made_member: false,
            now: None,
            details: Details::default(),
        };
        let passed = PassedToRooms::new();
        assert!(!passed.recognises(&handed_over), "it was not sent");
        passed.remember("1b783e70-1".into(), room, contact, inviter);
        for strange in [
            HandedOver { id: None, ..handed_over.clone() },
            HandedOver { id: Some("1b783e70-2".into()), ..handed_over.clone() },
            HandedOver { room: jid("coffee@c.example.org"), ..handed_over.clone() },
            HandedOver { contact: jid("carol@example.org"), ..handed_over.clone() },
            HandedOver { inviter: jid("mallory@example.org"), ..handed_over.clone() },
        ] {
            assert!(!passed.recognises(&strange), "{strange:?}");
        }
        assert!(passed.recognises(&handed_over));
        assert!(!passed.recognises(&handed_over), "once only");
    }
}
