//! Making a contact a member of a members-only room, and taking that back when his invitation does not reach him.
//! Knows nothing of verdicts, nor of how an invitation is sent.

use jid::BareJid;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::Relay;
use super::judge::Adding;
use crate::journal::{Arrival, Reason};
use crate::link::AskError;
use crate::rooms::{Age, Rights};
use crate::wire::address;
use crate::wire::muc::Affiliation;

/// Makes the contact a member. The inner error is why nobody lets us.
pub(super) async fn add(
    relay: &Relay,
    room: &BareJid,
    inviter: Option<&BareJid>,
    contact: &BareJid,
    adding: Adding,
) -> Result<Result<(), Reason>, AskError> {
    let (rights, reason) = match adding {
        Adding::No => return Ok(Ok(())),
        Adding::ByInviter => (Rights::Inviters, Reason::MayNotInvite),
        Adding::ByAnyRight => (Rights::Any, Reason::NoRights),
    };
    match relay.rooms.add_member(room, inviter, contact, rights).await {
        Ok(()) => Ok(Ok(())),
        Err(error @ (AskError::Refused(_) | AskError::Swallowed)) => {
            if adding == Adding::ByAnyRight {
                warn!(
                    %room,
                    "{contact} could not be made a member ({error}): grant the component muc#admin in its users' names, \
                     or make it an admin of the MUC service",
                );
            }
            Ok(Err(reason))
        }
        Err(e) => Err(e),
    }
}

/// Undoes [`add`] for an invitation that did not reach the contact. One who is in the room, or more than a member by now,
/// keeps what he has. `inviter`: as far as he is known better than when the invitation came.
///
/// # Errors
/// The link was lost. That the room does not let us, or does not answer, is logged and no error: trying again would not
/// help.
pub(super) async fn take_back(
    relay: &Relay,
    arrival: &Arrival,
    inviter: Option<&BareJid>,
) -> Result<(), AskError> {
    let (Ok(room), Ok(contact)) = (address::own(&arrival.room), address::own(&arrival.contact)) else {
        return Ok(());
    };
    let known = if arrival.inviter.contains('/') { None } else { address::own(&arrival.inviter).ok() };
    let inviter = inviter.or(known.as_ref());
    let taken = async {
        let view = relay.rooms.look(&room, inviter, Age::Since(Instant::now())).await?;
        if view.affiliation(&contact) == Some(Affiliation::Member) && view.is_occupant(&contact) != Some(true)
        {
            relay.rooms.remove_member(&room, inviter, &contact).await?;
            info!(%room, "{contact} is no member any more: the invitation did not reach him");
        }
        Ok(())
    };
    match taken.await {
        Err(AskError::Lost) => Err(AskError::Lost),
        Err(e) => {
            warn!(%room, "{contact} stays a member, though the invitation did not reach him: {e}");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// A members-only room has made the relay address a member; it needs no such rights. Best effort: a leftover does no
/// harm, relay addresses never enter a room.
pub(super) async fn take_off(relay: &Relay, room: &BareJid, inviter: Option<&BareJid>, address: &BareJid) {
    if let Err(e) = relay.rooms.remove_member(room, inviter, address).await {
        debug!(%room, "{address} stays on the member list: {e}");
    }
}
