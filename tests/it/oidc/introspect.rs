//! POST /connect/introspect (security requirements §7, RFC 7662).

use std::collections::BTreeSet;

use ias::model::urls::path;
use reqwest::Method;
use serde_json::{Value, json};
use time::Duration;

use crate::support::{
    person::Person,
    server::{SECRET, TestServer},
    tokens::{
        Answer, Credentials, basic, call, change, claims, form_body, http, in_process, introspect, machine_token, refresh,
        revoke, tokens, userinfo,
    },
};

const WEBAPP: &str = "@myorg.is/webapp";
const WORKER: &str = "@myorg.is/worker";
const PORTAL: &str = "@otherorg.is/portal";
const API: &str = "@otherorg.is/cases-api";
const SCOPE: &str = "openid profile offline_access @myorg.is/documents:read";

/// All that is told about a token that does not hold, or is not the caller's to know of.
#[track_caller]
fn is_inactive(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"active":false}"#), "{answer:?}");
    assert_eq!((answer.header("cache-control"), answer.header("content-type")), (Some("no-store"), Some("application/json")));
}

#[track_caller]
fn active(answer: &Answer) -> Value {
    let json = answer.json();
    assert_eq!((answer.status, &json["active"]), (200, &json!(true)), "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    json
}

/// What an access token says, and that it holds.
fn told(access_token: &str) -> Value {
    let mut told = claims(access_token);
    told["active"] = json!(true);
    told["token_type"] = json!("Bearer");
    told
}

#[tokio::test]
async fn ins_01_who_asks_proves_who_it_is() {
    let server = TestServer::start().await;
    let token = tokens(&server, &mut Person::new(), "@myorg.is/app", "openid").await.text("access_token");
    let form = [("token", token.as_str())];
    for credentials in [
        Credentials::Nothing,
        Credentials::Public("@myorg.is/app"),
        Credentials::Post("@myorg.is/app", SECRET),
        Credentials::Public(WEBAPP),
        Credentials::Post(WEBAPP, "wrong"),
        Credentials::Basic(API, "wrong"),
        Credentials::Basic("@otherorg.is/nobody", SECRET),
    ] {
        let answer = call(&server, path::INTROSPECT, credentials, &form).await;
        answer.is_refusal(401, "invalid_client");
        assert_eq!(answer.header("www-authenticate").is_some(), matches!(credentials, Credentials::Basic(..)));
    }
    call(&server, path::INTROSPECT, Credentials::of(WEBAPP), &[]).await.is_refusal(400, "invalid_request");
    let url = format!("{}{}", server.address, path::INTROSPECT);
    for method in [Method::GET, Method::HEAD, Method::PUT] {
        assert_eq!(Answer::to(http().request(method, &url).basic_auth(API, Some(SECRET))).await.status, 405);
    }
    let in_query = http().post(format!("{url}?token={token}")).header("authorization", basic(API, SECRET));
    Answer::to(in_query.form(&[("a", "b")])).await.is_refusal(400, "invalid_request");
}

#[tokio::test]
async fn ins_02_a_client_learns_what_its_own_token_says() {
    let server = TestServer::start().await;
    let token = tokens(&server, &mut Person::new(), WEBAPP, SCOPE).await.text("access_token");
    let told_to_client = active(&introspect(&server, WEBAPP, &token).await);
    assert_eq!(told_to_client, told(&token));
    let members: BTreeSet<&str> = told_to_client.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = "active scope client_id token_type exp iat nbf sub iss jti sid acr amr auth_time idp nationalId";
    assert_eq!(members, expected.split(' ').collect(), "tok_05: no name, no actor, no audience");
    // by whatever method it proves itself, and beside other parameters
    let form = [("token", token.as_str()), ("token_type_hint", "access_token"), ("unknown", "x")];
    assert_eq!(active(&call(&server, path::INTROSPECT, Credentials::of(WEBAPP), &form).await), told(&token));
}

#[tokio::test]
async fn ins_02_an_api_resource_learns_about_the_tokens_that_are_for_it_alone() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    let token = tokens(&server, &mut person, PORTAL, "openid @otherorg.is/cases:read").await.text("access_token");
    let told_to_api = active(&introspect(&server, API, &token).await);
    assert_eq!((&told_to_api, &told_to_api["aud"]), (&told(&token), &json!(API)));
    assert_eq!(active(&introspect(&server, PORTAL, &token).await), told(&token));
    for stranger in [WEBAPP, WORKER, "@myorg.is/delegations"] {
        is_inactive(&introspect(&server, stranger, &token).await);
    }
    for (client_id, scope) in [(PORTAL, "openid"), (WEBAPP, SCOPE)] {
        let other = tokens(&server, &mut person, client_id, scope).await.text("access_token");
        is_inactive(&introspect(&server, API, &other).await);
    }
    // a scope that came to the resource later does not make it the audience of what was issued before
    change(&server, "update api_resources set name = '@otherorg.is/other-api'").await;
    is_inactive(&introspect(&server, "@otherorg.is/other-api", &token).await);
}

#[tokio::test]
async fn ins_02_where_no_api_resource_owns_a_scope_its_organisations_machines_ask() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    let token = tokens(&server, &mut person, WEBAPP, SCOPE).await.text("access_token");
    assert_eq!(active(&introspect(&server, WORKER, &token).await), told(&token));
    // a web client is nobody's API, and another organisation's scopes are not theirs
    for stranger in ["@myorg.is/delegations", PORTAL, API, "@conformance.is/basic-1"] {
        is_inactive(&introspect(&server, stranger, &token).await);
    }
    let bare = tokens(&server, &mut person, WEBAPP, "openid profile").await.text("access_token");
    is_inactive(&introspect(&server, WORKER, &bare).await);
    assert_eq!(active(&introspect(&server, WEBAPP, &bare).await), told(&bare));
    // what was taken away makes nobody a party to the token
    change(&server, "update clients set scopes = '{}' where client_id = '@myorg.is/webapp'").await;
    is_inactive(&introspect(&server, WORKER, &token).await);
    let left = active(&introspect(&server, WEBAPP, &token).await);
    assert_eq!((&left["scope"], left.get("nationalId")), (&json!("openid profile offline_access"), None));
}

#[tokio::test]
async fn ins_02_whatever_does_not_hold_is_told_alike() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    let first = tokens(&server, &mut person, WEBAPP, SCOPE).await;
    let (access_token, id_token) = (first.text("access_token"), first.text("id_token"));
    let (forged, long) = (format!("{}x", &access_token[..access_token.len() - 1]), "a.".repeat(15_000));
    for none in ["x", "a.b.c", "rt_x", "ac_x", "þ", &id_token, &forged, &long] {
        is_inactive(&introspect(&server, WEBAPP, none).await);
    }
    let second = tokens(&server, &mut person, WEBAPP, SCOPE).await;
    revoke(&server, WEBAPP, &second.text("access_token")).await;
    is_inactive(&introspect(&server, WEBAPP, &second.text("access_token")).await);
    revoke(&server, WEBAPP, &second.text("refresh_token")).await;
    is_inactive(&introspect(&server, WEBAPP, &second.text("refresh_token")).await);
    server.clock.advance(Duration::seconds(299));
    active(&introspect(&server, WEBAPP, &access_token).await);
    server.clock.advance(Duration::seconds(1));
    is_inactive(&introspect(&server, WEBAPP, &access_token).await);
}

#[tokio::test]
async fn ins_03_a_refresh_token_is_known_to_its_client_and_asking_uses_nothing_up() {
    let server = TestServer::start().await;
    let first = tokens(&server, &mut Person::new(), WEBAPP, SCOPE).await;
    let used = first.text("refresh_token");
    let of_token = claims(&first.text("access_token"));
    let mut expected = json!({ "active": true, "scope": SCOPE, "client_id": WEBAPP, "iss": server.issuer });
    for claim in ["sub", "sid", "auth_time", "idp", "acr", "amr", "iat"] {
        expected[claim] = of_token[claim].clone();
    }
    // the client's tokens end after 30 minutes without use
    expected["exp"] = json!(of_token["iat"].as_i64().unwrap() + 1800);
    assert_eq!(active(&introspect(&server, WEBAPP, &used).await), expected);
    for stranger in [WORKER, PORTAL, API, "@myorg.is/delegations"] {
        is_inactive(&introspect(&server, stranger, &used).await);
    }
    let current = refresh(&server, WEBAPP, &used).await.text("refresh_token");
    is_inactive(&introspect(&server, WEBAPP, &used).await);
    active(&introspect(&server, WEBAPP, &current).await);
    let current = refresh(&server, WEBAPP, &current).await.text("refresh_token");
    server.clock.advance(Duration::seconds(1799));
    active(&introspect(&server, WEBAPP, &current).await);
    server.clock.advance(Duration::seconds(1));
    is_inactive(&introspect(&server, WEBAPP, &current).await);
}

#[tokio::test]
async fn ins_03_a_refresh_token_that_would_be_refused_is_not_active() {
    for sql in [
        "update clients set allow_offline_access = false where client_id = '@myorg.is/webapp'",
        "update clients set grant_types = '{}' where client_id = '@myorg.is/webapp'",
    ] {
        let server = TestServer::start().await;
        let token = tokens(&server, &mut Person::new(), WEBAPP, SCOPE).await.text("refresh_token");
        active(&introspect(&server, WEBAPP, &token).await);
        change(&server, sql).await;
        is_inactive(&introspect(&server, WEBAPP, &token).await);
    }
}

#[tokio::test]
async fn ins_03_a_machines_token_is_active_until_it_is_revoked_or_its_client_is_cut_off() {
    let server = TestServer::start().await;
    let token = machine_token(&server).await;
    assert_eq!(active(&introspect(&server, WORKER, &token).await), told(&token));
    is_inactive(&introspect(&server, WEBAPP, &token).await);
    is_inactive(&introspect(&server, API, &token).await);
    revoke(&server, WORKER, &token).await;
    is_inactive(&introspect(&server, WORKER, &token).await);
    userinfo(&server, &token).await.is_bearer_refusal(401, "invalid_token");
    let token = machine_token(&server).await;
    change(&server, "update scopes set enabled = false where name = '@myorg.is/documents:read'").await;
    assert_eq!(active(&introspect(&server, WORKER, &token).await)["scope"], json!(""));
    server.clock.advance(Duration::seconds(10));
    let before = "update clients set not_before = (select max(at) from audit_log) + interval '5 seconds'
                  where client_id = '@myorg.is/worker'";
    change(&server, before).await;
    is_inactive(&introspect(&server, WORKER, &token).await);
}

#[tokio::test]
async fn ins_03_a_disabled_api_resource_is_told_nothing_and_its_tokens_are_for_nobody() {
    let server = TestServer::start().await;
    let token = tokens(&server, &mut Person::new(), PORTAL, "openid @otherorg.is/cases:read").await.text("access_token");
    active(&introspect(&server, PORTAL, &token).await);
    change(&server, "update api_resources set enabled = false").await;
    is_inactive(&introspect(&server, PORTAL, &token).await);
    introspect(&server, API, &token).await.is_refusal(401, "invalid_client");
}

#[tokio::test]
async fn ins_03_what_is_revoked_at_one_node_is_inactive_at_the_other() {
    let server = TestServer::start().await;
    let second = server.second_node().await;
    let given = tokens(&server, &mut Person::new(), WEBAPP, SCOPE).await;
    active(&introspect(&second, WEBAPP, &given.text("access_token")).await);
    revoke(&server, WEBAPP, &given.text("refresh_token")).await;
    for kind in ["access_token", "refresh_token"] {
        is_inactive(&introspect(&second, WEBAPP, &given.text(kind)).await);
    }
}

#[tokio::test]
async fn ins_05_the_hint_decides_nothing() {
    let server = TestServer::start().await;
    let given = tokens(&server, &mut Person::new(), WEBAPP, SCOPE).await;
    for kind in ["access_token", "refresh_token"] {
        let token = given.text(kind);
        let expected = active(&introspect(&server, WEBAPP, &token).await);
        for hint in ["access_token", "refresh_token", "nonsense", ""] {
            let form = [("token", token.as_str()), ("token_type_hint", hint)];
            assert_eq!(active(&call(&server, path::INTROSPECT, Credentials::of(WEBAPP), &form).await), expected, "{hint}");
        }
    }
}

/// Asks in this task, as the worker.
async fn asked(server: &TestServer, token: &str) -> (u16, usize) {
    let request = axum::http::Request::post(path::INTROSPECT)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("authorization", basic(WORKER, SECRET));
    let (answer, counter) = in_process(server, request, form_body(&[("token", token)])).await;
    (answer.status, counter.count())
}

// on several threads, so that the configuration is confirmed meanwhile
#[tokio::test(flavor = "multi_thread")]
async fn ins_06_who_tries_tokens_waits_and_a_token_that_holds_is_answered_all_the_same() {
    let server = TestServer::start().await;
    let token = machine_token(&server).await;
    for _ in 0..1000 {
        assert_eq!(asked(&server, "a.b.c").await, (200, 0));
    }
    let refused = introspect(&server, WORKER, "a.b.c").await;
    refused.is_refusal(429, "temporarily_unavailable");
    assert!(refused.header("retry-after").is_some());
    active(&introspect(&server, WORKER, &token).await);
    is_inactive(&introspect(&server, API, "a.b.c").await);
    server.clock.advance(Duration::seconds(1));
    is_inactive(&introspect(&server, WORKER, "a.b.c").await);
}

#[tokio::test]
async fn an_introspection_costs_one_statement_and_a_stranger_none() {
    let server = TestServer::start().await;
    let given = tokens(&server, &mut Person::new(), WEBAPP, SCOPE).await;
    assert_eq!(asked(&server, &given.text("access_token")).await, (200, 1));
    assert_eq!(asked(&server, &given.text("refresh_token")).await, (200, 0), "a machine has none");
    assert_eq!(asked(&server, &machine_token(&server).await).await, (200, 1));
    assert_eq!(asked(&server, &given.text("id_token")).await, (200, 0));
    let request = axum::http::Request::post(path::INTROSPECT).header("content-type", "application/x-www-form-urlencoded");
    let token = given.text("refresh_token");
    let form = [("client_id", WEBAPP), ("client_secret", SECRET), ("token", &token)];
    let (answer, counter) = in_process(&server, request, form_body(&form)).await;
    assert_eq!((answer.status, counter.count()), (200, 1), "{:?}", counter.texts());
    active(&answer);
}
