//! Stanza shapes both ways: what a server may send us, read leniently, and what we send, written strictly.
//! One file per XEP. Pure: no I/O, no clock, and no idea why a stanza is read or sent.
//!
//! # How leniently
//!
//! Anyone on the network can have a stanza put on our stream, so nothing in one may make it unreadable: what we
//! don't know (attributes, children, text) is passed over, of what should stand once the first counts
//! ([`xml::First`]), and words are kept as text or read as "none we know". JIDs stay text as well, because real
//! ones (an emoji as nickname) don't pass a strict parser; [`muc::mediated`] and its like give checked ones.
//!
//! No type here holds a tree of unknown depth: the deepest stanza costs a constant stack.

pub mod caps;
pub mod command;
pub mod confusable;
pub mod data_form;
pub mod direct;
pub mod disco;
pub mod error;
pub mod forward;
pub mod handover;
pub mod muc;
pub mod ns;
pub mod privileged;
pub mod query;
pub mod spelling;
pub mod stanza;
pub mod xml;

pub use command::Command;
pub use error::{Condition, StanzaError, StreamError};
pub use stanza::{Iq, IqPayload, IqType, Message, Presence, Stanza};

#[cfg(test)]
mod tests;
