//! Headers that two readers could read differently are refused, and nothing of the connection is used again (PRX-05).

use ias::model::urls::path;

use super::{answer, exchange, host};
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn prx_05_a_header_that_can_be_read_in_two_ways_is_refused_and_the_connection_closed() {
    let server = TestServer::start().await;
    let host = host(&server);
    let (token, jwks) = (path::TOKEN, path::JWKS);
    let smuggled = format!("GET {jwks} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let length = smuggled.len();
    for (fault, request) in [
        (
            "both",
            format!(
                "POST {token} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
        ),
        (
            "both, the other way",
            format!(
                "POST {token} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"
            ),
        ),
        (
            "two lengths",
            format!("POST {token} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nContent-Length: {length}\r\n\r\n"),
        ),
        (
            "the same length twice",
            format!("POST {token} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n"),
        ),
        ("a list of lengths", format!("POST {token} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0, {length}\r\n\r\n")),
        ("a signed length", format!("POST {token} HTTP/1.1\r\nHost: {host}\r\nContent-Length: +0\r\n\r\n")),
        ("a negative length", format!("POST {token} HTTP/1.1\r\nHost: {host}\r\nContent-Length: -1\r\n\r\n")),
        (
            "not chunked in the end",
            format!("POST {token} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked, gzip\r\n\r\n"),
        ),
        ("another coding", format!("POST {token} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: xchunked\r\n\r\n")),
        ("space before the colon", format!("POST {token} HTTP/1.1\r\nHost: {host}\r\nContent-Length : 0\r\n\r\n")),
        ("a folded line", format!("POST {token} HTTP/1.1\r\nHost: {host}\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n")),
        ("a bare LF", format!("POST {token} HTTP/1.1\r\nHost: {host}\r\nX: a\nContent-Length: 0\r\n\r\n")),
        ("a bare CR", format!("POST {token} HTTP/1.1\r\nHost: {host}\r\nX: a\rContent-Length: 0\r\n\r\n")),
        ("NUL", format!("POST {token} HTTP/1.1\r\nHost: {host}\r\nX: a\0b\r\n\r\n")),
        (
            "chunked in HTTP/1.0",
            format!("POST {token} HTTP/1.0\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ),
    ] {
        let bytes = exchange(&server, format!("{request}{smuggled}")).await;
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(answer(&bytes).status, 400, "{fault}: {text}");
        assert_eq!(text.matches("HTTP/1.").count(), 1, "{fault}: the rest was taken for a request: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_answers_one_request_after_the_other() {
    let server = TestServer::start().await;
    let one = format!("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", path::JWKS, host(&server));
    let last = one.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let bytes = exchange(&server, format!("{one}{one}{last}")).await;
    assert_eq!(String::from_utf8_lossy(&bytes).matches("HTTP/1.1 200 OK").count(), 3);
}
