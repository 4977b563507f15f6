//! Leaves an invitation to its room: a mediated one (XEP-0045 §7.8.2) in the inviter's name, for a contact whose clients
//! can't show a direct one. Only where it is known that the room takes it, for nobody is told if it does not
//! (`design/13-clients-that-cant.md`). Knows nothing of why the direct one won't do.
//!
//! Where the server has our module the room hands this very invitation over to us: [`Passing`] knows it again.

use std::time::Duration;

use jid::BareJid;
use moka::sync::Cache;
use tracing::debug;

use super::case::Case;
use super::life::Setback;
use super::sender::Sender;
use super::{Relay, message_id, payload};
use crate::config::Passwords;
use crate::journal::Pending;
use crate::link::{AskError, DeliverError, Epoch};
use crate::rooms::{Age, Kind};
use crate::wire::handover::HandedOver;
use crate::wire::muc::{self, Affiliation};
use crate::wire::{Stanza, privilege};

/// A room hands over before the server has confirmed that it took the invitation, and we may read it a little later.
const HOLDS: Duration = Duration::from_secs(60);

/// So many are known again. One that is not is judged like any other, and goes back as well.
const KEPT: u64 = 10_000;

/// Who was invited where by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Passed {
    room: BareJid,
    contact: BareJid,
    inviter: BareJid,
}

/// Invitations on their way through their rooms, by the ids of their messages. Anybody can give a message any id.
#[derive(Debug)]
pub(super) struct Passing(Cache<String, Passed>);

impl Passing {
    pub(super) fn new() -> Self {
        Self(Cache::builder().max_capacity(KEPT).time_to_live(HOLDS).build())
    }

    /// Whether the room has this one from us. Says so once.
    pub(super) fn is_ours(&self, handed_over: &HandedOver) -> bool {
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

/// Sends it through the room, and tells whether the room has it.
///
/// # Errors
/// The link was lost, or the room or the server did not answer a question.
pub(super) async fn send(relay: &Relay, pending: &Pending, case: &Case, on: Epoch) -> Result<bool, Setback> {
    let Ok(Sender::Inviter { person, version }) = Sender::best(&relay.link, &case.room, &case.inviter) else {
        return Ok(false);
    };
    // ejabberd wants the inviter to be inside, and his bare address never is.
    if !relay.archive.is_prosody(Some(&person)).await? || !takes(relay, case, &person).await? {
        return Ok(false);
    }
    let archive = relay.config.load().relay.archive;
    let hint = relay.archive.hint(archive, Some(&person), &case.contact).await?;
    let Case { room, contact, .. } = case;
    let id = message_id(relay.journal.instance(), pending.id);
    let reason = payload::given(pending.arrival.payload.clone()).reason;
    let invitation = muc::invite(&person, room, contact, reason.as_deref(), &id, hint);
    let component = relay.link.component();
    let wrapped = privilege::wrap_message(version, component, person.domain().as_str(), &id, invitation);
    let passed = Passed { room: room.clone(), contact: contact.clone(), inviter: person };
    relay.passing.0.insert(id, passed);
    match relay.link.deliver_on(on, Stanza::Message(wrapped)).await {
        Ok(()) => Ok(true),
        Err(DeliverError::Lost) => Err(Setback::Again(AskError::Lost)),
        Err(DeliverError::Bounced(error)) => {
            // The direct one will meet with the same, and tells the operator what to do.
            debug!(id = pending.id, "the server did not let it through to the room: {error}");
            Ok(false)
        }
    }
}

async fn takes(relay: &Relay, case: &Case, inviter: &BareJid) -> Result<bool, AskError> {
    let view = relay.rooms.look_at_all(&case.room, Some(inviter), Age::Fresh).await?;
    let kind = view.kind();
    // The room adds its password.
    if relay.config.load().relay.passwords == Passwords::Strip && kind.has_password != Some(false) {
        return Ok(false);
    }
    Ok(would_take(kind, view.affiliation(inviter), view.affiliation(&case.contact)))
}

/// Whether a room of Prosody's takes an invitation from this inviter's bare address, whoever is inside, and makes nobody a
/// member for it who is not one already. What is not known is no reason to believe it.
fn would_take(kind: Kind, inviter: Option<Affiliation>, contact: Option<Affiliation>) -> bool {
    use Affiliation::{Admin, Member, Owner};
    let open = kind.members_only == Some(false);
    let may_invite = match inviter {
        Some(Owner | Admin) => true,
        Some(Member) => open || kind.allows_invites == Some(true),
        // From outside he is a visitor of a moderated room, be he what he may inside.
        Some(Affiliation::None) => open && kind.moderated == Some(false),
        Some(Affiliation::Outcast) | None => false,
    };
    may_invite && (open || matches!(contact, Some(Owner | Admin | Member)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_rooms_take_it() {
        use Affiliation::{Admin, Member, None as Nothing, Outcast, Owner};
        const OPEN: Kind = Kind {
            members_only: Some(false),
            allows_invites: Some(true),
            moderated: Some(false),
            has_password: None,
        };
        const CLOSED: Kind = Kind { members_only: Some(true), ..OPEN };
        const UNKNOWN: Kind =
            Kind { members_only: None, allows_invites: None, moderated: None, has_password: None };
        let open = |kind, inviter| would_take(kind, inviter, Some(Nothing));
        let closed = |kind, inviter| would_take(kind, inviter, Some(Member));
        for inviter in [Owner, Admin, Member] {
            assert!(open(Kind { moderated: Some(true), ..OPEN }, Some(inviter)), "{inviter:?}");
            assert!(closed(CLOSED, Some(inviter)), "{inviter:?}");
            assert!(!would_take(CLOSED, Some(inviter), Some(Nothing)), "it would add him");
            assert!(!would_take(CLOSED, Some(inviter), None), "it may add him");
        }
        for allows_invites in [Some(false), None] {
            let kind = Kind { allows_invites, ..CLOSED };
            assert!(closed(kind, Some(Owner)) && closed(kind, Some(Admin)));
            assert!(!closed(kind, Some(Member)), "he may not invite");
        }
        assert!(open(OPEN, Some(Nothing)) && !closed(CLOSED, Some(Nothing)));
        for moderated in [Some(true), None] {
            assert!(!open(Kind { moderated, ..OPEN }, Some(Nothing)), "he has no voice");
        }
        for inviter in [Some(Outcast), None] {
            assert!(!open(OPEN, inviter) && !closed(CLOSED, inviter), "{inviter:?}");
        }
        for inviter in [Some(Member), Some(Nothing), None] {
            assert!(!closed(UNKNOWN, inviter), "nothing is known of the room");
        }
        assert!(!open(UNKNOWN, Some(Owner)), "it may add him");
    }

    #[test]
    fn only_what_was_sent_is_known_again_and_once() {
        let jid = |text| BareJid::new(text).unwrap();
        let [room, contact, inviter] = ["tea@c.example.org", "bob@example.org", "alice@example.org"].map(jid);
        let handed_over = HandedOver {
            id: Some("1b783e70-1".into()),
            deadline: String::new(),
            room: room.clone(),
            contact: contact.clone(),
            inviter: inviter.clone(),
            details: muc::Details::default(),
        };
        let passing = Passing::new();
        assert!(!passing.is_ours(&handed_over), "it was not sent");
        passing.0.insert("1b783e70-1".into(), Passed { room, contact, inviter });
        for strange in [
            HandedOver { id: None, ..handed_over.clone() },
            HandedOver { id: Some("1b783e70-2".into()), ..handed_over.clone() },
            HandedOver { room: jid("coffee@c.example.org"), ..handed_over.clone() },
            HandedOver { contact: jid("carol@example.org"), ..handed_over.clone() },
            HandedOver { inviter: jid("mallory@example.org"), ..handed_over.clone() },
        ] {
            assert!(!passing.is_ours(&strange), "{strange:?}");
        }
        assert!(passing.is_ours(&handed_over));
        assert!(!passing.is_ours(&handed_over), "said once");
    }
}
