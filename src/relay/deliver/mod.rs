//! Sends an invitation until the server has taken it: a direct one in the inviter's name or else from their relay address,
//! or the room's own where the contact can't be shown a direct one.
//! If a grant was withdrawn, the link reconnects, and the whole attempt is repeated on the new connection.
//! Knows nothing of why it is sent.

pub(crate) mod archive_hint;
pub(crate) mod fate;
pub(crate) mod membership;
pub(crate) mod module;
pub(crate) mod passed_to_rooms;
mod sender;
pub(crate) mod taken_back;
mod through_room;

use jid::BareJid;
use tracing::warn;

use self::sender::Sender;
use super::context::Context;
use super::ending::Ending;
use super::job::Job;
use super::parties::Parties;
use super::payload;
use super::stop::Stop;
use crate::link::{AskError, DeliverError, Epoch};
use crate::model::{Id, Reason, Route};
use crate::wire::{Condition, StanzaError};

/// Sends it on the connection `on` only; through the room if the contact's clients can't show a direct invitation. Returns
/// the `from` that the contact sees.
///
/// # Errors
/// [`Stop::End`] with [`Ending::Failed`]: it came back. [`Stop::Retry`]: the link was lost, or its rights are gone.
pub(super) async fn deliver(cx: &Context, job: &Job, parties: &Parties, on: Epoch) -> Result<BareJid, Stop> {
    // A hand-over could have been handed back before it was taken.
    if job.unsupported
        && job.row.arrival.route != Route::HandedOver
        && Box::pin(through_room::send(cx, job, parties, on)).await?
    {
        return Ok(parties.room.clone());
    }
    if !fate::may_go_by(job, on) {
        return Err(AskError::Lost.into());
    }
    send_direct(cx, job, parties, on).await
}

async fn send_direct(cx: &Context, job: &Job, parties: &Parties, on: Epoch) -> Result<BareJid, Stop> {
    let Parties { room, contact, .. } = parties;
    let archive = cx.config.load().relay.archive;
    let hint = cx.archive_hint.hint(archive, parties.person(), contact).await?;
    let Some(mut sender) = Sender::best(&cx.link, parties, on) else {
        return Err(Ending::Failed(Reason::Malformed).into());
    };
    let mut to = job.recipient(contact);
    let details = payload::given(job.row.arrival.payload.clone());
    let id = cx.message_id(job.row.id);
    loop {
        let stanza = sender.stanza(cx.link.component(), &id, &to, room, &details, hint);
        match cx.link.deliver_on(on, stanza).await {
            Ok(()) => {
                if let Sender::Inviter { .. } = sender {
                    cx.link.holds(on);
                }
                return Ok(sender.address().clone());
            }
            Err(DeliverError::Lost) => return Err(AskError::Lost.into()),
            Err(DeliverError::Unsendable) => return Err(Ending::Failed(Reason::Unsendable).into()),
            // The device has gone.
            Err(DeliverError::Bounced(_))
                if matches!(sender, Sender::RelayAddress(_)) && to != contact.as_str() =>
            {
                to = contact.to_string();
            }
            Err(DeliverError::Bounced(error))
                if let Sender::Inviter { person, .. } = &sender
                    && is_refusal(&error)
                    && cx.link.renew_after_a_refusal(on, person.domain().as_str()).await =>
            {
                return Err(AskError::Lost.into());
            }
            Err(DeliverError::Bounced(error)) => {
                sender = fallback(cx, job.row.id, parties, &sender, &error).map_err(Ending::Failed)?;
            }
        }
    }
}

/// Whether this error can mean that the relay may not, or no longer, send in users' names.
fn is_refusal(error: &StanzaError) -> bool {
    use Condition::{Forbidden, ItemNotFound, NotAllowed, NotAuthorized, ServiceUnavailable};
    matches!(
        *error.condition,
        Some(Forbidden | ItemNotFound | NotAllowed | NotAuthorized | ServiceUnavailable)
    )
}

/// The relay address as sender, after the server refused to let the relay send in the inviter's name.
///
/// # Errors
/// The reason of the failure, if there is no other sender.
fn fallback(
    cx: &Context,
    id: Id,
    parties: &Parties,
    sender: &Sender,
    error: &StanzaError,
) -> Result<Sender, Reason> {
    let Sender::Inviter { person, .. } = sender else { return Err(Reason::Bounced) };
    let component = cx.link.component();
    if *error.condition == Some(Condition::PolicyViolation) {
        warn!(
            id,
            "the server's firewall refused a message in the name of {person} ({error}): let the component pass. \
             mod_firewall: a rule with \"FROM: <{component}>\" and \"PASS.\" before those that drop",
        );
        return Err(Reason::NotPermitted);
    }
    warn!(
        id,
        "the server did not let the relay speak for {person} ({error}): the invitation goes out from a relay \
         address. Grant message = \"outgoing\" to {component} on {host}",
        host = person.domain(),
    );
    Sender::relay_address(component, parties).ok_or(Reason::NotPermitted)
}
