//! Any node can go on with an attempt: after a crash when its lease has run out, after an orderly stop at once.

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use sqlx::PgPool;
use time::{Duration, OffsetDateTime};
use url::Url;

use crate::support::{
    mortal::Mortal,
    person::Person,
    phone::{Phone, assert_problem, confirm, control, eventually, started, until_answered},
    server::{APP, TestServer},
};

/// The address of the same page on another node.
fn at(node: &TestServer, person: &Person) -> Url {
    let url = &person.page().url;
    Url::parse(&node.address).unwrap().join(&format!("{}?{}", url.path(), url.query().unwrap())).unwrap()
}

async fn lease_until(owner: &PgPool) -> Option<OffsetDateTime> {
    sqlx::query_scalar("select lease_until from sign_in_attempts").fetch_one(owner).await.unwrap()
}

/// The polls of a prompt that the provider has answered, by status.
async fn polls(prompt: &Value) -> Vec<u64> {
    let (_, body) = control(Method::GET, "/requests", Value::Null).await;
    let session = prompt["id"].as_str().unwrap();
    let of_session = body["requests"].as_array().unwrap().iter().filter(|it| it["path"].as_str().unwrap().contains(session));
    of_session.map(|it| it["status"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn an_attempt_outlives_the_node_that_polled() {
    let mortal = Mortal::start_for(APP).await;
    let node = mortal.server.second_node().await;
    let phone = Phone::asking().await;
    let mut person = started(&mortal.server, &phone).await;
    let code = person.page().text_of("#verification-code");
    phone.prompt().await;
    // a node that dies before it has written that the prompt has left is another test
    let owner = node.owner().await;
    let is_pending = "select id::text from sign_in_attempts where state = 'pending'";
    eventually("the prompt in the row", async || {
        sqlx::query_scalar::<_, String>(is_pending).fetch_optional(&owner).await.unwrap()
    })
    .await;
    mortal.kill();
    let url = at(&node, &person);
    person.get(&url).await;
    assert_eq!(person.page().text_of("#verification-code"), code, "the page needs no particular node");
    phone.approve().await;
    // nobody has heard it: the lease of the dead node still runs
    node.clock.advance(Duration::seconds(44));
    person.get(&url).await;
    assert_eq!(person.page().text_of("#verification-code"), code);
    node.clock.advance(Duration::SECOND);
    until_answered(&mut person).await;
    confirm(&mut person).await.stopped();
    assert_eq!(phone.prompts().await.len(), 1, "the person was asked once");
}

#[tokio::test]
async fn an_attempt_that_a_dead_node_may_not_have_sent_fails() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let phone = Phone::asking().await;
    let mut person = started(&server, &phone).await;
    phone.prompt().await;
    // as it stands between the row and the prompt
    sqlx::query("update sign_in_attempts set state = 'created', lease_owner = gen_random_uuid()")
        .execute(&owner)
        .await
        .unwrap();
    server.clock.advance(Duration::seconds(44));
    let url = person.page().url.clone();
    person.get(&url).await;
    assert!(person.page().text_of("#verification-code").is_some(), "the node may live");
    server.clock.advance(Duration::SECOND);
    person.get(&url).await;
    assert_problem(&person, "problem-unavailable");
    assert!(person.page().text_of("#incident").is_some());
    assert_eq!(phone.prompts().await.len(), 1, "no second prompt");
    // what the phone says later is dropped
    phone.approve().await;
    person.get(&url).await;
    assert_problem(&person, "problem-unavailable");
}

#[tokio::test]
async fn an_orderly_stop_hands_its_attempts_over_at_once() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let phone = Phone::asking().await;
    let mut person = started(&server, &phone).await;
    phone.prompt().await;
    eventually("the first poll", async || lease_until(&owner).await).await;
    let node = server.second_node().await;
    server.app.stopping.cancel();
    server.app.tasks.close();
    tokio::time::timeout(std::time::Duration::from_secs(5), server.app.tasks.wait())
        .await
        .expect("the stop waits for no phone");
    assert_eq!(lease_until(&owner).await, Some(server.app.clock.now()), "released");
    drop(server);
    person.get(at(&node, &person)).await;
    phone.approve().await;
    until_answered(&mut person).await;
    confirm(&mut person).await.stopped();
}

#[tokio::test]
async fn many_looks_at_an_unattended_attempt_make_one_poll() {
    let server = TestServer::start().await;
    let node = server.second_node().await;
    let phone = Phone::asking().await;
    let mut person = started(&server, &phone).await;
    let prompt = phone.prompt().await;
    drop(server);
    let owner = node.owner().await;
    eventually("the release", async || lease_until(&owner).await.filter(|until| *until <= node.app.clock.now())).await;
    let mut status = at(&node, &person);
    status.set_path("/signin/status");
    let binding = person.cookie("localhost", "ias_browser").unwrap().to_owned();
    let http = reqwest::Client::new();
    let looks = join_all((0..8).map(async |_| {
        let request = http.get(status.clone()).header("cookie", format!("ias_browser={binding}"));
        request.send().await.unwrap().status()
    }))
    .await;
    assert_eq!(looks, [StatusCode::OK; 8]);
    person.get(at(&node, &person)).await;
    phone.approve().await;
    until_answered(&mut person).await;
    confirm(&mut person).await.stopped();
    let polls = polls(&prompt).await;
    assert!(polls.iter().all(|status| *status == 200), "the provider takes one poll at a time: {polls:?}");
}

#[tokio::test]
async fn an_attempt_that_nobody_attended_to_ends_in_time() {
    let server = TestServer::start().await;
    let node = server.second_node().await;
    let phone = Phone::asking().await;
    let mut person = started(&server, &phone).await;
    phone.prompt().await;
    drop(server);
    node.clock.advance(Duration::seconds(130));
    person.get(at(&node, &person)).await;
    assert_problem(&person, "problem-timed-out");
    let ended: (String, bool) = sqlx::query_as(
        "select state, exists (select from audit_log where kind = 'sign_in_failed' and detail ->> 'kind' = 'timeout')
         from sign_in_attempts",
    )
    .fetch_one(&node.owner().await)
    .await
    .unwrap();
    assert_eq!(ended, ("expired".to_owned(), true));
}
