//! Leaves an invitation to its room: a mediated one (XEP-0045 §7.8.2) in the inviter's name, for a contact whose clients
//! can't show a direct one. Only where it is known that the room takes it, for nobody is told if it does not
//! (`design/13-clients-that-cant.md`). Knows nothing of why the direct one won't do.

use jid::BareJid;
use tracing::debug;

use super::sender::Sender;
use crate::config::Passwords;
use crate::link::{AskError, DeliverError, Epoch};
use crate::model::Reason;
use crate::relay::context::Context;
use crate::relay::ending::Ending;
use crate::relay::job::Job;
use crate::relay::parties::Parties;
use crate::relay::payload;
use crate::relay::stop::Stop;
use crate::rooms::{Kind, MaxAge};
use crate::wire::muc::{self, Affiliation};
use crate::wire::{Stanza, privileged};

/// Sends it through the room, and tells whether the room has it.
///
/// # Errors
/// The link was lost, or the room or the server did not answer a question.
pub(super) async fn send(cx: &Context, job: &Job, parties: &Parties, on: Epoch) -> Result<bool, Stop> {
    let Parties { room, contact, .. } = parties;
    let Some(Sender::Inviter { person, version }) = Sender::best(&cx.link, parties, on) else {
        return Ok(false);
    };
    // ejabberd wants the inviter to be inside, and their bare address never is.
    if !cx.archive_hint.is_prosody(Some(&person)).await? || !takes(cx, parties, &person).await? {
        return Ok(false);
    }
    let archive = cx.config.load().relay.archive;
    let hint = cx.archive_hint.hint(archive, Some(&person), contact).await?;
    let id = cx.message_id(job.row.id);
    let reason = payload::given(job.row.arrival.payload.clone()).reason;
    let to = job.recipient(contact);
    let invitation = muc::invite(&person, room, &to, reason.as_deref(), &id, hint);
    let component = cx.link.component();
    let wrapped = privileged::wrap_message(version, component, person.domain().as_str(), &id, invitation);
    cx.passed_to_rooms.remember(id, room.clone(), contact.clone(), person);
    match cx.link.deliver_on(on, Stanza::Message(wrapped)).await {
        Ok(()) => Ok(true),
        Err(DeliverError::Lost) => Err(AskError::Lost.into()),
        Err(DeliverError::Unsendable) => Err(Ending::Failed(Reason::Unsendable).into()),
        Err(DeliverError::Bounced(error)) => {
            // The direct one will meet with the same, and tells the operator what to do.
            debug!(id = job.row.id, "the server did not let it through to the room: {error}");
            Ok(false)
        }
    }
}

async fn takes(cx: &Context, parties: &Parties, inviter: &BareJid) -> Result<bool, AskError> {
    let view = cx.rooms.look_at_all(&parties.room, Some(inviter), MaxAge::Fresh).await?;
    let kind = view.kind();
    // The room adds its password.
    if cx.config.load().relay.passwords == Passwords::Strip && kind.has_password != Some(false) {
        return Ok(false);
    }
    Ok(would_take(kind, view.affiliation(inviter), view.affiliation(&parties.contact)))
}

/// Whether a room on Prosody accepts an invitation from this inviter's bare address, and does not make the contact a member
/// by it. What is not known counts as no.
fn would_take(kind: Kind, inviter: Option<Affiliation>, contact: Option<Affiliation>) -> bool {
    use Affiliation::{Admin, Member, Owner};
    let open = kind.members_only == Some(false);
    let may_invite = match inviter {
        Some(Owner | Admin) => true,
        Some(Member) => open || kind.allows_invites == Some(true),
        // From outside they are a visitor of a moderated room, whatever they are inside.
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
            assert!(!would_take(CLOSED, Some(inviter), Some(Nothing)), "it would add them");
            assert!(!would_take(CLOSED, Some(inviter), None), "it may add them");
        }
        for allows_invites in [Some(false), None] {
            let kind = Kind { allows_invites, ..CLOSED };
            assert!(closed(kind, Some(Owner)) && closed(kind, Some(Admin)));
            assert!(!closed(kind, Some(Member)), "they may not invite");
        }
        assert!(open(OPEN, Some(Nothing)) && !closed(CLOSED, Some(Nothing)));
        for moderated in [Some(true), None] {
            assert!(!open(Kind { moderated, ..OPEN }, Some(Nothing)), "they have no voice");
        }
        for inviter in [Some(Outcast), None] {
            assert!(!open(OPEN, inviter) && !closed(CLOSED, inviter), "{inviter:?}");
        }
        for inviter in [Some(Member), Some(Nothing), None] {
            assert!(!closed(UNKNOWN, inviter), "nothing is known of the room");
        }
        assert!(!open(UNKNOWN, Some(Owner)), "it may add them");
    }
}
