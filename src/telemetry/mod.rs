//! Log, metrics and HTTP, as other folders use them. Knows nothing of invitations.

pub mod http;
pub mod log;
mod log_line;
pub mod metrics;
