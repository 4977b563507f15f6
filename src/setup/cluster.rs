//! What belongs to a server of several nodes beside the configuration that each of them gets: comments below it. Knows nothing of what
//! stands in that.

use std::fmt;
use std::path::PathBuf;

use crate::config::{Config, JournalPlace, Server};

/// The nodes, and what a second relay beside them needs.
#[derive(Debug, Clone)]
pub(super) struct Cluster {
    /// Each with its listener.
    nodes: Vec<(Server, String)>,
    journal: Option<JournalOnServer>,
}

/// The section `[journal]`, if it names a database server.
#[derive(Debug, Clone)]
struct JournalOnServer {
    /// Without passwords.
    shown: String,
    key_file: PathBuf,
    socket: PathBuf,
}

impl Cluster {
    /// `None` if there is one node. `listener`: the listener for an address, in one line of YAML.
    pub(super) fn of(config: &Config, listener: impl Fn(&Server) -> String) -> Option<Self> {
        let with_listener = |server: Server| {
            let listener = listener(&server);
            (server, listener)
        };
        let nodes: Vec<_> = config.component.addresses().into_iter().map(with_listener).collect();
        let journal = match &config.journal.place {
            JournalPlace::File(_) => None,
            JournalPlace::Server(server) => Some(JournalOnServer {
                shown: server.shown.clone(),
                key_file: server.key_file.clone(),
                socket: config.journal.socket.clone(),
            }),
        };
        (nodes.len() > 1).then_some(Self { nodes, journal })
    }
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![
            "Several nodes: each gets all of the above. Its listener has the address at which the relay, or its tunnel,"
                .to_owned(),
            "arrives on that node:".to_owned(),
        ];
        lines.extend(self.nodes.iter().map(|(server, listener)| format!("    {server}: {listener}")));
        lines.extend(
            [
                "",
                "Leave domain_balancing out for the component: what it sends to a connection that is not there is lost.",
                "",
                "Seconds after which a node that hangs counts as down, the same on all nodes; 60 by default. A node that hung",
                "for longer has to be restarted:",
                "net_ticktime: 20",
                "",
            ]
            .map(str::to_owned),
        );
        let servers: Vec<_> = self.nodes.iter().map(|(server, _)| format!("\"{server}\"")).collect();
        match &self.journal {
            None => lines.push(
                "A second relay that stands by needs the journal in PostgreSQL: journal.url of the relay's configuration."
                    .to_owned(),
            ),
            Some(JournalOnServer { shown, key_file, socket }) => lines.extend([
                "A second relay, on another machine, stands by with the same configuration, the same key, and the addresses"
                    .to_owned(),
                "at which it reaches the nodes from there:".to_owned(),
                "    [component]".to_owned(),
                format!("    servers = [{}]", servers.join(", ")),
                "    [journal]".to_owned(),
                format!("    url = \"<the same: {shown}>\""),
                format!("    key_file = \"{}\"", key_file.display()),
                format!("    socket = \"{}\"", socket.display()),
            ]),
        }
        for line in lines {
            writeln!(f, "{}", format!("# {line}").trim_end())?;
        }
        Ok(())
    }
}
