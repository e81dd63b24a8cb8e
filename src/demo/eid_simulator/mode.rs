//! What phones do when nobody prescribed anything: wait for a person, or approve by themselves (eid.md §11.5).

use std::ops::RangeInclusive;

use serde::Deserialize;

use super::behaviour::{Action, Behaviour, Method};
use crate::base::{digest, entropy};

/// Who answers requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// a person, on the phone page or by the control API
    Manual,
    /// the simulator, after a time drawn from the range
    Auto {
        /// milliseconds
        delay_ms: RangeInclusive<u64>,
    },
}

/// A mode as the control API names it.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModeName {
    /// [`Mode::Manual`]
    Manual,
    /// [`Mode::Auto`]
    Auto,
}

/// The mode and what belongs to it.
#[derive(Debug)]
pub struct Settings {
    /// who answers
    pub mode: Mode,
    /// how many of a hundred automatic answers approve; the rest decline
    pub approve_percent: u8,
    /// whether the scenario numbers do what they prescribe
    pub scenario_numbers: bool,
    seed: [u8; 32],
    draws: u64,
}

impl Settings {
    /// A mode with everything else as usual, its draws from `seed` or from chance.
    pub fn new(mode: Mode, seed: Option<u64>) -> Self {
        let seed = seed.map_or_else(entropy::bytes, |seed| digest::sha256(&[&seed.to_be_bytes()]));
        Self { mode, approve_percent: 100, scenario_numbers: true, seed, draws: 0 }
    }

    /// What a phone does with the next request.
    pub fn next_behaviour(&mut self) -> Behaviour {
        let Mode::Auto { delay_ms } = self.mode.clone() else {
            return Behaviour { method: Method::Every, action: Action::Ask, delay_ms: 0, times: None, fault: None };
        };
        let width = delay_ms.end().saturating_sub(*delay_ms.start()).saturating_add(1);
        let delay_ms = delay_ms.start() + self.draw() % width;
        let approves = self.draw() % 100 < u64::from(self.approve_percent);
        let action = if approves { Action::Approve } else { Action::Refuse };
        Behaviour { method: Method::Every, action, delay_ms, times: None, fault: None }
    }

    fn draw(&mut self) -> u64 {
        self.draws += 1;
        let drawn = digest::sha256(&[&self.seed, &self.draws.to_be_bytes()]);
        drawn.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_delays_within_the_range() {
        let mut one = Settings::new(Mode::Auto { delay_ms: 5..=9 }, Some(1));
        let mut two = Settings::new(Mode::Auto { delay_ms: 5..=9 }, Some(1));
        for _ in 0..50 {
            let behaviour = one.next_behaviour();
            assert_eq!(behaviour, two.next_behaviour());
            assert!((5..=9).contains(&behaviour.delay_ms) && behaviour.action == Action::Approve);
        }
    }

    #[test]
    fn none_of_a_hundred_approves_where_the_share_is_zero() {
        let mut settings = Settings::new(Mode::Auto { delay_ms: 0..=0 }, Some(1));
        settings.approve_percent = 0;
        assert!((0..50).all(|_| settings.next_behaviour().action == Action::Refuse));
    }
}
