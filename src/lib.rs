//! `muc-invite-relay` turns mediated MUC invitations (XEP-0045 §7.8.2) into direct ones (XEP-0249).
//!
//! # The map of the house
//!
//! An invitation flows one way, from room to room:
//!
//! ```text
//!  link ──stanza──▶ wire (parse) ──invitation──▶ journal (on disk) ──▶ rooms (who may enter, who is in) ──▶ relay::judge
//!    ▲                                                                                                          │
//!    └────────────── wire (compose) ◀── relay (deliver) ◀── journal (claimed, once per contact and room) ◀──────┘
//! ```
//!
//! | place | job | knows nothing of |
//! |---|---|---|
//! | [`cli`] | the command line | stanzas |
//! | [`check`] | whether the set-up works, and what to do where it doesn't | how it is printed |
//! | [`setup`] | the server's side for a configuration, whole or in parts | who wants it |
//! | [`config`] | the TOML file and its environment overrides | the rest |
//! | [`wire`] | stanza shapes both ways; pure, no I/O, no clock | why |
//! | [`link`] | the connection: handshake, reconnect, IQ replies, ping barrier, back-pressure | invitations |
//! | [`rooms`] | what a room says: its kind, affiliations, occupants; adding a member | the journal |
//! | [`contacts`] | what a contact's server says of him: his block list, his roster | the journal |
//! | [`relay`] | an invitation's life; the judge is a pure function | SQL, sockets |
//! | [`groups`] | whom the name of a group stands for, and who may use it; pure | where it is written |
//! | [`journal`] | `SQLite` through sqlx, group commit | XMPP |
//! | [`commands`] | what the component says of itself: disco, version, ping; people's and admins' commands | how an invitation is judged |
//! | [`status`] | what one sees from outside: metrics, health, the page | how an invitation is judged |
//! | [`telemetry`] | logs, signals, the service manager, the pieces that counting and showing are made of | the rest |
//!
//! `main.rs` parses arguments and calls [`cli`]; `cli` and the tests start the very same [`daemon::run`].

pub mod check;
pub mod cli;
pub mod commands;
pub mod config;
pub mod contacts;
pub mod daemon;
pub mod journal;
pub mod link;
pub mod model;
pub mod relay;
pub mod rooms;
pub mod setup;
pub mod status;
pub mod telemetry;
pub mod wire;
