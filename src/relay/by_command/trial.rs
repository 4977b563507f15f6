//! The test button: one user invites another, and each step says what was found. Without a room the relay makes one at the first
//! MUC service, and destroys it afterwards. Knows nothing of how steps are shown.

use std::sync::Arc;
use std::time::Duration;

use jid::BareJid;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::rehearsal::rehearse;
use crate::link::AskError;
use crate::model::address;
use crate::model::invite::{InviteEvent, InviteRequest, InvitedContact, Step, Trial};
use crate::relay::context::Context;
use crate::rooms::MaxAge;
use crate::wire::muc::{self, Affiliation};
use crate::wire::{IqType, Presence, Stanza};

/// The nick and the resource by which the relay enters its room.
const NAME: &str = "invitation-test";

/// After this time the invitation is told as pending, and goes on by itself.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// Tests an invitation of this contact; `invite`: sends it.
pub(super) async fn run(
    cx: &Arc<Context>,
    request: &Arc<InviteRequest>,
    contact: String,
    events: &mpsc::Sender<InviteEvent>,
    invite: impl Future<Output = InvitedContact> + Send + 'static,
) {
    // Whoever asked may be gone: the room is destroyed all the same.
    let step = async |what, well, found: String| {
        let _ = events.send(InviteEvent::Step(Step { what, well, found })).await;
    };
    let (room, inviter) = (&request.room, &request.inviter);
    step("link", true, format!("connected as {}", cx.link.component())).await;
    let host = inviter.domain().as_str();
    let granted = cx.link.grants(host).is_some_and(|grants| grants.messages);
    step("sender", granted, sender(cx, request, granted)).await;
    let made = request.trial == Some(Trial::InNewRoom);
    if made {
        if let Err(why) = make_room(cx, request).await {
            return step("room", false, why).await;
        }
        step("room", true, format!("made {room}, with {inviter} as an admin")).await;
    }
    match what_the_room_says(cx, request, &contact).await {
        Ok(said) => step("room", true, said).await,
        Err(e) => step("room", false, format!("{room} does not say what it is: {e}")).await,
    }
    let judged = rehearse(Arc::clone(cx), Arc::clone(request), contact.clone()).await;
    let verdict =
        judged.reason.map_or_else(|| judged.state.to_string(), |why| format!("{} ({why})", judged.state));
    let member = if judged.adds_member { ", and is made a member of the room before" } else { "" };
    step("verdict", judged.is_well(), format!("the invitation is to be {verdict}{member}")).await;
    let outcome = match timeout(MAX_WAIT, tokio::spawn(invite)).await {
        Ok(Ok(outcome)) => outcome,
        _ => InvitedContact::pending(contact),
    };
    let _ = events.send(InviteEvent::Contact(outcome)).await;
    if made {
        match cx.link.ask(room.as_str(), IqType::Set, muc::destroy_room()).await {
            Ok(_) => step("clean-up", true, format!("destroyed {room}")).await,
            Err(e) => step("clean-up", false, format!("{room} may still be there ({e}): destroy it")).await,
        }
    }
}

fn sender(cx: &Context, request: &InviteRequest, granted: bool) -> String {
    let (inviter, component) = (&request.inviter, cx.link.component());
    let host = inviter.domain();
    if granted {
        let unknown = if cx.contacts.tells_of_accounts(host.as_str()) {
            ""
        } else {
            "; it does not tell whether there is such a user"
        };
        return format!("{host} lets the relay send in the name of {inviter}{unknown}");
    }
    let address =
        address::relay_address(inviter, component).map_or_else(|_| component.to_owned(), |it| it.to_string());
    format!("{host} does not let the relay send in its users' names: the contact sees {address}. See `check`")
}

/// What decides whether the contact may be invited.
async fn what_the_room_says(
    cx: &Context,
    request: &InviteRequest,
    contact: &str,
) -> Result<String, AskError> {
    let (room, inviter) = (&request.room, &request.inviter);
    let view = cx.rooms.look_at_all(room, Some(inviter), MaxAge::Since(Instant::now())).await?;
    let kind = view.kind();
    let members_only = kind.members_only.map_or("unknown", |yes| if yes { "yes" } else { "no" });
    let affiliation = |jid: &BareJid| match view.affiliation(jid) {
        Some(affiliation) => format!("{affiliation:?}").to_lowercase(),
        None => "unknown".to_owned(),
    };
    let contacts = address::own(contact).map_or_else(|_| "unknown".to_owned(), |jid| affiliation(&jid));
    Ok(format!(
        "{room}: members only: {members_only}; affiliations: {inviter} {}, {contact} {contacts}",
        affiliation(inviter)
    ))
}

/// Makes the room, with the inviter as one of its admins (XEP-0045 §10.1).
///
/// # Errors
/// Why that is not possible, and what to do.
async fn make_room(cx: &Context, request: &InviteRequest) -> Result<(), String> {
    let (room, inviter) = (&request.room, &request.inviter);
    let instead = "name a room of the inviter's with --room";
    // Without an answer nobody knows whether the room is there.
    if cx.link.swallows_bare_iqs().await {
        return Err(format!(
            "the server does not pass the answers of {} on to components: {instead}",
            room.domain()
        ));
    }
    let me = format!("{}/{NAME}", cx.link.component());
    let join = muc::join_room(&me, room, NAME);
    let leave = Presence { type_: Some("unavailable".to_owned()), join: None.into(), ..join.clone() };
    cx.link.post(Stanza::Presence(join)).await;
    let made = async {
        cx.link.ask(room.as_str(), IqType::Set, muc::open_room()).await?;
        let admin = muc::set_affiliation(inviter, Affiliation::Admin, None);
        cx.link.ask(room.as_str(), IqType::Set, admin).await
    };
    if let Err(e) = made.await {
        // A room that nobody has configured goes with its last occupant.
        cx.link.post(Stanza::Presence(leave)).await;
        return Err(format!("{} does not let the relay make a room ({e}): {instead}", room.domain()));
    }
    Ok(())
}
