//! What the machine sees of the relay: its log, how signals reach it, what the service manager hears, how it is looked
//! at. Knows nothing of invitations.

pub mod http;
pub mod log;
pub mod metrics;
