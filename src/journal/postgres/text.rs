//! Texts that `PostgreSQL` does not take. Knows nothing of what they say.

use std::borrow::Cow;

/// A text without NUL, which `PostgreSQL` has no place for: nothing that comes out of XML has it, and one such row must not keep
/// the writer from all others. The same for writing and looking up, so that what was written is found.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}
