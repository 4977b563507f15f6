//! When the link may connect again because privileges are gone. There are pauses that grow, because two relays that both
//! connected again at once would take the privileges from each other without end. Knows nothing of how it is noticed
//! that they are gone.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tracing::warn;

use super::epoch::Epoch;

/// The first renewal is made at once; later ones after pauses that double from the first to the longest.
const FIRST_RENEWAL_PAUSE: Duration = Duration::from_secs(30);
const MAX_RENEWAL_PAUSE: Duration = Duration::from_secs(300);
/// After this time without a renewal, the pauses begin anew.
const RENEWALS_FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);

/// Ends a connection so that the next one has the privileges again.
#[derive(Debug)]
pub(super) struct Renewal {
    /// The connection that is to end.
    requested: watch::Sender<Option<Epoch>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// When the last renewal was made, and the pause that follows.
    last: Option<(Instant, Duration)>,
    /// The connection that followed it.
    renewed: Option<Epoch>,
    /// The connection on which the grants were seen to hold.
    pub(super) holds: Option<Epoch>,
}

impl State {
    /// When the connection may be ended; `None` if it is itself the result of a renewal that did not help.
    pub(super) fn due(&self, on: Epoch, now: Instant) -> Option<Instant> {
        if self.renewed == Some(on) && self.holds != Some(on) {
            return None;
        }
        Some(self.last.map_or(now, |(last, pause)| now.max(last + pause)))
    }

    /// The renewal that led to this connection did not help because another connection had the grants, which has ended.
    pub(super) fn may_help_after_all(&mut self, on: Epoch) {
        self.renewed.take_if(|renewed| *renewed == on);
    }

    fn done(&mut self, on: Epoch, now: Instant) {
        let pause = match self.last {
            Some((last, pause)) if now - last < RENEWALS_FORGOTTEN_AFTER => {
                (pause * 2).min(MAX_RENEWAL_PAUSE)
            }
            _ => FIRST_RENEWAL_PAUSE,
        };
        self.last = Some((now, pause));
        self.renewed = Some(on.next());
    }
}

impl Renewal {
    pub(super) fn new() -> Self {
        Self { requested: watch::Sender::new(None), state: Mutex::default() }
    }

    /// Waits until this connection is to end.
    pub(super) async fn requested(&self, on: Epoch) {
        // This can't fail while the sender exists.
        let _ = self.requested.subscribe().wait_for(|requested| *requested == Some(on)).await;
    }

    /// Ends this connection because `host` refuses what it had granted.
    pub(super) fn request(&self, on: Epoch, host: &str) {
        if self.requested.send_replace(Some(on)) == Some(on) {
            return;
        }
        self.state().done(on, Instant::now());
        warn!(
            "{host} has taken back what it had granted: connecting again to have it back. ejabberd does this when \
             another connection of the component ends: only one relay may connect with this component.jid"
        );
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock can panic in the middle of a change.
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
        state.may_help_after_all(first.next());
        assert_eq!(state.due(first.next(), now), Some(now + FIRST_RENEWAL_PAUSE));
    }
}
