//! Deleting what has run out, in batches, so that no sweep holds locks for long (STO-15).

use sqlx::PgPool;
use time::OffsetDateTime;

statements! {
    /// At most so many rows of each of the small tables.
    DELETE_EXPIRED = r"
        with attempts as (
            delete from open_attempts
            where subject_key in (select subject_key from open_attempts where expires_at <= $1 limit $2)
            returning 1
        ), limits as (
            delete from rate_limits
            where key in (select key from rate_limits where expires_at <= $1 limit $2)
            returning 1
        ), requests as (
            delete from finished_requests
            where request_id in (select request_id from finished_requests where expires_at <= $1 limit $2)
            returning 1
        ), used as (
            delete from replay
            where key in (select key from replay where expires_at <= $1 limit $2)
            returning 1
        )
        select (select count(*) from attempts) + (select count(*) from limits) + (select count(*) from requests)
            + (select count(*) from used)";
}

const BATCH: i64 = 1000;

/// Deletes the rows of every small table that had run out at `now`; gives how many.
pub async fn delete_expired(pool: &PgPool, now: OffsetDateTime) -> sqlx::Result<i64> {
    let mut removed = 0;
    loop {
        let batch: i64 = sqlx::query_scalar(DELETE_EXPIRED).bind(now).bind(BATCH).fetch_one(pool).await?;
        removed += batch;
        // where one table gave a whole batch, there may be more
        if batch < BATCH {
            return Ok(removed);
        }
    }
}
