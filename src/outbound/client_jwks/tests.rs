//! Keys that are fetched, from a server that counts who asks.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{
    Router,
    http::{StatusCode, header},
    response::IntoResponse as _,
    routing::get,
};
use time::macros::datetime;
use uuid::Uuid;

use super::*;
use crate::{outbound::guard::Guard, protocol::client_keys::AssertionAlgorithm};

const NOW: OffsetDateTime = datetime!(2026-11-22 10:00 UTC);

/// A server on loopback that answers with what it holds.
struct Stage {
    uri: String,
    asked: Arc<AtomicUsize>,
    answer: Arc<Mutex<(StatusCode, &'static str, String)>>,
}

impl Stage {
    async fn new() -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let answer = Arc::new(Mutex::new((StatusCode::OK, "application/json", set(&["a"]))));
        let (count, held) = (Arc::clone(&asked), Arc::clone(&answer));
        let handler = move || {
            let (count, held) = (Arc::clone(&count), Arc::clone(&held));
            async move {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Timeout::from_millis(30)).await;
                let (status, media_type, body) = held.lock().expect("not poisoned").clone();
                (status, [(header::CONTENT_TYPE, media_type), (header::LOCATION, "/jwks")], body).into_response()
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let uri = format!("http://localhost:{}/jwks", listener.local_addr().expect("an address").port());
        tokio::spawn(axum::serve(listener, Router::new().route("/jwks", get(handler))).into_future());
        Self { uri, asked, answer }
    }

    fn answers(&self, status: StatusCode, media_type: &'static str, body: String) {
        *self.answer.lock().expect("not poisoned") = (status, media_type, body);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn set(kids: &[&str]) -> String {
    let key = |kid: &&str| serde_json::json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    serde_json::json!({ "keys": kids.iter().map(key).collect::<Vec<_>>() }).to_string()
}

fn sets() -> ClientKeySets {
    ClientKeySets::new(GuardedClient::new(Guard::new(&["localhost".to_owned()]), "").expect("a client"))
}

fn client() -> ClientRowId {
    ClientRowId(Uuid::from_u128(1))
}

/// Whether the client's keys at that moment hold this one.
async fn has(sets: &ClientKeySets, uri: &str, kid: &str, now: OffsetDateTime) -> bool {
    let holds = |keys: &ClientJwks| keys.find(Some(kid), AssertionAlgorithm::EdDsa).is_some();
    sets.get(client(), uri, now, holds).await.is_some_and(|keys| holds(&keys))
}

#[tokio::test]
async fn ssr_05_keys_are_kept_and_asked_for_again_after_a_while() {
    let (stage, sets) = (Stage::new().await, sets());
    assert!(has(&sets, &stage.uri, "a", NOW).await && has(&sets, &stage.uri, "a", NOW + Duration::minutes(14)).await);
    assert_eq!(stage.asked(), 1);
    stage.answers(StatusCode::OK, "application/jwk-set+json; charset=utf-8", set(&["b"]));
    assert!(!has(&sets, &stage.uri, "a", NOW + Duration::minutes(15)).await, "the key was taken away");
    assert!(has(&sets, &stage.uri, "b", NOW + Duration::minutes(15)).await);
    assert_eq!(stage.asked(), 2);
}

#[tokio::test]
async fn ssr_05_an_unknown_key_is_asked_for_once_a_minute() {
    let (stage, sets) = (Stage::new().await, sets());
    for _ in 0..3 {
        assert!(!has(&sets, &stage.uri, "b", NOW + Duration::seconds(59)).await);
    }
    assert_eq!(stage.asked(), 1);
    stage.answers(StatusCode::OK, "application/json", set(&["a", "b"]));
    assert!(!has(&sets, &stage.uri, "b", NOW + Duration::seconds(118)).await);
    assert!(has(&sets, &stage.uri, "b", NOW + Duration::seconds(119)).await, "the minute is over");
    assert!(has(&sets, &stage.uri, "a", NOW + Duration::seconds(119)).await);
    assert_eq!(stage.asked(), 2);
}

#[tokio::test]
async fn ssr_05_a_failure_is_remembered_for_a_minute_and_what_was_known_serves_for_an_hour() {
    let (stage, sets) = (Stage::new().await, sets());
    stage.answers(StatusCode::INTERNAL_SERVER_ERROR, "application/json", set(&["a"]));
    assert!(!has(&sets, &stage.uri, "a", NOW).await && !has(&sets, &stage.uri, "a", NOW + Duration::seconds(59)).await);
    assert_eq!(stage.asked(), 1);
    stage.answers(StatusCode::OK, "application/json", set(&["a"]));
    let known = NOW + Duration::minutes(1);
    assert!(has(&sets, &stage.uri, "a", known).await);
    stage.answers(StatusCode::BAD_GATEWAY, "application/json", String::new());
    assert!(has(&sets, &stage.uri, "a", known + Duration::minutes(59)).await);
    assert_eq!(stage.asked(), 3);
    assert!(!has(&sets, &stage.uri, "a", known + Duration::minutes(60)).await);
}

#[tokio::test]
async fn ssr_03_only_json_of_a_public_key_set_is_taken() {
    let private = set(&["a"]).replace("\"kid\"", "\"d\":\"AA\",\"kid\"");
    for (status, media_type, body) in [
        (StatusCode::OK, "text/html", set(&["a"])),
        (StatusCode::OK, "text/plain", set(&["a"])),
        (StatusCode::OK, "application/json", "{".to_owned()),
        (StatusCode::OK, "application/json", "[]".to_owned()),
        (StatusCode::OK, "application/json", private),
        (StatusCode::OK, "application/json", format!("{}{}", set(&["a"]), " ".repeat(256 * 1024))),
        // a redirect is not followed, even to itself
        (StatusCode::FOUND, "application/json", set(&["a"])),
        (StatusCode::CREATED, "application/json", set(&["a"])),
    ] {
        let (stage, sets) = (Stage::new().await, sets());
        stage.answers(status, media_type, body);
        assert!(!has(&sets, &stage.uri, "a", NOW).await, "{status} {media_type}");
        assert_eq!(stage.asked(), 1);
    }
}

#[tokio::test]
async fn ssr_05_many_who_ask_at_once_share_one_request_even_where_the_first_goes_away() {
    let (stage, sets) = (Stage::new().await, Arc::new(sets()));
    let hurried = tokio::time::timeout(Timeout::from_millis(5), has(&sets, &stage.uri, "a", NOW)).await;
    assert!(hurried.is_err(), "it goes away before the answer comes");
    let asking = (0..20).map(|_| has(&sets, &stage.uri, "a", NOW));
    assert!(futures_util::future::join_all(asking).await.into_iter().all(|has| has));
    assert_eq!(stage.asked(), 1);
}

#[tokio::test]
async fn another_address_counts_at_once() {
    let (old, new, sets) = (Stage::new().await, Stage::new().await, sets());
    new.answers(StatusCode::OK, "application/json", set(&["b"]));
    assert!(has(&sets, &old.uri, "a", NOW).await);
    assert!(has(&sets, &new.uri, "b", NOW).await && !has(&sets, &new.uri, "a", NOW).await);
    assert_eq!((old.asked(), new.asked()), (1, 1));
}

#[tokio::test]
async fn ssr_02_without_a_setting_loopback_is_never_asked() {
    let stage = Stage::new().await;
    let closed = ClientKeySets::new(GuardedClient::new(Guard::new(&[]), "").expect("a client"));
    for uri in [&stage.uri, &stage.uri.replace("localhost", "127.0.0.1"), "https://localhost/", "nothing"] {
        assert!(!has(&closed, uri, "a", NOW).await, "{uri}");
    }
    assert_eq!(stage.asked(), 0);
}
