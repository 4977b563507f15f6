//! Makes a contact a member of a members-only room, and takes that back when the invitation does not reach them.
//! Knows nothing of verdicts, nor of how an invitation is sent.

use jid::BareJid;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::link::AskError;
use crate::model::address;
use crate::model::{Pending, Reason};
use crate::relay::context::Context;
use crate::relay::decide::judge::Adding;
use crate::relay::ending::Ending;
use crate::relay::parties::{Parties, stands_for};
use crate::relay::stop::Stop;
use crate::rooms::{MaxAge, Rights};
use crate::wire::muc::Affiliation;

/// Makes the contact a member, unless `adding` is [`Adding::No`].
///
/// # Errors
/// [`Stop::End`] with [`Ending::Refused`]: the rights are not enough. [`Stop::Retry`]: the link was lost, or the room did
/// not answer.
pub(in crate::relay) async fn add(cx: &Context, parties: &Parties, adding: Adding) -> Result<(), Stop> {
    let (rights, reason) = match adding {
        Adding::No => return Ok(()),
        Adding::ByInviter => (Rights::Inviters, Reason::MayNotInvite),
        Adding::ByAnyRight => (Rights::Any, Reason::NoRights),
    };
    let Parties { room, contact, .. } = parties;
    match cx.rooms.add_member(room, parties.person(), contact, rights).await {
        Ok(()) => Ok(()),
        Err(error @ (AskError::Refused(_) | AskError::Swallowed)) => {
            if adding == Adding::ByAnyRight {
                warn!(
                    %room,
                    "{contact} could not be made a member ({error}): grant the component muc#admin in its users' names, \
                     or make it an admin of the MUC service",
                );
            }
            Err(Ending::Refused(reason).into())
        }
        Err(e) => Err(e.into()),
    }
}

/// What is to be done about a membership that may be being taken back at this moment, for another invitation: a contact who is
/// a member or none becomes one, in a room that is members-only now. Whoever is more by now, or banned, is left alone.
///
/// # Errors
/// [`AskError`]: the room did not tell, or the link was lost.
pub(in crate::relay) async fn given_again(cx: &Context, parties: &Parties) -> Result<Adding, AskError> {
    let Parties { room, contact, .. } = parties;
    let view = cx.rooms.look(room, parties.person(), MaxAge::Since(Instant::now())).await?;
    let at_most_a_member = |it| matches!(it, Some(Affiliation::None | Affiliation::Member));
    let again = view.kind().members_only == Some(true)
        && at_most_a_member(view.affiliation(contact))
        && at_most_a_member(view.own_affiliation(contact));
    Ok(if again { Adding::ByAnyRight } else { Adding::No })
}

/// Undoes [`add`] for an invitation that did not reach the contact. Contacts who are in the room, or are more than a member
/// by now, keep their affiliation, as do those who have another invitation. `inviter`: the inviter's real address, if it was
/// found out after the arrival.
///
/// # Errors
/// [`AskError::Lost`]: the link was lost. If the room refuses or does not answer, that is logged only, since trying again
/// would not help.
pub(in crate::relay) async fn take_back(
    cx: &Context,
    Pending { id, arrival, .. }: &Pending,
    inviter: Option<&BareJid>,
) -> Result<(), AskError> {
    let (Ok(room), Ok(contact)) = (address::own(&arrival.room), address::own(&arrival.contact)) else {
        return Ok(());
    };
    let known = if arrival.inviter.contains('/') { None } else { address::own(&arrival.inviter).ok() };
    let inviter = inviter.or(known.as_ref());
    let taken = async {
        cx.taken_back.remember(&room, &contact);
        let view = cx.rooms.look(&room, inviter, MaxAge::Since(Instant::now())).await?;
        match view.own_affiliation(&contact) {
            Some(Affiliation::Member) if view.is_occupant(&contact) != Some(true) => {
                cx.rooms.remove_member(&room, inviter, &contact).await?;
            }
            // An earlier run may have done so, and was killed then.
            Some(Affiliation::None) if view.kind().members_only == Some(true) => {}
            _ => return Ok(()),
        }
        // Another one may have come meanwhile, which the room handed over while they were a member.
        if cx.journal.pass_membership_on(*id, &arrival.contact, &arrival.room).await == Ok(true) {
            return cx.rooms.add_member(&room, inviter, &contact, Rights::Any).await;
        }
        info!(%room, "{contact} is no member any more: the invitation did not reach them");
        Ok(())
    };
    match taken.await {
        Err(AskError::Lost) => Err(AskError::Lost),
        Err(e) => {
            warn!(%room, "{contact} stays a member, though the invitation did not reach them: {e}");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Takes the relay addresses of these contacts off the member list of a members-only room. The room has put them there, or
/// the inviter's client. The room is asked for its list, which is newer than any decision.
///
/// # Errors
/// [`AskError`]: the room did not tell, or the link was lost. If it does not remove an address, that is only logged: the entry
/// is harmless, since a relay address never enters a room.
pub(in crate::relay) async fn take_off(
    cx: &Context,
    room: &BareJid,
    inviter: Option<&BareJid>,
    contacts: &[BareJid],
) -> Result<(), AskError> {
    for address in cx.rooms.relay_addresses(room, inviter).await? {
        if contacts.iter().any(|contact| stands_for(&address, contact)) {
            remove(cx, room, inviter, &address).await?;
        }
    }
    Ok(())
}

/// The same for one contact, by what a look within the last second told: nobody is asked.
pub(in crate::relay) async fn take_off_at_once(
    cx: &Context,
    room: &BareJid,
    inviter: Option<&BareJid>,
    contact: &BareJid,
) {
    let Some(view) = cx.rooms.seen_just_now(room, inviter) else { return };
    for address in view.relay_addresses(|address| stands_for(address, contact)) {
        // If the link is lost, the second look finds it.
        let _ = remove(cx, room, inviter, &address).await;
    }
}

async fn remove(
    cx: &Context,
    room: &BareJid,
    inviter: Option<&BareJid>,
    address: &BareJid,
) -> Result<(), AskError> {
    match cx.rooms.remove_member(room, inviter, address).await {
        Err(AskError::Lost) => Err(AskError::Lost),
        Err(e) => {
            debug!(%room, "{address} stays on the member list: {e}");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}
