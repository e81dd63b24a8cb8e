//! What a node does by itself: confirm the configuration, keep the keys, sweep what has run out, write
//! down what was collected. Each has a `run_once` that tests
//! call; here they are given their rhythm.

pub mod keep_keys;
pub mod keep_metrics;
pub mod mark_secret_uses;
pub mod reload_snapshot;
pub mod sweep;

use std::{future::Future, time::Duration};

use crate::app::App;

/// Starts every job; they end when the node stops.
pub fn start(app: &App) {
    every(app, "reload_snapshot", Duration::from_secs(1), reload_snapshot::run_once);
    every(app, "keep_keys", Duration::from_mins(1), keep_keys::run_once);
    every(app, "keep_metrics", Duration::from_secs(5), keep_metrics::run_once);
    every(app, "mark_secret_uses", Duration::from_mins(1), mark_secret_uses::run_once);
    every(app, "sweep", Duration::from_mins(1), sweep::run_once);
}

fn every<F, E>(app: &App, name: &'static str, pause: Duration, job: fn(App) -> F)
where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: std::fmt::Display + Send + 'static,
{
    let app = app.clone();
    app.clone().tasks.spawn(async move {
        loop {
            if let Err(error) = job(app.clone()).await {
                tracing::error!(job = name, %error, "a job failed");
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = app.stopping.cancelled() => return,
            }
        }
    });
}
