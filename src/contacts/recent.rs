//! Answers that count while they are young, and one question at a time for each of them: who needs an answer that is being
//! asked for waits for it. Knows nothing of what is asked, nor of whom.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::telemetry::metrics::Lookups;

/// What can be asked for at the same time, so that each is asked for once.
const MAX_QUESTIONS: u64 = 10_000;

/// An answer, and when it was asked for: it says how things were at that moment or later.
type Answer<V> = (V, Instant);

/// Locked while the question is under way; holds why the last one failed, and when it was asked.
type Question<E> = Mutex<Option<(E, Instant)>>;

pub(super) struct Recent<K, V, E> {
    answers: Cache<K, Answer<V>>,
    questions: Cache<K, Arc<Question<E>>>,
}

impl<K, V, E> Recent<K, V, E>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    /// Keeps answers for `kept_for` at most, and not more than `capacity` by their `weight`.
    pub(super) fn new(
        kept_for: Duration,
        capacity: u64,
        weight: impl Fn(&V) -> u32 + Send + Sync + 'static,
    ) -> Self {
        let answers = Cache::builder()
            .max_capacity(capacity)
            .weigher(move |_: &K, (answer, _): &Answer<V>| weight(answer))
            .time_to_live(kept_for)
            .build();
        let questions = Cache::builder().max_capacity(MAX_QUESTIONS).time_to_idle(kept_for).build();
        Self { answers, questions }
    }

    /// The answer that is kept, if it is good at its age.
    pub(super) fn kept(&self, key: &K, good: impl Fn(&V, Duration) -> bool) -> Option<V> {
        self.kept_at(Instant::now(), key, &good)
    }

    fn kept_at(&self, now: Instant, key: &K, good: &impl Fn(&V, Duration) -> bool) -> Option<V> {
        let (answer, asked) = self.answers.get(key)?;
        good(&answer, now.saturating_duration_since(asked)).then_some(answer)
    }

    /// An answer that is good at its age when this is called, or one that is asked for after that.
    ///
    /// # Errors
    /// Those of `ask`. They are shared by those who waited, and not kept for others.
    pub(super) async fn get(
        &self,
        key: &K,
        good: impl Fn(&V, Duration) -> bool,
        lookups: &Lookups,
        ask: impl Future<Output = Result<V, E>>,
    ) -> Result<V, E> {
        let now = Instant::now();
        if let Some(answer) = self.kept_at(now, key, &good) {
            lookups.hit();
            return Ok(answer);
        }
        let question = self.questions.get_with_by_ref(key, Arc::default);
        let mut failed = question.lock().await;
        if let Some(answer) = self.kept_at(now, key, &good) {
            lookups.hit();
            return Ok(answer);
        }
        if let Some((error, asked)) = &*failed
            && *asked >= now
        {
            return Err(error.clone());
        }
        lookups.miss();
        let asked = Instant::now();
        match ask.await {
            Ok(answer) => {
                *failed = None;
                self.answers.insert(key.clone(), (answer.clone(), asked));
                Ok(answer)
            }
            Err(error) => {
                *failed = Some((error.clone(), asked));
                Err(error)
            }
        }
    }
}

impl<K, V, E> fmt::Debug for Recent<K, V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::future::join_all;
    use tokio::time::{advance, sleep, timeout};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    struct Asked {
        recent: Recent<&'static str, u32, &'static str>,
        times: AtomicU32,
        lookups: Lookups,
    }

    impl Asked {
        fn new() -> Self {
            let (times, lookups) = (AtomicU32::new(0), Lookups::default());
            Self { recent: Recent::new(60 * SECOND, 100, |_| 1), times, lookups }
        }

        /// How often it had been asked for when this answer was given, which takes so long.
        async fn get(&self, key: &'static str, takes: Duration) -> u32 {
            let ask = async {
                let count = self.times.fetch_add(1, Ordering::Relaxed) + 1;
                sleep(takes).await;
                Ok(count)
            };
            self.recent.get(&key, |_, age| age <= SECOND, &self.lookups, ask).await.unwrap()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_never_older_than_a_second() {
        let asked = Asked::new();
        assert_eq!(asked.get("bob", Duration::ZERO).await, 1);
        advance(SECOND).await;
        assert_eq!(asked.get("bob", Duration::ZERO).await, 1);
        assert_eq!(asked.get("carol", Duration::ZERO).await, 2, "an answer is one contact's own");
        advance(Duration::from_millis(1)).await;
        assert_eq!(asked.get("bob", Duration::ZERO).await, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn its_age_counts_from_the_question() {
        let asked = Asked::new();
        assert_eq!(asked.get("bob", SECOND * 3).await, 1, "whoever asks takes what they get");
        assert_eq!(asked.get("bob", Duration::ZERO).await, 2, "what was asked for three seconds ago is old");
    }

    #[tokio::test(start_paused = true)]
    async fn those_of_one_moment_share_a_question() {
        let asked = Asked::new();
        let all = join_all((0..100).map(|_| asked.get("bob", SECOND / 2)));
        assert_eq!(all.await, [1; 100]);
        // One who comes too late for the question that is under way does not take its answer.
        let late = async {
            sleep(SECOND * 2).await;
            asked.get("bob", SECOND * 3).await
        };
        advance(SECOND * 2).await;
        assert_eq!(futures::join!(asked.get("bob", SECOND * 3), late), (2, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_for_one_answer_are_not_told_one_after_the_other_that_there_is_none() {
        let asked = Asked::new();
        let fails = async || {
            let ask = async {
                asked.times.fetch_add(1, Ordering::Relaxed);
                sleep(SECOND * 10).await;
                Err("no answer")
            };
            asked.recent.get(&"bob", |_, age| age <= SECOND, &asked.lookups, ask).await
        };
        let began = Instant::now();
        let late = async || {
            sleep(SECOND * 5).await;
            fails().await
        };
        let (first, second) = (join_all((0..50).map(|_| fails())), join_all((0..50).map(|_| late())));
        let (first, second) = futures::join!(first, second);
        assert!(first.into_iter().chain(second).all(|answer| answer == Err("no answer")));
        assert_eq!(asked.times.load(Ordering::Relaxed), 2);
        assert_eq!(began.elapsed(), SECOND * 20);
        assert_eq!(asked.get("bob", Duration::ZERO).await, 3, "asked again");
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_gives_up_keeps_nobody_from_asking() {
        let asked = Asked::new();
        let gives_up = timeout(SECOND, asked.get("bob", SECOND * 60));
        let (gave_up, answer) = futures::join!(gives_up, asked.get("bob", SECOND));
        assert!(gave_up.is_err());
        assert_eq!(answer, 2);
    }
}
