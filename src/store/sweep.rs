//! Deleting and forgetting what has run out, in batches, so that no sweep holds locks for long (STO-15).

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
        ), revoked as (
            delete from revoked_access_tokens
            where jti in (select jti from revoked_access_tokens where expires_at <= $1 limit $2)
            returning 1
        )
        select (select count(*) from attempts) + (select count(*) from limits) + (select count(*) from requests)
            + (select count(*) from used) + (select count(*) from revoked)";

    /// What was typed serves a second try within the same authorization request and no longer (PRV-03). An attempt that
    /// nobody attended to or claimed has expired long before.
    FORGET_ATTEMPTS = r"
        with forgotten as (
            update sign_in_attempts
            set input = null,
                driver_state = null,
                state = case when state in ('created', 'pending', 'verified') then 'expired' else state end,
                ended_at = coalesce(ended_at, $2)
            where id in (
                select id
                from sign_in_attempts
                where input is not null and created_at <= $1
                order by created_at
                limit $3
            )
            returning 1
        )
        select count(*)
        from forgotten";
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

/// Forgets what sign-in attempts that began before `began_before` still hold of the person's input; gives how many did.
pub async fn forget_attempts(pool: &PgPool, began_before: OffsetDateTime, now: OffsetDateTime) -> sqlx::Result<i64> {
    let mut forgotten = 0;
    loop {
        let batch: i64 = sqlx::query_scalar(FORGET_ATTEMPTS).bind(began_before).bind(now).bind(BATCH).fetch_one(pool).await?;
        forgotten += batch;
        if batch < BATCH {
            return Ok(forgotten);
        }
    }
}
