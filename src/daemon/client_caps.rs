//! What clients' hashes stand for (XEP-0115), between the journal and those who ask clients: brought along at the start,
//! written down as they are verified and seen. Neither knows of the other.

use std::path::Path;

use tokio::sync::mpsc;

use crate::contacts::Verified;
use crate::journal::{Journal, JournalReader, OpenError};

/// So many hashes of clients may wait to be written down.
const MAX_WAITING_HASHES: usize = 64;

/// What earlier runs have found out.
///
/// # Errors
/// See [`OpenError`].
pub(super) async fn known(path: &Path) -> Result<Vec<Verified>, OpenError> {
    let hashes = JournalReader::new(path).hashes().await?;
    Ok(hashes.into_iter().map(|(hash, shows_direct)| Verified { hash, shows_direct }).collect())
}

/// Writes down what is found out, until the sender that this returns is dropped or the journal is closed.
pub(super) fn keep(journal: Journal) -> mpsc::Sender<Verified> {
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
