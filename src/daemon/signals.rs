//! Signals: to stop (SIGTERM, SIGINT), to read the configuration again (SIGHUP). Knows nothing of what is done then.

use std::future::Future;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

/// Resolves at the first SIGTERM or SIGINT after this call. From then on neither ends the process by itself.
///
/// # Errors
/// The system refuses a signal handler.
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

/// The SIGHUPs since the call of [`hang_ups`], which no longer end the process by themselves.
#[derive(Debug)]
pub struct HangUps(Signal);

/// Listens to SIGHUP.
///
/// # Errors
/// The system refuses the signal handler.
pub fn hang_ups() -> io::Result<HangUps> {
    signal(SignalKind::hangup()).map(HangUps)
}

impl HangUps {
    /// Resolves at the next one; at once if any came since the last call.
    pub async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            // The runtime ends, and with it the task that waits here.
            std::future::pending::<()>().await;
        }
        info!("SIGHUP");
    }
}
