//! Deletes rows of the small tables that have run out; the large ones are partitioned (decision H).

use crate::{app::App, store::sweep};

/// Sweeps once.
pub async fn run_once(app: App) -> sqlx::Result<()> {
    let now = app.clock.now();
    let removed = sweep::delete_expired(&app.pool, now).await?;
    let forgotten = sweep::forget_attempts(&app.pool, now - app.settings.sign_in.request_ttl, now).await?;
    if removed + forgotten > 0 {
        tracing::debug!(removed, forgotten, "expired rows were deleted, and attempts forgot what was typed");
    }
    Ok(())
}
