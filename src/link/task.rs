//! Runs the connections to all nodes of the server. Knows nothing of what a connection does.

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, info_span};

use super::handshake::Refused;
use super::node_task::NodeTask;
use super::summary::Summary;
use crate::model::Lease;

/// The task that owns the connections.
#[derive(Debug)]
pub struct Task {
    pub(super) nodes: Vec<NodeTask>,
    /// If there are several nodes.
    pub(super) summary: Option<Summary>,
}

impl Task {
    /// Connects and sends only while this lease is sure.
    #[must_use]
    pub fn under(mut self, lease: &Lease) -> Self {
        self.nodes.iter_mut().for_each(|node| node.lease = lease.clone());
        self
    }

    /// Connects to all nodes, and connects again whenever a connection is lost, until `close` is cancelled.
    ///
    /// # Errors
    /// [`Refused::Secret`] or [`Refused::UnknownHost`]: every node has refused its first connection of this run, and only a
    /// change of the configuration can help. Later refusals are tried again.
    pub async fn run(self, close: CancellationToken) -> Result<(), Refused> {
        let Some(summary) = self.summary else {
            return match self.nodes.into_iter().next() {
                Some(node) => node.run(close).await,
                None => Ok(()),
            };
        };
        let _keeping = AbortOnDropHandle::new(tokio::spawn(summary.keep()));
        let mut running = JoinSet::new();
        for node in self.nodes {
            let span = info_span!("node", server = %node.server);
            running.spawn(node.run(close.clone()).instrument(span));
        }
        while let Some(ended) = running.join_next().await {
            match ended {
                Ok(Ok(())) => {}
                // The others end with this set.
                Ok(Err(refused)) => return Err(refused),
                Err(fault) => match fault.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_) => return Ok(()),
                },
            }
        }
        Ok(())
    }
}
