//! Makes the partitions of the large tables ahead of their time, and drops those that are past their retention (decision H).

use crate::{
    app::App,
    store::partitions::{self, Partitioned},
    telemetry::metrics,
};

const BATCH: u32 = 1000;

/// Looks once; gives whether it was this node's turn.
pub async fn run_once(app: App) -> sqlx::Result<bool> {
    let now = app.clock.now();
    if !super::leads(&app, "keep_partitions", now).await? {
        return Ok(false);
    }
    let made = partitions::make(&app.pool, now).await?;
    let retention = &app.settings.retention;
    let mut removed = 0;
    for (table, kept) in [
        (Partitioned::AuthorizationCodes, retention.authorization_codes),
        (Partitioned::Sessions, retention.sessions),
        (Partitioned::SignInAttempts, retention.sign_in_attempts),
        (Partitioned::SignInEvidence, retention.sign_in_evidence),
        (Partitioned::AuditLog, retention.audit_log),
    ] {
        let batch = || async {
            let removed = partitions::remove_before(&app.pool, table, now - kept, BATCH).await?;
            Ok(removed.unsigned_abs())
        };
        let gone = super::in_batches(BATCH, batch).await?;
        metrics::ROWS_REMOVED.add(gone, &[table.table()]);
        removed += gone;
    }
    if made > 0 || removed > 0 {
        tracing::info!(made, removed, "partitions were made, and rows past their retention removed");
    }
    Ok(true)
}
