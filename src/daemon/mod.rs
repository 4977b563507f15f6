//! The running relay: [`run`] starts its parts and connects them with each other. This is the only folder that knows all of
//! them. The binary and the tests call the same function.

mod client_caps;
pub mod control;
mod error;
mod late;
mod leading;
mod no_link;
mod offline;
pub mod order;
pub mod orders;
mod reload;
pub(crate) mod restore;
mod settings;
mod shutdown;
pub mod signals;
mod standing_by;
mod systemd;
mod watchdog;

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tracing::{info, warn};

pub use self::error::RunError;
use self::leading::Left;
pub use self::offline::without_relay;
pub use self::reload::{Load, Reload};
pub use self::settings::link_settings;
pub(crate) use self::settings::retention;
use self::shutdown::Ended;
use self::standing_by::{Taken, Turn};
use crate::config::{Config, JournalPlace};
use crate::journal::Journal;

/// For how long a relay that leads may have no link while another one stands by; longer each time that it finds none, up to the second.
const PATIENCE_WITHOUT_LINK: Duration = Duration::from_secs(10);
const MAX_PATIENCE_WITHOUT_LINK: Duration = Duration::from_secs(600);

/// What reaches a running relay from outside, except for stanzas.
#[derive(Debug)]
pub struct Outside<Stop> {
    /// Resolves when the relay has to stop.
    pub stop: Stop,
    /// How the configuration is read again.
    pub reload: Reload,
}

/// Relays until `outside.stop` resolves. Then it accepts nothing more, waits up to 5 s for invitations in progress, and
/// closes the stream. Those that have not settled by then wait in the journal for the next start.
///
/// Of several relays with one journal in `PostgreSQL` one works, and the others stand by until they may.
///
/// # Errors
/// [`RunError::Journal`] if the journal can't be opened or fails for good, [`RunError::Refused`] if the server refuses the
/// first connection, [`RunError::SocketInUse`] if another relay has its control socket, [`RunError::Fault`] if a part of the relay ends by itself.
pub async fn run(config: Config, outside: Outside<impl Future<Output = ()>>) -> Result<(), RunError> {
    let Outside { stop, reload } = outside;
    let mut stop = pin!(stop);
    let socket = config.journal.socket.clone();
    // Relays of two databases have the same socket, unless it is configured.
    if config.journal.place.file().is_none() && control::is_served(&socket) {
        return Err(RunError::SocketInUse(socket));
    }
    let crash = control::Crash::before(&socket);
    let mut left = Left { config, reload, late: Vec::new() };
    let mut turn = Turn::First;
    let mut patience = PATIENCE_WITHOUT_LINK;
    loop {
        let place = left.config.journal.place.clone();
        let (opened, waiting) = match &place {
            JournalPlace::File(path) => {
                let opened = Journal::open(&place, retention(&left.config)).await?;
                info!(path = %path.display(), "the journal is open");
                (opened, None)
            }
            JournalPlace::Server(server) => {
                let taken = standing_by::until_it_leads(&mut left, server, turn, stop.as_mut()).await;
                if taken.is_err() {
                    late::before_the_end(&place, &mut left.late).await;
                }
                let Some(Taken { opened, waiting }) = taken? else { break };
                info!(server = %server.shown, "the journal is open: this relay leads");
                (opened, waiting)
            }
        };
        let (journal, writer) = opened;
        let writer = tokio::spawn(writer.run_on_own_thread());
        let restored = tokio::select! {
            restored = leading::restore(&left.config, &journal) => restored,
            () = stop.as_mut(), if waiting.is_some() => {
                systemd::stopping();
                drop(journal);
                let _ = writer.await;
                break;
            }
        };
        if let Some(waiting) = waiting {
            waiting.end().await;
        }
        let restored = match restored {
            Ok(restored) => restored,
            // Of several relays another one may be able to.
            Err(e) if standing_by::may_pass(&e) && place.file().is_none() => {
                warn!("{e}");
                drop(journal);
                let _ = writer.await;
                turn = Turn::AfterOthers;
                continue;
            }
            Err(e) => return Err(e.into()),
        };
        let ended;
        (ended, left) =
            leading::lead(left, (journal, writer), restored, crash, patience, stop.as_mut()).await?;
        turn = match ended {
            Ended::Stopped => break,
            Ended::LeadLost => Turn::Again,
            Ended::NoLink { .. } => Turn::AfterOthers,
        };
        patience = match ended {
            Ended::NoLink { had_one: false } => (2 * patience).min(MAX_PATIENCE_WITHOUT_LINK),
            _ => PATIENCE_WITHOUT_LINK,
        };
    }
    late::before_the_end(&left.config.journal.place, &mut left.late).await;
    control::mark_clean_end(&socket);
    Ok(())
}
