//! Figures from samples; pure.

use serde::Serialize;

/// Where a sample lies: the middle, and how far the rounds are apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// the middle of the rounds
    pub median: f64,
    /// the least
    pub min: f64,
    /// the most
    pub max: f64,
}

impl Spread {
    /// Of at least one sample; zeros for none.
    pub fn of(samples: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = samples.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let at = |at: usize| sorted.get(at).copied().unwrap_or_default();
        let median = if sorted.len() % 2 == 1 { at(middle) } else { f64::midpoint(at(middle.saturating_sub(1)), at(middle)) };
        Self { median, min: at(0), max: at(sorted.len().saturating_sub(1)) }
    }
}

/// Times from begin to end, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    /// half are not longer
    pub p50: f64,
    /// 99 % are not longer
    pub p99: f64,
    /// 99.9 % are not longer
    pub p99_9: f64,
    /// the longest
    pub max: f64,
}

impl Latency {
    /// Of times in microseconds.
    pub fn of(mut micros: Vec<u32>) -> Self {
        micros.sort_unstable();
        // the nearest rank: the least time that so many of a thousand do not exceed
        let rank = |of_a_thousand: usize| {
            let at = (micros.len() * of_a_thousand).div_ceil(1000).saturating_sub(1);
            micros.get(at).map_or(0.0, |&micros| f64::from(micros) / 1000.0)
        };
        Self { p50: rank(500), p99: rank(990), p99_9: rank(999), max: rank(1000) }
    }
}

/// What one operation used of the processors, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cpu {
    /// the server
    pub server: f64,
    /// all processes of Postgres
    pub postgres: f64,
    /// whoever asks
    pub generator: f64,
    /// the electronic-ID simulator
    pub simulator: f64,
}

impl Cpu {
    /// What the operator pays for: the generator and the simulator are elsewhere in life.
    pub fn sum(&self) -> f64 {
        self.server + self.postgres
    }
}

/// What an operation may cost, and what it has to be compared with.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// of processor time
    pub time: Time,
    /// SQL statements
    pub statements: u8,
}

/// Processor time that an operation may cost.
#[derive(Clone, Copy, Debug)]
pub enum Time {
    /// server and Postgres together
    InS {
        /// RSA signatures that are part of it
        signatures: u8,
        /// all of it, in S
        cost: f64,
    },
    /// the server alone, in milliseconds
    OfServer(f64),
}

/// Where S is smaller, what is not a signature may count in units of this many milliseconds.
const SMALLEST_UNIT: f64 = 0.4;

impl Time {
    /// In milliseconds, where a signature takes `s` of them.
    pub fn millis(self, s: f64) -> f64 {
        match self {
            Self::InS { signatures, cost } => {
                let signatures = f64::from(signatures);
                signatures * s + (cost - signatures) * s.max(SMALLEST_UNIT)
            }
            Self::OfServer(millis) => millis,
        }
    }

    /// Whether no more was used.
    pub fn covers(self, cpu: &Cpu, s: f64) -> bool {
        let used = match self {
            Self::InS { .. } => cpu.sum(),
            Self::OfServer(_) => cpu.server,
        };
        used <= self.millis(s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_the_rounds_is_no_outliers() {
        assert_eq!(Spread::of([3.0, 1.0, 900.0]), Spread { median: 3.0, min: 1.0, max: 900.0 });
        assert_eq!(Spread::of([1.0, 2.0]), Spread { median: 1.5, min: 1.0, max: 2.0 });
        assert_eq!(Spread::of([]), Spread::default());
    }

    #[test]
    fn so_many_of_a_thousand_are_not_longer() {
        let latency = Latency::of((1..=1000).rev().map(|millis| millis * 1000).collect());
        assert_eq!(latency, Latency { p50: 500.0, p99: 990.0, p99_9: 999.0, max: 1000.0 });
        assert_eq!(Latency::of(vec![7000]), Latency { p50: 7.0, p99: 7.0, p99_9: 7.0, max: 7.0 });
        assert_eq!(Latency::of(Vec::new()), Latency::default());
    }

    #[test]
    fn a_signature_counts_as_it_is_and_the_rest_by_the_larger_unit() {
        let time = Time::InS { signatures: 2, cost: 2.8 };
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(close(time.millis(0.2), 0.4 + 0.8 * 0.4));
        assert!(close(time.millis(1.0), 2.8));
    }

    #[test]
    fn what_is_promised_of_the_server_alone_is_compared_with_the_server_alone() {
        let cpu = Cpu { server: 2.0, postgres: 2.0, ..Cpu::default() };
        assert!(Time::OfServer(2.0).covers(&cpu, 1.0) && !Time::OfServer(1.9).covers(&cpu, 1.0));
        assert!(Time::InS { signatures: 1, cost: 4.0 }.covers(&cpu, 1.0));
        assert!(!Time::InS { signatures: 1, cost: 3.9 }.covers(&cpu, 1.0));
    }
}
