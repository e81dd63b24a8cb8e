//! grant_type=…:token-exchange (security requirements §12, RFC 8693).

use std::path::Path;

use ias::model::urls::path;
use serde_json::{Value, json};
use time::Duration;

use crate::support::{
    authorize::number,
    person::Person,
    server::{NATIONAL_ID, SECRET, TestServer, configure, simulator},
    tokens::{
        Answer, Credentials, basic, change, claims, form_body, in_process, introspect, machine_token, refresh, revoke, token,
        tokens, userinfo,
    },
};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const ACTOR_TOKEN: &str = "islandis:oauth:token-type:actor-access-token";
const WEBAPP: &str = "@myorg.is/webapp";
const WORKER: &str = "@myorg.is/worker";
const CASES: &str = "@otherorg.is/cases";
const API: &str = "@otherorg.is/cases-api";
const READ: &str = "@myorg.is/documents:read";
const WRITE: &str = "@myorg.is/documents:write";
const CASES_READ: &str = "@otherorg.is/cases:read";

/// The worker may exchange; so may a machine of the other organisation, whose scopes the web application has as well.
async fn server() -> TestServer {
    let server = TestServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let client = format!(
        "clients:\n  - client_id: \"{CASES}\"\n    client_type: machine\n    display_name: {{ is: Mál, en: Cases }}\n    \
         grant_types: [client_credentials, \"{GRANT}\"]\n    scopes: [\"{CASES_READ}\", \"{READ}\"]\n    \
         secrets: [{{ label: first, value_env: SECRET }}]\n"
    );
    std::fs::write(folder.path().join("cases.yaml"), client).unwrap();
    let simulator = simulator().await;
    configure(&server.owner().await, Path::new(folder.path()), &simulator.url, &simulator.simulator).await;
    change(
        &server,
        "update clients set scopes = scopes || '{@otherorg.is/cases:read}'::text[]
                     where client_id in ('@myorg.is/webapp', '@myorg.is/worker')",
    )
    .await;
    change(
        &server,
        "update clients set grant_types = grant_types || '{urn:ietf:params:oauth:grant-type:token-exchange}'::text[]
                     where client_id = '@myorg.is/worker'",
    )
    .await;
    server
}

async fn sign_in(server: &TestServer, scope: &str) -> Answer {
    tokens(server, &mut Person::new(), WEBAPP, scope).await
}

/// A person's access token with every scope.
async fn subject_token(server: &TestServer) -> String {
    let scope = format!("openid profile offline_access {READ} {WRITE} {CASES_READ}");
    sign_in(server, &scope).await.text("access_token")
}

async fn exchange(server: &TestServer, client_id: &str, subject_token: &str, more: &[(&str, &str)]) -> Answer {
    let form = [("grant_type", GRANT), ("subject_token", subject_token), ("subject_token_type", ACCESS_TOKEN)];
    token(server, Credentials::of(client_id), &[&form[..], more].concat()).await
}

/// The new token.
async fn exchanged(server: &TestServer, client_id: &str, subject_token: &str, more: &[(&str, &str)]) -> String {
    let answer = exchange(server, client_id, subject_token, more).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text("access_token")
}

/// Whether a token holds, as its client sees it.
async fn holds(server: &TestServer, client_id: &str, token: &str) -> bool {
    introspect(server, client_id, token).await.json()["active"].as_bool().unwrap()
}

#[tokio::test]
async fn tex_01_confidential_clients_with_the_grant_alone() {
    let plain = TestServer::start().await;
    let token_of_plain = sign_in(&plain, &format!("openid {READ}")).await.text("access_token");
    exchange(&plain, WORKER, &token_of_plain, &[]).await.is_refusal(400, "unauthorized_client");
    let server = server().await;
    let subject = subject_token(&server).await;
    exchange(&server, WEBAPP, &subject, &[]).await.is_refusal(400, "unauthorized_client");
    change(
        &server,
        "update clients set grant_types = grant_types || '{urn:ietf:params:oauth:grant-type:token-exchange}'::text[]
                     where client_id = '@myorg.is/app'",
    )
    .await;
    exchange(&server, "@myorg.is/app", &subject, &[]).await.is_refusal(400, "unauthorized_client");
    let refused = token(&server, Credentials::Basic(WORKER, "wrong"), &[("grant_type", GRANT)]).await;
    refused.is_refusal(401, "invalid_client");
    // never a fall-through to another grant: the worker may have client credentials for that scope
    for form in [
        vec![],
        vec![("subject_token", subject.as_str())],
        vec![("subject_token_type", ACCESS_TOKEN)],
        vec![("subject_token", ""), ("subject_token_type", ACCESS_TOKEN)],
        vec![("subject_token", &subject), ("subject_token_type", "")],
    ] {
        let form = [&form[..], &[("grant_type", GRANT), ("scope", READ)]].concat();
        token(&server, Credentials::of(WORKER), &form).await.is_refusal(400, "invalid_request");
    }
}

#[tokio::test]
async fn tex_04_the_new_token_is_about_the_same_sign_in_and_names_the_client_before() {
    let server = server().await;
    let subject = subject_token(&server).await;
    server.clock.advance(Duration::seconds(100));
    let answer = exchange(&server, WORKER, &subject, &[("requested_token_type", ACCESS_TOKEN)]).await;
    let access_token = answer.text("access_token");
    let scope = format!("{READ} {CASES_READ}");
    assert_eq!(
        answer.json(),
        json!({
            "access_token": access_token, "issued_token_type": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 200,
            "scope": scope,
        }),
        "no refresh token, no ID token"
    );
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), (Some("no-store"), Some("no-cache")));
    let (before, after) = (claims(&subject), claims(&access_token));
    for claim in ["iss", "sub", "sid", "idp", "auth_time", "acr", "amr", "nationalId", "name", "exp"] {
        assert!(before.get(claim).is_some() && before.get(claim) == after.get(claim), "{claim}: {after}");
    }
    assert_eq!(after["iat"].as_i64(), before["iat"].as_i64().map(|iat| iat + 100));
    assert_eq!((&after["client_id"], &after["act"]), (&json!(WORKER), &json!({ "client_id": WEBAPP })));
    assert_eq!((&after["scope"], &after["aud"]), (&json!(scope), &json!(API)));
    let jti = |claims: &Value| claims["jti"].as_str().unwrap().to_owned();
    assert!(jti(&after).starts_with(&jti(&before)[..36]), "its id continues that of the token before");
    // its client and the API that it is for see the chain; the client before has no part in it
    let told = introspect(&server, WORKER, &access_token).await.json();
    assert_eq!((&told["act"], &told["active"]), (&json!({ "client_id": WEBAPP }), &json!(true)));
    assert_eq!(introspect(&server, API, &access_token).await.json()["act"], told["act"]);
    assert!(!holds(&server, WEBAPP, &access_token).await);
    // the person's own claims stay with the client that they signed in to
    userinfo(&server, &access_token).await.is_bearer_refusal(403, "insufficient_scope");
}

#[tokio::test]
async fn tex_04_the_chain_of_clients_is_kept_and_ends() {
    let server = server().await;
    let mut token = subject_token(&server).await;
    let mut act = json!({ "client_id": WEBAPP });
    for client_id in [WORKER, CASES, WORKER] {
        let next = exchanged(&server, client_id, &token, &[]).await;
        assert_eq!((&claims(&next)["client_id"], &claims(&next)["act"]), (&json!(client_id), &act));
        assert!(holds(&server, client_id, &next).await);
        act = json!({ "client_id": client_id, "act": act });
        token = next;
    }
    exchange(&server, CASES, &token, &[]).await.is_refusal(400, "invalid_request");
    // every client in it must be there still
    change(&server, "update clients set enabled = false where client_id = '@otherorg.is/cases'").await;
    assert!(!holds(&server, WORKER, &token).await);
}

#[tokio::test]
async fn tex_02_only_a_persons_living_access_token_that_is_for_this_client() {
    let server = server().await;
    let given = sign_in(&server, &format!("openid offline_access {READ}")).await;
    let access_token = given.text("access_token");
    let forged = format!("{}x", &access_token[..access_token.len() - 1]);
    let machine = machine_token(&server).await;
    for token in ["x", "a.b.c", &forged, &given.text("id_token"), &given.text("refresh_token"), &machine] {
        exchange(&server, WORKER, token, &[]).await.is_refusal(400, "invalid_request");
    }
    for token_type in ["id_token", "refresh_token", "jwt"] {
        let token_type = format!("urn:ietf:params:oauth:token-type:{token_type}");
        let form = [("grant_type", GRANT), ("subject_token", &*access_token), ("subject_token_type", &*token_type)];
        token(&server, Credentials::of(WORKER), &form).await.is_refusal(400, "invalid_request");
    }
    // the other organisation owns none of its scopes, though its machine may have one of them
    exchange(&server, CASES, &access_token, &[]).await.is_refusal(400, "invalid_request");
    exchanged(&server, WORKER, &access_token, &[]).await;
    revoke(&server, WEBAPP, &access_token).await;
    exchange(&server, WORKER, &access_token, &[]).await.is_refusal(400, "invalid_request");
    let second = refresh(&server, WEBAPP, &given.text("refresh_token")).await.text("access_token");
    exchanged(&server, WORKER, &second, &[]).await;
    server.clock.advance(Duration::seconds(300));
    exchange(&server, WORKER, &second, &[]).await.is_refusal(400, "invalid_request");
}

#[tokio::test]
async fn tex_03_the_scope_is_what_both_clients_have_or_less() {
    let server = server().await;
    let subject = subject_token(&server).await;
    let narrow = exchange(&server, WORKER, &subject, &[("scope", READ)]).await;
    assert_eq!((narrow.text("scope").as_str(), claims(&narrow.text("access_token")).get("aud")), (READ, None));
    let about = claims(&narrow.text("access_token"));
    assert_eq!((&about["nationalId"], about.get("name")), (&json!(NATIONAL_ID), None), "tok_05");
    // the worker has no `write`, the subject token's client has no other scope
    for scope in [WRITE, "openid", "profile", "offline_access", "@myorg.is/nothing", &format!("{READ} {WRITE}")] {
        exchange(&server, WORKER, &subject, &[("scope", scope)]).await.is_refusal(400, "invalid_scope");
    }
    let read_alone = sign_in(&server, &format!("openid {READ}")).await.text("access_token");
    exchange(&server, WORKER, &read_alone, &[("scope", CASES_READ)]).await.is_refusal(400, "invalid_scope");
    let write_alone = sign_in(&server, &format!("openid {WRITE}")).await.text("access_token");
    exchange(&server, WORKER, &write_alone, &[]).await.is_refusal(400, "invalid_scope");
    // Appendix B: a scope that is taken from either client, or disabled, is gone from what was given too
    let token = exchanged(&server, WORKER, &subject, &[]).await;
    change(&server, "update clients set scopes = '{@myorg.is/documents:read}' where client_id = '@myorg.is/webapp'").await;
    assert_eq!(introspect(&server, WORKER, &token).await.json()["scope"], READ);
    exchange(&server, WORKER, &subject, &[("scope", CASES_READ)]).await.is_refusal(400, "invalid_scope");
    change(&server, "update scopes set enabled = false where name = '@myorg.is/documents:read'").await;
    exchange(&server, WORKER, &read_alone, &[]).await.is_refusal(400, "invalid_request");
}

#[tokio::test]
async fn tex_03_an_audience_narrows_the_token_to_its_scopes() {
    let server = server().await;
    let subject = subject_token(&server).await;
    for name in ["audience", "resource"] {
        let answer = exchange(&server, WORKER, &subject, &[(name, API), (name, API)]).await;
        assert_eq!((answer.status, claims(&answer.text("access_token"))["aud"].clone()), (200, json!(API)));
        assert_eq!(answer.text("scope"), CASES_READ);
        for foreign in ["@otherorg.is/no-api", "https://otherorg.is", WORKER] {
            exchange(&server, WORKER, &subject, &[(name, foreign)]).await.is_refusal(400, "invalid_target");
            exchange(&server, WORKER, &subject, &[(name, API), (name, foreign)]).await.is_refusal(400, "invalid_target");
        }
        exchange(&server, WORKER, &subject, &[(name, API), ("scope", READ)]).await.is_refusal(400, "invalid_target");
    }
    change(&server, "update api_resources set enabled = false").await;
    exchange(&server, WORKER, &subject, &[("audience", API)]).await.is_refusal(400, "invalid_target");
}

#[tokio::test]
async fn tex_05_an_actor_token_is_not_taken() {
    let server = server().await;
    let subject = subject_token(&server).await;
    for actor in [&[("actor_token", &*subject)][..], &[("actor_token_type", ACCESS_TOKEN)]] {
        exchange(&server, WORKER, &subject, actor).await.is_refusal(400, "invalid_request");
    }
    exchange(&server, WORKER, &subject, &[("requested_token_type", "urn:x")]).await.is_refusal(400, "invalid_request");
}

#[tokio::test]
async fn tex_06_how_the_person_signed_in_must_suit_this_client_too() {
    let server = server().await;
    let subject = subject_token(&server).await;
    let token = exchanged(&server, WORKER, &subject, &[]).await;
    change(&server, "update clients set identity_providers = '{card}' where client_id = '@myorg.is/worker'").await;
    exchange(&server, WORKER, &subject, &[]).await.is_refusal(400, "invalid_request");
    assert!(!holds(&server, WORKER, &token).await);
    assert!(holds(&server, WEBAPP, &subject).await);
}

#[tokio::test]
async fn tex_04_the_new_token_dies_with_its_origin_and_not_the_other_way_round() {
    let server = server().await;
    let scope = format!("openid offline_access {READ}");
    let given = sign_in(&server, &scope).await;
    let first = exchanged(&server, WORKER, &given.text("access_token"), &[]).await;
    let second = exchanged(&server, WORKER, &first, &[]).await;
    // alone, with what came from it
    revoke(&server, WORKER, &first).await;
    assert!(!holds(&server, WORKER, &first).await && !holds(&server, WORKER, &second).await);
    assert_eq!(userinfo(&server, &given.text("access_token")).await.status, 200);
    // the client before revokes its own token
    let third = exchanged(&server, WORKER, &given.text("access_token"), &[]).await;
    revoke(&server, WEBAPP, &third).await;
    assert!(holds(&server, WORKER, &third).await, "rev_03: another client's");
    revoke(&server, WEBAPP, &given.text("access_token")).await;
    assert!(!holds(&server, WORKER, &third).await);
    // the family ends
    let again = refresh(&server, WEBAPP, &given.text("refresh_token")).await;
    let fourth = exchanged(&server, WORKER, &again.text("access_token"), &[]).await;
    assert!(holds(&server, WORKER, &fourth).await);
    refresh(&server, WEBAPP, &given.text("refresh_token")).await.is_refusal(400, "invalid_grant");
    assert!(!holds(&server, WORKER, &fourth).await, "its chain was used twice");
    exchange(&server, WORKER, &again.text("access_token"), &[]).await.is_refusal(400, "invalid_request");
}

#[tokio::test]
async fn tex_02_both_clients_are_there_or_nothing_is_given_and_nothing_holds() {
    let server = server().await;
    let subject = subject_token(&server).await;
    let token = exchanged(&server, WORKER, &subject, &[]).await;
    let told = async || introspect(&server, API, &token).await.json()["active"].as_bool().unwrap();
    assert!(told().await);
    for (client_id, status, error) in [(WEBAPP, 400, "invalid_request"), (WORKER, 401, "invalid_client")] {
        let enabled = async |enabled: bool| {
            let sql = "update clients set enabled = $1 where client_id = $2";
            sqlx::query(sql).bind(enabled).bind(client_id).execute(&server.owner().await).await.unwrap();
            change(&server, "update clients set version = version").await;
        };
        enabled(false).await;
        exchange(&server, WORKER, &subject, &[]).await.is_refusal(status, error);
        assert!(!told().await, "{client_id}");
        enabled(true).await;
        assert!(told().await);
    }
    // what the exchanging client was given before a moment is void, and what it is given afterwards is not
    server.clock.advance(Duration::seconds(10));
    let before = "update clients set not_before = (select max(at) + interval '5 seconds' from audit_log)
                  where client_id = '@myorg.is/worker'";
    change(&server, before).await;
    assert!(!told().await);
    let later = exchanged(&server, WORKER, &subject, &[]).await;
    assert!(holds(&server, WORKER, &later).await);
}

#[tokio::test]
async fn an_actor_token_is_about_the_person_who_signed_in_for_themself() {
    let server = server().await;
    let subject = subject_token(&server).await;
    let actor = [("requested_token_type", ACTOR_TOKEN), ("scope", READ)];
    let answer = exchange(&server, WORKER, &subject, &actor).await;
    assert_eq!(answer.json()["issued_token_type"], ACCESS_TOKEN);
    let own = claims(&answer.text("access_token"));
    assert_eq!((&own["sub"], &own["nationalId"]), (&claims(&subject)["sub"], &json!(NATIONAL_ID)), "nobody acts for another");
    // a family in which the person acts for somebody else
    let owner = server.owner().await;
    for sql in [
        "insert into persons (id, national_id, created_at, updated_at)
         select gen_random_uuid(), '0101307789', created_at, created_at from persons",
        "update families set sub = 'of-both', subject_id = (select id from persons where national_id = '0101307789')",
    ] {
        sqlx::query(sql).execute(&owner).await.unwrap();
    }
    let actor = claims(&exchanged(&server, WORKER, &subject, &actor).await);
    for claim in ["sub", "nationalId", "sid", "auth_time", "act"] {
        assert_eq!(own[claim], actor[claim], "{claim}");
    }
}

#[tokio::test]
async fn an_exchange_costs_one_statement_and_writes_nothing() {
    let server = server().await;
    let subject = subject_token(&server).await;
    let written = "select (select count(*) from families) + (select count(*) from audit_log)";
    let before = number(&server, written).await;
    let asked = async |subject_token: &str| {
        let form = [("grant_type", GRANT), ("subject_token", subject_token), ("subject_token_type", ACCESS_TOKEN)];
        let request = axum::http::Request::post(path::TOKEN)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", basic(WORKER, SECRET));
        let (answer, counter) = in_process(&server, request, form_body(&form)).await;
        (answer.status, counter.count())
    };
    assert_eq!(asked(&subject).await, (200, 1));
    assert_eq!(asked("a.b.c").await, (400, 0));
    assert_eq!(number(&server, written).await, before);
}
