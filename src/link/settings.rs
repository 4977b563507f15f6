//! What the link must know before it connects. Knows nothing of connections.

use secrecy::SecretString;

use crate::config::Server;

/// What the link needs to know. Domains as the configuration spells them: the server may know them under no other name.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The component's domain.
    pub component: String,
    /// The secret of the handshake.
    pub secret: SecretString,
    /// Where the server listens for components.
    pub server: Server,
    /// The server's own hosts and MUC services: one of them answers the pings, and only they can grant privileges.
    pub hosts: Vec<String>,
    /// The MUC services, which tell whether ordinary IQs get through.
    pub services: Vec<String>,
}
