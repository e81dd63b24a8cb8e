//! What a node shows without its database, and with a wrong clock (decision F, HTTP-18, STO-04, STO-12).

use std::time::Duration;

use axum::{Router, body::Body, http::Request};
use http_body_util::BodyExt as _;
use ias::{
    http::router,
    jobs::reload_snapshot,
    model::urls::path,
    store::pool::{self, PoolSettings},
};
use sqlx::{AssertSqlSafe, PgPool};
use tower::ServiceExt as _;

use super::{HTML, TOKEN_PARAMETERS, authorize, get, open, post, send, static_files, token};
use crate::support::{
    person::Person,
    server::{PHONE, TestServer},
};

/// The operations listener, as text.
async fn operations(server: &TestServer, target: &str) -> (u16, String) {
    let router: Router = router::operations(&server.app);
    let response = router.oneshot(Request::get(target).body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// The test's database, seen from the server's other databases.
struct Switch {
    admin: PgPool,
    name: String,
}

impl Switch {
    async fn of(server: &TestServer) -> Self {
        let owner = server.database.owner();
        let name = owner.get_database().unwrap().to_owned();
        let settings = PoolSettings { min_connections: 0, ..PoolSettings::default() };
        let admin = pool::connect(owner.database("postgres"), &settings).await.unwrap();
        Self { admin, name }
    }

    /// Nobody gets in any more, and those who are in are put out.
    async fn off(&self) {
        self.run(format!("alter database {} with allow_connections false", self.name)).await;
        self.run(format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{}'", self.name)).await;
    }

    async fn on(&self) {
        self.run(format!("alter database {} with allow_connections true", self.name)).await;
    }

    async fn run(&self, sql: String) {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&self.admin).await.unwrap();
    }
}

/// Waits until the condition holds.
async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    for _ in 0..120 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_18_and_decision_f_a_node_without_its_database_refuses_and_comes_back() {
    let server = TestServer::start().await;
    let mut person = Person::new().stopping_at("https://app.myorg.is/");
    person.sign_in(format!("{}{}", server.address, authorize("")), PHONE).await;
    let session = format!("ias_session={}", person.cookie("localhost", "ias_session").unwrap());
    let files = static_files(&server).await;
    let switch = Switch::of(&server).await;
    switch.off().await;

    // the configuration still holds: what needs no row is answered, what needs one says that it cannot be
    assert_eq!(token(&server, TOKEN_PARAMETERS).await.status, 200);
    let with_session = send(&server, "GET", &authorize("&state=s"), &[HTML, ("cookie", &session)], b"").await;
    let parameters = with_session.is_redirect("temporarily_unavailable");
    assert!(parameters.contains(&("state".to_owned(), "s".to_owned())), "{parameters:?}");
    let code = "grant_type=authorization_code&client_id=@myorg.is/app&redirect_uri=http://127.0.0.1/callback\
                &code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk&code=";
    let code = format!("{code}{}", some_code());
    let refused = post(&server, path::TOKEN, code).await;
    refused.is_json(503, "temporarily_unavailable");
    assert_eq!(refused.header("retry-after"), Some("5"));

    // 3 s after the last confirmation nothing is answered any more
    until("the node stops to serve", async || operations(&server, "/readyz").await.0 == 503).await;
    for target in [path::OPENID_CONFIGURATION, path::JWKS] {
        get(&server, target).await.is_json(503, "temporarily_unavailable");
    }
    token(&server, TOKEN_PARAMETERS).await.is_json(503, "temporarily_unavailable");
    let page = open(&server, &authorize("")).await;
    page.is_page(503);
    assert_eq!(page.header("retry-after"), Some("5"));
    // files are the same whatever the configuration says, and the process is alive
    assert_eq!(get(&server, &files[0]).await.status, 200);
    assert_eq!(operations(&server, "/healthz").await.0, 200);
    let (status, why) = operations(&server, "/readyz").await;
    assert!(status == 503 && why.contains("could not be confirmed"), "{why}");
    let (_, metrics) = operations(&server, "/metrics").await;
    assert!(metrics.contains("ias_snapshot_age_seconds"), "{metrics}");

    switch.on().await;
    until("the node serves again", async || operations(&server, "/readyz").await.0 == 200).await;
    assert_eq!(get(&server, path::JWKS).await.status, 200);
}

fn some_code() -> String {
    use ias::{
        base::{clock::Clock, handle::Handle, id::FamilyId},
        model::authorization_code,
    };
    Handle::new(FamilyId::new(Clock::System.now()).0).to_text(authorization_code::PREFIX)
}

/// STO-12: who gets no connection is told to come again, and what needs none is answered as ever.
#[tokio::test(flavor = "multi_thread")]
async fn sto_12_an_exhausted_pool_refuses_in_time() {
    let server = TestServer::start().await;
    let mut held = Vec::new();
    for _ in 0..12 {
        held.push(server.app.pool.acquire().await.unwrap());
    }
    let body = format!(
        "grant_type=authorization_code&client_id=@myorg.is/app&redirect_uri=http://127.0.0.1/callback\
         &code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk&code={}",
        some_code()
    );
    let (refused, granted) = tokio::join!(
        tokio::time::timeout(Duration::from_secs(4), slow_post(&server, path::TOKEN, &body)),
        token(&server, TOKEN_PARAMETERS)
    );
    assert_eq!(granted.status, 200);
    refused.expect("in time").is_json(503, "temporarily_unavailable");
    drop(held);
    post(&server, path::TOKEN, body).await.is_json(400, "invalid_grant");
}

/// As `post`, with more patience.
async fn slow_post(server: &TestServer, target: &str, body: &str) -> super::Answer {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let sent = client.post(format!("{}{target}", server.address)).header(super::FORM.0, super::FORM.1).body(body.to_owned());
    let response = sent.send().await.unwrap();
    let headers = response.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let (status, headers) = (response.status().as_u16(), headers.collect());
    super::Answer { status, headers, body: response.text().await.unwrap() }
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_04_and_sto_13_a_node_whose_clock_is_wrong_serves_nothing() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let name = server.database.owner().get_database().unwrap().to_owned();
    // the database's clock cannot be moved, but it can be asked for in another schema first
    let run = async |sql: String| sqlx::raw_sql(AssertSqlSafe(sql)).execute(&owner).await.map(drop).unwrap();
    run(format!("alter database {name} set search_path = public, pg_catalog")).await;
    for (offset, status) in [("0.1 s", 200), ("2 s", 200), ("-6 s", 503), ("6 s", 503)] {
        run(format!(
            "create or replace function public.clock_timestamp() returns timestamptz language sql \
             as $$ select pg_catalog.clock_timestamp() + interval '{offset}' $$"
        ))
        .await;
        let node = server.second_node().await;
        reload_snapshot::run_once(node.app.clone()).await.unwrap();
        let (ready, why) = operations(&node, "/readyz").await;
        assert_eq!(ready, status, "{offset}: {why}");
        let served = send(&node, "GET", path::JWKS, &[], b"").await.status;
        assert_eq!(served, status, "{offset}");
        if status == 503 {
            assert!(why.contains("clock"), "{why}");
            let (_, metrics) = operations(&node, "/metrics").await;
            let level = metrics.lines().find_map(|line| line.strip_prefix("ias_clock_offset_seconds ")).unwrap();
            let (level, off) = (level.parse::<f64>().unwrap(), if offset.starts_with('-') { 6.0 } else { -6.0 });
            assert!((level - off).abs() < 0.5, "{offset}: {level}");
        }
    }
}
