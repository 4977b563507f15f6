//! The server's side for a configuration: the whole text, or what an existing configuration of the server lacks of it. Knows
//! nothing of what servers do with it, nor of who asks.

mod cluster;
mod existing;
mod installed;
mod outline;
mod printed;

pub use existing::{Missing, ReadError, missing};
pub use installed::installed;
pub use printed::{Make, Part, Setup, Version};
