//! The API against keys published on the loopback interface.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair, KeySize, PublicKeyComponents},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use axum::{body::Body, http::Request};
use http_body_util::BodyExt as _;
use serde_json::Value;
use time::{Duration, OffsetDateTime};
use tokio::net::TcpListener;
use tower::ServiceExt as _;

use super::*;
use crate::base::{clock::FixedClock, digest};

const NOW: OffsetDateTime = time::macros::datetime!(2026-01-02 03:04:05 UTC);

/// An identity provider that publishes keys, and the API that trusts it.
struct World {
    issuer: String,
    published: Arc<Mutex<Value>>,
    fetched: Arc<AtomicUsize>,
    key: KeyPair,
    clock: FixedClock,
    api: Router,
}

impl World {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let published = Arc::new(Mutex::new(json!({ "keys": [jwk(&key, "k1")] })));
        let fetched = Arc::new(AtomicUsize::new(0));
        let discovery = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys") });
        let keys = {
            let (published, fetched) = (Arc::clone(&published), Arc::clone(&fetched));
            move || async move {
                fetched.fetch_add(1, Ordering::SeqCst);
                Json(published.lock().unwrap().clone())
            }
        };
        let provider = Router::new()
            .route("/.well-known/openid-configuration", get(move || async move { Json(discovery) }))
            .route("/keys", get(keys));
        tokio::spawn(async move { axum::serve(listener, provider).await });
        let (clock, hand) = Clock::fixed(NOW);
        let api = router(&issuer, Http::new(None).unwrap(), clock);
        Self { issuer, published, fetched, key, clock: hand, api }
    }

    fn claims(&self) -> Value {
        json!({
            "iss": self.issuer,
            "sub": "s",
            "nationalId": "0099000019",
            "client_id": "@myorg.is/webapp",
            "scope": "openid @myorg.is/documents:read",
            "nbf": NOW.unix_timestamp(),
            "exp": NOW.unix_timestamp() + 300,
        })
    }

    /// A token with some members of header and claims replaced; `null` takes one away.
    fn token(&self, header_changes: &Value, claim_changes: &Value) -> String {
        sign(&self.key, &merge(header(), header_changes), &merge(self.claims(), claim_changes))
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, Option<String>, Value) {
        let answer = self.api.clone().oneshot(request).await.unwrap();
        let challenge = answer.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, challenge, serde_json::from_slice(&body).unwrap())
    }

    async fn get(&self, token: &str) -> (StatusCode, Option<String>, Value) {
        let request = Request::get("/documents").header("authorization", format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn post(&self, token: &str, body: &str) -> (StatusCode, Option<String>, Value) {
        let request = Request::post("/documents")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    async fn refuses(&self, token: &str) {
        let (status, challenge, body) = self.get(token).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert!(challenge.unwrap().starts_with(r#"Bearer realm="documents", error="invalid_token""#));
        assert_eq!(body["error"], "invalid_token");
    }
}

fn header() -> Value {
    json!({ "alg": "RS256", "typ": "at+jwt", "kid": "k1" })
}

fn merge(mut into: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            into.as_object_mut().unwrap().remove(name);
        } else {
            into[name] = value.clone();
        }
    }
    into
}

fn sign(key: &KeyPair, header: &Value, claims: &Value) -> String {
    let signed = format!("{}.{}", digest::base64url(header.to_string()), digest::base64url(claims.to_string()));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", digest::base64url(signature))
}

fn jwk(key: &KeyPair, id: &str) -> Value {
    let public: PublicKeyComponents<Vec<u8>> = key.public_key().into();
    let (n, e) = (digest::base64url(&public.n), digest::base64url(&public.e));
    json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": id, "n": n, "e": e })
}

#[tokio::test]
async fn a_genuine_token_opens_the_documents_of_its_person() {
    let world = World::new().await;
    let (status, challenge, body) = world.get(&world.token(&json!({}), &json!({}))).await;
    assert_eq!((status, challenge), (StatusCode::OK, None));
    assert_eq!(body["documents"][0]["title"], FIRST_DOCUMENTS[0]);
}

#[tokio::test]
async fn a_call_without_a_token_is_asked_for_one_without_an_error_code() {
    // RFC 6750 §3.1
    let world = World::new().await;
    for headers in [&[][..], &["Basic YTpi"][..], &["Bearer"][..], &["Bearer a", "Bearer b"][..]] {
        let mut request = Request::get("/documents");
        for header in headers {
            request = request.header("authorization", *header);
        }
        let (status, challenge, _) = world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!((status, challenge.as_deref()), (StatusCode::UNAUTHORIZED, Some(r#"Bearer realm="documents""#)));
    }
}

#[tokio::test]
async fn the_scheme_is_read_in_any_case() {
    let world = World::new().await;
    let token = world.token(&json!({}), &json!({}));
    let request = Request::get("/documents").header("authorization", format!("bearer {token}"));
    assert_eq!(world.send(request.body(Body::empty()).unwrap()).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_token_of_another_type_is_refused() {
    let world = World::new().await;
    for header in [json!({ "typ": "JWT" }), json!({ "typ": null }), json!({ "typ": "logout+jwt" }), json!({ "crit": ["exp"] })]
    {
        world.refuses(&world.token(&header, &json!({}))).await;
    }
    world.refuses("opaque").await;
}

#[tokio::test]
async fn a_token_with_another_algorithm_is_refused() {
    // RFC 8725 §3.1: RS256 alone, whatever the header says
    let world = World::new().await;
    for algorithm in ["none", "HS256", "RS384", "PS256"] {
        world.refuses(&world.token(&json!({ "alg": algorithm }), &json!({}))).await;
    }
}

#[tokio::test]
async fn a_token_signed_by_another_key_is_refused() {
    let world = World::new().await;
    let stranger = KeyPair::generate(KeySize::Rsa2048).unwrap();
    world.refuses(&sign(&stranger, &header(), &world.claims())).await;
    world.refuses(&world.token(&json!({ "kid": null }), &json!({}))).await;
}

#[tokio::test]
async fn a_changed_token_is_refused() {
    let world = World::new().await;
    let token = world.token(&json!({}), &json!({}));
    let (header, rest) = token.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let claims = merge(world.claims(), &json!({ "nationalId": "0099000029" }));
    world.refuses(&format!("{header}.{}.{signature}", digest::base64url(claims.to_string()))).await;
}

#[tokio::test]
async fn claims_that_do_not_hold_are_refused() {
    let world = World::new().await;
    for claims in [
        json!({ "iss": "http://localhost:1" }),
        json!({ "iss": null }),
        json!({ "exp": null }),
        json!({ "exp": "9999999999" }),
        json!({ "nbf": "0" }),
        json!({ "nationalId": null }),
        json!({ "scope": null }),
    ] {
        world.refuses(&world.token(&json!({}), &claims)).await;
    }
}

#[tokio::test]
async fn the_clocks_may_be_a_minute_apart_and_not_more() {
    let world = World::new().await;
    let now = NOW.unix_timestamp();
    for (claims, good) in [
        (json!({ "exp": now - 59 }), true),
        (json!({ "exp": now - 60 }), false),
        (json!({ "nbf": now + 60 }), true),
        (json!({ "nbf": now + 61 }), false),
        (json!({ "nbf": null }), true),
    ] {
        let (status, ..) = world.get(&world.token(&json!({}), &claims)).await;
        assert_eq!(status == StatusCode::OK, good, "{claims}");
    }
}

#[tokio::test]
async fn a_token_without_the_scope_is_told_which_one_it_lacks() {
    let world = World::new().await;
    let reader = world.token(&json!({}), &json!({}));
    let (status, challenge, body) = world.post(&reader, r#"{"title":"x"}"#).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let expected = r#"Bearer realm="documents", error="insufficient_scope", scope="@myorg.is/documents:write""#;
    assert_eq!(challenge.as_deref(), Some(expected));
    assert_eq!(body["error"], "insufficient_scope");
    // a scope is a whole word, not a part of one
    let other = world.token(&json!({}), &json!({ "scope": "@myorg.is/documents:readers" }));
    assert_eq!(world.get(&other).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_document_is_added_for_its_person_alone() {
    let world = World::new().await;
    let scope = "@myorg.is/documents:read @myorg.is/documents:write";
    let writer = world.token(&json!({}), &json!({ "scope": scope }));
    let other = world.token(&json!({}), &json!({ "scope": scope, "nationalId": "0099000029" }));
    let (status, _, body) = world.post(&writer, r#"{"title":" Bréf "}"#).await;
    assert_eq!((status, &body["title"]), (StatusCode::CREATED, &json!("Bréf")));
    assert_eq!(world.get(&writer).await.2["documents"].as_array().unwrap().len(), 3);
    assert_eq!(world.get(&other).await.2["documents"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_document_without_a_proper_title_is_refused_and_there_is_an_end_to_documents() {
    let world = World::new().await;
    let writer = world.token(&json!({}), &json!({ "scope": "@myorg.is/documents:write" }));
    for body in ["", "{}", r#"{"title":"  "}"#, r#"{"title":7}"#] {
        assert_eq!(world.post(&writer, body).await.0, StatusCode::BAD_REQUEST);
    }
    for _ in FIRST_DOCUMENTS.len()..MOST_DOCUMENTS {
        assert_eq!(world.post(&writer, r#"{"title":"x"}"#).await.0, StatusCode::CREATED);
    }
    assert_eq!(world.post(&writer, r#"{"title":"x"}"#).await.0, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_new_key_is_looked_up_once_and_then_remembered() {
    let world = World::new().await;
    let old = world.token(&json!({}), &json!({}));
    assert_eq!(world.get(&old).await.0, StatusCode::OK);
    assert_eq!(world.get(&old).await.0, StatusCode::OK);
    assert_eq!(world.fetched.load(Ordering::SeqCst), 1);

    *world.published.lock().unwrap() = json!({ "keys": [jwk(&world.key, "k2")] });
    let new = world.token(&json!({ "kid": "k2" }), &json!({}));
    world.refuses(&new).await; // we have only just looked
    world.clock.advance(Duration::seconds(10));
    assert_eq!(world.get(&new).await.0, StatusCode::OK);
    assert_eq!(world.fetched.load(Ordering::SeqCst), 2);
    // the key that is no longer published is no longer taken
    world.refuses(&old).await;
}

#[tokio::test]
async fn keys_for_other_uses_are_not_taken() {
    let world = World::new().await;
    for change in [json!({ "use": "enc" }), json!({ "alg": "PS256" }), json!({ "kid": null })] {
        *world.published.lock().unwrap() = json!({ "keys": [merge(jwk(&world.key, "k1"), &change)] });
        world.clock.advance(Duration::seconds(10));
        world.refuses(&world.token(&json!({}), &json!({}))).await;
    }
}

#[tokio::test]
async fn without_the_keys_the_api_says_that_it_cannot_tell() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let world = World::new().await;
    let token = world.token(&json!({}), &json!({}));
    let api = router(&nobody, Http::new(None).unwrap(), Clock::fixed(NOW).0);
    let (status, challenge, _) = World { api, ..world }.get(&token).await;
    assert_eq!((status, challenge), (StatusCode::SERVICE_UNAVAILABLE, None));
}
