//! Paths match exactly (HTTP-14), and the operations are not on this listener (OPS-03).

use ias::model::urls::path;

use super::{DOCUMENTS, PAGES, get, open, static_files};
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn http_14_another_spelling_of_a_path_is_another_path() {
    let server = TestServer::start().await;
    let files = static_files(&server).await;
    let known = DOCUMENTS.into_iter().chain(PAGES).chain([
        path::TOKEN,
        path::USERINFO,
        path::REVOCATION,
        path::INTROSPECT,
        path::STATUS,
    ]);
    for path in known.chain(files.iter().map(String::as_str)) {
        let (last, first) = (path.chars().next_back().unwrap(), path.split('/').nth(1).unwrap());
        let encoded = format!("{}%{:02X}", &path[..path.len() - 1], u32::from(last));
        for variant in [
            format!("{path}/"),
            format!("/{path}"),
            path.replacen(first, &format!("{first}/"), 1),
            format!("{path};x"),
            format!("{path};jsessionid=1"),
            format!("{path}/x.css"),
            format!("{path}.css"),
            format!("{path}%20"),
            format!("{path}%00"),
            format!("{path}%2f"),
            format!("{path}%2e"),
            encoded.clone(),
            encoded.replace('%', "%25"),
            path.to_ascii_uppercase(),
            format!("/x/..{path}"),
            format!("/./{}", &path[1..]),
            path.replacen('/', "/%2f", 1),
            path.replacen('/', "\\", 1).replacen('\\', "/\\", 1),
        ] {
            let answer = get(&server, &variant).await;
            // what is no target at all does not get as far as a path
            assert!(answer.status == 404 || (answer.status == 400 && answer.body.is_empty()), "{variant}: {answer:?}");
        }
    }
    open(&server, "/").await.is_page(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_14_files_have_their_exact_name_alone() {
    let server = TestServer::start().await;
    for target in ["/static/main.css", "/static/", "/static", "/static/../Cargo.toml", "/static/%2e%2e/main.css", "/static/%FF"]
    {
        assert_eq!(get(&server, target).await.status, 404, "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ops_03_health_and_metrics_are_not_reached_from_outside() {
    let server = TestServer::start().await;
    for target in ["/metrics", "/healthz", "/readyz", "/debug/pprof/", "/admin"] {
        assert_eq!(get(&server, target).await.status, 404, "{target}");
    }
}
