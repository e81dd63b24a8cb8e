//! The one row that counts all edits of configuration, and names the environment that the database belongs to.

use sqlx::{
    PgConnection, PgExecutor,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use time::OffsetDateTime;

use crate::model::environment::Environment;

statements! {
    /// The number of the last edit.
    VERSION = r"
        select version
        from configuration";

    /// The moment before which everything is void, if one was set.
    NOT_BEFORE = r"
        select not_before
        from configuration";

    /// The database's time.
    CLOCK = r"
        select clock_timestamp()";

    /// The environment that the database belongs to, if to any.
    ENVIRONMENT = r"
        select environment
        from configuration";

    /// The environment that the database belongs to: this one, if it belonged to none.
    CLAIM_ENVIRONMENT = r"
        update configuration
        set environment = coalesce(environment, $1)
        returning environment";

    /// Makes every authentication before a moment void.
    SET_NOT_BEFORE = r"
        update configuration
        set not_before = greatest(not_before, $1)";

    /// Counts an edit.
    BUMP = r"
        update configuration
        set version = version + 1,
            updated_at = $1
        returning version";

    /// Tells the nodes that listen; the others poll.
    NOTIFY = r"
        select pg_notify('configuration', $1::bigint::text)";
}

/// What NOTIFY speaks on.
const CHANNEL: &str = "configuration";

/// A row with the number of its last edit.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored<T> {
    /// what the row holds
    pub value: T,
    /// counts the edits of the row
    pub version: i64,
}

/// From where an edit comes, and when.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// what manages the row from now on
    pub managed_by: ManagedBy,
    /// the moment of the edit
    pub now: OffsetDateTime,
}

/// What manages a row of configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum ManagedBy {
    /// `ias apply`
    File,
}

/// A connection of its own that hears of each edit (STO-05: a direct one). It connects anew by itself and then gives `None`.
pub async fn listen(options: PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    let options = options.application_name("ias listener");
    let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None).connect_with(options).await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

/// The number of the last edit.
pub async fn version(executor: impl PgExecutor<'_>) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(VERSION).fetch_one(executor).await
}

/// The database's time, for whoever compares a clock with it (STO-04).
pub async fn clock(executor: impl PgExecutor<'_>) -> Result<OffsetDateTime, sqlx::Error> {
    sqlx::query_scalar(CLOCK).fetch_one(executor).await
}

/// The moment before which every authentication is void, if one was set (STO-09).
pub async fn not_before(executor: impl PgExecutor<'_>) -> Result<Option<OffsetDateTime>, sqlx::Error> {
    sqlx::query_scalar(NOT_BEFORE).fetch_one(executor).await
}

/// Makes every authentication before `not_before` void, never fewer than before.
pub async fn set_not_before(connection: &mut PgConnection, not_before: OffsetDateTime) -> Result<(), sqlx::Error> {
    sqlx::query(SET_NOT_BEFORE).bind(not_before).execute(connection).await.map(drop)
}

/// The environment that the database belongs to, if to any.
pub async fn environment(executor: impl PgExecutor<'_>) -> Result<Option<Environment>, sqlx::Error> {
    sqlx::query_scalar(ENVIRONMENT).fetch_one(executor).await
}

/// The environment that the database belongs to; if it belonged to none, it belongs to `environment` from now on (eid.md
/// §12.10). The caller refuses where another one is answered.
///
/// Every edit begins with it: until its transaction ends no other begins, so that what was read stays true.
pub async fn claim_environment(executor: impl PgExecutor<'_>, environment: Environment) -> Result<Environment, sqlx::Error> {
    sqlx::query_scalar(CLAIM_ENVIRONMENT).bind(environment).fetch_one(executor).await
}

/// Counts an edit and tells the nodes, at the commit of the caller's transaction (architecture.md, decision F).
pub async fn bump(connection: &mut PgConnection, now: OffsetDateTime) -> Result<i64, sqlx::Error> {
    let version = sqlx::query_scalar(BUMP).bind(now).fetch_one(&mut *connection).await?;
    sqlx::query(NOTIFY).bind(version).execute(connection).await?;
    Ok(version)
}
