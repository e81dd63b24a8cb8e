//! Deletes consents that are over and that no family refers to any more: one walk through the table, in batches (PRV-03).

use time::Duration;
use uuid::Uuid;

use crate::{app::App, store::sweep, telemetry::metrics};

/// Longer than a code lives, whose exchange makes a family that refers to the consent.
const STAYS: Duration = Duration::DAY;

/// Walks once; gives whether it was this node's turn.
pub async fn run_once(app: App) -> sqlx::Result<bool> {
    let now = app.clock.now();
    if !super::leads(&app, "sweep_consents", now).await? {
        return Ok(false);
    }
    let mut after = Uuid::nil();
    loop {
        let (last, removed) = sweep::delete_consents(&app.pool, now - STAYS, after).await?;
        metrics::ROWS_REMOVED.add(removed.unsigned_abs(), &["consents"]);
        match last {
            Some(last) => after = last,
            None => return Ok(true),
        }
    }
}
