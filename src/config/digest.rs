//! Which keys were set, and a digest of each value, by which a changed value is noticed. Knows nothing of what keys mean.

use std::collections::BTreeMap;
use std::fmt;

/// The keys that were set, as `section.key`, each with the digest of its value.
pub(super) type Keys = BTreeMap<String, Digest>;

/// The digest of a value. One of the values is the secret, so `Debug` shows no digest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Digest(pub(super) u64);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}
