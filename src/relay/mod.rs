//! An invitation, from the moment it is read until it is settled.
//!
//! [`queue`] takes in what arrives, [`attempt`] runs one invitation: `decide/` decides about it, `deliver/` sends it,
//! `settle/` ends it. `fan_out/` runs one invitation to several people, `inbound/` parses what arrives,
//! `by_command/` runs the invitations of operators.
//! Knows nothing of SQL and sockets.

mod attempt;
mod by_command;
mod claim;
pub(crate) mod context;
pub(crate) mod decide;
pub(crate) mod deliver;
mod ending;
pub(crate) mod endings;
pub(crate) mod fan_out;
mod inbound;
mod job;
pub(crate) mod limits;
pub(crate) mod metrics;
mod parties;
mod payload;
pub(crate) mod queue;
pub(crate) mod settle;
mod shares;
mod stop;
#[cfg(test)]
mod tests;

pub use self::decide::judge;
