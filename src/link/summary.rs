//! Of the connections to several nodes: which one is used, and what is wrong altogether. Knows nothing of how a connection
//! comes about.

use std::sync::Arc;

use tokio::sync::watch;
use tracing::{info, warn};

use super::epoch::Epoch;
use super::node_link::NodeLink;
use super::trouble::Trouble;

/// What the connections to all nodes are together.
#[derive(Debug)]
pub(super) struct Summary {
    nodes: Vec<Node>,
    used: watch::Sender<Option<Epoch>>,
    trouble: watch::Sender<Option<Trouble>>,
}

/// The state of the connection to one node.
#[derive(Debug)]
struct Node {
    server: Arc<str>,
    up: watch::Receiver<Option<Epoch>>,
    slow: watch::Receiver<bool>,
    trouble: watch::Receiver<Option<Trouble>>,
}

impl Summary {
    /// Of these.
    pub(super) fn of(nodes: &[NodeLink]) -> Self {
        let node = |link: &NodeLink| Node {
            server: Arc::clone(&link.server),
            up: link.up.clone(),
            slow: link.slow.clone(),
            trouble: link.trouble.subscribe(),
        };
        Self {
            nodes: nodes.iter().map(node).collect(),
            used: watch::Sender::new(None),
            trouble: watch::Sender::new(None),
        }
    }

    /// The connection that is used; `None` while none is up.
    pub(super) fn used(&self) -> watch::Receiver<Option<Epoch>> {
        self.used.subscribe()
    }

    /// What is wrong; see [`Trouble::OneNode`].
    pub(super) fn trouble(&self) -> watch::Receiver<Option<Trouble>> {
        self.trouble.subscribe()
    }

    /// Keeps it up to date until the connections have ended.
    pub(super) async fn keep(mut self) {
        loop {
            self.update();
            let changes = self.nodes.iter_mut().flat_map(|node| {
                let up: futures::future::BoxFuture<'_, _> = Box::pin(node.up.changed());
                [up, Box::pin(node.slow.changed()), Box::pin(node.trouble.changed())]
            });
            if futures::future::select_all(changes).await.0.is_err() {
                return;
            }
        }
    }

    fn update(&mut self) {
        let before = *self.used.borrow();
        let used = self.to_use(before);
        if used != before
            && let (Some(before), Some(used)) = (before, used)
            && before.node() != used.node()
        {
            info!("link: {} is used instead of {}", self.server(used), self.server(before));
        }
        self.used.send_if_modified(|it| std::mem::replace(it, used) != used);
        let trouble = self.wrong(used);
        if self.trouble.send_if_modified(|it| std::mem::replace(it, trouble.clone()) != trouble)
            && let Some(one @ Trouble::OneNode { .. }) = trouble
        {
            warn!("{one}; the relay goes on by the others");
        }
    }

    /// The one that is used stays so while it answers and nothing is wrong with it. Otherwise it is the first of which that is so;
    /// else one that at least answers, or is up.
    fn to_use(&self, before: Option<Epoch>) -> Option<Epoch> {
        let up = |node: &Node| *node.up.borrow();
        let answers = |node: &Node| up(node).filter(|_| !*node.slow.borrow());
        let well = |node: &Node| answers(node).filter(|_| node.trouble.borrow().is_none());
        let same = before.map(|before| &self.nodes[before.node()]);
        let first = |holds: &dyn Fn(&Node) -> Option<Epoch>| {
            same.and_then(holds).or_else(|| self.nodes.iter().find_map(holds))
        };
        first(&well).or_else(|| first(&answers)).or_else(|| first(&up))
    }

    fn wrong(&self, used: Option<Epoch>) -> Option<Trouble> {
        let of = |node: &Node| node.trouble.borrow().clone();
        let Some(used) = used else {
            // Before its first attempt, nothing is known of a node.
            let wrong: Vec<_> =
                (self.nodes.iter()).filter_map(|node| Some((&node.server, of(node)?))).collect();
            return match &wrong[..] {
                [] => None,
                [(_, one)] => Some(one.clone()),
                several => {
                    let several: Vec<_> =
                        several.iter().map(|(server, wrong)| format!("{server}: {wrong}")).collect();
                    Some(Trouble::Down(several.join("; ")))
                }
            };
        };
        of(&self.nodes[used.node()]).or_else(|| {
            self.nodes.iter().find_map(|node| {
                let what = Box::new(of(node)?);
                Some(Trouble::OneNode { server: node.server.to_string(), what })
            })
        })
    }

    fn server(&self, connection: Epoch) -> &str {
        &self.nodes[connection.node()].server
    }
}
