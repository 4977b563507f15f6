//! `muc-invite-relay` turns mediated MUC invitations (XEP-0045 §7.8.2) into direct ones (XEP-0249).
//!
//! # The modules
//!
//! An invitation flows one way through the source:
//!
//! ```text
//!  link ──stanza──▶ wire (parse) ──invitation──▶ journal (on disk) ──▶ rooms, contacts (facts) ──▶ relay (decide)
//!    ▲                                                                                                    │
//!    └────────────── wire (compose) ◀── relay (deliver) ◀── journal (claimed, once per contact and room) ◀┘
//! ```
//!
//! A module imports only from those above it in this table:
//!
//! | module | job | knows nothing of |
//! |---|---|---|
//! | [`model`] | invitation, outcome, preferences, group: the nouns | SQL, XML, I/O |
//! | [`texts`] | what people read, in each language | where a text is shown |
//! | [`wire`] | stanza shapes both ways; pure, no I/O, no clock | why |
//! | [`config`] | the TOML file and its environment overrides | the rest |
//! | [`telemetry`] | log, metrics, HTTP | what is counted |
//! | [`journal`] | what is remembered: group commit, in `SQLite` or `PostgreSQL` | XMPP |
//! | [`link`] | the connection: handshake, reconnect, IQ replies, ping barrier, back-pressure | invitations |
//! | [`rooms`] | what a room says: its kind, affiliations, occupants; adding a member | the journal |
//! | [`contacts`] | what a contact's server says of them: block list, roster, clients | the journal |
//! | [`commands`] | what the component says of itself: disco, version, ping; ad-hoc commands | how an invitation is judged |
//! | [`relay`] | an invitation from its arrival to its end; the judge is a pure function | SQL, sockets |
//! | [`setup`] | the server's side for a configuration, whole or in parts | who asks for it |
//! | [`status`] | what can be seen from outside: metrics, health, the page | how an invitation is judged |
//! | [`check`] | whether the set-up works, and what to do where it doesn't | how it is printed |
//! | [`daemon`] | start, signals, the service manager, shutdown; the only module that knows all others | |
//! | [`cli`] | the command line | stanzas |
//!
//! In each folder `mod.rs` stands above the other files; what these share stands in a file below them.
//!
//! `main.rs` calls [`cli::main`]; `cli` and the tests start the same function, [`daemon::run`].

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
pub mod texts;
pub mod wire;
