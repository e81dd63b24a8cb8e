//! What `ias bench` asks of the database beside the server that it measures: rows to begin with, counters, and the bare rotation
//! that is the limit of every refresh.

use sqlx::{FromRow, PgExecutor};
use time::OffsetDateTime;

use crate::base::id::FamilyId;

statements! {
    /// Families as code exchanges have left them, of the persons that there are in turn: $1 their ids, $2 the hashes of their
    /// secrets, $3 when their people signed in; none of them was used before $4.
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
            array['hwk', 'pin', 'mfa'], made.auth_time, array['openid', 'profile', 'offline_access'], made.secret_hash,
            'https://app.myorg.is/oauth/callback', made.secret_hash, $4::timestamptz, made.auth_time,
            $4::timestamptz + interval '1 day'
        from unnest($1::uuid[], $2::bytea[], $3::timestamptz[]) with ordinality as made (id, secret_hash, auth_time, number)
        join people on people.number = made.number % people.total
        join clients on clients.client_id = $5";

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

// Not among STATEMENTS: the view is there only where COUNT_STATEMENTS went well. Leases of attempts come with the polls of a
// provider, as often as people are slow.
const STATEMENTS_RUN: &str = r"
    select coalesce(sum(s.calls), 0)::float8
    from pg_stat_statements s
    join pg_roles r on r.oid = s.userid
    where r.rolname = $1
        and s.query not in ('BEGIN', 'COMMIT', 'ROLLBACK')
        and s.query !~ '^update sign_in_attempts\s+set lease_owner '";

/// What a cluster promises.
#[derive(Clone, Debug, FromRow)]
pub struct Durability {
    /// every commit outlives a crash
    pub full_durability: bool,
    /// of Postgres
    pub version: String,
}

/// A family that is filled in.
#[derive(Clone, Debug)]
pub struct FilledFamily {
    /// its id
    pub id: FamilyId,
    /// of its refresh tokens
    pub secret_hash: [u8; 32],
    /// when its person signed in
    pub auth_time: OffsetDateTime,
}

/// Inserts families of one client and all persons, as if they were used for the last time at `used_at`. At least one person must
/// exist.
pub async fn fill_families(
    executor: impl PgExecutor<'_>,
    families: &[FilledFamily],
    used_at: OffsetDateTime,
    client_id: &str,
) -> sqlx::Result<u64> {
    let ids: Vec<FamilyId> = families.iter().map(|family| family.id).collect();
    let hashes: Vec<&[u8]> = families.iter().map(|family| &family.secret_hash[..]).collect();
    let times: Vec<OffsetDateTime> = families.iter().map(|family| family.auth_time).collect();
    let filled = sqlx::query(FILL_FAMILIES).bind(ids).bind(hashes).bind(times).bind(used_at).bind(client_id);
    Ok(filled.execute(executor).await?.rows_affected())
}

/// Vacuums and analyses the families.
pub async fn settle_families(executor: impl PgExecutor<'_>) -> sqlx::Result<()> {
    sqlx::query(SETTLE_FAMILIES).execute(executor).await.map(drop)
}

/// Rotates one family, and nothing else; whether it was there.
pub async fn rotate(executor: impl PgExecutor<'_>, id: FamilyId, now: OffsetDateTime) -> sqlx::Result<bool> {
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
