//! What the server's module knows of an invitation that it has handed over, asked before the relay delivers it.
//!
//! The answer to a hand-over can get lost with the connection, and the server delivers the invitation then. The server
//! handles what the relay sends in order, so on the connection that the answer went by it knows the answer before it gets
//! the invitation. On any other connection the module is asked first.
//! Knows nothing of how a hand-over is answered.

use tracing::debug;

use crate::link::{AskError, Epoch};
use crate::model::{Origin, Reason, State};
use crate::relay::context::Context;
use crate::relay::ending::Ending;
use crate::relay::job::Job;
use crate::relay::stop::Stop;
use crate::wire::fate::{Fate, HandOverFate};
use crate::wire::{Iq, IqPayload, IqType};

/// How often a module that does not answer is asked. After that the invitation is delivered: twice is better than never.
const MAX_QUESTIONS: u8 = 3;

/// Whether it may be delivered by this connection: what was handed over only by the one where the module heard of it.
pub(super) fn may_go_by(job: &Job, connection: Epoch) -> bool {
    question(job).is_none() || job.module.has_heard_by(connection)
}

/// The ending of an invitation that the server has dealt with already, if it says so. Asks only on another connection than
/// the one where the module last heard of it.
///
/// # Errors
/// [`Stop::Retry`]: the link was lost, or the module did not answer yet.
pub(in crate::relay) async fn ending_at_the_server(
    cx: &Context,
    job: &mut Job,
) -> Result<Option<Ending>, Stop> {
    let Some((sender, id)) = question(job) else { return Ok(None) };
    let connection = cx.link.epoch_or_else(job.module.heard_by())?;
    if job.module.has_heard_by(connection) {
        return Ok(None);
    }
    // On the heap: hardly any asks.
    let fate = match Box::pin(ask(cx, sender, id)).await {
        Err(AskError::Unanswered) if job.module.has_not_answered() < MAX_QUESTIONS => {
            return Err(AskError::Unanswered.into());
        }
        Err(AskError::Lost) => return Err(AskError::Lost.into()),
        // A module that is older than the question, or none any more.
        Err(_) => Fate::Unknown,
        Ok(fate) => fate,
    };
    debug!(id = job.row.id, ?fate, "asked what became of a hand-over");
    Ok(match fate {
        Fate::Taken | Fate::Unknown => {
            job.module.hears_by(connection);
            None
        }
        Fate::Passed => Some(Ending::DeliveredByServer(State::Relayed, None)),
        Fate::Delivered => Some(Ending::DeliveredByServer(State::HandedBack, Some(Reason::TooLate))),
    })
}

/// The module, and the id of its hand-over.
fn question(job: &Job) -> Option<(&str, &str)> {
    match job.row.arrival.payload.hand_over.as_deref() {
        Some(Origin { sender, message: Some(id) }) => Some((sender, id)),
        _ => None,
    }
}

async fn ask(cx: &Context, module: &str, id: &str) -> Result<Fate, AskError> {
    let question = IqPayload::HandOverFate(HandOverFate::question(id));
    let Iq { payload, .. } = cx.link.ask(module, IqType::Get, question).await?;
    Ok(match payload.0 {
        Some(IqPayload::HandOverFate(answer)) => answer.fate(),
        _ => Fate::Unknown,
    })
}
