//! For lines of the log that anybody can cause without end: they are written now and then only.

use std::time::Duration;

use tokio::time::Instant;

/// The pause after a line.
const LOG_PAUSE: Duration = Duration::from_secs(10);

/// One kind of line.
#[derive(Debug, Default)]
pub(super) struct Sparing {
    last: Option<Instant>,
    unsaid: u64,
}

impl Sparing {
    /// It has happened: `Some` if it is time for a line, with how often it happened since the last one.
    pub(super) fn due(&mut self, now: Instant) -> Option<u64> {
        self.unsaid += 1;
        if self.last.is_some_and(|last| now - last < LOG_PAUSE) {
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_for_many() {
        let mut sparing = Sparing::default();
        let now = Instant::now();
        assert_eq!(sparing.due(now), Some(1));
        assert_eq!((sparing.due(now), sparing.due(now)), (None, None));
        assert_eq!(sparing.due(now + LOG_PAUSE), Some(3));
        assert_eq!(sparing.due(now + LOG_PAUSE), None);
    }
}
