//! What every answer carries, whatever it says (HTTP-09, HTTP-13, HTTP-19, WEB-01, WEB-03).

use ias::model::urls::path;

use super::{
    Answer, FORM, HTML, TOKEN_PARAMETERS, answer, authorize, authorize_parameters, exchange, get, host, open, post, request,
    send, static_files, token,
};
use crate::support::server::TestServer;

/// Answers of every kind: status and whether it is a page.
async fn of_every_kind(server: &TestServer) -> Vec<(&'static str, u16, Answer)> {
    let etag = get(server, path::JWKS).await.header("etag").unwrap().to_owned();
    let other_host = exchange(server, "GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").await;
    let unauthorized = "grant_type=client_credentials&client_id=x&client_secret=y";
    let json = [("content-type", "application/json")];
    vec![
        ("document", 200, get(server, path::OPENID_CONFIGURATION).await),
        ("not modified", 304, send(server, "GET", path::JWKS, &[("if-none-match", &etag)], b"").await),
        ("file", 200, get(server, &static_files(server).await[0]).await),
        ("tokens", 200, token(server, TOKEN_PARAMETERS).await),
        ("redirect to a page", 303, open(server, &authorize("")).await),
        ("redirect to a client", 303, open(server, &authorize("&prompt=none")).await),
        ("form post", 200, open(server, &authorize("&prompt=none&response_mode=form_post")).await),
        ("sealed", 303, send(server, "POST", path::AUTHORIZE, &[FORM, HTML], authorize_parameters().as_bytes()).await),
        ("error page", 400, open(server, path::AUTHORIZE).await),
        ("unreadable", 400, open(server, path::CHOOSE).await),
        ("form of another site", 403, send(server, "POST", path::CHOOSE, &[FORM, HTML], b"x=1").await),
        ("logout", 200, open(server, path::END_SESSION).await),
        ("json error", 400, token(server, "grant_type=x").await),
        ("client unknown", 401, post(server, path::TOKEN, unauthorized).await),
        ("challenge", 401, get(server, path::USERINFO).await),
        ("not found", 404, get(server, "/nothing").await),
        ("no page", 404, open(server, "/nothing").await),
        ("method", 405, send(server, "DELETE", path::TOKEN, &[], b"").await),
        ("method of a page", 405, send(server, "PUT", path::CHOOSE, &[HTML], b"").await),
        ("body", 413, token(server, vec![b'a'; 70_000]).await),
        ("target", 414, get(server, &format!("/{}", "a".repeat(9_000))).await),
        ("media type", 415, send(server, "POST", path::TOKEN, &json, b"{}").await),
        ("host", 421, answer(&other_host)),
        ("headers", 431, send(server, "GET", "/", &[("x", &"a".repeat(17_000))], b"").await),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn http_13_and_web_03_every_answer_has_the_headers_of_its_kind() {
    for https in [false, true] {
        let server = TestServer::start_with(|settings| {
            if https {
                settings.server.issuer = "https://ias.example.is".parse().unwrap();
            }
        })
        .await;
        for (kind, status, answer) in of_every_kind(&server).await {
            assert_eq!(answer.status, status, "{kind}: {answer:?}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{kind}");
            assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{kind}");
            let hsts = https.then_some("max-age=63072000; includeSubDomains");
            assert_eq!(answer.header("strict-transport-security"), hsts, "{kind}");
            let cacheable = matches!(kind, "document" | "not modified" | "file");
            let cache_control = answer.header("cache-control").unwrap();
            assert_eq!(cache_control == "no-store", !cacheable, "{kind}: {cache_control}");
            assert!(answer.header("x-request-id").is_some(), "{kind}");
            assert_eq!(answer.header("server"), None, "{kind}: HTTP-09");
            match answer.header("content-type") {
                Some("text/html; charset=utf-8") => web_01(kind, &answer),
                Some(media_type) => {
                    assert!(["application/json", "text/css; charset=utf-8", "image/svg+xml"].contains(&media_type), "{kind}");
                }
                None => assert!(answer.body.is_empty() && [303, 304].contains(&status), "{kind}: {answer:?}"),
            }
        }
    }
}

/// WEB-01: the policy of a page, with at most one validated place beside ourselves.
fn web_01(kind: &str, answer: &Answer) {
    let target = if kind == "form post" { " https://app.myorg.is" } else { "" };
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'{target}; \
         frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
    );
    assert_eq!(answer.header("content-security-policy"), Some(policy.as_str()), "{kind}");
    assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{kind}");
    assert_eq!(answer.header("cross-origin-opener-policy"), Some("same-origin"), "{kind}");
    assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"), "{kind}");
    assert!(answer.header("permissions-policy").is_some(), "{kind}");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_19_the_request_id_is_ours_and_another_for_each_request() {
    let server = TestServer::start().await;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..3 {
        let given = [("x-request-id", "the-callers-own"), ("x-correlation-id", "the-callers-own")];
        let bytes = exchange(&server, request(&server, "GET", "/nothing", &given, b"")).await;
        assert!(!String::from_utf8_lossy(&bytes).contains("the-callers-own"));
        let id = answer(&bytes).header("x-request-id").unwrap().to_owned();
        assert!(id.len() >= 12 && seen.insert(id.clone()), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_09_refusals_are_json_for_programs_and_pages_for_people() {
    let server = TestServer::start().await;
    get(&server, "/nothing").await.is_json(404, "invalid_request");
    send(&server, "GET", "/nothing", &[("accept", "application/json")], b"").await.is_json(404, "invalid_request");
    open(&server, "/nothing").await.is_page(404);
    send(&server, "PUT", path::AUTHORIZE, &[HTML], b"").await.is_page(405);
    send(&server, "PUT", path::AUTHORIZE, &[], b"").await.is_json(405, "invalid_request");
    // many libraries say that they accept HTML; at these endpoints they get what they understand
    for machine in [path::TOKEN, path::USERINFO, path::REVOCATION, path::INTROSPECT, path::JWKS, "/.well-known/nothing"] {
        let answer = send(&server, "PUT", machine, &[HTML], b"").await;
        assert!(answer.json()["error"] == "invalid_request", "{machine}: {answer:?}");
    }
    // the language is the reader's
    let english = send(&server, "GET", "/nothing", &[HTML, ("accept-language", "en")], b"").await;
    assert!(english.body.contains("lang=\"en\"") && open(&server, "/nothing").await.body.contains("lang=\"is\""));
}

/// Nothing of the request comes back, and nothing of how we are made (HTTP-09).
#[tokio::test(flavor = "multi_thread")]
async fn http_09_refusals_hold_nothing_of_the_request_and_nothing_of_our_insides() {
    let server = TestServer::start().await;
    let marker = "q7Zmarker";
    let targets = [
        format!("/{marker}"),
        format!("/static/{marker}"),
        format!("{}?client_id=a&redirect_uri={marker}&x={marker}", path::AUTHORIZE),
        format!("{}?request={marker}", path::CHOOSE),
        format!("{}?access_token={marker}", path::USERINFO),
        format!("{}?id_token_hint={marker}&state={marker}", path::END_SESSION),
    ];
    for target in targets {
        for headers in [&[][..], &[HTML]] {
            let answer = send(&server, "GET", &target, headers, b"").await;
            assert!((400..500).contains(&answer.status), "{target}: {answer:?}");
            let said = format!("{:?}{}", answer.headers, answer.body);
            for forbidden in [marker, "axum", "serde", "sqlx", "postgres", "src/", "panicked", "expected"] {
                assert!(!said.contains(forbidden), "{target} shows {forbidden}: {said}");
            }
        }
    }
    let answer = post(&server, path::TOKEN, format!("grant_type={marker}&client_id={marker}&client_secret={marker}")).await;
    assert!(!answer.body.contains(marker) && host(&server).contains(':'), "{answer:?}");
}
