//! Runs the writer on a thread of its own, beside the link and the invitations. Knows nothing of what it writes.

use std::io;
use std::panic::resume_unwind;
use std::thread;

use tokio::sync::{mpsc, oneshot};
use tracing::error;

use super::open_error::OpenError;
use super::writer::Writer;

impl Writer {
    /// As [`Writer::run`], on a thread of its own, because writing a batch takes about as much CPU time as reading its stanzas.
    /// The answers to a batch come over together and are sent by the task that polls this, because waking each caller from
    /// the other thread would cost more than it saves.
    ///
    /// # Errors
    /// As [`Writer::run`]: [`OpenError::Corrupt`] or [`OpenError::Fault`].
    ///
    /// # Panics
    /// If the system has no thread, or that thread has panicked.
    pub async fn run_on_own_thread(self) -> Result<(), OpenError> {
        if !self.has_use_for_a_thread() {
            return self.run().await;
        }
        let (answered, mut batches) = mpsc::unbounded_channel();
        let (ended, wait) = oneshot::channel();
        let work = move || -> io::Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            // A dropped receiver is fine: the relay has ended without it.
            let give = |batch| drop(answered.send(batch));
            let _ = ended.send(runtime.block_on(self.write_all(give)));
            Ok(())
        };
        // Not one of tokio's threads: the relay would wait for it at its end, even if the disk hangs.
        if let Err(e) = thread::Builder::new().name("journal".to_owned()).spawn(work) {
            error!("no thread for the journal: {e}. Allow the relay's user one more (ulimit -u, TasksMax)");
        }
        // The channel is bounded by the number of callers, because each waits for its answer.
        while let Some(batch) = batches.recv().await {
            for (op, answer) in batch {
                op.answer(answer);
            }
        }
        wait.await.unwrap_or_else(|_| resume_unwind(Box::new("the journal's thread has ended")))
    }
}
