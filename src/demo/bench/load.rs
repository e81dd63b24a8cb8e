//! Workers at work for a while, all in one task: the generator takes one processor at most, and no time to switch.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::time::Instant;

use super::{
    http::{Failure, Http},
    operations::{Operation, Place, Worker},
    target::Target,
};

/// After a failure a worker waits for this long: what is broken is not made worse.
const PAUSE: Duration = Duration::from_millis(20);

/// What a while of work gave.
#[derive(Debug, Default)]
pub struct Work {
    /// from the first begin to the last end
    pub elapsed: Duration,
    /// of each success, in microseconds
    pub micros: Vec<u32>,
    /// failures by their words
    pub failures: BTreeMap<String, u32>,
    /// questions whether somebody has done something meanwhile, of one statement each
    pub polls: u32,
}

impl Work {
    /// How many succeeded.
    pub fn count(&self) -> u32 {
        u32::try_from(self.micros.len()).unwrap_or(u32::MAX)
    }

    fn record(&mut self, outcome: Result<(), Failure>, took: Duration) {
        match outcome {
            Ok(()) => self.micros.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX)),
            Err(failure) => *self.failures.entry(failure.0).or_default() += 1,
        }
    }

    /// Puts the work of another beside this one's.
    pub fn add(&mut self, other: Self) {
        self.micros.extend(other.micros);
        self.polls += other.polls;
        for (failure, count) in other.failures {
            *self.failures.entry(failure).or_default() += count;
        }
    }
}

/// Does the same again and again until the time is over; what was begun is finished.
pub async fn repeat(time: Duration, mut once: impl AsyncFnMut() -> Result<(), Failure>) -> Work {
    let began = Instant::now();
    let mut work = Work::default();
    while began.elapsed() < time {
        let start = Instant::now();
        let outcome = once().await;
        let failed = outcome.is_err();
        work.record(outcome, start.elapsed());
        if failed {
            tokio::time::sleep(PAUSE).await;
        }
    }
    work
}

/// Waits for workers that work side by side, and puts what they did together.
pub async fn together(workers: impl IntoIterator<Item = impl Future<Output = Work>>) -> Work {
    let began = Instant::now();
    let mut working: FuturesUnordered<_> = workers.into_iter().collect();
    let mut all = Work::default();
    while let Some(work) = working.next().await {
        all.add(work);
    }
    all.elapsed = began.elapsed();
    all
}

/// Workers with a connection each, ready to begin.
pub struct Crew(Vec<(Http, Box<dyn Worker>)>);

impl Crew {
    /// Does what has to be done before the clock runs.
    pub async fn prepare(operation: &Operation, target: &Target, connections: usize) -> Result<Self, Failure> {
        let mut crew = Vec::new();
        for number in 0..connections {
            let mut http = Http::new(target.address, &target.host)?;
            let worker = (operation.prepare)(target, Place { number, of: connections }, &mut http).await?;
            crew.push((http, worker));
        }
        // the first one's may have been closed while the last one was made ready
        for (http, _) in &mut crew {
            http.reopen().await?;
            http.polls = 0;
        }
        Ok(Self(crew))
    }

    /// Works for a while.
    pub async fn work(self, time: Duration) -> Work {
        let workers = self.0.into_iter().map(|(mut http, mut worker)| async move {
            let work = repeat(time, async || worker.once(&mut http).await).await;
            Work { polls: http.polls, ..work }
        });
        together(workers).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn successes_are_timed_and_failures_counted_by_their_words() {
        let worker = |fails: bool| async move {
            repeat(Duration::from_millis(30), async || {
                tokio::time::sleep(Duration::from_millis(1)).await;
                if fails { Err(Failure("503".to_owned())) } else { Ok(()) }
            })
            .await
        };
        let work = together([worker(false), worker(true)]).await;
        assert!(work.count() >= 2 && work.micros.iter().all(|micros| *micros >= 1000), "{work:?}");
        assert!(work.failures["503"] >= 1 && work.failures.len() == 1, "{work:?}");
        assert!(work.elapsed >= Duration::from_millis(30));
    }
}
