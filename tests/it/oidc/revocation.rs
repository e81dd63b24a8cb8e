//! POST /connect/revocation (security requirements §8, RFC 7009).

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use ias::{jobs::sweep, model::urls::path};
use reqwest::{Method, header};
use sqlx::AssertSqlSafe;
use time::Duration;

use crate::support::{
    authorize::number,
    person::Person,
    server::{SECRET, TestServer},
    tokens::{
        Answer, Credentials, basic, call, change, claims, form_body, http, in_process, machine_token, refresh, revoke, tokens,
        userinfo,
    },
};

const WEBAPP: &str = "@myorg.is/webapp";
const OFFLINE: &str = "openid offline_access @myorg.is/documents:read";

/// The tokens of one chain.
async fn chain(server: &TestServer, client_id: &str) -> Answer {
    tokens(server, &mut Person::new(), client_id, OFFLINE).await
}

#[track_caller]
fn is_done(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

async fn revocations(server: &TestServer) -> i64 {
    number(server, "select count(*) from audit_log where kind = 'token_revoked'").await
}

#[tokio::test]
async fn rev_04_a_refresh_token_takes_its_family_with_it() {
    let server = TestServer::start().await;
    let first = chain(&server, WEBAPP).await;
    let second = refresh(&server, WEBAPP, &first.text("refresh_token")).await;
    is_done(&revoke(&server, WEBAPP, &second.text("refresh_token")).await);
    for tokens in [&first, &second] {
        userinfo(&server, &tokens.text("access_token")).await.is_bearer_refusal(401, "invalid_token");
        refresh(&server, WEBAPP, &tokens.text("refresh_token")).await.is_refusal(400, "invalid_grant");
    }
    let audited = "select count(*) from audit_log a join families f on f.id = a.family_id and f.actor_id = a.actor_id
                       and f.session_id = a.session_id and f.client_id = a.client_id
                   where a.kind = 'token_revoked' and a.detail ->> 'token' = 'refresh_token' and f.revoke_reason = 'client'";
    assert_eq!(number(&server, audited).await, 1);
    is_done(&revoke(&server, WEBAPP, &second.text("refresh_token")).await);
    assert_eq!(revocations(&server).await, 1, "what is revoked already is not revoked again");
}

#[tokio::test]
async fn rev_04_a_used_refresh_token_names_its_chain_too() {
    let server = TestServer::start().await;
    let first = chain(&server, WEBAPP).await;
    let second = refresh(&server, WEBAPP, &first.text("refresh_token")).await;
    is_done(&revoke(&server, WEBAPP, &first.text("refresh_token")).await);
    userinfo(&server, &second.text("access_token")).await.is_bearer_refusal(401, "invalid_token");
    refresh(&server, WEBAPP, &second.text("refresh_token")).await.is_refusal(400, "invalid_grant");
}

#[tokio::test]
async fn rev_04_an_access_token_ends_alone() {
    let server = TestServer::start().await;
    let first = chain(&server, WEBAPP).await;
    let second = refresh(&server, WEBAPP, &first.text("refresh_token")).await;
    is_done(&revoke(&server, WEBAPP, &first.text("access_token")).await);
    userinfo(&server, &first.text("access_token")).await.is_bearer_refusal(401, "invalid_token");
    assert_eq!(userinfo(&server, &second.text("access_token")).await.status, 200);
    assert_eq!(refresh(&server, WEBAPP, &second.text("refresh_token")).await.status, 200);
    let audited = "select count(*) from audit_log a join families f on f.id = a.family_id and f.actor_id = a.actor_id
                   where a.kind = 'token_revoked' and a.detail ->> 'token' = 'access_token'";
    assert_eq!(number(&server, audited).await, 1);
    is_done(&revoke(&server, WEBAPP, &first.text("access_token")).await);
    assert_eq!(revocations(&server).await, 1);
}

#[tokio::test]
async fn rev_01_a_public_client_revokes_by_its_client_id_and_others_prove_who_they_are() {
    let server = TestServer::start().await;
    let app = "@myorg.is/app";
    let access_token = tokens(&server, &mut Person::new(), app, "openid").await.text("access_token");
    let form = [("token", access_token.as_str())];
    for credentials in [
        Credentials::Nothing,
        Credentials::Public(WEBAPP),
        Credentials::Post(app, SECRET),
        Credentials::Post(WEBAPP, "wrong"),
        Credentials::Basic("@myorg.is/nobody", SECRET),
        // an API resource is given no tokens
        Credentials::Basic("@otherorg.is/cases-api", SECRET),
    ] {
        call(&server, path::REVOCATION, credentials, &form).await.is_refusal(401, "invalid_client");
    }
    assert_eq!(userinfo(&server, &access_token).await.status, 200);
    is_done(&revoke(&server, app, &access_token).await);
    userinfo(&server, &access_token).await.is_bearer_refusal(401, "invalid_token");
    let url = format!("{}{}", server.address, path::REVOCATION);
    for method in [Method::GET, Method::HEAD, Method::PUT] {
        assert_eq!(Answer::to(http().request(method, &url)).await.status, 405);
    }
    let in_query = http().post(format!("{url}?token={access_token}")).header(header::AUTHORIZATION, basic(WEBAPP, SECRET));
    Answer::to(in_query.form(&[("a", "b")])).await.is_refusal(400, "invalid_request");
}

#[tokio::test]
async fn rev_02_rev_03_what_is_unknown_foreign_or_over_is_answered_alike_and_stays_as_it_is() {
    let server = TestServer::start().await;
    let mine = chain(&server, WEBAPP).await;
    let (access_token, refresh_token, id_token) =
        (mine.text("access_token"), mine.text("refresh_token"), mine.text("id_token"));
    let forged = format!("{}x", &refresh_token[..refresh_token.len() - 1]);
    let long = "a.".repeat(15_000);
    for foreign in [&access_token, &refresh_token] {
        for client_id in ["@otherorg.is/portal", "@myorg.is/delegations", "@myorg.is/app", "@myorg.is/worker"] {
            is_done(&revoke(&server, client_id, foreign).await);
        }
    }
    for unknown in ["x", "a.b.c", "rt_", &forged, &id_token, &format!("{access_token}x"), &long] {
        is_done(&revoke(&server, WEBAPP, unknown).await);
    }
    assert_eq!((revocations(&server).await, number(&server, "select count(*) from revoked_access_tokens").await), (0, 0));
    assert_eq!(userinfo(&server, &access_token).await.status, 200);
    server.clock.advance(Duration::seconds(300));
    is_done(&revoke(&server, WEBAPP, &access_token).await);
    assert_eq!(refresh(&server, WEBAPP, &refresh_token).await.status, 200);
    server.clock.advance(Duration::days(1));
    is_done(&revoke(&server, WEBAPP, &refresh_token).await);
    assert_eq!(revocations(&server).await, 0, "both had expired");
    call(&server, path::REVOCATION, Credentials::of(WEBAPP), &[]).await.is_refusal(400, "invalid_request");
    call(&server, path::REVOCATION, Credentials::of(WEBAPP), &[("token", "")]).await.is_refusal(400, "invalid_request");
}

#[tokio::test]
async fn rev_04_the_hint_decides_nothing() {
    let server = TestServer::start().await;
    for hint in ["access_token", "refresh_token", "nonsense"] {
        for kind in ["access_token", "refresh_token"] {
            let tokens = chain(&server, WEBAPP).await;
            let form = [("token", &*tokens.text(kind)), ("token_type_hint", hint)];
            is_done(&call(&server, path::REVOCATION, Credentials::of(WEBAPP), &form).await);
            userinfo(&server, &tokens.text("access_token")).await.is_bearer_refusal(401, "invalid_token");
        }
    }
}

#[tokio::test]
async fn rev_02_a_revocation_costs_one_statement_and_a_stranger_none() {
    let server = TestServer::start().await;
    let tokens = chain(&server, WEBAPP).await;
    let asked = async |token: &str| {
        let request = axum::http::Request::post(path::REVOCATION).header("content-type", "application/x-www-form-urlencoded");
        let form = [("client_id", WEBAPP), ("client_secret", SECRET), ("token", token)];
        let (answer, counter) = in_process(&server, request, form_body(&form)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        counter.count()
    };
    assert_eq!(asked("rt_nonsense").await, 0);
    assert_eq!(asked(&machine_token(&server).await).await, 0, "another client's");
    assert_eq!(asked(&tokens.text("access_token")).await, 1);
    assert_eq!(asked(&tokens.text("refresh_token")).await, 1);
}

#[tokio::test]
async fn rev_05_nothing_is_called_revoked_that_could_not_be_stored() {
    let server = TestServer::start().await;
    let tokens = chain(&server, WEBAPP).await;
    let owner = server.owner().await;
    for (table, kind) in [("revoked_access_tokens", "access_token"), ("families", "refresh_token")] {
        let rename = async |from: &str, to: &str| {
            sqlx::query(AssertSqlSafe(format!("alter table {from} rename to {to}"))).execute(&owner).await.unwrap();
        };
        rename(table, "away").await;
        let refused = revoke(&server, WEBAPP, &tokens.text(kind)).await;
        refused.is_refusal(503, "temporarily_unavailable");
        assert_eq!(refused.header("retry-after"), Some("5"));
        rename("away", table).await;
        assert_eq!(userinfo(&server, &tokens.text("access_token")).await.status, 200);
    }
}

#[tokio::test]
async fn sto_15_revoked_access_tokens_are_forgotten_once_they_have_expired() {
    let server = TestServer::start().await;
    let token = machine_token(&server).await;
    is_done(&revoke(&server, "@myorg.is/worker", &token).await);
    let left = async || {
        sweep::run_once(server.app.clone()).await.unwrap();
        number(&server, "select count(*) from revoked_access_tokens").await
    };
    assert_eq!(left().await, 1);
    assert_eq!(claims(&token)["exp"].as_i64().unwrap() - server.app.clock.now().unix_timestamp(), 300);
    server.clock.advance(Duration::seconds(310));
    assert_eq!(left().await, 1, "a node whose clock is behind still asks for it");
    server.clock.advance(Duration::seconds(51));
    assert_eq!(left().await, 0);
}

/// Whoever refreshes after a revocation was answered gets nothing, and what was given before is dead.
#[tokio::test(flavor = "multi_thread")]
async fn rev_04_race_of_refreshes_and_revocations_over_two_nodes() {
    let server = Arc::new(TestServer::start().await);
    let second = Arc::new(server.second_node().await);
    change(&server, "update clients set refresh_token_retry = 'until_used' where client_id = '@myorg.is/webapp'").await;
    second.app.confirm().await.unwrap();
    for _ in 0..3 {
        let token: Arc<str> = chain(&server, WEBAPP).await.text("refresh_token").into();
        let revoked = Arc::new(AtomicBool::new(false));
        let (mut refreshes, mut revokers) = (Vec::new(), Vec::new());
        for number in 0..16 {
            let (one, other) = if number % 2 == 0 { (&server, &second) } else { (&second, &server) };
            let (node, text, over) = (Arc::clone(one), Arc::clone(&token), Arc::clone(&revoked));
            refreshes.push(tokio::spawn(async move {
                let mut given = Vec::new();
                for _ in 0..3 {
                    let is_over = over.load(Ordering::SeqCst);
                    let answer = refresh(&node, WEBAPP, &text).await;
                    assert!(!is_over || answer.status == 400, "{answer:?}");
                    given.extend((answer.status == 200).then_some(answer));
                }
                given
            }));
            let (node, text, over) = (Arc::clone(other), Arc::clone(&token), Arc::clone(&revoked));
            revokers.push(tokio::spawn(async move {
                is_done(&revoke(&node, WEBAPP, &text).await);
                over.store(true, Ordering::SeqCst);
            }));
        }
        for revoker in revokers {
            revoker.await.unwrap();
        }
        for refreshed in refreshes {
            for tokens in refreshed.await.unwrap() {
                userinfo(&second, &tokens.text("access_token")).await.is_bearer_refusal(401, "invalid_token");
                refresh(&server, WEBAPP, &tokens.text("refresh_token")).await.is_refusal(400, "invalid_grant");
            }
        }
        refresh(&second, WEBAPP, &token).await.is_refusal(400, "invalid_grant");
    }
    assert_eq!(revocations(&server).await, 3, "each chain was revoked once");
}
