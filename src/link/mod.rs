//! The connection to the server (XEP-0114), or one to each node of a cluster: handshake, reconnecting, answers to IQs, the ping
//! barrier, back-pressure.
//!
//! One task owns the connections ([`Task::run`]); all other code holds a [`Link`]. Stanzas that are not answers go to
//! [`Incoming`]; while nothing is taken from there, nothing more is read from the socket.
//!
//! Knows nothing of invitations.

mod answer;
mod bare_iq_support;
mod element;
mod end;
mod epoch;
mod failure;
mod first_attempts;
mod framing;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod goodbye;
mod handle;
mod handshake;
mod ids;
mod iq_probe;
mod log_throttle;
mod metrics;
mod node_link;
mod node_task;
mod patience;
mod peer;
mod pending_iqs;
mod ping_barrier;
mod presence;
mod privilege_probe;
mod privileges;
mod pulse;
mod quick_ack;
mod reader;
mod recorder;
mod renewal;
#[cfg(test)]
pub(crate) mod scripted;
mod session;
mod settings;
mod shared;
mod siblings;
mod socket;
mod spellings;
mod stream;
mod summary;
mod suspects;
mod task;
mod traffic;
mod trouble;
mod writer;

pub use epoch::Epoch;
pub use failure::{AskError, DeliverError, Lost};
pub use handle::{Link, NodeState, Watch};
pub use handshake::Refused;
pub use peer::{PEER_TIMEOUT, Peer, peer};
pub use privileges::Grants;
pub use settings::Settings;
pub use task::Task;
pub use traffic::{Incoming, Received};
pub use trouble::Trouble;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use self::first_attempts::FirstAttempts;
use self::ids::Ids;
use self::metrics::{ConnectionState, Metrics, NodeMetrics};
use self::node_link::NodeLink;
use self::node_task::NodeTask;
use self::privileges::Privileges;
use self::siblings::Siblings;
use self::spellings::Spellings;
use self::summary::Summary;
use crate::model::Lease;

/// How many stanzas may wait to be sent; with more, the sender waits.
const MAX_OUTGOING_STANZAS: usize = 1024;
/// How many stanzas may wait in [`Incoming`]; with more, nothing is read from the socket.
const MAX_INCOMING_STANZAS: usize = 256;

/// Prepares a link. It does not connect until [`Task::run`] is polled.
///
/// # Panics
/// If the settings name no server, which the configuration rules out.
#[must_use]
pub fn new(settings: Settings) -> (Link, Incoming, Task) {
    assert!(!settings.servers.is_empty(), "the settings name no server");
    let (incoming, taken) = mpsc::channel(MAX_INCOMING_STANZAS);
    let metrics = Arc::<Metrics>::default();
    let count = settings.servers.len();
    let shared = Shared {
        settings,
        ids: Arc::new(Ids::new()),
        siblings: Arc::new(Siblings::of(count)),
        first: Arc::new(FirstAttempts::at(count)),
        incoming,
        metrics: Arc::clone(&metrics),
    };
    let nodes: Vec<_> = (0..count).map(|node| shared.connection(node)).collect();
    let (links, tasks): (Vec<_>, Vec<_>) = nodes.into_iter().unzip();
    let summary = (links.len() > 1).then(|| Summary::of(&links));
    let (used, trouble) = match &summary {
        Some(summary) => (summary.used(), summary.trouble()),
        None => (links[0].up.clone(), links[0].trouble.subscribe()),
    };
    let link = Link { nodes: links.into(), used, trouble, metrics };
    (link, taken, Task { nodes: tasks, summary })
}

/// What the connections to all nodes have in common.
struct Shared {
    /// As the configuration has them.
    settings: Settings,
    ids: Arc<Ids>,
    siblings: Arc<Siblings>,
    first: Arc<FirstAttempts>,
    incoming: mpsc::Sender<Received>,
    metrics: Arc<Metrics>,
}

impl Shared {
    /// The connection to this node, by its place in the settings.
    fn connection(&self, node: usize) -> (NodeLink, NodeTask) {
        let mut settings = self.settings.clone();
        let spellings = Spellings::of_settings(&mut settings);
        let (commands, outgoing) = mpsc::channel(MAX_OUTGOING_STANZAS);
        let metrics = Arc::new(NodeMetrics::new(Arc::clone(&self.metrics)));
        let up = ConnectionState::new(node, Arc::clone(&metrics), settings.services.clone());
        let (wanted, changes) = watch::channel(settings.clone());
        let link = NodeLink {
            server: settings.servers[node].to_string().into(),
            commands,
            wanted,
            up: up.watch(),
            bare_iq_support: up.bare_iq_support.clone(),
            trouble: up.trouble.clone(),
            next_attempt: up.next_attempt.clone(),
            slow: up.slow.subscribe(),
            privileges: Arc::new(Privileges::new(settings.hosts.clone())),
            component: settings.component.as_str().into(),
            ids: Arc::clone(&self.ids),
            metrics,
        };
        let task = NodeTask {
            server: settings.servers[node].clone(),
            settings,
            changes,
            outgoing,
            incoming: self.incoming.clone(),
            up,
            link: link.clone(),
            privileges: Arc::clone(&link.privileges),
            spellings,
            siblings: Arc::clone(&self.siblings),
            ids: Arc::clone(&self.ids),
            first: Arc::clone(&self.first),
            lease: Lease::for_ever(),
        };
        (link, task)
    }
}
