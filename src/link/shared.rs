//! Whether answers of the server go to another connection. ejabberd takes several connections of one component, and
//! spreads what it sends over them; it does the same with different components of one listener without
//! `global_routes: false`. Knows nothing of sockets.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, warn};

use super::trouble::Trouble;

/// Answers to an earlier run of this relay come in this time after the connection began, if they come at all.
const EARLIER_CONNECTION_WAIT: Duration = Duration::from_secs(30);

/// So long after the last sign it is over.
const SHARED_FORGOTTEN_AFTER: Duration = Duration::from_secs(300);

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
    /// An answer to us went somewhere else.
    pub(super) fn noticed(&mut self, trouble: &watch::Sender<Option<Trouble>>) {
        if self.noticed.replace(Instant::now()).is_none() {
            warn!("{}", Trouble::Shared);
        }
        trouble.send_if_modified(|it| it.replace(Trouble::Shared) != Some(Trouble::Shared));
    }

    /// An answer came to a question that another relay asked.
    pub(super) fn heard_anothers(&mut self, trouble: &watch::Sender<Option<Trouble>>) {
        if self.began.elapsed() > EARLIER_CONNECTION_WAIT {
            self.noticed(trouble);
        }
    }

    /// Once a second: is it over?
    pub(super) fn look(&mut self, trouble: &watch::Sender<Option<Trouble>>) {
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
        shared.heard_anothers(&trouble);
        assert_eq!(*trouble.borrow(), None, "it may be an answer to an earlier run");
        advance(EARLIER_CONNECTION_WAIT * 2).await;
        shared.heard_anothers(&trouble);
        assert_eq!(*trouble.borrow(), Some(Trouble::Shared));
        advance(SHARED_FORGOTTEN_AFTER).await;
        shared.noticed(&trouble);
        advance(SHARED_FORGOTTEN_AFTER).await;
        shared.look(&trouble);
        assert_eq!(*trouble.borrow(), Some(Trouble::Shared));
        advance(Duration::from_secs(1)).await;
        shared.look(&trouble);
        assert_eq!(*trouble.borrow(), None);
    }
}
