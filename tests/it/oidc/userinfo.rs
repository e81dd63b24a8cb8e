//! GET and POST /connect/userinfo (security requirements §5, §17).

use aws_lc_rs::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use ias::{
    base::digest,
    keys::generate,
    protocol::claims::{AccessTokenClaims, IdTokenClaims},
    store::signing_keys,
};
use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::support::{
    person::Person,
    server::{NATIONAL_ID, TestServer},
    tokens::{Answer, change, claims, code, decode, exchange, form_body, http, in_process, machine_token, tokens, userinfo},
};

const WEBAPP: &str = "@myorg.is/webapp";
const FORM: &str = "application/x-www-form-urlencoded";

fn url(server: &TestServer) -> String {
    format!("{}/connect/userinfo", server.address)
}

async fn signed_in(server: &TestServer) -> String {
    tokens(server, &mut Person::new(), WEBAPP, "openid profile @myorg.is/documents:read").await.text("access_token")
}

#[tokio::test]
async fn ui_01_the_token_comes_in_the_header_or_in_a_form_and_never_in_the_url() {
    let server = TestServer::start().await;
    let token = signed_in(&server).await;
    let expected = userinfo(&server, &token).await.body;
    let good = [
        http().post(url(&server)).bearer_auth(&token),
        http().post(url(&server)).bearer_auth(&token).header(header::CONTENT_TYPE, FORM),
        http().post(url(&server)).bearer_auth(&token).json(&json!({ "access_token": "x" })),
        http().post(url(&server)).form(&[("access_token", &token)]),
        http().get(url(&server)).header(header::AUTHORIZATION, format!("bearer {token}")),
        http().get(url(&server)).header(header::AUTHORIZATION, format!("BEARER  {token}")),
        http().get(format!("{}?unknown=1", url(&server))).bearer_auth(&token),
    ];
    for request in good {
        let answer = Answer::to(request).await;
        assert_eq!((answer.status, &answer.body), (200, &expected), "{answer:?}");
    }
    let bad = [
        http().get(format!("{}?access_token={token}", url(&server))),
        http().get(format!("{}?access_token={token}", url(&server))).bearer_auth(&token),
        http().post(format!("{}?access_token={token}", url(&server))),
        http().post(url(&server)).bearer_auth(&token).form(&[("access_token", &token)]),
        http().post(url(&server)).form(&[("access_token", &token), ("access_token", &token)]),
        http().get(url(&server)).bearer_auth(&token).header(header::AUTHORIZATION, format!("Bearer {token}")),
        http().get(url(&server)).header(header::AUTHORIZATION, format!("Bearer {token} x")),
    ];
    for request in bad {
        Answer::to(request).await.is_bearer_refusal(400, "invalid_request");
    }
    for method in [Method::HEAD, Method::PUT, Method::DELETE] {
        assert_eq!(Answer::to(http().request(method, url(&server)).bearer_auth(&token)).await.status, 405);
    }
}

#[tokio::test]
async fn ui_02_without_credentials_there_is_a_bare_challenge() {
    let server = TestServer::start().await;
    let requests = [
        http().get(url(&server)),
        http().post(url(&server)),
        http().post(url(&server)).form(&[("a", "b")]),
        http().post(url(&server)).form(&[("access_token", "")]),
        // another scheme is no access token (RFC 6750 §3.1)
        http().get(url(&server)).basic_auth("a", Some("b")),
        http().get(url(&server)).header(header::AUTHORIZATION, "DPoP a.b.c"),
        // a GET has no form
        http().get(url(&server)).header(header::CONTENT_TYPE, FORM).body("access_token=a.b.c"),
    ];
    for request in requests {
        let answer = Answer::to(request).await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer realm=\"ias\"")), "{answer:?}");
        assert_eq!((answer.json(), answer.header("cache-control")), (json!({}), Some("no-store")));
    }
}

#[tokio::test]
async fn ui_02_an_expired_token_is_invalid_and_a_token_without_openid_is_not_enough() {
    let server = TestServer::start().await;
    let token = signed_in(&server).await;
    userinfo(&server, &machine_token(&server).await).await.is_bearer_refusal(403, "insufficient_scope");
    // a person's token that lacks openid
    let mut narrow: AccessTokenClaims = serde_json::from_value(claims(&token)).unwrap();
    narrow.scope = "profile @myorg.is/documents:read".parse().unwrap();
    let narrow = server.app.keys().sign(&narrow, server.app.clock.now()).unwrap();
    userinfo(&server, &narrow).await.is_bearer_refusal(403, "insufficient_scope");
    server.clock.advance(time::Duration::seconds(299));
    assert_eq!(userinfo(&server, &token).await.status, 200);
    server.clock.advance(time::Duration::seconds(1));
    userinfo(&server, &token).await.is_bearer_refusal(401, "invalid_token");
}

/// Signs what it is given with the key that the server signs with.
struct Forger {
    pair: KeyPair,
    header: Value,
    claims: Value,
}

impl Forger {
    async fn new(server: &TestServer, token: &str) -> Self {
        let stored = signing_keys::list(&server.app.pool).await.unwrap().remove(0);
        let purpose = format!("signing key {}", stored.kid);
        let private = server.app.master().open(&purpose, &stored.private_key.unwrap()).unwrap();
        let (header, claims) = decode(token);
        Self { pair: KeyPair::from_pkcs8(&private).unwrap(), header, claims }
    }

    fn with(&self, pair: &KeyPair, header: &Value, claims: &Value) -> String {
        let input = format!("{}.{}", digest::base64url(header.to_string()), digest::base64url(claims.to_string()));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature).unwrap();
        format!("{input}.{}", digest::base64url(signature))
    }

    /// With another header or other claims: null takes a member away.
    fn altered(&self, header: &Value, claims: &Value) -> String {
        self.with(&self.pair, &merge(&self.header, header), &merge(&self.claims, claims))
    }
}

fn merge(base: &Value, changes: &Value) -> Value {
    let mut merged = base.as_object().unwrap().clone();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            merged.remove(name);
        } else {
            merged.insert(name.clone(), value.clone());
        }
    }
    merged.into()
}

#[tokio::test]
async fn ui_03_key_03_only_our_own_signature_by_the_keys_own_algorithm_counts() {
    let server = TestServer::start().await;
    let token = signed_in(&server).await;
    let forger = Forger::new(&server, &token).await;
    assert_eq!(userinfo(&server, &forger.altered(&json!({}), &json!({}))).await.status, 200, "the forger knows the craft");

    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let unsigned = |alg: &str| {
        let header = digest::base64url(merge(&forger.header, &json!({ "alg": alg })).to_string());
        [format!("{header}.{payload}."), format!("{header}.{payload}"), format!("{header}.{payload}.{signature}")]
    };
    let mut forged: Vec<String> = ["none", "None", "NONE", "nOnE", ""].into_iter().flat_map(unsigned).collect();
    // HMAC with what everybody knows
    let jwks: Value = Answer::to(http().get(format!("{}/.well-known/openid-configuration/jwks", server.address))).await.json();
    let modulus = digest::from_base64url(jwks["keys"][0]["n"].as_str().unwrap()).unwrap();
    for secret in [&modulus[..], jwks["keys"][0].to_string().as_bytes(), b""] {
        let header = digest::base64url(merge(&forger.header, &json!({ "alg": "HS256" })).to_string());
        let mac = digest::hmac_sha256(secret, &[format!("{header}.{payload}").as_bytes()]);
        forged.push(format!("{header}.{payload}.{}", digest::base64url(mac)));
    }
    // a key of somebody else, which may even travel with the token
    let stranger = generate::rsa(2048).unwrap();
    let pair = KeyPair::from_pkcs8(stranger.private.expose()).unwrap();
    let jwk = serde_json::to_value(&stranger.public).unwrap();
    for header in [
        json!({}),
        json!({ "kid": jwk["kid"] }),
        json!({ "jwk": jwk }),
        json!({ "kid": jwk["kid"], "jwk": jwk }),
        json!({ "jku": "http://localhost:1/jwks" }),
    ] {
        forged.push(forger.with(&pair, &merge(&forger.header, &header), &forger.claims));
    }
    // our own signature under a header that we never write
    for header in [
        json!({ "kid": "unknown" }),
        json!({ "kid": "../../etc/passwd" }),
        json!({ "kid": "' or 1 = 1 --" }),
        json!({ "kid": null }),
        json!({ "kid": 1 }),
        json!({ "alg": "RS384" }),
        json!({ "alg": "PS256" }),
        json!({ "alg": "rs256" }),
        json!({ "typ": "JWT" }),
        json!({ "typ": null }),
        json!({ "typ": "application/at+jwt" }),
        json!({ "jku": "http://localhost:1/jwks" }),
        json!({ "x5u": "http://localhost:1/x" }),
        json!({ "x5c": ["x"] }),
        json!({ "crit": ["exp"] }),
        json!({ "b64": false }),
        json!({ "zip": "DEF" }),
        json!({ "enc": "A256GCM" }),
    ] {
        forged.push(forger.altered(&header, &json!({})));
    }
    // KEY-07: claims that are missing, of another type or of another server
    let now = server.app.clock.now().unix_timestamp();
    for claims in [
        json!({ "iss": "https://innskra.example" }),
        json!({ "iss": format!("{}/", server.issuer) }),
        json!({ "iss": null }),
        json!({ "exp": null }),
        json!({ "exp": "9999999999" }),
        json!({ "exp": now }),
        json!({ "nbf": "0" }),
        json!({ "nbf": null }),
        json!({ "nbf": now + 61 }),
        json!({ "iat": now + 61 }),
        json!({ "jti": null }),
        json!({ "jti": "x" }),
        json!({ "jti": digest::base64url([0; 28]) }),
        json!({ "scope": ["openid"] }),
    ] {
        forged.push(forger.altered(&json!({}), &claims));
    }
    // shapes: broken, cut, doubled, padded, five segments (JWE)
    forged.extend([
        "x".to_owned(),
        "a.b.c".to_owned(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{signature}.{signature}.{signature}"),
        format!("{token}="),
        format!("{header}A.{payload}.{signature}"),
        token[..token.len() - 1].to_owned(),
    ]);
    for forged in forged {
        let answer = userinfo(&server, &forged).await;
        assert_eq!(answer.status, 401, "{forged}: {answer:?}");
        answer.is_bearer_refusal(401, "invalid_token");
    }
}

#[tokio::test]
async fn tok_03_an_id_token_is_no_access_token() {
    let server = TestServer::start().await;
    let answer = tokens(&server, &mut Person::new(), WEBAPP, "openid").await;
    let id_token = answer.text("id_token");
    userinfo(&server, &id_token).await.is_bearer_refusal(401, "invalid_token");
    // signed anew by ourselves it is one still
    let parsed: IdTokenClaims = serde_json::from_value(claims(&id_token)).unwrap();
    let again = server.app.keys().sign(&parsed, server.app.clock.now()).unwrap();
    userinfo(&server, &again).await.is_bearer_refusal(401, "invalid_token");
}

#[tokio::test]
async fn ui_04_ui_05_the_claims_are_those_of_the_granted_scopes_about_the_id_tokens_subject() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    for (scope, name) in [("openid", false), ("openid profile", true), ("openid profile @myorg.is/documents:read", true)] {
        let answer = tokens(&server, &mut person, WEBAPP, scope).await;
        let userinfo = userinfo(&server, &answer.text("access_token")).await;
        assert_eq!((userinfo.status, userinfo.header("cache-control")), (200, Some("no-store")));
        let sub = &claims(&answer.text("id_token"))["sub"];
        let mut expected = json!({ "sub": sub, "nationalId": NATIONAL_ID, "subjectType": "person" });
        if name {
            expected["name"] = json!("Gervimaður Ameríka");
        }
        assert_eq!(userinfo.json(), expected, "absent claims are left out (check-list 84)");
    }
}

#[tokio::test]
async fn ui_04_the_name_is_read_anew() {
    let server = TestServer::start().await;
    let token = signed_in(&server).await;
    change(&server, "update persons set name = null").await;
    assert_eq!(userinfo(&server, &token).await.json().get("name"), None);
}

#[tokio::test]
async fn a_token_of_one_node_is_good_at_the_other_and_userinfo_costs_one_statement() {
    let server = TestServer::start().await;
    let second = server.second_node().await;
    let code = code(&server, &mut Person::new(), WEBAPP, "openid").await;
    let token = exchange(&second, &code).await.text("access_token");
    assert_eq!(userinfo(&server, &token).await.body, userinfo(&second, &token).await.body);
    let bearer = format!("Bearer {token}");
    let (answer, counter) =
        in_process(&server, axum::http::Request::get("/connect/userinfo").header("authorization", &bearer), String::new())
            .await;
    assert_eq!((answer.status, counter.count()), (200, 1), "{:?}", counter.texts());
    let request = axum::http::Request::post("/connect/userinfo").header("content-type", FORM);
    let (answer, counter) = in_process(&server, request, form_body(&[("access_token", &token)])).await;
    assert_eq!((answer.status, counter.count()), (200, 1), "{:?}", counter.texts());
    // what is not ours is refused before any statement (decision C)
    let forged = format!("{}x", &bearer[..bearer.len() - 8]);
    let (answer, counter) =
        in_process(&server, axum::http::Request::get("/connect/userinfo").header("authorization", forged), String::new()).await;
    assert_eq!((answer.status, counter.count()), (401, 0), "{:?}", counter.texts());
}

#[tokio::test]
async fn http_15_no_other_origin_may_read_it() {
    let server = TestServer::start().await;
    let token = signed_in(&server).await;
    for origin in ["https://app.myorg.is", "null", "https://evil.example"] {
        let answer = Answer::to(http().get(url(&server)).bearer_auth(&token).header(header::ORIGIN, origin)).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, None));
    }
}
