//! grant_type=refresh_token (security requirements §4c; architecture.md, decisions C, D, E).

use std::collections::BTreeSet;

use futures_util::future::join_all;
use ias::{
    base::digest,
    model::refresh_token::{PREFIX, RefreshToken},
};
use serde_json::Value;
use time::Duration;

use crate::support::{
    person::Person,
    server::{SECRET, TestServer},
    tokens::{
        Answer, Ask, Credentials, basic, change, claims, exchange, form_body, in_process, refresh, refresh_form, token, tokens,
        userinfo,
    },
};

const WEBAPP: &str = "@myorg.is/webapp";
const NATIVE: &str = "@myorg.is/app";
const DELEGATIONS: &str = "@myorg.is/delegations";
const SCOPE: &str = "openid profile offline_access @myorg.is/documents:read @myorg.is/documents:write";
const UNTIL_USED: &str = "update clients set refresh_token_retry = 'until_used' where client_id = '@myorg.is/webapp'";

/// A server, and the first refresh token of a new family.
async fn begin() -> (TestServer, String) {
    let server = TestServer::start().await;
    let first = tokens(&server, &mut Person::new(), WEBAPP, SCOPE).await.text("refresh_token");
    (server, first)
}

async fn refreshed(server: &TestServer, refresh_token: &str) -> Answer {
    let answer = refresh(server, WEBAPP, refresh_token).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

async fn next(server: &TestServer, refresh_token: &str) -> String {
    refreshed(server, refresh_token).await.text("refresh_token")
}

async fn refused(server: &TestServer, refresh_token: &str) -> Answer {
    let answer = refresh(server, WEBAPP, refresh_token).await;
    answer.is_refusal(400, "invalid_grant");
    answer
}

async fn revoke_reason(server: &TestServer) -> Option<String> {
    sqlx::query_scalar("select revoke_reason from families").fetch_one(&server.owner().await).await.unwrap()
}

async fn audited(server: &TestServer, kind: &str) -> Vec<Value> {
    let rows = sqlx::query_scalar("select detail from audit_log where kind = $1 order by id").bind(kind);
    rows.fetch_all(&server.owner().await).await.unwrap()
}

#[tokio::test]
async fn rt_03_rt_13_each_refresh_gives_new_tokens_for_the_same_authentication() {
    let server = TestServer::start().await;
    let first = tokens(&server, &mut Person::new(), WEBAPP, SCOPE).await;
    server.clock.advance(Duration::minutes(10));
    let second = refreshed(&server, &first.text("refresh_token")).await;
    assert_eq!((second.header("cache-control"), second.header("pragma")), (Some("no-store"), Some("no-cache")));
    let json = second.json();
    let members: BTreeSet<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(["access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type"]));
    assert_eq!((second.text("scope").as_str(), &json["expires_in"]), (SCOPE, &300.into()));
    assert_ne!(first.text("refresh_token"), second.text("refresh_token"));
    for kind in ["id_token", "access_token"] {
        let (before, after) = (claims(&first.text(kind)), claims(&second.text(kind)));
        for claim in ["iss", "sub", "aud", "auth_time", "acr", "amr", "sid", "idp", "nationalId", "name", "scope", "client_id"]
        {
            assert_eq!(before.get(claim), after.get(claim), "{kind} {claim}");
        }
        assert_eq!(after["iat"].as_i64(), before["iat"].as_i64().map(|iat| iat + 600));
        assert_eq!(after.get("nonce"), None);
    }
    let jti = |answer: &Answer| claims(&answer.text("access_token"))["jti"].as_str().unwrap().to_owned();
    assert_ne!(jti(&first), jti(&second));
    assert_eq!(jti(&first)[..21], jti(&second)[..21], "both name the family");
    assert_eq!(userinfo(&server, &second.text("access_token")).await.status, 200);
    let rows: i64 = sqlx::query_scalar("select count(*) from families").fetch_one(&server.owner().await).await.unwrap();
    assert_eq!(rows, 1, "one row, whatever the number of refreshes");
}

#[tokio::test]
async fn rt_01_rt_03_a_refresh_is_one_statement_and_a_hot_update_and_a_forgery_is_none() {
    let (server, mut current) = begin().await;
    let post = async |refresh_token: &str| {
        let request = axum::http::Request::post("/connect/token").header("content-type", "application/x-www-form-urlencoded");
        let credentials = [("client_id", WEBAPP), ("client_secret", SECRET)];
        let form: Vec<_> = refresh_form(refresh_token).into_iter().chain(credentials).collect();
        in_process(&server, request, form_body(&form)).await
    };
    let (answer, statements) = post(&current).await;
    assert_eq!((answer.status, statements.count()), (200, 1), "{answer:?} {:?}", statements.texts());
    current = answer.text("refresh_token");
    let mut bytes = digest::from_base64url(&current[PREFIX.len()..]).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let other_kind = current.replace(PREFIX, "ac_");
    for forged in [format!("{PREFIX}{}", digest::base64url(bytes)), other_kind, current[1..].to_owned(), "x".to_owned()] {
        let (answer, statements) = post(&forged).await;
        answer.is_refusal(400, "invalid_grant");
        assert_eq!(statements.count(), 0, "{:?}", statements.texts());
    }
    for _ in 0..100 {
        current = next(&server, &current).await;
    }
    let owner = server.owner().await;
    let (updates, hot): (i64, i64) = loop {
        // the collector is told a little after the commit
        let row = sqlx::query_as("select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relname = 'families'");
        let (updates, hot) = row.fetch_one(&owner).await.unwrap();
        if updates >= 101 {
            break (updates, hot);
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    // where another transaction still sees the old versions, a full page is left now and then
    assert!(updates - hot <= 3, "decision C: no index is written, {hot} of {updates}");
    let size: i64 = sqlx::query_scalar("select pg_relation_size('families')").fetch_one(&owner).await.unwrap();
    assert!(size <= 4 * 8192, "{size} bytes for one family of 101 refreshes");
}

#[tokio::test]
async fn rt_01_the_database_holds_nothing_of_a_token() {
    let (server, first) = begin().await;
    let second = next(&server, &first).await;
    let rows: Vec<String> =
        sqlx::query_scalar("select f::text from families f").fetch_all(&server.owner().await).await.unwrap();
    let secret = &digest::from_base64url(&second[PREFIX.len()..]).unwrap()[20..52];
    let hex: String = secret.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    assert!(rows.iter().all(|row| !row.contains(&hex) && !row.contains(&second) && !row.contains(&first)));
}

#[tokio::test]
async fn rt_05_reuse_revokes_the_whole_chain_and_is_audited_with_both_redemptions() {
    let (server, first) = begin().await;
    let second = refreshed(&server, &first).await;
    let third = refreshed(&server, &second.text("refresh_token")).await;
    assert_eq!(userinfo(&server, &third.text("access_token")).await.status, 200);
    server.clock.advance(Duration::seconds(7));
    let told = refused(&server, &second.text("refresh_token")).await;
    assert!(told.text("error_description").starts_with("IAS-3017"), "the right client is told what happened: {told:?}");
    for token in [third.text("refresh_token"), second.text("refresh_token"), first] {
        let told = refused(&server, &token).await;
        assert!(told.text("error_description").starts_with("IAS-3016"), "{told:?}");
    }
    // D4: our own endpoints see it at once, on every node
    let second_node = server.second_node().await;
    for answer in [&second, &third] {
        for node in [&server, &second_node] {
            userinfo(node, &answer.text("access_token")).await.is_bearer_refusal(401, "invalid_token");
        }
    }
    let audited = audited(&server, "refresh_token_reused").await;
    assert_eq!(audited.len(), 1, "{audited:?}");
    let began = server.app.clock.now().unix_timestamp() - 7;
    assert_eq!((&audited[0]["generation"], &audited[0]["ahead"]), (&1.into(), &false.into()));
    assert_eq!((&audited[0]["first"]["at"], &audited[0]["first"]["address"]), (&began.into(), &"127.0.0.0/24".into()));
    let second_redemption: (i64, Option<String>) = sqlx::query_as(
        "select floor(extract(epoch from at))::bigint, address from audit_log where kind = 'refresh_token_reused'",
    )
    .fetch_one(&server.owner().await)
    .await
    .unwrap();
    assert_eq!(second_redemption, (began + 7, Some("127.0.0.0/24".to_owned())));
}

#[tokio::test]
async fn rt_04_of_parallel_uses_on_two_nodes_one_wins_and_then_the_chain_is_dead() {
    let (server, first) = begin().await;
    let second = server.second_node().await;
    let uses = (0..64).map(|at| refresh(if at % 2 == 0 { &server } else { &second }, WEBAPP, &first));
    let (won, lost): (Vec<_>, Vec<_>) = join_all(uses).await.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 63), "{won:?}");
    lost.iter().for_each(|answer| answer.is_refusal(400, "invalid_grant"));
    refused(&second, &won[0].text("refresh_token")).await;
    userinfo(&server, &won[0].text("access_token")).await.is_bearer_refusal(401, "invalid_token");
    assert_eq!(audited(&server, "refresh_token_reused").await.len(), 1);
}

#[tokio::test]
async fn rt_04_until_used_gives_every_parallel_use_the_same_successor() {
    let (server, first) = begin().await;
    let second = server.second_node().await;
    change(&server, UNTIL_USED).await;
    second.app.confirm().await.unwrap();
    let uses = (0..64).map(|at| refresh(if at % 2 == 0 { &server } else { &second }, WEBAPP, &first));
    let answers = join_all(uses).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let successors: BTreeSet<String> = answers.iter().map(|answer| answer.text("refresh_token")).collect();
    assert_eq!(successors.len(), 1, "the chain does not fork");
    assert_eq!(audited(&server, "refresh_retried").await.len(), 63, "each retry is audited");
    next(&server, successors.first().unwrap()).await;
}

#[tokio::test]
async fn rt_06_what_was_used_stays_used_on_a_node_that_never_saw_it() {
    let (server, first) = begin().await;
    next(&server, &first).await;
    let fresh = server.second_node().await;
    refused(&fresh, &first).await;
    assert_eq!(revoke_reason(&server).await.as_deref(), Some("refresh_token_reused"));
}

#[tokio::test]
async fn rt_02_rt_07_what_others_show_is_refused_and_harms_nobody() {
    let (server, first) = begin().await;
    let current = next(&server, &first).await;
    for shown in [&first, &current] {
        let form = refresh_form(shown);
        token(&server, Credentials::Post(WEBAPP, "wrong"), &form).await.is_refusal(401, "invalid_client");
        token(&server, Credentials::Public(WEBAPP), &form).await.is_refusal(401, "invalid_client");
        token(&server, Credentials::Nothing, &form).await.is_refusal(401, "invalid_client");
        token(&server, Credentials::of(DELEGATIONS), &form).await.is_refusal(400, "invalid_grant");
        token(&server, Credentials::of(NATIVE), &form).await.is_refusal(400, "invalid_grant");
    }
    // somebody who knows the database's key, but not the family's secret: only the row can tell
    let mut bytes = digest::from_base64url(&current[PREFIX.len()..]).unwrap();
    bytes[30] ^= 1;
    let key = server.app.keys().refresh_tokens().key.clone();
    let tag = digest::hmac_sha256(key.expose(), &[&bytes[..56]]);
    bytes.truncate(56);
    let forged = format!("{PREFIX}{}", digest::base64url([&bytes[..], &tag].concat()));
    refused(&server, &forged).await;
    next(&server, &current).await;
}

#[tokio::test]
async fn rt_02_a_public_client_refreshes_by_its_client_id_and_reuse_revokes() {
    let server = TestServer::start().await;
    let first = tokens(&server, &mut Person::new(), NATIVE, "openid offline_access").await.text("refresh_token");
    let second = refresh(&server, NATIVE, &first).await.text("refresh_token");
    refresh(&server, NATIVE, &first).await.is_refusal(400, "invalid_grant");
    refresh(&server, NATIVE, &second).await.is_refusal(400, "invalid_grant");
}

#[tokio::test]
async fn rt_08_a_lost_answer_can_be_had_again_for_a_minute_where_the_client_is_set_so() {
    let (server, first) = begin().await;
    change(&server, UNTIL_USED).await;
    let lost = refreshed(&server, &first).await;
    server.clock.advance(Duration::seconds(30));
    let again = refreshed(&server, &first).await;
    assert_eq!(again.text("refresh_token"), lost.text("refresh_token"), "the same successor");
    assert_ne!(again.text("access_token"), lost.text("access_token"), "a fresh access token");
    // a retry does not renew the window (F2)
    server.clock.advance(Duration::seconds(29));
    refreshed(&server, &first).await;
    assert_eq!(audited(&server, "refresh_retried").await, vec![serde_json::json!({ "generation": 0 }); 2]);
    server.clock.advance(Duration::seconds(1));
    refused(&server, &first).await;
    refused(&server, &lost.text("refresh_token")).await;
}

#[tokio::test]
async fn rt_08_once_the_successor_was_used_the_predecessor_is_reuse() {
    let (server, first) = begin().await;
    change(&server, UNTIL_USED).await;
    let second = next(&server, &first).await;
    let third = next(&server, &second).await;
    refreshed(&server, &second).await;
    refused(&server, &first).await;
    refused(&server, &third).await;
    assert_eq!(revoke_reason(&server).await.as_deref(), Some("refresh_token_reused"));
}

#[tokio::test]
async fn decision_e_a_token_ahead_of_its_family_revokes_it_and_raises_an_alarm() {
    let (server, first) = begin().await;
    let second = next(&server, &first).await;
    change(&server, "update families set generation = 0").await;
    refused(&server, &second).await;
    assert_eq!(revoke_reason(&server).await.as_deref(), Some("refresh_token_ahead"));
    assert_eq!(audited(&server, "refresh_token_reused").await[0]["ahead"], true);
    refused(&server, &first).await;
}

#[tokio::test]
async fn rt_10_a_refresh_may_ask_for_less_and_never_for_more() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    let scope = "openid offline_access @myorg.is/documents:read";
    let first = tokens(&server, &mut person, WEBAPP, scope).await.text("refresh_token");
    let ask = async |refresh_token: &str, scope: &str| {
        let form: Vec<_> = refresh_form(refresh_token).into_iter().chain([("scope", scope)]).collect();
        token(&server, Credentials::of(WEBAPP), &form).await
    };
    for wider in ["profile", "openid @myorg.is/documents:write", "@otherorg.is/cases:read", "unknown", "a  b", "\"", ""] {
        let answer = ask(&first, wider).await;
        // an empty parameter counts as omitted (RFC 6749 §3.2)
        if wider.is_empty() {
            continue;
        }
        answer.is_refusal(400, "invalid_scope");
    }
    let family = tokens(&server, &mut person, WEBAPP, scope).await.text("refresh_token");
    ask(&family, "profile").await.is_refusal(400, "invalid_scope");
    let narrow = ask(&family, "@myorg.is/documents:read").await;
    assert_eq!(narrow.text("scope"), "@myorg.is/documents:read", "RT-09: the refusal consumed nothing");
    assert_eq!(narrow.json().get("id_token"), None, "without openid");
    userinfo(&server, &narrow.text("access_token")).await.is_bearer_refusal(403, "insufficient_scope");
    let whole = refreshed(&server, &narrow.text("refresh_token")).await;
    assert_eq!(whole.text("scope"), scope, "the chain is not narrowed");
}

#[tokio::test]
async fn rt_09_a_malformed_request_consumes_nothing() {
    let (server, first) = begin().await;
    let form = [("grant_type", "refresh_token")];
    token(&server, Credentials::of(WEBAPP), &form).await.is_refusal(400, "invalid_request");
    let twice = form_body(&[refresh_form(&first), refresh_form(&first)].concat());
    let request = crate::support::tokens::http().post(format!("{}/connect/token", server.address));
    let request = request.header("authorization", basic(DELEGATIONS, SECRET));
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(twice);
    Answer::to(request).await.is_refusal(400, "invalid_request");
    next(&server, &first).await;
}

#[tokio::test]
async fn rt_11_idle_expiry_slides_and_absolute_expiry_does_not() {
    let (server, mut current) = begin().await;
    // 30 minutes without use, 24 hours in all
    for _ in 0..48 {
        server.clock.advance(Duration::minutes(30) - Duration::SECOND);
        let answer = refreshed(&server, &current).await;
        let (expires_in, claims) = (answer.json()["expires_in"].as_i64(), claims(&answer.text("access_token")));
        assert_eq!(claims["exp"].as_i64(), claims["iat"].as_i64().zip(expires_in).map(|(iat, seconds)| iat + seconds));
        current = answer.text("refresh_token");
    }
    // 48 seconds are left, and nothing outlives them
    let last = refreshed(&server, &current).await;
    assert_eq!(last.json()["expires_in"], 48);
    server.clock.advance(Duration::seconds(48));
    refused(&server, &last.text("refresh_token")).await;
    userinfo(&server, &last.text("access_token")).await.is_bearer_refusal(401, "invalid_token");

    let (server, first) = begin().await;
    server.clock.advance(Duration::minutes(30));
    refused(&server, &first).await;
}

#[tokio::test]
async fn rt_11_settings_cut_short_what_was_given_and_never_prolong_it() {
    let set = |sql: &'static str, minutes: i64, lives: bool| async move {
        let (server, first) = begin().await;
        change(&server, sql).await;
        server.clock.advance(Duration::minutes(minutes));
        assert_eq!(refresh(&server, WEBAPP, &first).await.status == 200, lives, "{sql}");
    };
    set("update clients set inactive_refresh_token_ttl = 86400 where client_id = '@myorg.is/webapp'", 30, false).await;
    set("update clients set refresh_token_expiration = 'absolute' where client_id = '@myorg.is/webapp'", 30, false).await;
    set("update clients set inactive_refresh_token_ttl = 60 where client_id = '@myorg.is/webapp'", 1, false).await;
    let shorter = "update clients set inactive_refresh_token_ttl = 600, absolute_refresh_token_ttl = 600
        where client_id = '@myorg.is/webapp'";
    set(shorter, 10, false).await;
    set(shorter, 9, true).await;

    // the absolute end stays where it was
    let (server, mut current) = begin().await;
    change(&server, "update clients set absolute_refresh_token_ttl = 31536000 where client_id = '@myorg.is/webapp'").await;
    for _ in 0..50 {
        server.clock.advance(Duration::minutes(29));
        let answer = refresh(&server, WEBAPP, &current).await;
        let Some(next) = answer.json()["refresh_token"].as_str().map(ToOwned::to_owned) else { break };
        current = next;
    }
    refused(&server, &current).await;
    assert_eq!(revoke_reason(&server).await, None, "it has ended by itself");
}

#[tokio::test]
async fn absolute_expiration_counts_from_the_authentication() {
    let server = TestServer::start().await;
    change(
        &server,
        "update clients set inactive_refresh_token_ttl = 1200, absolute_refresh_token_ttl = 1200
         where client_id = '@myorg.is/webapp'",
    )
    .await;
    let mut person = Person::new();
    tokens(&server, &mut person, WEBAPP, SCOPE).await;
    server.clock.advance(Duration::minutes(18));
    let late = tokens(&server, &mut person, WEBAPP, SCOPE).await;
    assert_eq!(late.json()["expires_in"], 120);
    server.clock.advance(Duration::minutes(2));
    refused(&server, &late.text("refresh_token")).await;
    // there is nothing left to refresh
    let later = tokens(&server, &mut person, WEBAPP, SCOPE).await;
    assert_eq!((later.json().get("refresh_token"), &later.json()["expires_in"]), (None, &300.into()));
    assert_eq!(later.text("scope"), SCOPE.replace(" offline_access", ""));
    assert_eq!(userinfo(&server, &later.text("access_token")).await.status, 200);
}

#[tokio::test]
async fn cod_06_a_code_used_twice_ends_the_chain() {
    let server = TestServer::start().await;
    let code = Ask::new(WEBAPP, SCOPE).code(&server, &mut Person::new()).await;
    let first = exchange(&server, &code).await.text("refresh_token");
    let second = next(&server, &first).await;
    exchange(&server, &code).await.is_refusal(400, "invalid_grant");
    refused(&server, &second).await;
}

#[tokio::test]
async fn rt_14_a_client_can_be_set_to_end_its_chains_at_sign_out() {
    let server = TestServer::start().await;
    let set = "update clients set revoke_refresh_tokens_at_sign_out = true where client_id = '@myorg.is/webapp'";
    change(&server, set).await;
    let mut person = Person::new();
    let first = tokens(&server, &mut person, WEBAPP, SCOPE).await.text("refresh_token");
    let other = tokens(&server, &mut person, DELEGATIONS, SCOPE).await.text("refresh_token");
    person.get(format!("{}/connect/endsession", server.address)).await;
    person.submit(&[("decision", "logout")]).await;
    refused(&server, &first).await;
    assert_eq!(refresh(&server, DELEGATIONS, &other).await.status, 200, "D12: the others live on");
}

#[tokio::test]
async fn a_client_with_a_single_session_ends_the_persons_earlier_chains() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    let other_client = tokens(&server, &mut person, DELEGATIONS, SCOPE).await.text("refresh_token");
    let first = tokens(&server, &mut person, WEBAPP, SCOPE).await.text("refresh_token");
    let second = tokens(&server, &mut Person::new(), WEBAPP, SCOPE).await.text("refresh_token");
    let (first, second) = (next(&server, &first).await, next(&server, &second).await);
    change(&server, "update clients set single_session = true where client_id = '@myorg.is/webapp'").await;
    let third = tokens(&server, &mut Person::new(), WEBAPP, SCOPE).await.text("refresh_token");
    refused(&server, &first).await;
    refused(&server, &second).await;
    next(&server, &third).await;
    assert_eq!(refresh(&server, DELEGATIONS, &other_client).await.status, 200);
    let audited = audited(&server, "code_redeemed").await;
    let superseded: Vec<usize> = audited.iter().filter_map(|detail| detail["superseded"].as_array()).map(Vec::len).collect();
    assert_eq!(superseded, [2], "{audited:?}");
}

#[tokio::test]
async fn claims_are_read_anew_at_refresh_where_the_client_says_so() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    let set = "update clients set update_access_token_claims_on_refresh = false where client_id = '@myorg.is/webapp'";
    change(&server, set).await;
    let keeps = tokens(&server, &mut person, WEBAPP, SCOPE).await;
    let reads = tokens(&server, &mut person, DELEGATIONS, SCOPE).await;
    change(&server, "update persons set name = 'Gervimaður Evrópa'").await;
    let name = |answer: Answer| claims(&answer.text("id_token"))["name"].as_str().map(ToOwned::to_owned);
    let kept = refresh(&server, WEBAPP, &keeps.text("refresh_token")).await;
    assert_eq!(name(kept).as_deref(), Some("Gervimaður Ameríka"));
    let read = refresh(&server, DELEGATIONS, &reads.text("refresh_token")).await;
    assert_eq!(name(read).as_deref(), Some("Gervimaður Evrópa"));
}

#[tokio::test]
async fn red_08_what_a_wildcard_leads_to_gets_no_refresh_token() {
    let server = TestServer::start().await;
    change(
        &server,
        "update clients set redirect_uris = '{https://*.myorg.is/oauth/callback}' where client_id = '@myorg.is/webapp'",
    )
    .await;
    let answer = tokens(&server, &mut Person::new(), WEBAPP, SCOPE).await;
    assert_eq!((answer.json().get("refresh_token"), answer.text("scope")), (None, SCOPE.replace(" offline_access", "")));
}

/// A handler that is dropped half way must leave no transaction behind, and a refusal must commit (RT-05, STO-08).
#[tokio::test(flavor = "multi_thread")]
async fn rt_05_a_client_that_goes_away_stops_neither_the_revocation_nor_what_others_commit() {
    use tokio::io::AsyncWriteExt as _;

    let server = TestServer::start().await;
    let mut person = Person::new();
    let other = tokens(&server, &mut person, DELEGATIONS, SCOPE).await.text("refresh_token");
    let address = server.address.trim_start_matches("http://").to_owned();
    let mut other = other;
    for round in 0..12u64 {
        let first = tokens(&server, &mut person, WEBAPP, SCOPE).await.text("refresh_token");
        let second = next(&server, &first).await;
        let credentials = [("client_id", WEBAPP), ("client_secret", SECRET)];
        let form: Vec<_> = refresh_form(&first).into_iter().chain(credentials).collect();
        let body = form_body(&form);
        let head = format!(
            "POST /connect/token HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_micros(400 * round)).await;
        drop(stream);
        // others go on, and what they were answered holds
        other = refresh(&server, DELEGATIONS, &other).await.text("refresh_token");
        let owner = server.owner().await;
        let began = std::time::Instant::now();
        loop {
            let revoked: Option<bool> = sqlx::query_scalar(
                "select revoked_at is not null from families where secret_hash = $1 and client_id = (
                     select id from clients where client_id = '@myorg.is/webapp')",
            )
            .bind(&RefreshToken::parse(&second, server.app.keys().refresh_tokens()).unwrap().secret_hash()[..])
            .fetch_optional(&owner)
            .await
            .unwrap();
            if revoked == Some(true) {
                break;
            }
            assert!(began.elapsed().as_secs() < 5, "the reuse of round {round} was forgotten with its connection");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
    let open: i64 = sqlx::query_scalar(
        "select count(*) from pg_stat_activity
         where datname = current_database() and state = 'idle in transaction' and now() - state_change > interval '1 second'",
    )
    .fetch_one(&server.owner().await)
    .await
    .unwrap();
    assert_eq!(open, 0);
}

#[tokio::test]
async fn of_two_codes_at_once_a_client_with_a_single_session_keeps_one_family() {
    let server = TestServer::start().await;
    let second = server.second_node().await;
    change(&server, "update clients set single_session = true where client_id = '@myorg.is/webapp'").await;
    second.app.confirm().await.unwrap();
    let mut person = Person::new();
    for _ in 0..10 {
        let first = Ask::new(WEBAPP, SCOPE).code(&server, &mut person).await;
        let other = Ask::new(WEBAPP, SCOPE).code(&server, &mut person).await;
        let (a, b) = tokio::join!(exchange(&server, &first), exchange(&second, &other));
        assert_eq!((a.status, b.status), (200, 200));
        let living: i64 = sqlx::query_scalar("select count(*) from families where revoked_at is null")
            .fetch_one(&server.owner().await)
            .await
            .unwrap();
        assert_eq!(living, 1);
    }
}

#[tokio::test]
async fn rt_14_signing_out_ends_a_session_that_was_idle_for_long() {
    let server = TestServer::start().await;
    change(&server, "update clients set revoke_refresh_tokens_at_sign_out = true where client_id = '@myorg.is/webapp'").await;
    let mut person = Person::new();
    let given = tokens(&server, &mut person, WEBAPP, SCOPE).await;
    let mut current = given.text("refresh_token");
    for _ in 0..4 {
        server.clock.advance(Duration::minutes(20));
        current = next(&server, &current).await;
    }
    let mut url = url::Url::parse(&format!("{}/connect/endsession", server.address)).unwrap();
    url.query_pairs_mut().append_pair("id_token_hint", &given.text("id_token"));
    person.get(url).await;
    refused(&server, &current).await;
}

#[tokio::test]
async fn rt_14_where_single_sign_on_is_off_the_hint_names_the_session() {
    let server = TestServer::start().await;
    change(
        &server,
        "update clients set sso = false, revoke_refresh_tokens_at_sign_out = true where client_id = '@myorg.is/webapp'",
    )
    .await;
    let given = tokens(&server, &mut Person::new(), WEBAPP, SCOPE).await;
    let current = next(&server, &given.text("refresh_token")).await;
    let mut url = url::Url::parse(&format!("{}/connect/endsession", server.address)).unwrap();
    url.query_pairs_mut().append_pair("id_token_hint", &given.text("id_token"));
    Person::new().get(url).await;
    refused(&server, &current).await;
}
