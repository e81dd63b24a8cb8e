//! Deleting what has run out, in batches, so that no sweep holds locks for long (STO-15).

use sqlx::PgPool;
use time::OffsetDateTime;

statements! {
    OPEN_ATTEMPTS = r"
        delete from open_attempts
        where subject_key in (select subject_key from open_attempts where expires_at <= $1 limit $2)";

    RATE_LIMITS = r"
        delete from rate_limits
        where key in (select key from rate_limits where expires_at <= $1 limit $2)";

    FINISHED_REQUESTS = r"
        delete from finished_requests
        where request_id in (select request_id from finished_requests where expires_at <= $1 limit $2)";

    REPLAY = r"
        delete from replay
        where key in (select key from replay where expires_at <= $1 limit $2)";
}

const BATCH: i64 = 1000;

/// Deletes the rows of every small table that had run out at `now`; gives how many.
pub async fn delete_expired(pool: &PgPool, now: OffsetDateTime) -> sqlx::Result<u64> {
    let mut removed = 0;
    for statement in [OPEN_ATTEMPTS, RATE_LIMITS, FINISHED_REQUESTS, REPLAY] {
        loop {
            let batch = sqlx::query(statement).bind(now).bind(BATCH).execute(pool).await?.rows_affected();
            removed += batch;
            if batch < BATCH.unsigned_abs() {
                break;
            }
        }
    }
    Ok(removed)
}
