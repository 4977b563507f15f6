//! Whether the set-up works: the configuration, the journal, the server's grants, the relay's rights in rooms, whether the
//! hand-over module answers. Each finding that is not well comes with its remedy, for the server in use.
//!
//! The command `check` asks a running relay through its control socket, so that no second connection is needed. Knows
//! nothing of how findings are printed.

mod asker;
mod blocks;
mod disk;
mod echo;
mod finding;
mod grants;
mod groups;
mod inviters;
mod metrics;
mod names;
mod neighbours;
mod nodes;
mod remedies;
mod rooms;
mod running;
mod secret;
mod server;
mod settings;
mod silence;
mod writers;

pub use blocks::blocks;
pub use disk::{journal, journal_does_not_answer};
pub use echo::answer_all;
pub use finding::{Finding, RelayFound, State, What};
pub use groups::groups;
pub use metrics::metrics;
pub use neighbours::somebody_is_connected;
pub use running::{Running, running, stands_by};
pub use server::{AskedBy, not_tried, server};
pub use settings::{complaints, settings};
