//! Hashes of clients' capabilities (XEP-0115), between `journal` and `contacts`: read from the journal at the start, and written
//! to it when a hash was verified or seen. Neither folder knows the other.

use tokio::sync::mpsc;

use crate::config::JournalPlace;
use crate::contacts::Verified;
use crate::journal::{Journal, JournalReader, OpenError};

/// The most hashes that wait to be written.
const MAX_WAITING_HASHES: usize = 64;

/// The hashes that earlier runs have verified.
///
/// # Errors
/// [`OpenError`] if the journal can't be read.
pub(super) async fn known(place: &JournalPlace) -> Result<Vec<Verified>, OpenError> {
    let hashes = JournalReader::new(place).hashes().await?;
    Ok(hashes.into_iter().map(|(hash, shows_direct)| Verified { hash, shows_direct }).collect())
}

/// Writes what comes through the sender that it returns, until that is dropped or the journal is closed.
pub(super) fn record(journal: Journal) -> mpsc::Sender<Verified> {
    let (seen, mut found) = mpsc::channel(MAX_WAITING_HASHES);
    tokio::spawn(async move {
        while let Some(Verified { hash, shows_direct }) = found.recv().await {
            if journal.note_hash(hash, shows_direct).await.is_err() {
                return;
            }
        }
    });
    seen
}
