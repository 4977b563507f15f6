//! The journal: what the relay remembers, on disk before anything else happens to it.
//!
//! One task owns the one writing connection. Whatever waits for it goes into one transaction (group commit), so that
//! an answer of [`Journal`] means: on the disk, `kill -9` and power loss included. While the disk refuses (full, locked,
//! failing) the answers don't come, so all who ask have to wait: that is how the relay stops taking invitations.
//!
//! Knows nothing of XMPP: JIDs are strings here, and why an invitation ends as it does is [`crate::relay`]'s business.

mod access;
mod backup;
mod batch;
mod claim_keys;
mod client_caps;
mod confusables;
mod forget;
mod groups;
mod handle;
mod health;
mod history;
mod holder;
mod in_memory;
mod maintenance;
mod op;
mod preferences;
mod reader;
mod retention;
mod rows;
mod schema;
mod tally;
mod writer;
mod writer_thread;

pub use access::owned_by_another;
pub use backup::{BackupError, backup};
pub use client_caps::MAX_CLIENT_CAPS;
pub use forget::{Forget, Forgotten};
pub use handle::{Closed, Journal};
pub use health::WriterHealth;
pub use history::{Statistics, Status};
pub use holder::holder;
pub use op::Admitted;
pub use reader::JournalReader;
pub use retention::Retention;
pub use rows::{Filter, Record};
pub use schema::OpenError;
pub use tally::Tally;
pub use writer::Writer;
