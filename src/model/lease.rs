//! Until when this process is sure that it may work: another one takes over once that time has passed. The journal's writer
//! moves it on, the link looks at it before anything is sent. Knows nothing of either.

use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::{Duration, Instant, sleep};

/// How long [`Lease::sure`] waits between two looks.
const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// Until when this process is sure that it may work; all clones tell the same.
#[derive(Debug, Clone, Default)]
pub struct Lease(Option<Arc<Mutex<Instant>>>);

impl Lease {
    /// Of a process beside which there is never another one.
    #[must_use]
    pub fn for_ever() -> Self {
        Self(None)
    }

    /// One that ends at this time, unless it is moved on.
    #[must_use]
    pub fn until(end: Instant) -> Self {
        Self(Some(Arc::new(Mutex::new(end))))
    }

    /// Moves the end.
    pub fn move_to(&self, end: Instant) {
        if let Self(Some(until)) = self {
            *until.lock().unwrap_or_else(PoisonError::into_inner) = end;
        }
    }

    /// It has ended by now at the latest.
    pub fn end(&self) {
        if let Self(Some(until)) = self {
            let mut until = until.lock().unwrap_or_else(PoisonError::into_inner);
            *until = Instant::now().min(*until);
        }
    }

    /// For how long it has ended.
    #[must_use]
    pub fn ended_for(&self) -> Duration {
        let Self(Some(until)) = self else { return Duration::ZERO };
        until.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Whether the process may work now.
    #[must_use]
    pub fn is_sure(&self) -> bool {
        let Self(Some(until)) = self else { return true };
        Instant::now() < *until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the process may work no longer.
    pub async fn unsure(&self) {
        if self.0.is_none() {
            return pending().await;
        }
        while self.is_sure() {
            sleep(LOOK_PAUSE).await;
        }
    }

    /// Waits until the process may work.
    pub async fn sure(&self) {
        while !self.is_sure() {
            sleep(LOOK_PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_ends_unless_it_is_moved_on() {
        let lease = Lease::until(Instant::now() + Duration::from_secs(1));
        let other = lease.clone();
        assert!(other.is_sure() && Lease::for_ever().is_sure());
        sleep(Duration::from_secs(1)).await;
        assert!(!other.is_sure());
        lease.move_to(Instant::now() + Duration::from_secs(1));
        assert!(other.is_sure());
        sleep(Duration::from_secs(2)).await;
        let begun = Instant::now();
        tokio::join!(other.sure(), async {
            sleep(Duration::from_secs(3)).await;
            lease.move_to(Instant::now() + Duration::from_secs(1));
        });
        assert!(begun.elapsed() < Duration::from_secs(4));
        other.unsure().await;
        assert!(!other.is_sure() && begun.elapsed() < Duration::from_secs(5));
        sleep(Duration::from_secs(2)).await;
        other.end();
        assert!(lease.ended_for() >= Duration::from_secs(2) && Lease::for_ever().ended_for().is_zero());
        lease.move_to(Instant::now() + Duration::from_secs(2));
        other.end();
        assert!(!lease.is_sure() && lease.ended_for().is_zero());
    }
}
