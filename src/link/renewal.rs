//! When the link connects again for privileges that are gone: never again and again, for two relays that did so would take
//! them from each other without end. Knows nothing of how it is noticed that they are gone.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tracing::warn;

use super::epoch::Epoch;

/// Connecting again follows at once the first time, later after pauses that double up to the longest.
const FIRST_RENEWAL_PAUSE: Duration = Duration::from_secs(30);
const MAX_RENEWAL_PAUSE: Duration = Duration::from_secs(300);
/// After so long without, it is the first time again.
const RENEWALS_FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);

/// Connecting again for what was granted.
#[derive(Debug)]
pub(super) struct Renewal {
    /// The connection that is to end.
    asked: watch::Sender<Option<Epoch>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// When it was done last, and the pause that follows.
    last: Option<(Instant, Duration)>,
    /// The connection that came of it.
    born: Option<Epoch>,
    /// What is granted has been seen to hold on this one.
    pub(super) holds: Option<Epoch>,
}

impl State {
    /// When the connection may be ended; `None`: that has been tried, and it is refused all the same.
    pub(super) fn due(&self, on: Epoch, now: Instant) -> Option<Instant> {
        if self.born == Some(on) && self.holds != Some(on) {
            return None;
        }
        Some(self.last.map_or(now, |(last, pause)| now.max(last + pause)))
    }

    fn done(&mut self, on: Epoch, now: Instant) {
        let pause = match self.last {
            Some((last, pause)) if now - last < RENEWALS_FORGOTTEN_AFTER => {
                (pause * 2).min(MAX_RENEWAL_PAUSE)
            }
            _ => FIRST_RENEWAL_PAUSE,
        };
        self.last = Some((now, pause));
        self.born = Some(on.next());
    }
}

impl Renewal {
    pub(super) fn new() -> Self {
        Self { asked: watch::Sender::new(None), state: Mutex::default() }
    }

    /// Waits until this connection is to end.
    pub(super) async fn asked(&self, on: Epoch) {
        // It does not fail as long as the sender is here.
        let _ = self.asked.subscribe().wait_for(|asked| *asked == Some(on)).await;
    }

    pub(super) fn ask(&self, on: Epoch, host: &str) {
        if self.asked.send_replace(Some(on)) == Some(on) {
            return;
        }
        self.state().done(on, Instant::now());
        warn!(
            "{host} has taken back what it had granted: connecting again to have it back. ejabberd does this when \
             another connection of the component ends: only one relay may connect with this component.jid"
        );
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds it can panic half way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_at_once_then_ever_more_seldom() {
        let mut state = State::default();
        let start = Instant::now();
        let (mut on, mut now) = (Epoch::default().next(), start);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let due = state.due(on, now).unwrap();
            pauses.push((due - now).as_secs());
            state.done(on, due);
            // It helped, and was lost again at once.
            (on, now) = (on.next(), due);
            state.holds = Some(on);
        }
        assert_eq!(pauses, [0, 30, 60, 120, 240, 300, 300, 300]);
        assert_eq!(state.due(on, now + RENEWALS_FORGOTTEN_AFTER), Some(now + RENEWALS_FORGOTTEN_AFTER));
    }

    #[test]
    fn what_is_refused_on_the_new_connection_too_is_refused() {
        let mut state = State::default();
        let (first, now) = (Epoch::default().next(), Instant::now());
        assert_eq!(state.due(first, now), Some(now));
        state.done(first, now);
        assert_eq!(state.due(first.next(), now + RENEWALS_FORGOTTEN_AFTER), None);
        assert!(state.due(first.next().next(), now).is_some(), "a connection that came by itself");
    }
}
