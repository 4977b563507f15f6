//! Notices that answers of the server go to another connection. ejabberd accepts several connections of one component, and
//! spreads what it sends over them; it does the same with different components of one listener that has not
//! `global_routes: false`. Knows nothing of sockets.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, warn};

use super::trouble::Trouble;

/// For this time after the connection began, answers may still arrive for an earlier run of this relay.
const EARLIER_CONNECTION_WAIT: Duration = Duration::from_secs(30);

/// This time after the last sign it counts as over.
const SHARED_FORGOTTEN_AFTER: Duration = Duration::from_secs(300);

/// Whether this connection shares its component's name with another one.
#[derive(Debug)]
pub(super) struct Shared {
    began: Instant,
    noticed: Option<Instant>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { began: Instant::now(), noticed: None }
    }
}

impl Shared {
    /// Notes that an answer to this relay went to another connection.
    pub(super) fn noticed(&mut self, trouble: &watch::Sender<Option<Trouble>>) {
        if self.noticed.replace(Instant::now()).is_none() {
            warn!("{}", Trouble::Shared);
        }
        trouble.send_if_modified(|it| it.replace(Trouble::Shared) != Some(Trouble::Shared));
    }

    /// Notes an answer to a request that this relay has not sent.
    pub(super) fn noticed_foreign_answer(&mut self, trouble: &watch::Sender<Option<Trouble>>) {
        if self.began.elapsed() > EARLIER_CONNECTION_WAIT {
            self.noticed(trouble);
        }
    }

    /// Whether there has been a sign of another connection since then.
    pub(super) fn seen_since(&self, then: Instant) -> bool {
        self.noticed.is_some_and(|noticed| noticed >= then)
    }

    /// Notes whether it is over. Called at each interval.
    pub(super) fn expire(&mut self, trouble: &watch::Sender<Option<Trouble>>) {
        if self.noticed.take_if(|noticed| noticed.elapsed() > SHARED_FORGOTTEN_AFTER).is_some() {
            info!("answers of the server come back again");
            trouble.send_if_modified(|it| it.take_if(|it| *it == Trouble::Shared).is_some());
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn noticed_and_over() {
        let trouble = watch::Sender::new(None);
        let mut shared = Shared::default();
        shared.noticed_foreign_answer(&trouble);
        assert_eq!(*trouble.borrow(), None, "it may be an answer to an earlier run");
        advance(EARLIER_CONNECTION_WAIT * 2).await;
        shared.noticed_foreign_answer(&trouble);
        assert_eq!(*trouble.borrow(), Some(Trouble::Shared));
        advance(SHARED_FORGOTTEN_AFTER).await;
        let then = Instant::now();
        assert!(!shared.seen_since(then), "it stands, and nothing new was seen");
        shared.noticed(&trouble);
        assert!(shared.seen_since(then));
        advance(SHARED_FORGOTTEN_AFTER).await;
        shared.expire(&trouble);
        assert_eq!(*trouble.borrow(), Some(Trouble::Shared));
        advance(Duration::from_secs(1)).await;
        shared.expire(&trouble);
        assert_eq!(*trouble.borrow(), None);
    }
}
