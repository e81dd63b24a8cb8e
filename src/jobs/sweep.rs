//! Deletes rows of the small tables that have run out; the large ones are partitioned (decision H).

use crate::{app::App, store::sweep};

/// Sweeps once.
pub async fn run_once(app: App) -> sqlx::Result<()> {
    let removed = sweep::delete_expired(&app.pool, app.clock.now()).await?;
    if removed > 0 {
        tracing::debug!(removed, "expired rows were deleted");
    }
    Ok(())
}
