//! The nouns: addresses, invitations, outcomes, preferences, groups. No SQL, no XML, no I/O.

pub mod address;
pub(crate) mod clock;
pub mod domain;
pub mod duration;
pub mod group;
mod invitation;
pub mod invite;
mod language;
mod lease;
mod outcome;
mod preferences;
pub mod words;

pub use invitation::{Arrival, Id, LateArrival, Origin, Payload, Pending};
pub use language::Language;
pub use lease::Lease;
pub use outcome::{Outcome, Reason, Route, State};
pub use preferences::{AcceptFrom, Change, MAX_BLOCKS, MAX_BLOCKS_FOR_ALL, Preferences, TooMany};
