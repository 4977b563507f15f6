//! What the machine sees of the relay: its log and how it is told to stop. Knows nothing of invitations.

pub mod log;
pub mod signals;
