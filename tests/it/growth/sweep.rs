//! Small batches of what has ended.

use ias::{
    base::id::uuid_v7,
    jobs::{sweep, sweep_consents},
    store::sweep::{BATCH, Ending, delete_ended},
};
use sqlx::PgPool;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::support::{
    database::count,
    person::Person,
    server::TestServer,
    tokens::{tokens, userinfo},
};

/// Copies the one family so many times, with another end.
async fn families(owner: &PgPool, copies: u32, ends: OffsetDateTime) {
    sqlx::query(
        "insert into families
            select (jsonb_populate_record(null::families, to_jsonb(f) || jsonb_build_object(
                'id', gen_random_uuid(), 'absolute_expires_at', $1::timestamptz, 'consent_id', null))).*
            from (select * from families limit 1) f, generate_series(1, $2)",
    )
    .bind(ends)
    .bind(i64::from(copies))
    .execute(owner)
    .await
    .unwrap();
}

#[tokio::test]
async fn sto_15_ended_families_are_deleted_in_batches_and_live_ones_stay() {
    let server = TestServer::start().await;
    let (owner, now) = (server.owner().await, server.app.clock.now());
    let token = tokens(&server, &mut Person::new(), "@myorg.is/webapp", "openid").await.text("access_token");
    server.stop_jobs().await;
    let day_ago = now - Duration::DAY;
    families(&owner, BATCH + 7, day_ago).await;
    families(&owner, 2, day_ago + Duration::microseconds(1)).await;
    assert_eq!(delete_ended(&server.app.pool, Ending::Families, day_ago).await.unwrap(), u64::from(BATCH));
    sweep::run_once(server.app.clone()).await.unwrap();
    assert_eq!(count(&owner, "families").await, 3);
    server.app.confirm().await.unwrap();
    assert_eq!(userinfo(&server, &token).await.status, 200);
    let mut planning = owner.begin().await.unwrap();
    sqlx::query("set local enable_seqscan = off").execute(&mut *planning).await.unwrap();
    let plan: Vec<String> = sqlx::query_scalar(
        "explain select id from families where absolute_expires_at <= clock_timestamp() order by absolute_expires_at limit 1000",
    )
    .fetch_all(&mut *planning)
    .await
    .unwrap();
    assert!(plan.join(" ").contains("families_absolute_expires_at_idx"), "{plan:?}");
}

#[tokio::test]
async fn a_sweep_leaves_what_somebody_holds_and_waits_for_nobody() {
    let server = TestServer::start().await;
    server.stop_jobs().await;
    let (owner, now) = (server.owner().await, server.app.clock.now());
    for key in ["a", "b"] {
        sqlx::query("insert into replay (key, expires_at) values (convert_to($1, 'utf8'), $2)")
            .bind(key)
            .bind(now)
            .execute(&owner)
            .await
            .unwrap();
    }
    let mut holding = owner.begin().await.unwrap();
    sqlx::query("select key from replay where key = convert_to('a', 'utf8') for update").execute(&mut *holding).await.unwrap();
    assert_eq!(delete_ended(&server.app.pool, Ending::Replay, now).await.unwrap(), 1);
    holding.rollback().await.unwrap();
    assert_eq!(delete_ended(&server.app.pool, Ending::Replay, now).await.unwrap(), 1);
}

#[tokio::test]
async fn an_effect_leaves_a_day_after_its_delivery() {
    let server = TestServer::start().await;
    let (owner, now) = (server.owner().await, server.app.clock.now());
    for delivered in [Some(now - Duration::DAY), Some(now - Duration::DAY + Duration::microseconds(1)), None] {
        sqlx::query(
            "insert into outbox (id, kind, payload, created_at, available_at, delivered_at) values ($1, 'test', '{}', $2, $2, $3)",
        )
        .bind(uuid_v7(now))
        .bind(now - Duration::days(9))
        .bind(delivered)
        .execute(&owner)
        .await
        .unwrap();
    }
    sweep::run_once(server.app.clone()).await.unwrap();
    assert_eq!(count(&owner, "outbox").await, 2);
}

/// A consent of the one family's person.
async fn consent(owner: &PgPool, remembered: bool, times: [Option<OffsetDateTime>; 3]) -> Uuid {
    let id = uuid_v7(OffsetDateTime::UNIX_EPOCH);
    let [created, expires, withdrawn] = times;
    sqlx::query(
        "insert into consents (id, client_id, actor_id, subject_id, scope, remembered, created_at, expires_at, withdrawn_at)
            select $1, client_id, actor_id, subject_id, '{openid}', $2, $3, $4, $5 from families limit 1",
    )
    .bind(id)
    .bind(remembered)
    .bind(created)
    .bind(expires)
    .bind(withdrawn)
    .execute(owner)
    .await
    .unwrap();
    id
}

#[tokio::test]
async fn prv_03_a_consent_leaves_when_it_is_over_and_no_family_refers_to_it() {
    let server = TestServer::start().await;
    let (owner, now) = (server.owner().await, server.app.clock.now());
    tokens(&server, &mut Person::new(), "@myorg.is/webapp", "openid").await;
    let (long_ago, day_ago) = (Some(now - Duration::days(30)), Some(now - Duration::DAY));
    let lately = Some(now - Duration::DAY + Duration::microseconds(1));
    let referred = consent(&owner, false, [long_ago, None, None]).await;
    sqlx::query("update families set consent_id = $1").bind(referred).execute(&owner).await.unwrap();
    let mut stay = vec![referred];
    for (remembered, times) in [
        (false, [lately, None, None]),
        (true, [long_ago, None, None]),
        (true, [long_ago, lately, None]),
        (true, [long_ago, None, lately]),
    ] {
        stay.push(consent(&owner, remembered, times).await);
    }
    for (remembered, times) in
        [(false, [day_ago, None, None]), (true, [long_ago, day_ago, None]), (true, [long_ago, None, day_ago])]
    {
        consent(&owner, remembered, times).await;
    }
    assert!(sweep_consents::run_once(server.app.clone()).await.unwrap());
    stay.sort();
    let left = "select id from consents order by id";
    assert_eq!(sqlx::query_scalar::<_, Uuid>(left).fetch_all(&owner).await.unwrap(), stay);
    sqlx::query("delete from families").execute(&owner).await.unwrap();
    sweep_consents::run_once(server.app.clone()).await.unwrap();
    assert!(!sqlx::query_scalar::<_, Uuid>(left).fetch_all(&owner).await.unwrap().contains(&referred));
}
