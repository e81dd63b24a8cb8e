//! What was seen lately, in memory and bounded: two sets of keys of which the older one is forgotten. It takes `now`, so that
//! tests need no sleep.

use std::{
    collections::HashSet,
    hash::Hash,
    mem,
    sync::{Mutex, PoisonError},
};

use time::{Duration, OffsetDateTime};

/// A memory of keys that lasts from one window to two.
#[derive(Debug)]
pub struct Recent<K> {
    most: usize,
    window: Duration,
    seen: Mutex<Seen<K>>,
}

#[derive(Debug)]
struct Seen<K> {
    newer: HashSet<K>,
    older: HashSet<K>,
    since: OffsetDateTime,
}

impl<K: Eq + Hash> Recent<K> {
    /// Remembers a key for at least `window`, and no more than twice `most` of them: strangers cannot fill the memory (DOS-07).
    pub fn new(most: usize, window: Duration) -> Self {
        let seen = Seen { newer: HashSet::new(), older: HashSet::new(), since: OffsetDateTime::UNIX_EPOCH };
        Self { most, window, seen: Mutex::new(seen) }
    }

    /// Remembers `key`; `true` where it was seen lately.
    pub fn repeats(&self, key: K, now: OffsetDateTime) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let age = now - seen.since;
        if age >= self.window || seen.newer.len() >= self.most {
            seen.older = mem::take(&mut seen.newer);
            seen.since = now;
            if age >= self.window * 2 {
                seen.older.clear();
            }
        }
        let known = seen.older.contains(&key);
        !seen.newer.insert(key) || known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    #[test]
    fn a_key_is_remembered_for_a_window_and_forgotten_after_two() {
        let recent = Recent::new(100, Duration::minutes(5));
        let at = |minutes| START + Duration::minutes(minutes);
        assert!(!recent.repeats("a", at(10)));
        assert!(recent.repeats("a", at(11)));
        assert!(!recent.repeats("b", at(14)));
        assert!(recent.repeats("b", at(18)), "in the older set");
        assert!(!recent.repeats("b", at(40)));
    }

    #[test]
    fn no_more_than_twice_the_most_is_kept_dos_07() {
        let recent = Recent::new(10, Duration::minutes(5));
        for key in 0..1000 {
            assert!(!recent.repeats(key, START + Duration::hours(1)));
        }
        let seen = recent.seen.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(seen.newer.len() + seen.older.len() <= 20);
    }
}
