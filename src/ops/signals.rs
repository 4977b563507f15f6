//! How the relay is told to stop: SIGTERM and SIGINT. Knows nothing of what stopping means.

use std::future::Future;
use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

/// Resolves at the first SIGTERM or SIGINT after this call; neither ends the process by itself any more.
///
/// # Errors
/// When the system refuses the handlers.
pub fn stop() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        info!("{name}");
    })
}
