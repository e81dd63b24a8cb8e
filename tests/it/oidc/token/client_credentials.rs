//! grant_type=client_credentials (security requirements §4d).

use std::collections::BTreeSet;

use crate::support::{
    server::{SECRET, TestServer},
    tokens::{Answer, Credentials, basic, change, claims, form_body, in_process, token},
};

const WORKER: &str = "@myorg.is/worker";

async fn grant(server: &TestServer, scope: &str) -> Answer {
    token(server, Credentials::of(WORKER), &[("grant_type", "client_credentials"), ("scope", scope)]).await
}

#[tokio::test]
async fn cc_01_a_machine_gets_an_access_token_alone_and_no_scope_of_a_person() {
    let server = TestServer::start().await;
    let answer = grant(&server, "@myorg.is/documents:read").await;
    assert_eq!(answer.status, 200);
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), (Some("no-store"), Some("no-cache")));
    let json = answer.json();
    let members: BTreeSet<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(["access_token", "expires_in", "scope", "token_type"]), "no ID or refresh token");
    assert_eq!((json["scope"].as_str(), json["token_type"].as_str()), (Some("@myorg.is/documents:read"), Some("Bearer")));
    assert!(json["expires_in"].as_u64().is_some_and(|seconds| (1..=300).contains(&seconds)));
    for scope in [
        "openid",
        "profile",
        "offline_access",
        "@myorg.is/documents:read openid",
        "@myorg.is/documents:read offline_access",
        "@myorg.is/documents:write",
        "@otherorg.is/cases:read",
        "@myorg.is/nothing",
        "@MYORG.is/documents:read",
        "@myorg.is/documents:read  @myorg.is/documents:read",
        "\"",
    ] {
        grant(&server, scope).await.is_refusal(400, "invalid_scope");
    }
    let none = token(&server, Credentials::of(WORKER), &[("grant_type", "client_credentials")]).await;
    none.is_refusal(400, "invalid_scope");
}

#[tokio::test]
async fn cc_02_a_machines_token_speaks_of_nobody() {
    let server = TestServer::start().await;
    change(
        &server,
        r#"update clients set client_claims = '{"region": "north", "id": "@myorg.is/webapp"}' where client_id = '@myorg.is/worker'"#,
    )
    .await;
    let claims = claims(&grant(&server, "@myorg.is/documents:read").await.text("access_token"));
    let now = server.app.clock.now().unix_timestamp();
    let mut expected = serde_json::json!({
        "nbf": now,
        "exp": now + 300,
        "iat": now,
        "iss": server.issuer,
        "client_id": WORKER,
        "client_region": "north",
        "scope": "@myorg.is/documents:read",
    });
    expected["jti"] = claims["jti"].clone();
    assert_eq!(claims, expected, "no sub, sid, auth_time, idp or nationalId");
}

#[tokio::test]
async fn a_scope_that_was_disabled_or_taken_away_is_refused_at_once() {
    let server = TestServer::start().await;
    assert_eq!(grant(&server, "@myorg.is/documents:read").await.status, 200);
    change(&server, "update scopes set enabled = false where name = '@myorg.is/documents:read'").await;
    grant(&server, "@myorg.is/documents:read").await.is_refusal(400, "invalid_scope");
    change(&server, "update scopes set enabled = true where name = '@myorg.is/documents:read'").await;
    assert_eq!(grant(&server, "@myorg.is/documents:read").await.status, 200);
    change(&server, "update clients set scopes = '{}' where client_id = '@myorg.is/worker'").await;
    grant(&server, "@myorg.is/documents:read").await.is_refusal(400, "invalid_scope");
}

#[tokio::test]
async fn client_credentials_cost_no_statement() {
    let server = TestServer::start().await;
    let post = |secret| {
        let request = axum::http::Request::post("/connect/token").header("authorization", basic(WORKER, secret));
        let body = form_body(&[("grant_type", "client_credentials"), ("scope", "@myorg.is/documents:read")]);
        in_process(&server, request.header("content-type", "application/x-www-form-urlencoded"), body)
    };
    for (secret, status) in [(SECRET, 200), ("wrong", 401)] {
        let (answer, counter) = post(secret).await;
        assert_eq!((answer.status, counter.count()), (status, 0), "{answer:?} {:?}", counter.texts());
    }
}
