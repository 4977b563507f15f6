//! A cluster: whether there is a connection to each of its nodes, and whether each address leads to another node. Knows nothing
//! of what the nodes answer otherwise.

use tokio::time::{Instant, timeout_at};

use super::finding::{Finding, What};
use super::remedies::CHECK_SETUP;
use super::rooms::{self, ModuleAnswer};
use crate::link::{Link, NodeState};

const SEE_ADDRESSES: &str = "See that each address in component.servers leads to another node";

/// A finding for each node whose connection is not up, or with which something is wrong. None if there is one address alone.
pub(super) async fn connections(link: &Link, deadline: Instant) -> Vec<Finding> {
    // The first one is up; the others may take a moment longer.
    let _ = timeout_at(deadline, link.tried()).await;
    let finding = |node: &NodeState| {
        let wrong = match (&node.wrong, node.is_up) {
            (None, true) => return None,
            (None, false) => "down: it has not answered yet".to_owned(),
            (Some(wrong), true) => wrong.clone(),
            (Some(wrong), false) => format!("down: {wrong}"),
        };
        let wrong = format!("{wrong}. The relay goes on by the others. {SEE_ADDRESSES}");
        Some(Finding::of(What::Connection, &node.server).failed(wrong, CHECK_SETUP))
    };
    let nodes = link.nodes();
    if nodes.len() > 1 { nodes.iter().filter_map(finding).collect() } else { Vec::new() }
}

/// A finding for each address that leads to the same node as one before it, as the service's module says.
pub(super) async fn repeated(link: &Link, service: &str) -> Vec<Finding> {
    let nodes = link.nodes();
    if nodes.len() < 2 {
        return Vec::new();
    }
    let asked = nodes.iter().map(async |node| {
        let Some(ModuleAnswer { node: Some(name), .. }) = rooms::module(link, service, Some(node)).await
        else {
            return None;
        };
        Some((node.server.as_str(), name))
    });
    let answers: Vec<_> = futures::future::join_all(asked).await.into_iter().flatten().collect();
    let repeated = answers.iter().enumerate().filter_map(|(at, (server, name))| {
        let (before, _) = answers[..at].iter().find(|(_, earlier)| earlier == name)?;
        Some(Finding::of(What::Connection, *server).failed(
            format!(
                "leads to {name}, and so does {before}: two connections of one node take each other's place"
            ),
            "name one address for each node in component.servers, and no balancer",
        ))
    });
    repeated.collect()
}
