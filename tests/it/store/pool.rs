//! The bounds of a pool.

use std::time::Duration;

use ias::store::pool::{self, PoolSettings};
use sqlx::error::DatabaseError;

use crate::support::database::TestDatabase;

/// STO-12
#[tokio::test]
async fn every_connection_carries_its_timeouts() {
    let database = TestDatabase::empty().await;
    let settings = PoolSettings { statement_timeout: Duration::from_millis(50), ..PoolSettings::default() };
    let pool = pool::connect(database.owner(), &settings).await.unwrap();
    let shown: (String, String, String, String) = sqlx::query_as(
        "select current_setting('statement_timeout'), current_setting('lock_timeout'),
             current_setting('idle_in_transaction_session_timeout'), current_setting('application_name')",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(shown, ("50ms".into(), "2s".into(), "5s".into(), "ias".into()));
    let error = sqlx::query("select pg_sleep(5)").execute(&pool).await.unwrap_err();
    assert_eq!(error.as_database_error().and_then(DatabaseError::code).as_deref(), Some("57014"), "{error}");
}

/// STO-12
#[tokio::test]
async fn a_caller_waits_no_longer_than_the_acquire_timeout() {
    let database = TestDatabase::empty().await;
    let settings = PoolSettings {
        max_connections: 1,
        min_connections: 1,
        acquire_timeout: Duration::from_millis(300),
        ..PoolSettings::default()
    };
    let pool = pool::connect(database.owner(), &settings).await.unwrap();
    let _held = pool.acquire().await.unwrap();
    assert!(matches!(pool.acquire().await, Err(sqlx::Error::PoolTimedOut)));
}
