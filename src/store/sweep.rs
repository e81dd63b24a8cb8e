//! Deleting and forgetting what has run out, in batches, so that no sweep holds locks for long (STO-15). The large tables are
//! partitioned and dropped whole: `store::partitions`.

use sqlx::PgExecutor;
use time::OffsetDateTime;
use uuid::Uuid;

/// Rows that one statement deletes at most.
pub const BATCH: u32 = 1000;

// A row that somebody holds is left for the next time: a sweep never waits, and nobody waits for it in a circle.
statements! {
    /// Attempts that no telephone shows any more.
    DELETE_OPEN_ATTEMPTS = r"
        delete from open_attempts
        where subject_key = any (array(
            select subject_key
            from open_attempts
            where expires_at <= $1
            limit $2
            for update skip locked
        ))";

    /// Windows that have ended.
    DELETE_RATE_LIMITS = r"
        delete from rate_limits
        where key = any (array(
            select key
            from rate_limits
            where expires_at <= $1
            limit $2
            for update skip locked
        ))";

    /// Requests that nobody can bring back.
    DELETE_FINISHED_REQUESTS = r"
        delete from finished_requests
        where request_id = any (array(
            select request_id
            from finished_requests
            where expires_at <= $1
            limit $2
            for update skip locked
        ))";

    /// Artefacts that are refused for their age.
    DELETE_REPLAY = r"
        delete from replay
        where key = any (array(
            select key
            from replay
            where expires_at <= $1
            limit $2
            for update skip locked
        ))";

    /// Access tokens that have ended by themselves, on every node.
    DELETE_REVOKED_ACCESS_TOKENS = r"
        delete from revoked_access_tokens
        where jti = any (array(
            select jti
            from revoked_access_tokens
            where expires_at <= $1
            limit $2
            for update skip locked
        ))";

    /// Families past their absolute end: none of their tokens holds, and the code that made them is long gone.
    DELETE_FAMILIES = r"
        delete from families
        where id = any (array(
            select id
            from families
            where absolute_expires_at <= $1
            order by absolute_expires_at
            limit $2
            for update skip locked
        ))";

    /// Browsers that nobody has signed in with for so long that they have forgotten us as well.
    DELETE_KNOWN_BROWSERS = r"
        delete from known_browsers
        where (person_id, browser_hash) in (
            select person_id, browser_hash
            from known_browsers
            where last_used_at <= $1
            limit $2
            for update skip locked
        )";

    /// Restrictions that have run out.
    DELETE_LOGIN_RESTRICTIONS = r"
        delete from login_restrictions
        where person_id = any (array(
            select person_id
            from login_restrictions
            where until <= $1
            limit $2
            for update skip locked
        ))";

    /// Effects that were delivered.
    DELETE_OUTBOX = r"
        delete from outbox
        where id = any (array(
            select id
            from outbox
            where delivered_at <= $1
            limit $2
            for update skip locked
        ))";

    /// Of the next so many consents that are over (given for one time, withdrawn, run out) those that no family refers to, and
    /// where to go on.
    DELETE_CONSENTS = r"
        with over as (
            select id
            from consents
            where id > $2
                and created_at <= $1
                and (not remembered or withdrawn_at <= $1 or expires_at <= $1)
            order by id
            limit $3
        ), deleted as (
            delete from consents
            where id in (select id from over)
                and not exists (select from families f where f.consent_id = consents.id)
            returning 1
        )
        select (select id from over order by id desc limit 1), (select count(*) from deleted)";

    /// What was typed serves a second try within the same authorization request and no longer (PRV-03). An attempt that
    /// nobody attended to or claimed has expired long before.
    FORGET_ATTEMPTS = r"
        update sign_in_attempts
        set input = null,
            request = null,
            driver_state = null,
            state = case when state in ('created', 'pending', 'verified') then 'expired' else state end,
            ended_at = coalesce(ended_at, $2)
        where id in (
            select id
            from sign_in_attempts
            where input is not null and created_at <= $1
            order by created_at
            limit $3
        )";
}

/// A table whose rows are deleted one by one, by an index on the time of their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// `open_attempts`
    OpenAttempts,
    /// `rate_limits`
    RateLimits,
    /// `finished_requests`
    FinishedRequests,
    /// `replay`
    Replay,
    /// `revoked_access_tokens`
    RevokedAccessTokens,
    /// `families`
    Families,
    /// `known_browsers`
    KnownBrowsers,
    /// `login_restrictions`
    LoginRestrictions,
    /// `outbox`
    Outbox,
}

impl Ending {
    /// The table's name.
    pub const fn table(self) -> &'static str {
        match self {
            Self::OpenAttempts => "open_attempts",
            Self::RateLimits => "rate_limits",
            Self::FinishedRequests => "finished_requests",
            Self::Replay => "replay",
            Self::RevokedAccessTokens => "revoked_access_tokens",
            Self::Families => "families",
            Self::KnownBrowsers => "known_browsers",
            Self::LoginRestrictions => "login_restrictions",
            Self::Outbox => "outbox",
        }
    }
}

/// Deletes a batch of the rows that had ended at `ended_before`; gives how many there were.
pub async fn delete_ended(executor: impl PgExecutor<'_>, table: Ending, ended_before: OffsetDateTime) -> sqlx::Result<u64> {
    let delete = match table {
        Ending::OpenAttempts => sqlx::query(DELETE_OPEN_ATTEMPTS),
        Ending::RateLimits => sqlx::query(DELETE_RATE_LIMITS),
        Ending::FinishedRequests => sqlx::query(DELETE_FINISHED_REQUESTS),
        Ending::Replay => sqlx::query(DELETE_REPLAY),
        Ending::RevokedAccessTokens => sqlx::query(DELETE_REVOKED_ACCESS_TOKENS),
        Ending::Families => sqlx::query(DELETE_FAMILIES),
        Ending::KnownBrowsers => sqlx::query(DELETE_KNOWN_BROWSERS),
        Ending::LoginRestrictions => sqlx::query(DELETE_LOGIN_RESTRICTIONS),
        Ending::Outbox => sqlx::query(DELETE_OUTBOX),
    };
    Ok(delete.bind(ended_before).bind(i64::from(BATCH)).execute(executor).await?.rows_affected())
}

/// Looks at the next consents after `after` that were over at `ended_before`, and deletes those that nothing refers to; gives
/// the last that it looked at, none at the end of the table, and how many it deleted.
pub async fn delete_consents(
    executor: impl PgExecutor<'_>,
    ended_before: OffsetDateTime,
    after: Uuid,
) -> sqlx::Result<(Option<Uuid>, i64)> {
    sqlx::query_as(DELETE_CONSENTS).bind(ended_before).bind(after).bind(i64::from(BATCH)).fetch_one(executor).await
}

/// Forgets what a batch of the sign-in attempts that began before `began_before` still hold of the person's input; gives how
/// many did.
pub async fn forget_attempts(
    executor: impl PgExecutor<'_>,
    began_before: OffsetDateTime,
    now: OffsetDateTime,
) -> sqlx::Result<u64> {
    Ok(sqlx::query(FORGET_ATTEMPTS)
        .bind(began_before)
        .bind(now)
        .bind(i64::from(BATCH))
        .execute(executor)
        .await?
        .rows_affected())
}
