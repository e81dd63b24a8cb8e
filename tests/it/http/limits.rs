//! The limits of §0.2 at their boundary (HTTP-07).

use ias::model::urls::path;

use super::{FORM, HTML, TOKEN_PARAMETERS, answer, authorize, exchange, host, open, send, token, worker};
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn http_07_a_target_has_8_kib() {
    let server = TestServer::start().await;
    let target = |length: usize| format!("/{}", "a".repeat(length - 1));
    assert_eq!(send(&server, "GET", &target(8192), &[], b"").await.status, 404);
    let refused = send(&server, "GET", &target(8193), &[], b"").await;
    refused.is_json(414, "invalid_request");
    assert_eq!(refused.header("connection"), Some("close"));
    open(&server, &target(8193)).await.is_page(414);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_07_a_body_has_64_kib_whether_or_not_it_says_its_length() {
    let server = TestServer::start().await;
    let body = |length: usize| format!("{TOKEN_PARAMETERS}&{}", &"=&".repeat(length)[..length - TOKEN_PARAMETERS.len() - 1]);
    // too many parameters, which only a body that was read can have
    token(&server, body(64 * 1024)).await.is_json(400, "invalid_request");
    let refused = token(&server, body(64 * 1024 + 1)).await;
    refused.is_json(413, "invalid_request");
    assert_eq!(refused.header("connection"), Some("close"));
    let chunked = |body: &str| {
        let (host, worker, (media, form)) = (host(&server), worker(), FORM);
        format!(
            "POST {} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {worker}\r\n{media}: {form}\r\nTransfer-Encoding: chunked\r\n\
             Connection: close\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            path::TOKEN,
            body.len()
        )
    };
    assert_eq!(answer(&exchange(&server, chunked(TOKEN_PARAMETERS)).await).status, 200);
    answer(&exchange(&server, chunked(&body(64 * 1024 + 1))).await).is_json(413, "invalid_request");
    send(&server, "POST", path::AUTHORIZE, &[FORM, HTML], body(64 * 1024 + 1).as_bytes()).await.is_page(413);
}

/// Nobody has to send what will not be read.
#[tokio::test(flavor = "multi_thread")]
async fn http_07_a_body_that_says_that_it_is_too_long_is_refused_unread() {
    let server = TestServer::start().await;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000000000\r\n\r\n",
        path::TOKEN,
        host(&server)
    );
    answer(&exchange(&server, head).await).is_json(413, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_07_headers_have_16_kib_and_100_fields() {
    let server = TestServer::start().await;
    let fields = |number: usize| (0..number).map(|index| format!("x-{index}")).collect::<Vec<_>>();
    // Host and Connection are two of them
    for (number, status) in [(98, 200), (99, 431)] {
        let names = fields(number);
        let headers: Vec<_> = names.iter().map(|name| (name.as_str(), "a")).collect();
        assert_eq!(send(&server, "GET", path::JWKS, &headers, b"").await.status, status, "{number}");
    }
    let own = "host".len() + host(&server).len() + 4 + "connection".len() + "close".len() + 4;
    for (bytes, status) in [(16 * 1024, 200), (16 * 1024 + 1, 431)] {
        let value = "a".repeat(bytes - own - "x".len() - 4);
        let answer = send(&server, "GET", path::JWKS, &[("x", &value)], b"").await;
        assert_eq!(answer.status, status, "{bytes}: {answer:?}");
    }
    let refused = send(&server, "GET", "/", &[HTML, ("x", &"a".repeat(20_000))], b"").await;
    refused.is_page(431);
    assert_eq!(refused.header("connection"), Some("close"));
    // and what is far beyond it costs nothing more
    assert_eq!(send(&server, "GET", "/", &[("x", &"a".repeat(200_000))], b"").await.status, 431);
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_have_their_number_and_their_length() {
    let server = TestServer::start().await;
    let many = |number: usize| format!("{TOKEN_PARAMETERS}{}", "&a=".repeat(number - 2));
    assert_eq!(token(&server, many(100)).await.status, 200);
    token(&server, many(101)).await.is_json(400, "invalid_request");
    for (name, most) in [("state", 2048), ("nonce", 512), ("login_hint", 256)] {
        let answer = |length: usize| format!("&prompt=none&{name}={}", "a".repeat(length));
        open(&server, &authorize(&answer(most))).await.is_redirect("login_required");
        open(&server, &authorize(&answer(most + 1))).await.is_redirect("invalid_request");
    }
    let redirect_uri = "https%3A%2F%2Fapp.myorg.is%2Foauth%2Fcallback";
    open(&server, &authorize("").replace(redirect_uri, &format!("{redirect_uri}{}", "a".repeat(2049)))).await.is_page(400);
}
