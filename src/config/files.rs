//! The files that operators know: the one that is read by default, the folder beside it, and the annotated reference.

/// The file that is read when none is named.
pub const DEFAULT_PATH: &str = "/etc/muc-invite-relay/config.toml";

/// The folder beside the file whose `.toml` files are read after it.
pub(super) const MORE_FILES: &str = "conf.d";

/// The annotated reference: every key, what it does, its default, when to change it.
pub const REFERENCE: &str = include_str!("../../config/muc-invite-relay.toml");
