//! What is wrong with the connection, with texts that say what to do; and the pauses between attempts to connect.
//! Knows nothing of sockets.

use std::fmt;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// What is wrong with the connection, as far as the relay has noticed. Meanwhile the relay is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// There is no connection, for this reason.
    Down(String),
    /// Connections end soon after they came up, the last one for this reason.
    Flapping(String),
    /// Another connection with the component's name replaces this relay's. The text is the server's.
    Conflict(String),
    /// Answers of the server go to another connection: ejabberd accepts several, and spreads stanzas over them.
    Shared,
    /// This host refuses what it has granted, and connecting again did not help.
    Refused(String),
    /// Of several nodes this one has a trouble; the relay goes on by the others, and is ready.
    OneNode {
        /// Its address.
        server: String,
        /// The trouble.
        what: Box<Trouble>,
    },
}

impl Trouble {
    /// Whether it still applies when there is a connection again.
    pub(super) fn outlives_a_connection(&self) -> bool {
        matches!(self, Self::Flapping(_) | Self::Conflict(_))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down(why) => f.write_str(why),
            Self::OneNode { server, what } => {
                write!(f, "of the server's nodes, {server} is not in order: {what}")?;
                if matches!(**what, Self::Conflict(_) | Self::Shared | Self::Refused(_)) {
                    f.write_str(". See also that each address in component.servers leads to another node")?;
                }
                Ok(())
            }
            Self::Flapping(why) => write!(f, "connections to the server do not last: {why}"),
            Self::Conflict(why) => write!(
                f,
                "another relay connects with the same component.jid and takes this one's place ({why}): stop one of \
                 the two"
            ),
            Self::Shared => f.write_str(
                "answers of the server do not come back: another relay is connected with the same component.jid, or \
                 (ejabberd) another component uses the same listener. Stop the other relay; ejabberd: give the \
                 component a listener of its own, or set global_routes: false there",
            ),
            Self::Refused(host) => write!(
                f,
                "{host} refuses what it granted, also after connecting again: look at its privileges for the component \
                 (muc-invite-relay check), and that no other relay is connected with the same component.jid"
            ),
        }
    }
}

/// The longest pause between two attempts to connect.
pub(super) const MAX_RECONNECT_PAUSE: Duration = Duration::from_secs(60);

/// A connection that was up for this time counts as stable.
const STABLE_CONNECTION_AGE: Duration = Duration::from_secs(60);

/// The first and the longest pause while another relay replaces this one's connection. Two relays that both came back at
/// once would replace each other without end.
const CONFLICT_PAUSE: Duration = Duration::from_secs(60);
const MAX_CONFLICT_PAUSE: Duration = Duration::from_secs(300);

/// After this time without being replaced, the other relay has gone: it would have come back earlier.
const CONFLICT_FORGOTTEN_AFTER: Duration = Duration::from_secs(900);

/// How a connection, or the attempt at one, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// It never was up.
    NotUp,
    /// It had been up for this time.
    Lived(Duration),
    /// It had been up for this time, and another connection replaced it.
    Replaced(Duration),
}

type Pauses = Box<dyn Iterator<Item = Duration> + Send>;

/// The pauses between attempts to connect.
pub(super) struct Backoff {
    pauses: Pauses,
    conflict: Option<Pauses>,
    /// How many connections in a row ended soon after they came up.
    short_lived: u32,
}

impl fmt::Debug for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backoff").field("short_lived", &self.short_lived).finish_non_exhaustive()
    }
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { pauses: pauses(), conflict: None, short_lived: 0 }
    }

    /// The pause before the next attempt.
    pub(super) fn after(&mut self, ended: Ended) -> Duration {
        if let Ended::Lived(lived) | Ended::Replaced(lived) = ended {
            if lived >= self.settles_after() {
                self.settled();
            }
            self.short_lived =
                if lived < STABLE_CONNECTION_AGE { self.short_lived.saturating_add(1) } else { 0 };
        }
        if let Ended::Replaced(_) = ended {
            let pauses = self.conflict.get_or_insert_with(|| growing(CONFLICT_PAUSE, MAX_CONFLICT_PAUSE));
            return pauses.next().unwrap_or(MAX_CONFLICT_PAUSE);
        }
        self.pauses.next().unwrap_or(MAX_RECONNECT_PAUSE)
    }

    /// How long a connection must be up until all pauses begin anew.
    pub(super) fn settles_after(&self) -> Duration {
        if self.conflict.is_some() { CONFLICT_FORGOTTEN_AFTER } else { STABLE_CONNECTION_AGE }
    }

    /// The connection has been up for [`Self::settles_after`].
    pub(super) fn settled(&mut self) {
        *self = Self::new();
    }

    pub(super) fn in_conflict(&self) -> bool {
        self.conflict.is_some()
    }

    pub(super) fn is_flapping(&self) -> bool {
        // One short connection is normal when the server is restarted right after the relay.
        self.short_lived > 1
    }
}

/// None, then 1 s to 60 s with jitter, so that many components don't connect at the same time.
fn pauses() -> Pauses {
    Box::new(std::iter::once(Duration::ZERO).chain(growing(Duration::from_secs(1), MAX_RECONNECT_PAUSE)))
}

fn growing(shortest: Duration, longest: Duration) -> Pauses {
    let growing = ExponentialBuilder::default()
        .with_min_delay(shortest)
        .with_max_delay(longest)
        .without_max_times()
        .with_jitter()
        .build();
    Box::new(growing.map(move |pause| pause.min(longest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT_CONNECTION: Duration = Duration::from_secs(3);

    #[test]
    fn pauses_begin_at_once_and_stay_bounded() {
        let mut backoff = Backoff::new();
        let pauses: Vec<_> = (0..50).map(|_| backoff.after(Ended::NotUp)).collect();
        assert_eq!(pauses[0], Duration::ZERO);
        assert!(pauses[1] >= Duration::from_secs(1) && pauses[1] <= Duration::from_secs(2));
        assert!(pauses.iter().all(|pause| *pause <= MAX_RECONNECT_PAUSE));
        assert!(pauses[40] >= Duration::from_secs(30));
    }

    #[test]
    fn a_connection_that_lived_some_seconds_resets_nothing() {
        let mut backoff = Backoff::new();
        let pauses: Vec<_> = (0..20).map(|_| backoff.after(Ended::Lived(SHORT_CONNECTION))).collect();
        assert_eq!(pauses[0], Duration::ZERO);
        assert!(pauses[19] >= Duration::from_secs(30), "{pauses:?}");
        assert!(backoff.is_flapping());
        assert_eq!(backoff.after(Ended::Lived(STABLE_CONNECTION_AGE)), Duration::ZERO);
        assert!(!backoff.is_flapping());
    }

    #[test]
    fn whoever_is_ousted_waits_for_minutes_until_nobody_does_it_any_more() {
        let mut backoff = Backoff::new();
        let first = backoff.after(Ended::Replaced(STABLE_CONNECTION_AGE * 60));
        assert!(first >= CONFLICT_PAUSE && backoff.in_conflict());
        // The other one is ousted as well, and comes back after as long.
        let pauses: Vec<_> = (0..10).map(|_| backoff.after(Ended::Replaced(MAX_CONFLICT_PAUSE))).collect();
        assert!(pauses.iter().all(|pause| *pause >= CONFLICT_PAUSE && *pause <= MAX_CONFLICT_PAUSE));
        assert_eq!(pauses[9], MAX_CONFLICT_PAUSE);
        assert_eq!(backoff.settles_after(), CONFLICT_FORGOTTEN_AFTER);
        backoff.after(Ended::Lived(CONFLICT_FORGOTTEN_AFTER));
        assert!(!backoff.in_conflict());
    }
}
