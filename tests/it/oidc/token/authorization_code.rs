//! grant_type=authorization_code (security requirements §4b).

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use ias::{base::handle::Handle, model::authorization_code::PREFIX};
use time::Duration;

use crate::support::{
    person::Person,
    server::{SECRET, TestServer},
    tokens::{
        Ask, Code, Credentials, VERIFIER, basic, claims, code, exchange, form_body, in_process, parameter, token, userinfo,
    },
};

const WEBAPP: &str = "@myorg.is/webapp";
const NATIVE: &str = "@myorg.is/app";
const OTHER_VERIFIER: &str = "another-verifier-with-forty-three-or-more-characters-in-it";

async fn refused(server: &TestServer, code: &Code) {
    exchange(server, code).await.is_refusal(400, "invalid_grant");
}

async fn revoke_reasons(server: &TestServer) -> Vec<Option<String>> {
    sqlx::query_scalar("select revoke_reason from families order by id").fetch_all(&server.owner().await).await.unwrap()
}

#[tokio::test]
async fn cod_12_the_answer_has_the_members_and_headers_of_the_seed() {
    let server = TestServer::start().await;
    let ask = Ask::new(WEBAPP, "openid profile offline_access @myorg.is/documents:read @myorg.is/documents:write");
    let callback = ask.answer(&server, &mut Person::new()).await;
    let code = Code {
        value: parameter(&callback, "code").unwrap(),
        client_id: WEBAPP.to_owned(),
        redirect_uri: "https://app.myorg.is/oauth/callback".to_owned(),
        verifier: Some(VERIFIER),
    };
    let answer = exchange(&server, &code).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), (Some("no-store"), Some("no-cache")));
    let json = answer.json();
    let members: BTreeSet<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(["access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type"]));
    assert_eq!(json["token_type"], "Bearer");
    assert!(json["expires_in"].as_u64().is_some_and(|seconds| (1..=300).contains(&seconds)), "{json}");
    assert_eq!(json["scope"], "openid profile offline_access @myorg.is/documents:read @myorg.is/documents:write");
    assert_eq!(parameter(&callback, "scope").as_deref(), json["scope"].as_str());
    // check-list 60
    assert!(answer.text("access_token").bytes().all(|byte| (0x20..=0x7e).contains(&byte)));
}

#[tokio::test]
async fn cod_02_code_redirect_uri_and_verifier_are_required() {
    let server = TestServer::start().await;
    let code = code(&server, &mut Person::new(), WEBAPP, "openid").await;
    for missing in ["code", "redirect_uri", "code_verifier"] {
        let form = code.form_with(missing, None);
        token(&server, Credentials::of(WEBAPP), &form).await.is_refusal(400, "invalid_request");
        let form = code.form_with(missing, Some(""));
        token(&server, Credentials::of(WEBAPP), &form).await.is_refusal(400, "invalid_request");
    }
    for malformed in
        ["short", &"a".repeat(129), "æ-verifier-with-forty-three-or-more-characters-in-it", &format!("{VERIFIER} ")]
    {
        let form = code.form_with("code_verifier", Some(malformed));
        token(&server, Credentials::of(WEBAPP), &form).await.is_refusal(400, "invalid_request");
    }
    assert_eq!(exchange(&server, &code).await.status, 200, "none of this counted as an attempt");
}

#[tokio::test]
async fn cod_03_whatever_is_wrong_with_a_code_is_one_refusal_in_one_wording() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    let code = code(&server, &mut person, WEBAPP, "openid").await;
    let mut wordings = BTreeMap::new();
    let unknown = Handle::new(ias::base::id::uuid_v7(server.app.clock.now())).to_text(PREFIX);
    let (last, rest) = (code.value.chars().last().unwrap(), &code.value[..code.value.len() - 1]);
    let altered = format!("{rest}{}", if last == 'A' { 'E' } else { 'A' });
    for (what, name, value) in [
        ("unknown", "code", unknown.as_str()),
        ("altered", "code", &altered),
        ("shortened", "code", rest),
        ("no code of ours", "code", "x"),
        ("very long", "code", &"x".repeat(4096)),
        ("another redirect URI", "redirect_uri", "http://localhost:1/oauth/callback"),
        ("another spelling", "redirect_uri", "https://app.myorg.is/oauth/callback/"),
        ("another verifier", "code_verifier", OTHER_VERIFIER),
    ] {
        let answer = token(&server, Credentials::of(WEBAPP), &code.form_with(name, Some(value))).await;
        answer.is_refusal(400, "invalid_grant");
        wordings.insert(answer.wording(), what);
    }
    let other_client = token(&server, Credentials::of("@myorg.is/delegations"), &code.form()).await;
    other_client.is_refusal(400, "invalid_grant");
    wordings.insert(other_client.wording(), "another client");
    assert_eq!(exchange(&server, &code).await.status, 200, "two or three failures burn nothing");

    // D5: 60 s, to the second
    let (in_time, late) = (Ask::new(WEBAPP, "openid"), Ask::new(WEBAPP, "openid"));
    let (in_time, late) = (in_time.code(&server, &mut person).await, late.code(&server, &mut person).await);
    server.clock.advance(Duration::seconds(59));
    assert_eq!(exchange(&server, &in_time).await.status, 200);
    server.clock.advance(Duration::seconds(1));
    let expired = exchange(&server, &late).await;
    expired.is_refusal(400, "invalid_grant");
    wordings.insert(expired.wording(), "expired");
    assert_eq!(wordings.len(), 1, "{wordings:#?}");
}

#[tokio::test]
async fn cod_04_a_verifier_for_a_code_without_challenge_is_refused_and_the_other_way_round() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    let client = "@conformance.is/basic-1";
    let plain = Ask::new(client, "openid").without_pkce().code(&server, &mut person).await;
    refused(&server, &Code { verifier: Some(VERIFIER), ..plain.clone() }).await;
    assert_eq!(exchange(&server, &plain).await.status, 200, "this client need not use PKCE");
    let challenged = Ask::new(client, "openid").code(&server, &mut person).await;
    refused(&server, &Code { verifier: None, ..challenged.clone() }).await;
    assert_eq!(exchange(&server, &challenged).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn cod_05_of_sixteen_redemptions_on_two_nodes_exactly_one_wins() {
    let server = TestServer::start().await;
    let second = server.second_node().await;
    let mut person = Person::new();
    for _ in 0..3 {
        let code = code(&server, &mut person, WEBAPP, "openid").await;
        let attempts = (0..64).map(|at| exchange(if at % 2 == 0 { &server } else { &second }, &code));
        let (won, lost): (Vec<_>, Vec<_>) = join_all(attempts).await.into_iter().partition(|answer| answer.status == 200);
        assert_eq!((won.len(), lost.len()), (1, 63), "{won:?} {lost:?}");
        lost.iter().for_each(|answer| answer.is_refusal(400, "invalid_grant"));
        // COD-06: the others were second uses, so that the winner has nothing, either
        for node in [&server, &second] {
            userinfo(node, &won[0].text("access_token")).await.is_bearer_refusal(401, "invalid_token");
        }
    }
    let families = revoke_reasons(&server).await;
    assert_eq!(families, [const { "code_reused" }; 3].map(|reason| Some(reason.to_owned())));
}

#[tokio::test]
async fn cod_06_a_code_used_twice_revokes_what_it_gave() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    for client in [WEBAPP, NATIVE] {
        let code = code(&server, &mut person, client, "openid").await;
        let first = exchange(&server, &code).await.text("access_token");
        assert_eq!(userinfo(&server, &first).await.status, 200);
        refused(&server, &code).await;
        userinfo(&server, &first).await.is_bearer_refusal(401, "invalid_token");
        refused(&server, &code).await;
    }
    let audited: i64 = sqlx::query_scalar(
        "select count(*) from audit_log where kind = 'code_reused' and actor_id is not null and session_id is not null",
    )
    .fetch_one(&server.owner().await)
    .await
    .unwrap();
    assert_eq!(audited, 2, "once for each code, in the statement that revokes");
}

#[tokio::test]
async fn cod_07_what_somebody_else_tries_with_a_code_harms_nobody() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    let code = code(&server, &mut person, WEBAPP, "openid").await;
    token(&server, Credentials::of("@myorg.is/delegations"), &code.form()).await.is_refusal(400, "invalid_grant");
    let stolen = token(&server, Credentials::Post(WEBAPP, "wrong"), &code.form()).await;
    stolen.is_refusal(401, "invalid_client");
    let access_token = exchange(&server, &code).await.text("access_token");
    // after it was used: another client, or nobody, cannot revoke
    token(&server, Credentials::of("@myorg.is/delegations"), &code.form()).await.is_refusal(400, "invalid_grant");
    token(&server, Credentials::Post(WEBAPP, "wrong"), &code.form()).await.is_refusal(401, "invalid_client");
    assert_eq!(userinfo(&server, &access_token).await.status, 200);

    // a public client's code: only who knows the verifier can revoke
    let native = Ask::new(NATIVE, "openid").code(&server, &mut person).await;
    let access_token = exchange(&server, &native).await.text("access_token");
    refused(&server, &Code { verifier: Some(OTHER_VERIFIER), ..native.clone() }).await;
    assert_eq!(userinfo(&server, &access_token).await.status, 200);
    refused(&server, &native).await;
    userinfo(&server, &access_token).await.is_bearer_refusal(401, "invalid_token");
}

#[tokio::test]
async fn cod_07_after_five_failed_attempts_a_code_is_burnt() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    for (failures, status) in [(4, 200), (5, 400)] {
        let code = code(&server, &mut person, WEBAPP, "openid").await;
        for _ in 0..failures {
            refused(&server, &Code { verifier: Some(OTHER_VERIFIER), ..code.clone() }).await;
        }
        assert_eq!(exchange(&server, &code).await.status, status, "after {failures} failures");
    }
    // who knows only the id cannot burn it
    let code = code(&server, &mut person, WEBAPP, "openid").await;
    let id = Handle::parse(PREFIX, &code.value).unwrap().id;
    let guess = Code { value: Handle::new(id).to_text(PREFIX), ..code.clone() };
    for _ in 0..6 {
        refused(&server, &guess).await;
    }
    assert_eq!(exchange(&server, &code).await.status, 200);
}

#[tokio::test]
async fn cod_08_a_replay_is_recognised_hours_later() {
    let server = TestServer::start().await;
    let code = code(&server, &mut Person::new(), WEBAPP, "openid").await;
    assert_eq!(exchange(&server, &code).await.status, 200);
    server.clock.advance(Duration::hours(7));
    refused(&server, &code).await;
    assert_eq!(revoke_reasons(&server).await, [Some("code_reused".to_owned())]);
}

#[tokio::test]
async fn cod_10_nothing_else_can_be_redeemed_as_a_code_or_a_code_be_used_as_something_else() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    let code = code(&server, &mut person, WEBAPP, "openid").await;
    let session = person.cookie("localhost", "ias_session").unwrap().to_owned();
    let bare = code.value.trim_start_matches(PREFIX).to_owned();
    for value in [session.clone(), bare.clone(), format!("{PREFIX}{}", session.trim_start_matches("se_")), format!("se_{bare}")]
    {
        refused(&server, &Code { value, ..code.clone() }).await;
    }
    userinfo(&server, &code.value).await.is_bearer_refusal(401, "invalid_token");
    assert_eq!(exchange(&server, &code).await.status, 200);
}

#[tokio::test]
async fn cod_13_an_injected_code_dies_on_pkce_and_the_nonce_is_that_of_its_request() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    let stolen = Ask::new(WEBAPP, "openid").with("nonce", "the-victims").code(&server, &mut person).await;
    refused(&server, &Code { verifier: Some(OTHER_VERIFIER), ..stolen.clone() }).await;
    let form = [&stolen.form()[..], &[("nonce", "the-attackers")]].concat();
    let answer = token(&server, Credentials::of(WEBAPP), &form).await;
    assert_eq!(claims(&answer.text("id_token"))["nonce"], "the-victims");
    // check-list 31: long ones are not cut, and none is invented
    let nonce = "n".repeat(512);
    let long = Ask::new(WEBAPP, "openid").with("nonce", &nonce).code(&server, &mut person).await;
    assert_eq!(claims(&exchange(&server, &long).await.text("id_token"))["nonce"], nonce.as_str());
    let without = code(&server, &mut person, WEBAPP, "openid").await;
    assert_eq!(claims(&exchange(&server, &without).await.text("id_token")).get("nonce"), None);
}

#[tokio::test]
async fn the_database_holds_no_code_that_could_be_used() {
    let server = TestServer::start().await;
    let code = code(&server, &mut Person::new(), WEBAPP, "openid").await;
    let rows: Vec<String> = sqlx::query_scalar(
        "select row_to_json(c)::text from authorization_codes c
         union all select row_to_json(s)::text from sessions s
         union all select row_to_json(a)::text from audit_log a",
    )
    .fetch_all(&server.owner().await)
    .await
    .unwrap();
    let secret = &code.value[code.value.len() - 40..];
    assert!(rows.iter().all(|row| !row.contains(secret)), "{rows:?}");
}

#[tokio::test]
async fn a_code_costs_one_statement_and_a_refused_one_two() {
    let server = TestServer::start().await;
    let client = "@myorg.is/delegations";
    let code = code(&server, &mut Person::new(), client, "openid profile @myorg.is/documents:read").await;
    for (status, statements) in [(200, 1), (400, 2)] {
        let request = axum::http::Request::post("/connect/token").header("authorization", basic(client, SECRET));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let (answer, counter) = in_process(&server, request, form_body(&code.form())).await;
        assert_eq!((answer.status, counter.count()), (status, statements), "{answer:?} {:?}", counter.texts());
    }
}
