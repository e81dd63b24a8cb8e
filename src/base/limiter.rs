//! Token buckets in memory, one for each key: throughput limits of this node. They take `now`, so that tests need no sleep.
//!
//! Limits that guard people and secrets on all nodes are rows (RAT-01), not these.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
};

use time::{Duration, OffsetDateTime};

/// A set of buckets that fill at the same rate.
#[derive(Debug)]
pub struct Limiter<K> {
    capacity: f64,
    per_second: f64,
    buckets: Mutex<HashMap<K, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: OffsetDateTime,
}

// Beyond this many keys the full buckets are forgotten, so that strangers cannot fill the memory (DOS-07).
const MOST_KEYS: usize = 100_000;

impl<K: Eq + Hash> Limiter<K> {
    /// At most `capacity` at once, and `capacity` again after `window`.
    pub fn new(capacity: u32, window: Duration) -> Self {
        Self {
            capacity: f64::from(capacity),
            per_second: f64::from(capacity) / window.as_seconds_f64(),
            buckets: Mutex::new(HashMap::new()),
        }
    }

    /// Whether the bucket of `key` holds a token; takes none.
    pub fn has_room(&self, key: &K, now: OffsetDateTime) -> bool {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.get(key).is_none_or(|bucket| self.filled(bucket, now) >= 1.0)
    }

    /// Takes a token from the bucket of `key`; `false` where it is empty.
    pub fn take(&self, key: K, now: OffsetDateTime) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST_KEYS {
            buckets.retain(|_, bucket| self.filled(bucket, now) < self.capacity);
        }
        let bucket = buckets.entry(key).or_insert(Bucket { tokens: self.capacity, at: now });
        bucket.tokens = self.filled(bucket, now);
        bucket.at = now;
        let taken = bucket.tokens >= 1.0;
        if taken {
            bucket.tokens -= 1.0;
        }
        taken
    }

    fn filled(&self, bucket: &Bucket, now: OffsetDateTime) -> f64 {
        let elapsed = (now - bucket.at).as_seconds_f64().max(0.0);
        (bucket.tokens + elapsed * self.per_second).min(self.capacity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again_for_its_key_alone() {
        let start = OffsetDateTime::UNIX_EPOCH;
        let limiter = Limiter::new(2, Duration::seconds(10));
        assert!(limiter.take("a", start) && limiter.take("a", start));
        assert!(!limiter.take("a", start) && !limiter.has_room(&"a", start));
        assert!(limiter.take("b", start));
        assert!(!limiter.take("a", start + Duration::seconds(4)));
        assert!(limiter.take("a", start + Duration::seconds(5)));
    }
}
