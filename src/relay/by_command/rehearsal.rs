//! Finds out what would become of an invitation by command: the room and the contact's server are asked, and it is judged. Sends
//! nothing, makes nobody a member, and leaves nothing in the journal.

use std::sync::Arc;

use jid::BareJid;
use tokio::time::Instant;

use super::together::parent;
use crate::journal::RoomPassword;
use crate::model::invite::{InviteRequest, InvitedContact};
use crate::model::{Reason, Route, State};
use crate::relay::context::Context;
use crate::relay::decide::decide;
use crate::relay::decide::facts::Invitation;
use crate::relay::decide::judge::{Adding, Verdict};
use crate::relay::parties::{Parties, is_of_another_relay};
use crate::relay::stop::Stop;
use crate::wire::muc::Inviter;

/// What would become of one contact's invitation now. Whether the room would let the relay make them a member, and whether the
/// contact's limit is used up, is found out only by an invitation.
pub(super) async fn rehearse(
    cx: Arc<Context>,
    request: Arc<InviteRequest>,
    contact: String,
) -> InvitedContact {
    let (state, reason, adds_member) = match BareJid::new(&contact) {
        Ok(jid) if is_of_another_relay(cx.link.component(), &jid) => {
            (State::Refused, Some(Reason::AnotherRelay), false)
        }
        Ok(jid) => judged(&cx, &request, jid).await.unwrap_or((State::Failed, Some(Reason::Unsure), false)),
        Err(_) => (State::Refused, Some(Reason::Malformed), false),
    };
    InvitedContact { contact, id: None, state, reason, sent_as: None, adds_member }
}

async fn judged(
    cx: &Context,
    request: &InviteRequest,
    contact: BareJid,
) -> Result<(State, Option<Reason>, bool), Stop> {
    let parent = parent(request);
    let (room, inviter) = (request.room.clone(), Inviter::Person(request.inviter.clone()));
    let parties = Parties::new(room, contact, inviter);
    let invitation = Invitation {
        route: Route::Command,
        parties: &parties,
        part: false,
        parent: Some(&parent),
        can_go_back: false,
        read_at: Instant::now(),
    };
    let ends = |state, reason| Ok((state, Some(reason), false));
    let add_member = match decide(cx, &invitation, None).await?.verdict {
        Verdict::Relay { add_member } => add_member,
        Verdict::Suppress(reason) | Verdict::HandBack(reason) => return ends(State::Suppressed, reason),
        Verdict::Refuse(reason) => return ends(State::Refused, reason),
        Verdict::Fail(reason) => return ends(State::Failed, reason),
        Verdict::Unwanted(state, reason) => return ends(state, reason),
    };
    let contact = std::iter::once(parties.contact.as_str());
    let (room, inviter) = (parties.room.as_str(), parties.inviter_name());
    let held = cx.journal.held(room, &inviter, RoomPassword::Unknown, contact).await?;
    if held.first().is_some_and(|held| held.reached) && add_member == Adding::No {
        return ends(State::Suppressed, Reason::Duplicate);
    }
    Ok((State::Relayed, None, add_member != Adding::No))
}
