//! The only source of wall time. Doors and jobs read it once; below them `now` is a value.

use std::sync::{Arc, Mutex, PoisonError};

use time::{Duration, OffsetDateTime};

/// Wall time, cut to microseconds, as Postgres keeps it.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// A clock that stands still until it is moved; for tests.
    Fixed(FixedClock),
}

/// A clock that a test moves by hand.
#[derive(Clone, Debug)]
pub struct FixedClock(Arc<Mutex<OffsetDateTime>>);

impl Clock {
    /// A clock that starts at `at` and moves only when told.
    pub fn fixed(at: OffsetDateTime) -> (Self, FixedClock) {
        let clock = FixedClock(Arc::new(Mutex::new(to_microseconds(at))));
        (Self::Fixed(clock.clone()), clock)
    }

    /// The moment, in UTC, with microseconds.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
    pub fn now(&self) -> OffsetDateTime {
        match self {
            Self::System => to_microseconds(OffsetDateTime::now_utc()),
            Self::Fixed(fixed) => *fixed.0.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

impl FixedClock {
    /// Moves the clock, forward or back.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

fn to_microseconds(at: OffsetDateTime) -> OffsetDateTime {
    at - Duration::nanoseconds(i64::from(at.nanosecond() % 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_survives_a_round_trip_through_postgres() {
        assert_eq!(Clock::System.now().nanosecond() % 1_000, 0);
    }

    #[test]
    fn a_fixed_clock_moves_only_when_told() {
        let (clock, hand) = Clock::fixed(OffsetDateTime::UNIX_EPOCH);
        assert_eq!(clock.now(), OffsetDateTime::UNIX_EPOCH);
        hand.advance(Duration::seconds(5));
        assert_eq!(clock.now().unix_timestamp(), 5);
    }
}
