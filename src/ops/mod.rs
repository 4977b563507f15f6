//! What the machine sees of the relay: its log, how it is told to stop, what the service manager hears. Knows nothing of invitations.

pub mod log;
pub mod manager;
pub mod signals;
