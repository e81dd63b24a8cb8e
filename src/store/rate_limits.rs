//! Counters that guard people and are shared by all nodes: incremented before they are judged (RAT-01).

use sqlx::PgExecutor;
use time::OffsetDateTime;

/// How a counter counts up; one whose window has ended at the parameter `$now` begins anew with the end that is inserted.
macro_rules! count_up {
    ($now:literal) => {
        concat!(
            r"
            on conflict on constraint rate_limits_pk do update
                set count = case when rate_limits.expires_at <= ",
            $now,
            r" then 1 else rate_limits.count + 1 end,
                    expires_at = case
                        when rate_limits.expires_at <= ",
            $now,
            r" then excluded.expires_at
                        else rate_limits.expires_at
                    end
            returning key, count, expires_at"
        )
    };
}
pub(super) use count_up;

statements! {
    COUNT = concat!(r"
        with counted as (
            insert into rate_limits (key, count, expires_at)
            select key, 1, expires_at
            from unnest($1::bytea[], $2::timestamptz[]) as wanted (key, expires_at)
            order by key", count_up!("$4"), r"
        )
        select key, count, expires_at
        from counted
        union all
        select key, count, expires_at
        from rate_limits
        where key = any ($3) and expires_at > $4");

    HOLD = r"
        update rate_limits
        set expires_at = $2
        where key = $1";
}

/// A counter as it stands.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Counter {
    /// keyed hash of what is counted
    pub key: Vec<u8>,
    /// in the window
    pub count: i32,
    /// end of the window
    pub expires_at: OffsetDateTime,
}

/// Adds one to each counter of `keys`, where a window that has ended begins anew with the given end; gives these, and beside
/// them the counters of `watched` as they are, where their window has not ended.
pub async fn count(
    executor: impl PgExecutor<'_>,
    keys: &[Vec<u8>],
    window_ends: &[OffsetDateTime],
    watched: &[Vec<u8>],
    now: OffsetDateTime,
) -> sqlx::Result<Vec<Counter>> {
    sqlx::query_as(COUNT).bind(keys).bind(window_ends).bind(watched).bind(now).fetch_all(executor).await
}

/// Keeps a counter as it is until `until`.
pub async fn hold(executor: impl PgExecutor<'_>, key: &[u8], until: OffsetDateTime) -> sqlx::Result<()> {
    sqlx::query(HOLD).bind(key).bind(until).execute(executor).await.map(drop)
}
