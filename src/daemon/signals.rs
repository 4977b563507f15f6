//! What the relay is told by signals: to stop (SIGTERM, SIGINT), to read its configuration again (SIGHUP).
//! Knows nothing of what that means.

use std::future::Future;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
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

/// SIGHUPs from the call of [`hang_ups`] on; none ends the process by itself any more.
#[derive(Debug)]
pub struct HangUps(Signal);

/// Listens to SIGHUP.
///
/// # Errors
/// When the system refuses the handler.
pub fn hang_ups() -> io::Result<HangUps> {
    signal(SignalKind::hangup()).map(HangUps)
}

impl HangUps {
    /// Resolves at the next one; at once if some came meanwhile, which count as one.
    pub async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            // The runtime ends, and with it the task that waits here.
            std::future::pending::<()>().await;
        }
        info!("SIGHUP");
    }
}
