//! Carries out an operator's command on the journal while no relay runs. Knows nothing of what the command does.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::settings::{link_settings, retention};
use crate::commands::{Commands, ShellAnswer, ShellCommand};
use crate::config::Config;
use crate::journal::{Journal, OpenError};
use crate::link;

/// Carries it out. `by`: who gives it, for the log.
///
/// # Errors
/// [`OpenError`]: the journal can't be opened, for instance because a relay has just started.
pub async fn without_relay(
    config: Config,
    by: &str,
    command: ShellCommand,
) -> Result<ShellAnswer, OpenError> {
    let (journal, writer) = Journal::open(&config.journal.place, retention(&config)).await?;
    let writer = tokio::spawn(writer.run());
    // It never connects: what is on the server is not asked for.
    let (link, ..) = link::new(link_settings(&config));
    let (reload, _) = mpsc::channel(1);
    let (invite, _) = mpsc::channel(1);
    let commands = Commands::new(Arc::clone(&config.live()), journal, link, reload, invite);
    let answer = commands.by_shell(by, command).await;
    drop(commands);
    // It has written all; only a fault of the writer itself is left to be told.
    match writer.await {
        Ok(Err(e)) => Err(e),
        _ => Ok(answer),
    }
}
