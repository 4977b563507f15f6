//! Waits until the relay has to stop, then ends its parts in order: invitations, stream, journal. Knows nothing of what they
//! do.

use std::future::Future;
use std::time::Duration;

use tokio::task::{JoinError, JoinHandle};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info, warn};

use super::error::RunError;
use super::systemd;
use crate::journal::OpenError;
use crate::link::Refused;
use crate::model::LateArrival;

/// How long each part may take to end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the relay works no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// It was told to stop.
    Stopped,
    /// Another relay has taken the lead.
    LeadLost,
    /// It has no link, and another relay stands by.
    NoLink {
        /// It had one before.
        had_one: bool,
    },
}

/// The parts of a running relay.
pub(super) struct Parts {
    pub(super) queue: JoinHandle<Vec<LateArrival>>,
    /// Cancelled when no new work may begin.
    pub(super) stopping: CancellationToken,
    pub(super) connection: JoinHandle<Result<(), Refused>>,
    /// Cancelled when the stream has to be closed: by the queue, once nothing needs it.
    pub(super) close: CancellationToken,
    pub(super) writer: JoinHandle<Result<(), OpenError>>,
    /// What answers at the control socket.
    pub(super) control: AbortOnDropHandle<()>,
}

/// Waits until the relay has to stop, or should give up the lead, or a part of it ends by itself; then ends the other parts. Returns
/// what had come in and is not in the journal, if another relay leads.
///
/// # Errors
/// A part has ended by itself: the link ([`RunError::Refused`]), the journal ([`RunError::Journal`]), or another one
/// ([`RunError::Fault`]).
pub(super) async fn finish(
    stop: impl Future<Output = ()>,
    give_up: impl Future<Output = bool>,
    parts: Parts,
) -> Result<(Ended, Vec<LateArrival>), RunError> {
    let mut late = None;
    let Parts { mut queue, stopping, mut connection, close, mut writer, control } = parts;
    let why = tokio::select! {
        () = stop => {
            systemd::stopping();
            info!("stopping: waiting up to {} s for invitations in flight", SHUTDOWN_TIMEOUT.as_secs());
            Ok(Ended::Stopped)
        }
        had_one = give_up => Ok(Ended::NoLink { had_one }),
        e = failure(&mut connection, &mut writer) => by_itself(e),
        // It ends when the link or the journal has ended, which have the cause.
        rest = &mut queue => {
            late = Some(rest.unwrap_or_default());
            by_itself(
                timeout(SHUTDOWN_TIMEOUT, failure(&mut connection, &mut writer))
                    .await
                    .unwrap_or(RunError::Fault("the queue")),
            )
        }
    };

    stopping.cancel();
    let in_order = matches!(why, Ok(Ended::Stopped | Ended::NoLink { .. }));
    if in_order {
        tokio::select! {
            () = close.cancelled() => {}
            // Another relay has taken the lead meanwhile: nothing more is settled here.
            _ = &mut writer => {}
            () = sleep(SHUTDOWN_TIMEOUT) => {
                warn!("not everything has settled: it waits in the journal for the next start");
            }
        }
    }
    close.cancel();
    if !connection.is_finished() && timeout(SHUTDOWN_TIMEOUT, &mut connection).await.is_err() {
        connection.abort();
    }
    // It journals what the link has read to its end, or keeps it.
    let late = if let Some(late) = late {
        late
    } else if let Ok(rest) = timeout(SHUTDOWN_TIMEOUT, &mut queue).await {
        rest.unwrap_or_default()
    } else {
        warn!("what has come in since the journal could not be written is lost");
        Vec::new()
    };
    queue.abort();
    drop(control);
    // The last handles to the journal are gone with these two: the writer empties its queue and closes the file.
    if !writer.is_finished() && timeout(SHUTDOWN_TIMEOUT, &mut writer).await.is_err() {
        error!("the journal did not close in time; nothing is lost, it is recovered at the next start");
        // It must not keep the lead.
        writer.abort();
    }
    Ok((why?, late))
}

fn by_itself(e: RunError) -> Result<Ended, RunError> {
    match e {
        RunError::Journal(e @ OpenError::LeadLost { .. }) => {
            warn!("{e}: this one stands by");
            Ok(Ended::LeadLost)
        }
        e => Err(e),
    }
}

/// Why the link or the journal's writer ended by itself.
async fn failure(
    connection: &mut JoinHandle<Result<(), Refused>>,
    writer: &mut JoinHandle<Result<(), OpenError>>,
) -> RunError {
    tokio::select! {
        biased;
        ended = &mut *connection => link_failure(ended),
        ended = writer => match ended {
            Ok(Err(e)) => e.into(),
            // All its handles were dropped: the link has ended, and has the cause.
            Ok(Ok(())) => link_failure(connection.await),
            Err(_) => RunError::Fault("the journal's writer"),
        },
    }
}

fn link_failure(ended: Result<Result<(), Refused>, JoinError>) -> RunError {
    match ended {
        Ok(Err(refused)) => refused.into(),
        _ => RunError::Fault("the link"),
    }
}
