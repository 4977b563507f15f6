//! Log, metrics and HTTP: the pieces that other folders count and show with. Knows nothing of invitations.

pub mod http;
pub mod log;
pub mod metrics;
