//! Partitions are made ahead and dropped whole, by a role that owns nothing.

use ias::{
    base::{clock::Clock, id::uuid_v7},
    jobs::keep_partitions,
    store::partitions::{self, Partitioned},
};
use sqlx::{AssertSqlSafe, PgPool};
use time::{Duration, OffsetDateTime, macros::datetime};
use uuid::Uuid;

use crate::support::{
    database::{TestDatabase, count},
    server::TestServer,
};

const TABLES: [Partitioned; 4] =
    [Partitioned::AuthorizationCodes, Partitioned::Sessions, Partitioned::SignInAttempts, Partitioned::AuditLog];
const NOON: OffsetDateTime = datetime!(2041-03-14 12:00 UTC);

/// The partitions of a table that begin in these years.
async fn names(owner: &PgPool, table: Partitioned, year: i32) -> Vec<String> {
    let like = format!("{}\\_p{year}%", table.table());
    sqlx::query_scalar(
        "select relname::text from pg_class where relispartition and relkind = 'r' and relname like $1 order by 1",
    )
    .bind(like)
    .fetch_all(owner)
    .await
    .unwrap()
}

async fn audit(pool: &PgPool, at: OffsetDateTime) -> Uuid {
    let id = uuid_v7(at);
    sqlx::query("insert into audit_log (id, at, kind) values ($1, $2, 'test')").bind(id).bind(at).execute(pool).await.unwrap();
    id
}

async fn stands_in(owner: &PgPool, table: &str, id: Uuid) -> Option<String> {
    sqlx::query_scalar(AssertSqlSafe(format!("select tableoid::regclass::text from {table} where id = $1")))
        .bind(id)
        .fetch_optional(owner)
        .await
        .unwrap()
}

#[tokio::test]
async fn partitions_of_now_and_of_the_next_span_are_made_once_by_the_serving_role() {
    let database = TestDatabase::new().await;
    let (owner, serving) = (database.owner_pool().await, database.serving_pool().await);
    assert_eq!(partitions::make(&serving, NOON).await.unwrap(), 10);
    assert_eq!(partitions::make(&serving, NOON).await.unwrap(), 0);
    let expected = [
        (Partitioned::AuthorizationCodes, ["authorization_codes_p20410314", "authorization_codes_p20410315"]),
        (Partitioned::Sessions, ["sessions_p20410311", "sessions_p20410318"]),
        (Partitioned::SignInAttempts, ["sign_in_attempts_p20410301", "sign_in_attempts_p20410401"]),
        (Partitioned::AuditLog, ["audit_log_p20410301", "audit_log_p20410401"]),
    ];
    for (table, names_of) in expected {
        assert_eq!(names(&owner, table, 2041).await, names_of);
    }
    // the edges: the first and the last id of the month
    for (at, partition) in [
        (datetime!(2041-02-28 23:59:59.999 UTC), "audit_log_default"),
        (datetime!(2041-03-01 0:00 UTC), "audit_log_p20410301"),
        (datetime!(2041-03-31 23:59:59.999 UTC), "audit_log_p20410301"),
        (datetime!(2041-04-01 0:00 UTC), "audit_log_p20410401"),
    ] {
        assert_eq!(stands_in(&owner, "audit_log", audit(&serving, at).await).await.as_deref(), Some(partition));
    }
    // what the table has, its partitions have: keys, constraints, and no way around the table's rights (STO-11)
    let constraints: i64 =
        sqlx::query_scalar("select count(*) from pg_constraint where conrelid = 'sign_in_attempts_p20410301'::regclass and contype in ('p', 'f', 'c')")
            .fetch_one(&owner)
            .await
            .unwrap();
    assert_eq!(constraints, 5);
    let refused = sqlx::query("delete from audit_log_p20410301").execute(&serving).await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().as_deref(), Some("42501"));
}

#[tokio::test]
async fn a_span_whose_rows_stand_in_the_default_partition_stays_there_and_the_next_gets_its_own() {
    let database = TestDatabase::new().await;
    let (owner, serving) = (database.owner_pool().await, database.serving_pool().await);
    let old = audit(&serving, NOON).await;
    assert_eq!(partitions::make(&serving, NOON).await.unwrap(), 9);
    assert_eq!(names(&owner, Partitioned::AuditLog, 2041).await, ["audit_log_p20410401"]);
    assert_eq!(stands_in(&owner, "audit_log", old).await.as_deref(), Some("audit_log_default"));
}

#[tokio::test]
async fn prv_03_partitions_past_their_retention_are_dropped_whole_and_the_default_one_is_swept_in_batches() {
    let database = TestDatabase::new().await;
    let (owner, serving) = (database.owner_pool().await, database.serving_pool().await);
    for (table, end) in [
        (Partitioned::AuthorizationCodes, datetime!(2020-01-02 0:00 UTC)),
        (Partitioned::Sessions, datetime!(2020-01-13 0:00 UTC)),
        (Partitioned::SignInAttempts, datetime!(2020-02-01 0:00 UTC)),
        (Partitioned::AuditLog, datetime!(2020-02-01 0:00 UTC)),
    ] {
        partitions::make(&serving, datetime!(2019-12-31 12:00 UTC)).await.unwrap();
        let left = async || [names(&owner, table, 2019).await, names(&owner, table, 2020).await].concat().len();
        assert_eq!(left().await, 2, "{table:?}");
        partitions::remove_before(&serving, table, end - Duration::microseconds(1), 10).await.unwrap();
        assert_eq!(left().await, 1, "{table:?}: the last row of the second may be younger");
        partitions::remove_before(&serving, table, end, 10).await.unwrap();
        assert_eq!(left().await, 0, "{table:?}");
    }
    let before = datetime!(2020-02-10 0:00 UTC);
    // rows of spans that got no partition of their own
    for second in 0..25 {
        audit(&serving, before - Duration::seconds(second + 1)).await;
    }
    let young = audit(&serving, before).await;
    for removed in [10, 10, 5, 0] {
        assert_eq!(partitions::remove_before(&serving, Partitioned::AuditLog, before, 10).await.unwrap(), removed);
    }
    assert!(stands_in(&owner, "audit_log", young).await.is_some());
}

#[tokio::test]
async fn aud_01_no_argument_of_the_serving_role_removes_what_the_audit_log_must_keep() {
    let database = TestDatabase::new().await;
    let (owner, serving) = (database.owner_pool().await, database.serving_pool().await);
    let now = Clock::System.now();
    for days in [0, 30, 200, 365] {
        audit(&serving, now - Duration::days(days)).await;
    }
    let (kept, made) = (count(&owner, "audit_log").await, names(&owner, Partitioned::AuditLog, now.year()).await);
    for moment in [now, now + Duration::days(4000)] {
        for batch in [10, u32::MAX] {
            assert_eq!(partitions::remove_before(&serving, Partitioned::AuditLog, moment, batch).await.unwrap(), 0);
        }
    }
    for moment in ["infinity", "-infinity"] {
        let sql = format!("select remove_before('audit_log', '{moment}', 10000)");
        // a moment that no id can stand for is refused, or nothing is older than it
        drop(sqlx::query(AssertSqlSafe(sql)).execute(&serving).await);
    }
    assert_eq!(count(&owner, "audit_log").await, kept);
    assert_eq!(names(&owner, Partitioned::AuditLog, now.year()).await, made);
    for call in [
        "select remove_before('persons', clock_timestamp(), 10)",
        "select remove_before('audit_log; drop table persons', clock_timestamp(), 10)",
        "select remove_before('audit_log_default', clock_timestamp(), 10)",
        "select remove_before(null, clock_timestamp(), 10)",
    ] {
        let refused = sqlx::query(call).execute(&serving).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().code().as_deref(), Some("22023"), "{call}");
    }
}

#[tokio::test]
async fn sto_11_nobody_else_may_call_the_owners_functions() {
    let database = TestDatabase::new().await;
    let owner = database.owner_pool().await;
    let open: Vec<String> = sqlx::query_scalar(
        "select p.proname::text from pg_proc p
         where p.pronamespace = 'public'::regnamespace
            and p.prorettype <> 'trigger'::regtype
            and (has_function_privilege('pg_monitor', p.oid, 'execute')
                or (p.prosecdef and not coalesce(p.proconfig::text like '%search_path=pg_catalog, pg_temp%', false)))",
    )
    .fetch_all(&owner)
    .await
    .unwrap();
    assert_eq!(open, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn making_and_dropping_gives_way_to_traffic_that_holds_the_table() {
    let database = TestDatabase::new().await;
    let (owner, serving) = (database.owner_pool().await, database.serving_pool().await);
    let mut busy = owner.begin().await.unwrap();
    sqlx::query("select count(*) from sessions").execute(&mut *busy).await.unwrap();
    let began = std::time::Instant::now();
    let refused = partitions::make(&serving, NOON).await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().as_deref(), Some("55P03"), "{refused}");
    assert!(began.elapsed() < std::time::Duration::from_secs(2), "it does not wait, so nobody waits behind it");
    busy.rollback().await.unwrap();
    assert_eq!(partitions::make(&serving, NOON).await.unwrap(), 10, "the next run makes all");
}

#[tokio::test]
async fn the_job_makes_partitions_ahead_and_removes_by_the_settings() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    server.stop_jobs().await;
    let back = Duration::days(3653);
    server.clock.advance(-back);
    let then = server.app.clock.now();
    assert!(keep_partitions::run_once(server.app.clone()).await.unwrap());
    let old = audit(&server.app.pool, then).await;
    let partition = stands_in(&owner, "audit_log", old).await.unwrap();
    assert!(partition.starts_with(&format!("audit_log_p{}", then.year())), "{partition}");
    // what stands in no partition of its own goes as well, and counts
    audit(&server.app.pool, then - Duration::days(400)).await;
    server.clock.advance(server.app.settings.retention.audit_log - Duration::DAY);
    keep_partitions::run_once(server.app.clone()).await.unwrap();
    assert!(stands_in(&owner, "audit_log", old).await.is_some(), "its time has not come");
    server.clock.advance(Duration::days(80));
    keep_partitions::run_once(server.app.clone()).await.unwrap();
    assert_eq!(stands_in(&owner, "audit_log", old).await, None);
    for table in TABLES {
        assert_eq!(names(&owner, table, then.year()).await, Vec::<String>::new(), "{table:?}");
    }
    let metrics = server.app.metrics.render();
    assert!(metrics.contains(r#"ias_rows_removed_total{table="audit_log"}"#), "{metrics}");
}
