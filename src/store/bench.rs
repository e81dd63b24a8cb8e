//! What `ias bench` asks of the database beside the server that it measures: rows to begin with, counters, and the bare rotation
//! that is the limit of every refresh.

use sqlx::{FromRow, PgExecutor};
use time::OffsetDateTime;
use uuid::Uuid;

statements! {
    /// Families as code exchanges would have left them over the last weeks, one each second back from $3, of the persons that
    /// there are. Their ids are UUIDv7 made of that second and their number, so that a caller can name them.
    FILL_FAMILIES = r"
        with people as (
            select id, row_number() over (order by id) - 1 as number, count(*) over () as total
            from persons
        )
        insert into families (
            id, client_id, session_id, actor_id, subject_id, sub, identity_provider, acr, amr, auth_time, scope, code_hash,
            redirect_uri, secret_hash, last_used_at, created_at, absolute_expires_at
        )
        select made.id, clients.id, made.id, people.id, people.id, 'sub-' || made.id, 'sim', 'eidas-loa-high',
            array['hwk', 'pin', 'mfa'], made.at, array['openid', 'offline_access'], sha256(uuid_send(made.id)),
            'https://app.myorg.is/oauth/callback', sha256(sha256(uuid_send(made.id))), made.at, made.at,
            $3::timestamptz + interval '1 day'
        from generate_series($1::bigint, $2::bigint) as n
        cross join lateral (
            select $3::timestamptz - n * interval '1 second' as at,
                (lpad(to_hex(floor(extract(epoch from $3::timestamptz) * 1000)::bigint - n * 1000), 12, '0') || '70008000'
                    || lpad(to_hex(n), 12, '0'))::uuid as id
        ) made
        join people on people.number = n % people.total
        join clients on clients.client_id = $4";

    /// So that no operation pays for what filling has left behind.
    SETTLE_FAMILIES = r"
        vacuum (analyze) families";

    /// The row that any rotation has to change, and nothing else.
    ROTATE = r"
        update families
        set generation = generation + 1, last_used_at = $2
        where id = $1";

    /// Bytes of write-ahead log since the cluster was made; fits a double exactly up to 8 PiB.
    WAL_BYTES = r"
        select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8";

    /// What a commit of this cluster waits for.
    DURABILITY = r"
        select current_setting('fsync') = 'on'
            and current_setting('synchronous_commit') = 'on'
            and current_setting('full_page_writes') = 'on'
            as full_durability, current_setting('server_version') as version";

    /// Needs a superuser, and a cluster that was started with the library.
    COUNT_STATEMENTS = r"
        create extension if not exists pg_stat_statements";
}

// Not among STATEMENTS: the view is there only where COUNT_STATEMENTS went well.
const STATEMENTS_RUN: &str = r"
    select coalesce(sum(s.calls), 0)::float8
    from pg_stat_statements s
    join pg_roles r on r.oid = s.userid
    where r.rolname = $1
        and s.query not in ('BEGIN', 'COMMIT', 'ROLLBACK')";

/// What a cluster promises.
#[derive(Clone, Debug, FromRow)]
pub struct Durability {
    /// every commit outlives a crash
    pub full_durability: bool,
    /// of Postgres
    pub version: String,
}

/// The id that [`fill_families`] gives a family.
pub fn family_id(number: u32, begun: OffsetDateTime) -> Uuid {
    let millis = begun.unix_timestamp_nanos() / 1_000_000 - i128::from(number) * 1000;
    let millis = u128::try_from(millis).unwrap_or_default();
    Uuid::from_u128(millis << 80 | 0x7000_8000_u128 << 48 | u128::from(number))
}

/// Inserts the families `from` to `to`, of one client and all persons. At least one person must exist.
pub async fn fill_families(
    executor: impl PgExecutor<'_>,
    (from, to): (u32, u32),
    begun: OffsetDateTime,
    client_id: &str,
) -> sqlx::Result<u64> {
    let filled = sqlx::query(FILL_FAMILIES).bind(i64::from(from)).bind(i64::from(to)).bind(begun).bind(client_id);
    Ok(filled.execute(executor).await?.rows_affected())
}

/// Vacuums and analyses the families.
pub async fn settle_families(executor: impl PgExecutor<'_>) -> sqlx::Result<()> {
    sqlx::query(SETTLE_FAMILIES).execute(executor).await.map(drop)
}

/// Rotates one family, and nothing else; whether it was there.
pub async fn rotate(executor: impl PgExecutor<'_>, id: Uuid, now: OffsetDateTime) -> sqlx::Result<bool> {
    Ok(sqlx::query(ROTATE).bind(id).bind(now).execute(executor).await?.rows_affected() == 1)
}

/// How much has been written to the log.
pub async fn wal_bytes(executor: impl PgExecutor<'_>) -> sqlx::Result<f64> {
    sqlx::query_scalar(WAL_BYTES).fetch_one(executor).await
}

/// What the cluster promises.
pub async fn durability(executor: impl PgExecutor<'_>) -> sqlx::Result<Durability> {
    sqlx::query_as(DURABILITY).fetch_one(executor).await
}

/// Begins to count statements; an error where the cluster cannot.
pub async fn count_statements(executor: impl PgExecutor<'_>) -> sqlx::Result<()> {
    sqlx::query(COUNT_STATEMENTS).execute(executor).await.map(drop)
}

/// The statements that a role has run so far, transactions' ends apart.
pub async fn statements_run(executor: impl PgExecutor<'_>, role: &str) -> sqlx::Result<f64> {
    sqlx::query_scalar(STATEMENTS_RUN).bind(role).fetch_one(executor).await
}
