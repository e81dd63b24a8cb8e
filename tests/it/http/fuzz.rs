//! Whatever is sent to whichever route, the answer is one of ours and no fault of ours (HTTP-06, HTTP-10).

use axum::{body::Body, http::Request};
use ias::{http::router, model::urls::path};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};
use tower::ServiceExt as _;

use super::{DOCUMENTS, PAGES, TOKEN_PARAMETERS, authorize_parameters, basic, host};
use crate::support::server::TestServer;

const ROUNDS: usize = 1500;

/// A piece of a query or a body: names that mean something, with values that should not.
fn pairs() -> impl Strategy<Value = Vec<u8>> {
    let names = [
        "client_id",
        "redirect_uri",
        "response_type",
        "scope",
        "state",
        "nonce",
        "prompt",
        "max_age",
        "request",
        "progress",
        "code",
        "code_verifier",
        "code_challenge",
        "grant_type",
        "client_secret",
        "id_token_hint",
        "attempt",
        "csrf",
        "lang",
        "decision",
        "phone_number",
        "identity_provider",
        "ui_locales",
        "acr_values",
        "login_hint",
        "response_mode",
        "claims",
    ];
    let value = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| encoded(&bytes)),
        "\\PC{0,40}".prop_map(|text| encoded(text.as_bytes())),
        Just(b"%00".to_vec()),
        Just(b"%".to_vec()),
        Just(b"%FF%FE".to_vec()),
        Just(b"-9223372036854775809".to_vec()),
        Just(b"99999999999999999999999".to_vec()),
        Just(b"%40myorg.is%2Fwebapp".to_vec()),
        Just(b"openid".to_vec()),
        Just(b"code".to_vec()),
        Just("%F0%9F%92%A9".repeat(300).into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..60),
    ];
    let pair =
        (proptest::sample::select(names.to_vec()), value).prop_map(|(name, value)| [name.as_bytes(), b"=", &value].concat());
    proptest::collection::vec(pair, 0..8).prop_map(|pairs| pairs.join(&b'&'))
}

fn encoded(bytes: &[u8]) -> Vec<u8> {
    url::form_urlencoded::byte_serialize(bytes).collect::<String>().into_bytes()
}

/// Anything that a client could put on the wire as a request, as far as HTTP lets it.
fn requests(host: &str) -> impl Strategy<Value = Request<Body>> + use<> {
    let routes = DOCUMENTS
        .into_iter()
        .chain(PAGES)
        .chain([path::TOKEN, path::USERINFO, path::REVOCATION, path::INTROSPECT, path::STATUS])
        .map(ToOwned::to_owned);
    let target = prop_oneof![
        8 => proptest::sample::select(routes.collect::<Vec<_>>()),
        1 => "/[!-~]{0,60}".prop_filter("a path", |path| !path.contains(['#', '?'])),
        1 => "/static/[!-~]{0,30}".prop_filter("a path", |path| !path.contains(['#', '?'])),
    ];
    let method = proptest::sample::select(vec!["GET", "POST", "HEAD", "PUT", "TRACE"]);
    let names = [
        "cookie",
        "authorization",
        "accept",
        "accept-language",
        "origin",
        "referer",
        "traceparent",
        "if-none-match",
        "user-agent",
        "sec-fetch-site",
        "x-forwarded-for",
        "content-encoding",
        "content-type",
    ];
    let value = prop_oneof![
        proptest::collection::vec(prop_oneof![32_u8..127, 128_u8..=255], 0..60),
        Just(b"Basic OjpAQA==".to_vec()),
        Just(basic("@myorg.is/worker").into_bytes()),
        Just(b"Bearer a.b.c".to_vec()),
        Just(b"ias_session=se_\xff; ias_browser=br_; ias_language=is; =; ;;".to_vec()),
        Just(b"same-origin".to_vec()),
        Just(b"text/html;q=9e99, en;q=nan".to_vec()),
    ];
    let headers = proptest::collection::vec((proptest::sample::select(names.to_vec()), value), 0..5);
    let known =
        prop_oneof![3 => Just(String::new()), 1 => Just(authorize_parameters()), 1 => Just(TOKEN_PARAMETERS.to_owned())];
    let host = host.to_owned();
    (method, target, known.clone(), pairs(), headers, known, pairs(), any::<bool>()).prop_filter_map(
        "a target that HTTP knows",
        move |(method, target, known_query, query, headers, known_body, body, is_form)| {
            let target = [target.as_bytes(), b"?", known_query.as_bytes(), b"&", &query].concat();
            let target = axum::http::Uri::try_from(target).ok()?;
            let mut request = Request::builder().method(method).uri(target).header("host", &host);
            if is_form {
                request = request.header("content-type", "application/x-www-form-urlencoded");
            }
            for (name, value) in headers {
                request = request.header(name, axum::http::HeaderValue::from_bytes(&value).ok()?);
            }
            request.body(Body::from([known_body.as_bytes(), b"&", &body].concat())).ok()
        },
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn http_06_and_http_10_no_request_is_answered_with_a_fault_of_ours() {
    let server = TestServer::start().await;
    let router = router::public(&server.app);
    let mut runner = TestRunner::new(Config::default());
    let requests = requests(host(&server));
    let mut statuses = std::collections::BTreeMap::new();
    for _ in 0..ROUNDS {
        let request = requests.new_tree(&mut runner).unwrap().current();
        let seen = format!("{request:?}");
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        assert!(status < 500, "{status}: {seen}");
        assert!(response.headers().contains_key("x-request-id"), "{status}: {seen}");
        *statuses.entry(status).or_insert(0) += 1;
    }
    // the requests are not all refused at the first check
    assert!(statuses.len() >= 6, "{statuses:?}");
}
