//! Deletes rows that have run out, in small batches; the large tables are partitioned (decision H, STO-15).

use time::Duration;

use crate::{
    app::App,
    store::{
        nodes,
        sweep::{self, BATCH, Ending},
    },
    telemetry::metrics,
};

/// Families and effects that have ended are still seen in the tables for a day.
const STAYS: Duration = Duration::DAY;

/// As long as the cookie by which a browser is known.
const BROWSERS_STAY: Duration = Duration::days(366);

/// Sweeps once; gives whether it was this node's turn.
pub async fn run_once(app: App) -> sqlx::Result<bool> {
    let now = app.clock.now();
    if !super::leads(&app, "sweep", now).await? {
        return Ok(false);
    }
    let mut removed = 0;
    for (table, stays) in [
        (Ending::OpenAttempts, Duration::ZERO),
        (Ending::RateLimits, Duration::ZERO),
        (Ending::FinishedRequests, Duration::ZERO),
        (Ending::Replay, Duration::ZERO),
        (Ending::RevokedAccessTokens, Duration::ZERO),
        (Ending::Families, STAYS),
        (Ending::Outbox, STAYS),
        (Ending::KnownBrowsers, BROWSERS_STAY),
        (Ending::LoginRestrictions, STAYS),
    ] {
        let gone = super::in_batches(BATCH, || sweep::delete_ended(&app.pool, table, now - stays)).await?;
        metrics::ROWS_REMOVED.add(gone, &[table.table()]);
        removed += gone;
    }
    removed += nodes::delete_dead(&app.pool).await?;
    let began_before = now - app.settings.sign_in.request_ttl;
    let forgotten = super::in_batches(BATCH, || sweep::forget_attempts(&app.pool, began_before, now)).await?;
    if removed + forgotten > 0 {
        tracing::debug!(removed, forgotten, "expired rows were deleted, and attempts forgot what was typed");
    }
    Ok(true)
}
