//! What an authorize request costs: a stranger's nothing, a living session's two statements (decision A, INT-06).

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use axum::{body::Body, extract::ConnectInfo, http::Request, response::Response};
use ias::http::router;
use sqlx::AssertSqlSafe;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};
use tower::ServiceExt as _;
use url::Url;

use crate::support::{
    authorize::{Ask, browser_for, is_error},
    person::Arrival,
    server::{PHONE, TestServer},
    statements::StatementCounter,
};

/// The rows of every table but those in which nodes say that they live, whoever asks.
async fn rows(server: &TestServer) -> BTreeMap<String, i64> {
    let owner = server.owner().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "select tablename::text from pg_tables where schemaname = 'public' and tablename not in ('nodes', 'leases')",
    )
    .fetch_all(&owner)
    .await
    .unwrap();
    let mut rows = BTreeMap::new();
    for table in tables {
        let count = AssertSqlSafe(format!("select count(*) from {table}"));
        rows.insert(table, sqlx::query_scalar(count).fetch_one(&owner).await.unwrap());
    }
    rows
}

/// From now on the server may read and not write, beside that it lives.
async fn forbid_writing(server: &TestServer) {
    let role: String = sqlx::query_scalar("select current_user::text").fetch_one(&server.app.pool).await.unwrap();
    let revoke = format!(
        "revoke insert, update, delete on all tables in schema public from {role};
         grant insert, update on nodes to {role}"
    );
    sqlx::raw_sql(AssertSqlSafe(revoke)).execute(&server.owner().await).await.unwrap();
}

/// Sends `count` authorize requests of strangers over 16 connections; each is sent on to the sign-in page.
async fn strangers_ask(server: &TestServer, count: usize) {
    const CONNECTIONS: usize = 16;
    let url = Url::parse(&Ask::webapp().url(server)).unwrap();
    let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let target = format!("{}?{}", url.path(), url.query().unwrap());
    let request: Arc<str> = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n").into();
    let connections = (0..CONNECTIONS).map(|_| {
        let (host, request) = (host.clone(), request.clone());
        tokio::spawn(async move {
            let mut stream = BufReader::new(TcpStream::connect(&host).await.unwrap());
            for _ in 0..count / CONNECTIONS {
                stream.get_mut().write_all(request.as_bytes()).await.unwrap();
                is_sent_on(&mut stream).await;
            }
        })
    });
    for connection in connections.collect::<Vec<_>>() {
        connection.await.unwrap();
    }
}

/// Reads one answer off a connection that stays open.
async fn is_sent_on(stream: &mut BufReader<TcpStream>) {
    let (mut line, mut length, mut location) = (String::new(), 0, false);
    stream.read_line(&mut line).await.unwrap();
    assert!(line.starts_with("HTTP/1.1 303 "), "{line}");
    while line != "\r\n" {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
        location |= line.starts_with("location: /signin/choose?request=");
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
    }
    assert!(location);
    stream.read_exact(&mut vec![0; length]).await.unwrap();
}

async fn leave_no_trace(count: usize) {
    let server = TestServer::start().await;
    let before = rows(&server).await;
    forbid_writing(&server).await;
    strangers_ask(&server, count).await;
    // refused, silent and posted ones as well
    for ask in [Ask::webapp().with("prompt", "none"), Ask::webapp().with("scope", "x"), Ask::webapp().with("client_id", "x")] {
        ask.both(&server).await;
    }
    assert_eq!(rows(&server).await, before);
    // the first row is that of an attempt: this server cannot write it
    let mut person = browser_for(&Ask::webapp());
    person.get(Ask::webapp().url(&server)).await;
    let arrival = person.submit(&[("decision", "cancel")]).await;
    let Arrival::Stopped(callback) = arrival else { panic!("{}", person.page()) };
    is_error(&callback, &server, &Ask::webapp(), "temporarily_unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn int_06_strangers_write_nothing() {
    leave_no_trace(1_600).await;
}

/// As many as the plan asks for: some four minutes without optimisation.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes long without optimisation; the same with fewer requests always runs"]
async fn int_06_a_hundred_thousand_strangers_write_nothing() {
    leave_no_trace(100_000).await;
}

/// The answer of the router that serves, in this task, so that its statements are seen.
async fn ask_router(server: &TestServer, url: &str, cookies: &str) -> (Response, StatementCounter) {
    let url = Url::parse(url).unwrap();
    let request = Request::get(format!("{}?{}", url.path(), url.query().unwrap()))
        .header("host", format!("{}:{}", url.host_str().unwrap(), url.port().unwrap()))
        .header("cookie", cookies)
        .extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))))
        .body(Body::empty())
        .unwrap();
    let router = router::public(&server.app);
    let (answer, statements) = StatementCounter::watch(router.oneshot(request)).await;
    (answer.unwrap(), statements)
}

#[tokio::test]
async fn a_live_session_costs_two_statements_and_a_stranger_none() {
    let server = TestServer::start().await;
    let ask = Ask::webapp();
    let (answer, statements) = ask_router(&server, &ask.url(&server), "").await;
    assert!(answer.headers()["location"].to_str().unwrap().starts_with("/signin/choose?"));
    assert_eq!(statements.count(), 0, "{:?}", statements.texts());

    let mut person = browser_for(&ask);
    person.sign_in(ask.url(&server), PHONE).await;
    let cookies = person.cookie_header(&Url::parse(&server.address).unwrap());
    let (answer, statements) = ask_router(&server, &ask.url(&server), &cookies).await;
    assert!(answer.headers()["location"].to_str().unwrap().contains("?code=ac_"), "{answer:?}");
    assert_eq!(statements.count(), 2, "{:?}", statements.texts());
    // also where a consent is remembered
    let none = ask.with("prompt", "none").url(&server);
    let (_, statements) = ask_router(&server, &none, &cookies).await;
    assert_eq!(statements.count(), 2, "{:?}", statements.texts());
}
