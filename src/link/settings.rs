//! The settings of the link. Knows nothing of connections.

use secrecy::SecretString;

use crate::config::Server;

/// The settings of the link. Domains are spelled as in the configuration: the server may not know another spelling.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The component's domain.
    pub component: String,
    /// The secret of the handshake.
    pub secret: SecretString,
    /// Where the server listens for components: one address for each of its nodes, at least one.
    pub servers: Vec<Server>,
    /// The server's own hosts and MUC services. One of them answers the pings, and only they can grant privileges.
    pub hosts: Vec<String>,
    /// The MUC services, which are pinged to find out whether the server drops ordinary IQs.
    pub services: Vec<String>,
}
