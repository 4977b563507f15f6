//! Limits log lines that anybody can cause in any number. Knows nothing of what they say.

use std::time::Duration;

use tokio::time::Instant;

/// The shortest time between two lines.
const LOG_PAUSE: Duration = Duration::from_secs(10);

/// The limit for one kind of line.
#[derive(Debug, Default)]
pub(super) struct LogThrottle {
    last: Option<Instant>,
    suppressed: u64,
}

impl LogThrottle {
    /// Notes an event. `Some` if a line is to be written now, with the number of events since the last line.
    pub(super) fn due(&mut self, now: Instant) -> Option<u64> {
        self.suppressed += 1;
        if self.last.is_some_and(|last| now - last < LOG_PAUSE) {
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_for_many() {
        let mut throttle = LogThrottle::default();
        let now = Instant::now();
        assert_eq!(throttle.due(now), Some(1));
        assert_eq!((throttle.due(now), throttle.due(now)), (None, None));
        assert_eq!(throttle.due(now + LOG_PAUSE), Some(3));
        assert_eq!(throttle.due(now + LOG_PAUSE), None);
    }
}
