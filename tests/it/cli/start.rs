//! What the server refuses to start with: in one message that says everything and what to do (OPS-02, eid.md §12).

use sqlx::AssertSqlSafe;

use super::Stage;
use crate::support::database::TestDatabase;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_does_not_guess_where_it_runs() {
    let mut stage = Stage::new().await;
    stage.set("IAS__ENVIRONMENT", None);
    stage.run(&["serve"]).await.refuses(&["IAS__ENVIRONMENT", "production, staging or development", "no default"]);
    stage.set("IAS__ENVIRONMENT", Some("test"));
    stage.run(&["serve"]).await.refuses(&["`test`", "production, staging or development"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_the_settings_is_listed_at_once_and_no_secret_is() {
    let mut stage = Stage::new().await;
    stage.set("IAS__SERVER__ISUER", Some("http://localhost:1"));
    stage.set("IAS_SERVER_ISSUER", Some("http://localhost:1"));
    stage.set("IAS__SERVER__HEADER_TIMEOUT", Some("10 seconds"));
    stage.set("IAS__KEYS__MASTER_KEY", Some("c2hvcnQtc2VjcmV0"));
    stage.set("IAS__DATABASE__URL", Some("mysql://user:hush-hush@localhost/ias"));
    let outcome = stage.run(&["serve"]).await;
    outcome.refuses(&[
        "server.isuer",
        "IAS__SERVER__ISUER",
        "is unknown",
        "IAS_SERVER_ISSUER",
        "server.header_timeout",
        "keys.master_key",
        "database.url",
    ]);
    for secret in ["hush-hush", "c2hvcnQtc2VjcmV0"] {
        assert!(!outcome.stderr.contains(secret), "{}", outcome.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_this_version_does_not_know_is_not_served() {
    let stage = Stage::over(TestDatabase::empty().await);
    for command in [&["serve"][..], &["keys", "list"], &["apply", "."], &["doctor"]] {
        stage.run(command).await.refuses(&["run `ias migrate`"]);
    }
    let stage = Stage::new().await;
    let newer = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
                 values (9999, 'of the future', true, '\\x00', 0)";
    sqlx::raw_sql(newer).execute(&stage.database.owner_pool().await).await.unwrap();
    for command in ["serve", "migrate", "doctor"] {
        stage.run(&[command]).await.refuses(&["9999", "does not know"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_environment_is_not_served() {
    let stage = Stage::new().await;
    let claim = "update configuration set environment = 'staging'";
    sqlx::raw_sql(claim).execute(&stage.database.owner_pool().await).await.unwrap();
    for command in ["serve", "doctor"] {
        stage.run(&[command]).await.refuses(&["belongs to the environment staging, not to development"]);
    }
    stage.apply_the_demo().await.refuses(&["belongs to the environment staging, not to development"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ops_02_production_refuses_this_binary_and_everything_else_that_is_unsafe() {
    let mut stage = Stage::new().await;
    stage.set("IAS__ENVIRONMENT", Some("production"));
    stage.set("IAS__SERVER__ISSUER", Some("http://localhost:8080"));
    stage.set("IAS__KEYS__MASTER_KEY", Some("YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE="));
    stage.set("IAS__DATABASE__URL", Some("postgres://ias@db.example/ias"));
    stage.set("IAS__SESSION__ABSOLUTE_TTL", Some("9h"));
    stage.run(&["serve"]).await.refuses(&[
        "built with the simulator and the demo",
        "--no-default-features",
        "must begin with https://",
        "must have a public host name",
        "server.trusted_proxies",
        "database.url: must say sslmode=verify-full",
        "keys.master_key: was not made at random",
        "session.absolute_ttl",
    ]);
    stage.run(&["eid-simulator"]).await.refuses(&["production"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ops_02_and_x5_01_production_refuses_stored_rows_that_are_unsafe_all_at_once() {
    let stage = Stage::new().await;
    stage.apply_the_demo().await.prints();
    let owner = stage.database.owner_pool().await;
    for edit in [
        "update clients set redirect_uris = redirect_uris || array['https://*.dev.myorg.is/cb'] where client_id = '@myorg.is/webapp'",
        "update clients set access_token_ttl = 301 where client_id = '@myorg.is/worker'",
    ] {
        sqlx::raw_sql(AssertSqlSafe(edit)).execute(&owner).await.unwrap();
    }
    stage.run(&["doctor"]).await.prints();
    stage.run(&["doctor", "--environment", "production"]).await.refuses(&[
        "built with the simulator and the demo",
        "belongs to the environment development, not to production",
        "client @myorg.is/webapp: redirect_uris[1]",
        "client @myorg.is/webapp: redirect_uris[2]",
        "client @myorg.is/worker: access_token_ttl",
        "identity provider sim: driver.mobile_id.base_url",
        "identity provider sim: ",
    ]);
}

/// Whatever is wrong with the settings: the demo alone is, in this binary.
#[tokio::test(flavor = "multi_thread")]
async fn ops_02_the_doctor_of_production_lists_settings_and_rows_at_once() {
    let mut stage = Stage::new().await;
    stage.apply_the_demo().await.prints();
    stage.set("IAS__ENVIRONMENT", Some("production"));
    stage.set("IAS__SERVER__ISSUER", Some("http://localhost:8080"));
    stage.set("IAS__SERVER__HEADER_TIMEOUT", Some("10 seconds"));
    stage.run(&["doctor"]).await.refuses(&[
        "built with the simulator and the demo",
        "server.header_timeout",
        "must begin with https://",
        "belongs to the environment development, not to production",
        "identity provider sim: driver.mobile_id.base_url",
    ]);
}

/// Elsewhere the other ways to sign in go on.
#[tokio::test(flavor = "multi_thread")]
async fn x5_01_a_driver_that_cannot_be_made_is_logged_and_stops_production_alone() {
    let mut stage = Stage::new().await;
    stage.apply_the_demo().await.prints();
    let owner = stage.database.owner_pool().await;
    let broken = "update identity_providers set settings = jsonb_set(settings, '{trust,anchors_pem}', '\"no certificate\"')";
    sqlx::raw_sql(broken).execute(&owner).await.unwrap();
    stage.run(&["doctor", "--environment", "production"]).await.refuses(&["identity provider sim: "]);
    let node = stage.serve().await;
    let ready = reqwest::get(format!("{}/readyz", node.operations)).await.unwrap();
    assert_eq!(ready.status(), 200);
    node.terminate();
    let (code, log) = node.end().await;
    assert_eq!(code, Some(0), "{log:#?}");
    assert!(log.iter().any(|line| line.contains("a driver cannot be used")), "{log:#?}");
}
