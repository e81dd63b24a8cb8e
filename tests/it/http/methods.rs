//! Which methods there are, and what the others are told (HTTP-08).

use ias::model::urls::path;

use super::{DOCUMENTS, PAGES, authorize, get, open, send, static_files};
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn http_08_every_other_method_is_told_which_there_are() {
    let server = TestServer::start().await;
    let files = static_files(&server).await;
    let documents = DOCUMENTS.into_iter().chain(files.iter().map(String::as_str)).map(|path| (path, "GET,HEAD"));
    let pages = PAGES.into_iter().chain([path::USERINFO]).map(|path| (path, "GET, POST"));
    for (path, allow) in documents.chain(pages).chain([
        (path::TOKEN, "POST"),
        (path::REVOCATION, "POST"),
        (path::INTROSPECT, "POST"),
        (path::STATUS, "GET"),
    ]) {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECTED", "get", "BREW"] {
            let answer = send(&server, method, path, &[], b"").await;
            if allow.split([',', ' ']).any(|allowed| allowed == method) {
                assert_ne!(answer.status, 405, "{method} {path}");
            } else {
                assert_eq!(answer.status, 405, "{method} {path}: {answer:?}");
                assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
            }
        }
    }
    for method in ["HEAD", "OPTIONS", "DELETE"] {
        assert_eq!(send(&server, method, "/nothing", &[], b"").await.status, 404, "{method}");
    }
    for method in ["TRACE", "CONNECT"] {
        let answer = send(&server, method, if method == "CONNECT" { "localhost:443" } else { "/nothing" }, &[], b"").await;
        assert!([405, 421].contains(&answer.status), "{method}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_08_head_has_no_side_effect_and_no_body() {
    let server = TestServer::start().await;
    let head = send(&server, "HEAD", path::OPENID_CONFIGURATION, &[], b"").await;
    let full = get(&server, path::OPENID_CONFIGURATION).await;
    assert!(head.status == 200 && head.body.is_empty(), "{head:?}");
    assert_eq!(head.header("content-length"), Some(full.body.len().to_string().as_str()));
    assert_eq!(head.header("etag"), full.header("etag"));
    for target in [&*authorize(""), path::END_SESSION, path::USERINFO] {
        let answer = send(&server, "HEAD", target, &[], b"").await;
        assert!(answer.status == 405 && answer.body.is_empty(), "{target}: {answer:?}");
        assert_eq!((answer.header("location"), answer.header("set-cookie")), (None, None), "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_08_and_prx_03_a_method_is_not_overridden() {
    let server = TestServer::start().await;
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        assert_eq!(send(&server, "GET", path::TOKEN, &[(name, "POST")], b"").await.status, 405, "{name}");
        assert_eq!(send(&server, "GET", path::JWKS, &[(name, "DELETE")], b"").await.status, 200, "{name}");
    }
    assert_eq!(open(&server, &format!("{}?_method=POST", path::TOKEN)).await.status, 405);
}
