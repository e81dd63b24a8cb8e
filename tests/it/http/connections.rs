//! Connections end in time, and nobody has too many (DOS-01).

use std::time::{Duration, Instant};

use ias::model::urls::path;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{TOKEN_PARAMETERS, answer, connect, get, host, read_to_end, token};
use crate::support::server::TestServer;

/// How long the server kept the connection open, in milliseconds.
async fn kept_open(stream: &mut TcpStream) -> u128 {
    let began = Instant::now();
    let closed =
        tokio::time::timeout(Duration::from_secs(5), async { while let Ok(1..) = stream.read(&mut [0; 4096]).await {} });
    closed.await.expect("the connection is closed");
    began.elapsed().as_millis()
}

#[tokio::test(flavor = "multi_thread")]
async fn dos_01_a_slow_header_ends_the_connection_whatever_has_come_of_it() {
    let server = TestServer::start_with(|settings| settings.server.header_timeout = Duration::from_millis(300)).await;
    for begun in ["", "P", "POST /connect/token HTTP/1.1\r\nHost: loc", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut stream = connect(&server).await;
        stream.write_all(begun.as_bytes()).await.unwrap();
        let open = kept_open(&mut stream).await;
        assert!((250..1500).contains(&open), "{begun:?}: {open} ms");
    }
    // a byte now and then is no excuse, and nobody else waits for it
    let mut stream = connect(&server).await;
    let (drip, token) = tokio::join!(
        async {
            let began = Instant::now();
            while stream.write_all(b"x").await.is_ok() && began.elapsed() < Duration::from_secs(3) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            began.elapsed().as_millis()
        },
        token(&server, TOKEN_PARAMETERS)
    );
    assert!(drip < 1500, "{drip} ms");
    assert_eq!(token.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn dos_01_an_idle_connection_is_kept_for_a_while_and_then_closed() {
    let server = TestServer::start_with(|settings| {
        settings.server.header_timeout = Duration::from_millis(200);
        settings.server.idle_timeout = Duration::from_millis(700);
    })
    .await;
    let request = format!("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", path::JWKS, host(&server));
    let mut stream = connect(&server).await;
    for _ in 0..2 {
        stream.write_all(request.as_bytes()).await.unwrap();
        let read = stream.read(&mut [0; 16 * 1024]).await.unwrap();
        assert!(read > 0, "the connection is kept");
        // longer than a header may take
        tokio::time::sleep(Duration::from_millis(350)).await;
    }
    let open = kept_open(&mut stream).await;
    assert!(open < 1500, "{open} ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn dos_01_a_slow_body_is_given_up() {
    let server = TestServer::start_with(|settings| settings.server.request_timeout = Duration::from_millis(300)).await;
    let mut stream = connect(&server).await;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ngrant_type=",
        path::TOKEN,
        host(&server)
    );
    let began = Instant::now();
    stream.write_all(head.as_bytes()).await.unwrap();
    let refused = answer(&read_to_end(&mut stream).await);
    refused.is_json(503, "temporarily_unavailable");
    assert_eq!(refused.header("retry-after"), Some("5"));
    assert!(began.elapsed() < Duration::from_millis(1800));
}

#[tokio::test(flavor = "multi_thread")]
async fn dos_01_an_address_has_so_many_connections_and_no_more() {
    let server = TestServer::start_with(|settings| settings.server.max_connections_per_address = 3).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(connect(&server).await);
    }
    // let the server take them in
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut fourth = connect(&server).await;
    assert!(kept_open(&mut fourth).await < 200, "the fourth is closed at once");
    held.pop();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(get(&server, path::JWKS).await.status, 200, "a place is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn dos_01_a_trusted_proxy_carries_everybodys_connections() {
    let server = TestServer::start_with(|settings| {
        settings.server.max_connections_per_address = 1;
        settings.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let _held = (connect(&server).await, connect(&server).await);
    assert_eq!(get(&server, path::JWKS).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_spoken_and_its_authority_is_the_host() {
    let server = TestServer::start().await;
    let client = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build().unwrap();
    let answer = client.get(format!("{}{}", server.address, path::JWKS)).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_2));
    let by_address = server.address.replace("localhost", "127.0.0.1");
    let answer = client.get(format!("{by_address}{}", path::JWKS)).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 421, "PRX-01");
}
