//! What a node does by itself: confirm the configuration, keep the keys, make and drop partitions, sweep what has run out, write
//! down what was collected. Each has a `run_once` that tests call; here they are given their rhythm. What one node does for
//! all is done by the one that holds the job's lease.

pub mod hear_edits;
pub mod keep_keys;
pub mod keep_metrics;
pub mod keep_partitions;
pub mod mark_secret_uses;
pub mod reload_snapshot;
pub mod sweep;
pub mod sweep_consents;

use std::{
    future::Future,
    time::{Duration, Instant},
};

use time::OffsetDateTime;

use crate::{app::App, store::leases, telemetry::metrics};

/// A leader that ended without a word is followed after this. A leader renews its lease at each run, long before.
const LEASE_TTL: time::Duration = time::Duration::minutes(5);
/// How long one run goes on beginning new batches.
const RUN_TTL: Duration = Duration::from_secs(20);

/// Starts every job; they end when the node stops.
pub fn start(app: &App) {
    // with what a look takes, an edit is seen within a second
    every(app, "reload_snapshot", Duration::from_millis(900), reload_snapshot::run_once);
    every(app, "keep_keys", Duration::from_mins(1), keep_keys::run_once);
    every(app, "keep_metrics", Duration::from_secs(5), keep_metrics::run_once);
    every(app, "keep_partitions", Duration::from_mins(2), keep_partitions::run_once);
    every(app, "mark_secret_uses", Duration::from_mins(1), mark_secret_uses::run_once);
    every(app, "sweep", Duration::from_mins(1), sweep::run_once);
    every(app, "sweep_consents", Duration::from_hours(1), sweep_consents::run_once);
    hear_edits::start(app);
}

/// Runs a job, which tells whether this node did it, again and again.
fn every<F, E>(app: &App, name: &'static str, pause: Duration, job: fn(App) -> F)
where
    F: Future<Output = Result<bool, E>> + Send + 'static,
    E: std::fmt::Display + Send + 'static,
{
    let app = app.clone();
    app.clone().tasks.spawn(async move {
        loop {
            match job(app.clone()).await {
                Ok(true) => succeeded(name, app.clock.now()),
                Ok(false) => {}
                Err(error) => tracing::error!(job = name, %error, "a job failed"),
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = app.stopping.cancelled() => return,
            }
        }
    });
}

/// Whether this node does a job's next run: the one that did the last, or any where that one has been silent for long. A node with
/// a wrong clock does none: it would delete what still holds (STO-04).
async fn leads(app: &App, job: &str, now: OffsetDateTime) -> sqlx::Result<bool> {
    if app.has_wrong_clock() {
        return Ok(false);
    }
    leases::take(&app.pool, job, app.node, now + LEASE_TTL, now).await
}

fn succeeded(job: &str, now: OffsetDateTime) {
    metrics::JOB_LAST_SUCCESS.set((now - OffsetDateTime::UNIX_EPOCH).as_seconds_f64(), &[job]);
}

/// Works batch after batch, each telling how many rows it took, until one was not full or the time is up.
async fn in_batches<F>(batch: u32, mut work: impl FnMut() -> F) -> sqlx::Result<u64>
where
    F: Future<Output = sqlx::Result<u64>>,
{
    let (began, mut all) = (Instant::now(), 0);
    loop {
        let taken = work().await?;
        all += taken;
        if taken < u64::from(batch) || began.elapsed() >= RUN_TTL {
            return Ok(all);
        }
    }
}
