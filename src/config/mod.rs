//! The configuration: one TOML file, and the environment, which overrides it. Typed and bounded; every error names the key,
//! the value and the remedy. Knows nothing of what is done with it.
//!
//! `config/muc-invite-relay.toml` explains every key to operators; it is embedded as [`REFERENCE`].

mod digest;
mod document;
mod error;
mod files;
mod hosts;
mod journal_values;
mod load;
mod place;
mod reload;
mod schema;
mod sections;
mod values;
mod warnings;

pub use error::{Complaint, ConfigError};
pub use files::{DEFAULT_PATH, REFERENCE};
pub use journal_values::typed_journal;
pub use place::{DEFAULT_LEASE, JournalKey, JournalPlace, JournalServer, relay_name};
pub use reload::{Changes, KEYS_FIXED_UNTIL_RESTART, Live};
pub use schema::{
    Admins, Archive, Component, Config, Journal, Limits, Log, LogFormat, Membership, Metrics, Mimicry, Muc,
    Passwords, Rate, Relay, Server, Strangers, Support,
};
