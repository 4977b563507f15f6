//! The writer on a thread of its own, beside the link and the invitations. Knows nothing of what it writes.

use std::io;
use std::panic::resume_unwind;
use std::thread;

use tokio::sync::{mpsc, oneshot};
use tracing::error;

use super::schema::OpenError;
use super::writer::Writer;

impl Writer {
    /// Like [`Writer::run`]: putting a batch together takes about as long as reading what is in it. The answers to a batch
    /// come over in one piece, and are given out by the task that polls this: a thread that wakes each one who waits costs more
    /// than it takes off.
    ///
    /// # Errors
    /// See [`Writer::run`].
    ///
    /// # Panics
    /// If the system has no thread, or that thread has panicked.
    pub async fn run_apart(self) -> Result<(), OpenError> {
        let (answered, mut batches) = mpsc::unbounded_channel();
        let (ended, wait) = oneshot::channel();
        let work = move || -> io::Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            // Nobody waits any more if the relay has ended without it.
            let give = |batch| drop(answered.send(batch));
            let _ = ended.send(runtime.block_on(self.write_all(give)));
            Ok(())
        };
        // A thread of ours and not tokio's, for which the relay would wait at its end though the disk hangs.
        if let Err(e) = thread::Builder::new().name("journal".to_owned()).spawn(work) {
            error!("no thread for the journal: {e}. Allow the relay's user one more (ulimit -u, TasksMax)");
        }
        // No more of them than ask, since each waits for its answer.
        while let Some(batch) = batches.recv().await {
            for (op, answer) in batch {
                op.answer(answer);
            }
        }
        wait.await.unwrap_or_else(|_| resume_unwind(Box::new("the journal's thread has ended")))
    }
}
