//! The journal: what the relay remembers. Everything is on the disk before anything else is done about it.
//!
//! One task owns the only connection that writes. All operations that wait go into one transaction (group commit), so
//! an answer of [`Journal`] means that the data is on the disk and survives `kill -9` and power loss. While the disk
//! refuses (full, locked, failing) there are no answers and all callers wait: so the relay stops taking invitations.
//!
//! Knows nothing of XMPP: JIDs are strings here. [`crate::relay`] decides how an invitation ends.

mod access;
mod backup;
mod batch;
mod claim;
mod claim_index;
mod claim_keys;
mod claim_memory;
mod claim_rows;
mod claim_store;
#[cfg(test)]
mod claim_store_tests;
#[cfg(test)]
mod claim_tests;
mod client_caps;
mod confusables;
mod connection;
mod declines;
mod forget;
mod groups;
mod handle;
mod health;
mod history;
mod holder;
mod in_memory;
mod maintenance;
mod moving;
mod nouns;
mod op;
mod open_error;
mod postgres;
mod preferences;
mod reader;
mod retention;
mod rows;
mod schema;
mod sqlite_moving;
mod sqlite_store;
mod standby;
mod statement;
mod statistics;
mod store;
mod tally;
mod writer;
mod writer_thread;

pub(crate) use access::folder_of;
pub use access::{as_owner, dangling, no_file, obstacle, owned_by_another, owner};
pub use backup::{BackupError, backup};
pub use claim::{Claimed, Delivery, Held, RoomPassword, Wanted};
pub use client_caps::MAX_CLIENT_CAPS;
pub use handle::{Ask, Journal, JournalClosed};
pub use health::WriterHealth;
pub use history::{Statistics, Status};
pub use holder::holder;
pub use moving::{MoveError, RowCounts, move_journal};
pub use nouns::{Forget, Forgotten, Leader};
pub use op::Admitted;
pub use open_error::OpenError;
pub use reader::JournalReader;
pub use retention::Retention;
pub use rows::{Filter, Record};
pub use standby::Standby;
pub use statistics::Counts;
pub use tally::Tally;
pub use writer::Writer;
