//! Signing keys and data keys, sealed under the master key.

use serde_json::Value;
use sqlx::{FromRow, PgConnection, PgExecutor};
use time::OffsetDateTime;

statements! {
    LIST = r"
        select kid, private_key, public_key, announced_at, signs_from, retires_at, deleted_at, revoked_at
        from signing_keys
        order by announced_at, kid";

    INSERT = r"
        insert into signing_keys (kid, algorithm, private_key, public_key, announced_at, signs_from)
        values ($1, $2, $3, $4, $5, $6)";

    RETIRE_BEFORE = r"
        update signing_keys
        set retires_at = $2
        where kid <> $1 and (retires_at is null or retires_at > $2)";

    DELETE_RETIRED = r"
        update signing_keys
        set deleted_at = $1, private_key = null
        where retires_at <= $2 and deleted_at is null";

    REVOKE = r"
        update signing_keys
        set revoked_at = $2,
            retires_at = least(retires_at, $2),
            deleted_at = least(deleted_at, $2),
            private_key = null
        where kid = $1 and revoked_at is null";

    LIST_DATA_KEYS = r"
        select id, purpose, key
        from data_keys
        where retired_at is null
        order by id";

    INSERT_DATA_KEY = r"
        insert into data_keys (id, purpose, key, created_at)
        select coalesce(max(id), 0) + 1, $1, $2, $3
        from data_keys";

    RESEAL = r"
        update signing_keys
        set private_key = $2
        where kid = $1";

    RESEAL_DATA_KEY = r"
        update data_keys
        set key = $2
        where id = $1";

    // Two nodes that start at once must not both make the first keys.
    LOCK = r"
        lock table signing_keys, data_keys in share row exclusive mode";
}

/// A key as it is stored.
#[derive(Clone, Debug, FromRow)]
pub struct StoredSigningKey {
    /// RFC 7638 thumbprint
    pub kid: String,
    /// sealed PKCS#8; none once deleted
    pub private_key: Option<Vec<u8>>,
    /// JWK
    pub public_key: Value,
    /// since when in the JWKS
    pub announced_at: OffsetDateTime,
    /// from when on it may sign
    pub signs_from: OffsetDateTime,
    /// from when on it signs no more
    pub retires_at: Option<OffsetDateTime>,
    /// when it left the JWKS
    pub deleted_at: Option<OffsetDateTime>,
    /// when it was revoked
    pub revoked_at: Option<OffsetDateTime>,
}

/// A key for our own data, as it is stored.
#[derive(Clone, Debug, FromRow)]
pub struct StoredDataKey {
    /// id that sealed values carry
    pub id: i32,
    /// what it is for
    pub purpose: String,
    /// 32 bytes, sealed
    pub key: Vec<u8>,
}

/// Every signing key, the oldest first.
pub async fn list(executor: impl PgExecutor<'_>) -> sqlx::Result<Vec<StoredSigningKey>> {
    sqlx::query_as(LIST).fetch_all(executor).await
}

/// Keeps a new key.
pub async fn insert(
    connection: &mut PgConnection,
    kid: &str,
    sealed: &[u8],
    public_key: &Value,
    announced_at: OffsetDateTime,
    signs_from: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query(INSERT)
        .bind(kid)
        .bind("RS256")
        .bind(sealed)
        .bind(public_key)
        .bind(announced_at)
        .bind(signs_from)
        .execute(connection)
        .await
        .map(drop)
}

/// Lets every other key retire at `at`, when `kid` begins to sign, if it does not retire before.
pub async fn retire_others(connection: &mut PgConnection, kid: &str, at: OffsetDateTime) -> sqlx::Result<()> {
    sqlx::query(RETIRE_BEFORE).bind(kid).bind(at).execute(connection).await.map(drop)
}

/// Takes keys that retired before `retired_before` out of the JWKS and forgets their private parts; gives how many.
pub async fn delete_retired(
    executor: impl PgExecutor<'_>,
    retired_before: OffsetDateTime,
    now: OffsetDateTime,
) -> sqlx::Result<u64> {
    let done = sqlx::query(DELETE_RETIRED).bind(now).bind(retired_before).execute(executor).await?;
    Ok(done.rows_affected())
}

/// Takes a key out of service for good and forgets its private part; false where that was done before.
pub async fn revoke(connection: &mut PgConnection, kid: &str, now: OffsetDateTime) -> sqlx::Result<bool> {
    Ok(sqlx::query(REVOKE).bind(kid).bind(now).execute(connection).await?.rows_affected() == 1)
}

/// The data keys in use.
pub async fn list_data_keys(executor: impl PgExecutor<'_>) -> sqlx::Result<Vec<StoredDataKey>> {
    sqlx::query_as(LIST_DATA_KEYS).fetch_all(executor).await
}

/// Keeps a new data key.
pub async fn insert_data_key(
    connection: &mut PgConnection,
    purpose: &str,
    sealed: &[u8],
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query(INSERT_DATA_KEY).bind(purpose).bind(sealed).bind(now).execute(connection).await.map(drop)
}

/// Keeps the private part of a signing key under another master key.
pub async fn reseal(connection: &mut PgConnection, kid: &str, sealed: &[u8]) -> sqlx::Result<()> {
    sqlx::query(RESEAL).bind(kid).bind(sealed).execute(connection).await.map(drop)
}

/// Keeps a data key under another master key.
pub async fn reseal_data_key(connection: &mut PgConnection, id: i32, sealed: &[u8]) -> sqlx::Result<()> {
    sqlx::query(RESEAL_DATA_KEY).bind(id).bind(sealed).execute(connection).await.map(drop)
}

/// Holds off every other node that would make keys, until the transaction ends.
pub async fn lock(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query(LOCK).execute(connection).await.map(drop)
}
