//! The ids of the relay's own IQs, and how to recognise those of another relay. Knows nothing of IQs.

use std::sync::atomic::{AtomicU64, Ordering};

/// Generates ids that differ from those of earlier runs.
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

    /// Whether this run of the relay has generated this id.
    pub(super) fn is_own(&self, id: &str) -> bool {
        id.split_once('-').is_some_and(|(prefix, _)| prefix == self.prefix)
    }

    /// Whether this id has the form that another run or another relay generates.
    pub(super) fn is_of_another_relay(&self, id: &str) -> bool {
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
    fn own_ids_and_those_of_another_relay() {
        let ours = Ids { prefix: "0123abcd".into(), next: AtomicU64::new(1) };
        let id = ours.next();
        assert!(ours.is_own(&id) && !ours.is_of_another_relay(&id));
        assert!(ours.is_of_another_relay("ffff0000-7") && !ours.is_own("ffff0000-7"));
        for strange in ["", "-", "ffff0000", "ffff0000-", "ffff0000-x", "FFFF0000-7", "fff-7"] {
            assert!(!ours.is_of_another_relay(strange) && !ours.is_own(strange), "{strange}");
        }
    }
}
