//! Ids of the relay's own IQs, and how those of another relay look. Knows nothing of IQs.

use std::sync::atomic::{AtomicU64, Ordering};

/// Ids of our IQs: unlike those of an earlier run.
#[derive(Debug)]
pub(super) struct Ids {
    prefix: String,
    next: AtomicU64,
}

impl Ids {
    pub(super) fn new() -> Self {
        Self { prefix: format!("{:08x}", fastrand::u32(..)), next: AtomicU64::new(1) }
    }

    pub(super) fn next(&self) -> String {
        format!("{}-{}", self.prefix, self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether this is one of ours.
    pub(super) fn are_ours(&self, id: &str) -> bool {
        id.split_once('-').is_some_and(|(prefix, _)| prefix == self.prefix)
    }

    /// Whether this looks like one of another relay's.
    pub(super) fn are_anothers(&self, id: &str) -> bool {
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        id.split_once('-').is_some_and(|(prefix, number)| {
            prefix != self.prefix
                && prefix.len() == self.prefix.len()
                && prefix.bytes().all(hex)
                && !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_and_anothers() {
        let ours = Ids { prefix: "0123abcd".into(), next: AtomicU64::new(1) };
        let id = ours.next();
        assert!(ours.are_ours(&id) && !ours.are_anothers(&id));
        assert!(ours.are_anothers("ffff0000-7") && !ours.are_ours("ffff0000-7"));
        for strange in ["", "-", "ffff0000", "ffff0000-", "ffff0000-x", "FFFF0000-7", "fff-7"] {
            assert!(!ours.are_anothers(strange) && !ours.are_ours(strange), "{strange}");
        }
    }
}
