//! Panics, slow handlers and too many requests at once (HTTP-10, DOS-01, DOS-05), on the layer that every route has.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use axum::{Router, body::Body, http::Request, middleware, routing::get};
use http_body_util::BodyExt as _;
use ias::{http::layers, http::router, model::urls::path};
use tower::ServiceExt as _;

use super::{Answer, host};
use crate::support::{server::TestServer, statements::StatementCounter};

static FINISHED: AtomicUsize = AtomicUsize::new(0);

async fn panics() {
    panic!("with a secret in its message")
}

async fn sleeps() {
    tokio::time::sleep(Duration::from_secs(30)).await;
    FINISHED.fetch_add(1, Ordering::Relaxed);
}

async fn ask(server: &TestServer, router: &Router, target: &str, accept: &str) -> Answer {
    let request = Request::get(target).header("host", host(server)).header("accept", accept).body(Body::empty()).unwrap();
    read(router.clone().oneshot(request).await.unwrap()).await
}

async fn read(response: axum::response::Response) -> Answer {
    let headers = response.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let (status, headers) = (response.status().as_u16(), headers.collect());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Answer { status, headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

fn with_faults(server: &TestServer) -> Router {
    Router::new()
        .route("/panics", get(panics))
        .route("/sleeps", get(sleeps))
        .route(path::TOKEN, get(sleeps))
        .layer(middleware::from_fn_with_state(server.app.clone(), layers::around))
}

#[tokio::test(flavor = "multi_thread")]
async fn http_10_a_panic_is_answered_and_the_process_lives() {
    let server = TestServer::start().await;
    let router = with_faults(&server);
    for _ in 0..2 {
        let program = ask(&server, &router, "/panics", "*/*").await;
        program.is_json(500, "server_error");
        assert!(!program.body.contains("secret") && program.header("x-request-id").is_some(), "{program:?}");
        let person = ask(&server, &router, "/panics", "text/html").await;
        person.is_page(500);
        assert!(!person.body.contains("secret") && person.header("content-security-policy").is_some(), "{person:?}");
    }
    assert_eq!(server.app.open_requests.load(Ordering::Relaxed), 0, "nothing stays behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn dos_01_a_request_that_takes_too_long_is_answered_and_given_up() {
    let server = TestServer::start_with(|settings| settings.server.request_timeout = Duration::from_millis(100)).await;
    let router = with_faults(&server);
    let program = ask(&server, &router, "/sleeps", "*/*").await;
    program.is_json(503, "temporarily_unavailable");
    assert_eq!(program.header("retry-after"), Some("5"));
    let person = ask(&server, &router, "/sleeps", "text/html").await;
    person.is_page(503);
    assert_eq!(person.header("retry-after"), Some("5"));
    assert_eq!(FINISHED.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn dos_05_pages_are_refused_before_userinfo_and_that_before_tokens() {
    let server = TestServer::start_with(|settings| settings.server.max_requests = 10).await;
    let (public, router) = (router::public(&server.app), with_faults(&server));
    let status = async |target: &str| ask(&server, &public, target, "*/*").await.status;
    let mut open = Vec::new();
    // how many are under way, and who is still answered beside them
    for (number, page, userinfo, token) in [(7, 400, 401, 405), (8, 503, 401, 405), (9, 503, 503, 405), (10, 503, 503, 503)] {
        while open.len() < number {
            let (router, host) = (router.clone(), host(&server).to_owned());
            open.push(tokio::spawn(async move {
                let request = Request::get(path::TOKEN).header("host", host).body(Body::empty()).unwrap();
                router.oneshot(request).await
            }));
        }
        while server.app.open_requests.load(Ordering::Relaxed) < number {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let found = (status(path::AUTHORIZE).await, status(path::USERINFO).await, status(path::TOKEN).await);
        assert_eq!(found, (page, userinfo, token), "{number} under way");
    }
    open.iter().for_each(tokio::task::JoinHandle::abort);
}

/// DOS-02: what nobody has authenticated asks nothing of the database.
#[tokio::test(flavor = "multi_thread")]
async fn dos_02_bogus_requests_cost_no_statement() {
    let server = TestServer::start().await;
    let public = router::public(&server.app);
    let form = |target: &str, body: &str| {
        let request = Request::post(target).header("host", host(&server));
        request.header("content-type", "application/x-www-form-urlencoded").body(Body::from(body.to_owned())).unwrap()
    };
    let page = |target: &str| Request::get(target).header("host", host(&server)).body(Body::empty()).unwrap();
    let bearer = |token: &str| {
        Request::get(path::USERINFO)
            .header("host", host(&server))
            .header("authorization", format!("Bearer {token}"))
            .body(Body::empty())
            .unwrap()
    };
    let code = "code_01890a5d-ac96-774b-bcce-b302099a8057_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let requests = [
        form(path::TOKEN, "grant_type=client_credentials&client_id=@myorg.is/webapp&client_secret=wrong"),
        form(path::TOKEN, &format!("grant_type=authorization_code&client_id=nobody&code={code}")),
        form(path::TOKEN, "grant_type=refresh_token&client_id=@myorg.is/app&refresh_token=x"),
        page(path::AUTHORIZE),
        page(&super::authorize("&scope=unknown")),
        page(&super::authorize("")),
        page(&super::authorize("&prompt=none")),
        page(&format!("{}?request=AAAA", path::CHOOSE)),
        page(&format!("{}?request=AAAA&attempt=01890a5d-ac96-774b-bcce-b302099a8057", path::WAIT)),
        page(&format!("{}?id_token_hint=a.b.c", path::END_SESSION)),
        page("/nothing"),
        bearer("x"),
        bearer("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."),
    ];
    for request in requests {
        let name = format!("{} {}", request.method(), request.uri());
        let (response, statements) = StatementCounter::watch(public.clone().oneshot(request)).await;
        let status = response.unwrap().status().as_u16();
        assert!(status < 500, "{name}: {status}");
        assert_eq!(statements.count(), 0, "{name}: {:?}", statements.texts());
    }
}
