//! What the component says of itself, and the commands that people and admins can give it. It answers the same questions on
//! its domain and on relay addresses, so that a client finds out that direct invitations can be sent there (XEP-0249 §2).
//!
//! Knows nothing of how an invitation is judged.

mod admin;
mod admin_groups;
mod admin_invite;
mod blocks;
mod catalogue;
mod context;
mod discovery;
mod dispatch;
mod draft;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod group_list;
mod invite_words;
mod outcome;
mod sessions;
mod shell;
mod turns;
mod user_data;
mod user_settings;

pub use catalogue::Listed;
pub use context::{AskedToInvite, AskedToReload};
pub use discovery::answer;
pub use dispatch::Commands;
pub use group_list::asks_for_groups;
pub use invite_words::{obstacle, whom};
pub use shell::{ShellAnswer, ShellCommand};
