//! Token buckets of one kind, one for each name. Knows nothing of whose names they are.
//!
//! A bucket is one number, the time at which it will be full again (the generic cell rate algorithm), so that refilling
//! costs nothing, and a restart can compute it from the journal.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;
use prometheus_client::metrics::counter::Counter;

use crate::config::Rate;

/// Buckets in memory of each kind. The least recently used one is dropped first, since it is probably full again.
const MAX_BUCKETS: usize = 50_000;

/// The answer of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Within the limit.
    Pass,
    /// Over the limit for the first time in this period: the caller should say so.
    Over,
    /// Over the limit, and [`Answer::Over`] was returned in this period already.
    StillOver,
}

/// The buckets of one kind.
#[derive(Debug, Clone)]
pub(super) struct Buckets {
    /// µs from one token to the next.
    interval: i64,
    /// µs from empty to full.
    period: i64,
    /// Keys are digests of names, under a secret of this run.
    used: Arc<Mutex<LruCache<u64, Bucket>>>,
    names: RandomState,
    /// How often one was empty.
    hits: Counter,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// When it will be full: µs on the clock of [`super::Limits`].
    full: i64,
    /// Until when the answer is [`Answer::StillOver`]: µs on the same clock.
    told_until: i64,
}

impl Buckets {
    pub(super) fn new(rate: Rate, hits: Counter) -> Self {
        let period = micros(rate.per);
        Self {
            interval: period / i64::from(rate.count.max(1)),
            period,
            used: Arc::new(Mutex::new(LruCache::unbounded())),
            names: RandomState::new(),
            hits,
        }
    }

    /// The same buckets at another rate, with as many tokens taken from each.
    pub(super) fn at(&self, rate: Rate, now: i64) -> Self {
        let mut other = Self { names: self.names.clone(), ..Self::new(rate, self.hits.clone()) };
        if (other.interval, other.period) == (self.interval, self.period) {
            return self.clone();
        }
        let mut used = LruCache::unbounded();
        // The iterator begins with the most recently used one, which must be inserted last.
        for (key, bucket) in self.used().iter().rev() {
            // A token that is only partly refilled counts as taken.
            let taken = ((bucket.full - now).max(0) + self.interval - 1) / self.interval;
            let full = now + taken.saturating_mul(other.interval).min(other.period);
            let told_until = bucket.told_until.min(now + other.period);
            used.put(*key, Bucket { full, told_until });
        }
        other.used = Arc::new(Mutex::new(used));
        other
    }

    /// Takes a token if there is one. `now`: µs.
    pub(super) fn take(&self, key: &str, now: i64) -> Answer {
        self.take_some(key, 1, now)
    }

    /// Takes `count` tokens, or none if there are fewer. `now`: µs.
    pub(super) fn take_some(&self, key: &str, count: i64, now: i64) -> Answer {
        let key = self.names.hash_one(key);
        let mut used = self.used();
        if used.len() >= MAX_BUCKETS && !used.contains(&key) {
            used.pop_lru();
        }
        let bucket = used.get_or_insert_mut(key, || Bucket { full: now, told_until: i64::MIN });
        let full = bucket.full.max(now).saturating_add(self.interval.saturating_mul(count));
        if full - now <= self.period {
            bucket.full = full;
            return Answer::Pass;
        }
        // What an earlier run received was counted by that run.
        if now >= 0 {
            self.hits.inc();
        }
        if now < bucket.told_until {
            return Answer::StillOver;
        }
        bucket.told_until = now + self.period;
        Answer::Over
    }

    fn used(&self) -> MutexGuard<'_, LruCache<u64, Bucket>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000;

    fn three_a_minute() -> Buckets {
        Buckets::new(Rate { count: 3, per: Duration::from_secs(60) }, Counter::default())
    }

    #[test]
    fn a_burst_then_one_for_each_interval() {
        let buckets = three_a_minute();
        let take = |at| buckets.take("alice@example.org", at * SECOND);
        assert_eq!([take(0), take(0), take(0)], [Answer::Pass; 3]);
        assert_eq!(take(0), Answer::Over, "told once");
        assert_eq!(take(19), Answer::StillOver);
        assert_eq!(take(20), Answer::Pass);
        assert_eq!(take(20), Answer::StillOver);
        assert_eq!(take(60), Answer::Pass);
        assert_eq!(take(60), Answer::Pass);
        assert_eq!(take(60), Answer::Over, "told once in each period");
    }

    #[test]
    fn a_restart_does_not_refill() {
        let buckets = three_a_minute();
        for ago in [30, 30, 30] {
            buckets.take("alice", -ago * SECOND);
        }
        // One of the three tokens has come back in these 30 seconds.
        assert_eq!([buckets.take("alice", 0), buckets.take("alice", 0)], [Answer::Pass, Answer::Over]);
    }

    #[test]
    fn a_reload_does_not_refill() {
        let three = three_a_minute();
        let take = |buckets: &Buckets| buckets.take("alice", 0);
        assert_eq!([take(&three), take(&three)], [Answer::Pass; 2]);
        let at = |count, seconds| three.at(Rate { count, per: Duration::from_secs(seconds) }, 0);
        let (five, one, same) = (at(5, 3600), at(1, 60), at(3, 60));
        assert_eq!([take(&five), take(&five), take(&five)], [Answer::Pass; 3], "two of five were taken");
        assert_eq!(take(&five), Answer::Over);
        assert_eq!(take(&one), Answer::Over);
        assert_eq!(one.take("alice", 60 * SECOND), Answer::Pass, "after no more than the new time");
        assert_eq!([take(&same), take(&same)], [Answer::Pass, Answer::Over]);
    }

    proptest! {
        #[test]
        fn never_more_than_the_burst_and_what_came_back(steps in prop::collection::vec(0i64..90, 1..60)) {
            let buckets = three_a_minute();
            let (mut now, mut passed) = (0, 0);
            for step in steps {
                now += step * SECOND;
                passed += i64::from(buckets.take("alice", now) == Answer::Pass);
                prop_assert!(passed <= 3 + now / (20 * SECOND));
            }
        }

        /// Said in the other way: a bucket has credit, which comes back with time.
        #[test]
        fn as_credit_that_comes_back(
            steps in prop::collection::vec((0i64..40, 1i64..4, 0..2_usize, prop::option::of((1u32..6, 1u64..120))), 1..60),
        ) {
            let mut buckets = three_a_minute();
            // By name: credit, and until when it was told. µs, as all.
            let (mut credit, mut told_until) = ([60 * SECOND; 2], [i64::MIN; 2]);
            let mut now = -300 * SECOND;
            for (pause, count, who, reload) in steps {
                now += pause * SECOND;
                credit = credit.map(|credit| (credit + pause * SECOND).min(buckets.period));
                if let Some((count, seconds)) = reload {
                    let before = buckets.clone();
                    buckets = buckets.at(Rate { count, per: Duration::from_secs(seconds) }, now);
                    if (before.interval, before.period) != (buckets.interval, buckets.period) {
                        credit = credit.map(|credit| {
                            let taken = (before.period - credit + before.interval - 1) / before.interval;
                            (buckets.period - taken * buckets.interval).max(0)
                        });
                        told_until = told_until.map(|until| until.min(now + buckets.period));
                    }
                }
                let cost = count * buckets.interval;
                let expected = if cost <= credit[who] {
                    credit[who] -= cost;
                    Answer::Pass
                } else if now < told_until[who] {
                    Answer::StillOver
                } else {
                    told_until[who] = now + buckets.period;
                    Answer::Over
                };
                prop_assert_eq!(buckets.take_some(["alice", "bob"][who], count, now), expected);
            }
        }
    }
}
