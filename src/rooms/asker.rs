//! In whose name a room is asked. Knows nothing of what it is asked.

use jid::BareJid;

/// Who asks a room.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Asker {
    /// A user, by privileged IQ.
    Inviter(BareJid),
    /// The component.
    Relay,
}
