//! Sends a direct invitation until the server has taken it, in the inviter's name or else from his relay address.
//! What was granted can be gone: then the link connects again, and the invitation is tried anew on the new connection.
//! Knows nothing of why it is sent.

use tracing::warn;

use super::case::Case;
use super::life::Setback;
use super::sender::Sender;
use super::{Relay, message_id, payload};
use crate::journal::{Pending, Reason};
use crate::link::{AskError, DeliverError, Epoch};
use crate::wire::{Condition, StanzaError};

/// Sends it, by this connection and no other. The inner error is why it came back.
pub(super) async fn deliver(
    relay: &Relay,
    pending: &Pending,
    case: &Case,
    on: Epoch,
) -> Result<Result<Sender, Reason>, Setback> {
    let archive = relay.config.load().relay.archive;
    let hint = relay.archive.hint(archive, case.person(), &case.contact).await?;
    let Ok(mut sender) = Sender::best(&relay.link, &case.room, &case.inviter) else {
        return Ok(Err(Reason::Malformed));
    };
    let details = payload::given(pending.arrival.payload.clone());
    let id = message_id(relay.journal.instance(), pending.id);
    loop {
        let stanza = sender.stanza(relay.link.component(), &id, &case.contact, &case.room, &details, hint);
        match relay.link.deliver_on(on, stanza).await {
            Ok(()) => {
                if let Sender::Inviter { .. } = sender {
                    relay.link.holds(on);
                }
                return Ok(Ok(sender));
            }
            Err(DeliverError::Lost) => return Err(Setback::Again(AskError::Lost)),
            Err(DeliverError::Bounced(error))
                if let Sender::Inviter { person, .. } = &sender
                    && is_refusal(&error)
                    && relay.link.renew_after_a_refusal(on, person.domain().as_str()).await =>
            {
                return Err(Setback::Again(AskError::Lost));
            }
            Err(DeliverError::Bounced(error)) => match fallback(relay, pending, case, &sender, &error) {
                Ok(other) => sender = other,
                Err(reason) => return Ok(Err(reason)),
            },
        }
    }
}

/// What servers say who do not let us speak for their users, or do not any more.
fn is_refusal(error: &StanzaError) -> bool {
    use Condition::{Forbidden, ItemNotFound, NotAllowed, NotAuthorized, ServiceUnavailable};
    matches!(
        *error.condition,
        Some(Forbidden | ItemNotFound | NotAllowed | NotAuthorized | ServiceUnavailable)
    )
}

/// Another sender after the server refused to let us speak for the inviter, once.
fn fallback(
    relay: &Relay,
    pending: &Pending,
    case: &Case,
    sender: &Sender,
    error: &StanzaError,
) -> Result<Sender, Reason> {
    let Sender::Inviter { person, .. } = sender else { return Err(Reason::Bounced) };
    let (id, component) = (pending.id, relay.link.component());
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
    Sender::relay_address(component, &case.room, &case.inviter).map_err(|_| Reason::NotPermitted)
}
