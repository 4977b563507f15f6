//! Stanza shapes both ways: what a server may send is read leniently, what the relay sends is written strictly. A file
//! for each protocol. Pure: no I/O, no clock; knows nothing of why a stanza is read or sent.
//!
//! The files stand on each other in this order: [`ns`] and [`xml`]; the elements of each protocol; [`stanza`], which says
//! where each element may stand; [`top_level`]; the files that read and write whole stanzas ([`muc`], [`direct`], [`privileged`],
//! [`handover`], [`spelling`], [`compose`]).
//!
//! # Lenient reading
//!
//! Anybody on the network can cause a stanza on the relay's stream, so nothing in a stanza may make it unreadable. Unknown
//! attributes, children and texts are ignored. Of a child that should occur once, the first counts ([`xml::First`]).
//! Words of a fixed set are kept as text, or read as `None` if they are unknown. JIDs are kept as text as well, because
//! real ones (an emoji as a nickname) fail in a strict parser; functions such as [`muc::mediated`] return checked ones.
//!
//! No type here holds a tree of unknown depth: the deepest stanza takes a constant amount of stack.

pub mod body;
pub mod came_back;
pub mod caps;
pub mod command;
pub mod compose;
pub mod conference;
pub mod confusable;
pub mod data_form;
pub mod direct;
pub mod disco;
pub mod error;
pub mod fate;
pub mod handover;
pub mod hint;
pub mod message;
pub mod muc;
mod muc_admin;
pub mod muc_owner;
pub mod muc_user;
pub mod ns;
pub mod password;
pub mod permission;
pub mod privileged;
pub mod query;
pub mod spelling;
pub mod stanza;
pub mod top_level;
pub mod xml;

pub use command::Command;
pub use error::{Condition, StanzaError, StreamError};
pub use stanza::{Iq, IqPayload, IqType, Message, Presence};
pub use top_level::Stanza;

#[cfg(test)]
mod tests;
