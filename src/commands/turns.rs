//! How many commands are carried out at a time, and how many of one person. Knows nothing of what they do.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

/// Commands that are carried out at the same time; others wait.
const MAX_AT_ONCE: usize = 8;
/// Commands of one person that are carried out or wait.
const MAX_OF_ONE: usize = 4;
/// Commands of all people that are carried out or wait.
const MAX_IN_ALL: usize = 256;

/// Whose turn it is.
#[derive(Debug)]
pub(super) struct Turns {
    at_once: Semaphore,
    counts: Mutex<HashMap<String, usize>>,
}

/// A command that is carried out; the next one has its turn when this is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    _permit: SemaphorePermit<'a>,
    _counted: Counted<'a>,
}

#[derive(Debug)]
struct Counted<'a> {
    turns: &'a Turns,
    person: String,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self { at_once: Semaphore::new(MAX_AT_ONCE), counts: Mutex::default() }
    }

    /// Waits for a turn, so that many people can give commands in the same moment. `None` if this person, or all people
    /// together, have too many under way: nobody keeps others waiting for long.
    pub(super) async fn take(&self, person: &str) -> Option<Turn<'_>> {
        let counted = self.count(person)?;
        let permit = self.at_once.acquire().await.ok()?;
        Some(Turn { _permit: permit, _counted: counted })
    }

    fn count(&self, person: &str) -> Option<Counted<'_>> {
        let mut counts = self.counts();
        if counts.values().sum::<usize>() >= MAX_IN_ALL {
            return None;
        }
        let count = counts.entry(person.to_owned()).or_default();
        if *count >= MAX_OF_ONE {
            return None;
        }
        *count += 1;
        Some(Counted { turns: self, person: person.to_owned() })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let mut counts = self.turns.counts();
        if let Some(count) = counts.get_mut(&self.person) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.person);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_who_gives_many_keeps_nobody_out() {
        let turns = Turns::new();
        let now = |person: &str| turns.take(person).now_or_never().flatten();
        let of_eve: Vec<_> = (0..MAX_OF_ONE).map(|_| now("eve@example.org").unwrap()).collect();
        assert!(now("eve@example.org").is_none());
        let others: Vec<_> =
            (MAX_OF_ONE..MAX_AT_ONCE).map(|n| now(&format!("p{n}@example.org")).unwrap()).collect();

        let mut waiting = Box::pin(turns.take("bob@example.org"));
        assert!((&mut waiting).now_or_never().is_none(), "all turns are taken");
        drop(of_eve);
        assert!(waiting.await.is_some());
        drop(others);
        assert!(turns.counts().is_empty());
    }

    #[tokio::test]
    async fn those_who_wait_are_bounded() {
        let turns = Turns::new();
        let people: Vec<_> = (0..MAX_IN_ALL).map(|n| format!("p{n}@example.org")).collect();
        let mut waiting: Vec<_> = people.iter().map(|person| Box::pin(turns.take(person))).collect();
        let at_once = waiting.iter_mut().filter_map(FutureExt::now_or_never).collect::<Vec<_>>();
        assert_eq!(at_once.len(), MAX_AT_ONCE);
        assert!(turns.take("bob@example.org").now_or_never().unwrap().is_none());
    }
}
