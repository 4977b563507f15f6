//! Our own `<came-back/>`: a server module tells the relay of an error that went to an inviter. Knows its shape, not whom to
//! believe.

use xso::{AsXml, FromXml};

use super::ns;

/// `<came-back/>`: an error that went to a local user, for a message that may be the relay's.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::HAND_OVER, name = "came-back", discard(text))]
pub struct CameBack {
    /// The id of the message, and of the error.
    #[xml(attribute(default))]
    pub id: Option<String>,
    /// The sender of the error: the addressee of the message.
    #[xml(attribute(default))]
    pub from: Option<String>,
    /// The addressee of the error: the user in whose name the message was sent.
    #[xml(attribute(default))]
    pub to: Option<String>,
}
