//! The attempt while the person confirms it: whose it is, and how often it gives something.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use ias::base::text::Language;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use sqlx::PgPool;
use time::Duration;
use url::Url;

use crate::support::{
    database::count,
    person::{Arrival, Person},
    phone::{
        Phone, assert_problem, at_the_number, confirm, eventually, go_to_the_number, session_cookie, started, until_answered,
    },
    server::TestServer,
};

async fn state(owner: &PgPool) -> String {
    sqlx::query_scalar("select state from sign_in_attempts order by id desc limit 1").fetch_one(owner).await.unwrap()
}

async fn until_verified(owner: &PgPool) {
    eventually("the approval", async || (state(owner).await == "verified").then_some(())).await;
}

/// The hidden fields of the form on the page.
fn hidden(person: &Person) -> BTreeMap<String, String> {
    person.page().forms()[0].fields.iter().cloned().collect()
}

/// What a browser with this binding cookie is answered.
async fn ask(
    server: &TestServer,
    binding: Option<&str>,
    path: &str,
    fields: &BTreeMap<String, String>,
    method: Method,
) -> (StatusCode, String) {
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let mut request = http.request(method.clone(), format!("{}{path}", server.address)).header("sec-fetch-site", "same-origin");
    if let Some(binding) = binding {
        request = request.header("cookie", format!("ias_browser={binding}"));
    }
    request = if method == Method::POST { request.form(fields) } else { request.query(fields) };
    let answer = request.send().await.unwrap();
    assert!(answer.headers().get_all("set-cookie").iter().all(|it| !it.to_str().unwrap().starts_with("ias_session")));
    (answer.status(), answer.text().await.unwrap())
}

#[tokio::test]
async fn eid_01_an_attempt_belongs_to_one_request_in_one_browser() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let phone = Phone::asking().await;
    let mut person = started(&server, &phone).await;
    phone.prompt().await;
    let code = person.page().text_of("#verification-code").unwrap();
    let fields = hidden(&person);
    // a request of another browser, and another request of the same one, both with form tokens of their own
    let other = at_the_number(&server).await;
    go_to_the_number(&mut person, &server).await;
    let of_request = |person: &Person| {
        let mut fields_of_request = hidden(person);
        fields_of_request.insert("attempt".to_owned(), fields["attempt"].clone());
        fields_of_request
    };
    let (of_other, second) = (of_request(&other), of_request(&person));
    let own = person.cookie("localhost", "ias_browser").unwrap();
    let others = other.cookie("localhost", "ias_browser").unwrap();
    let strangers: [(&str, Option<&str>, &BTreeMap<String, String>); 4] = [
        ("another browser", Some(others), &fields),
        ("no cookie", None, &fields),
        ("another browser's own request", Some(others), &of_other),
        ("another request of the browser", Some(own), &second),
    ];
    for approved in [false, true] {
        if approved {
            phone.approve().await;
            until_verified(&owner).await;
        }
        let before = state(&owner).await;
        for (who, binding, fields) in strangers {
            for (method, path, decision) in [
                (Method::GET, "/signin/wait", ""),
                (Method::GET, "/signin/status", ""),
                (Method::POST, "/signin/wait", "cancel"),
                (Method::POST, "/signin/wait", "allow"),
            ] {
                let mut fields = fields.clone();
                if !decision.is_empty() {
                    fields.insert("decision".to_owned(), decision.to_owned());
                }
                let (status, body) = ask(&server, binding, path, &fields, method).await;
                let told = body.contains(&code) || body.contains("\"state\"") || body.contains("data-goes-on");
                assert!(status.is_client_error() && !told, "{who} {path} {decision}: {status} {body}");
                assert_eq!(state(&owner).await, before, "{who} {path} {decision}");
            }
        }
    }
    // the attempt is as it was for the one whose it is
    let mut fields = fields;
    let (status, body) = ask(&server, Some(own), "/signin/status", &fields, Method::GET).await;
    assert_eq!((status, serde_json::from_str::<Value>(&body).unwrap()["state"].as_str()), (StatusCode::OK, Some("verified")));
    fields.insert("csrf".to_owned(), "forged".to_owned());
    fields.insert("decision".to_owned(), "allow".to_owned());
    let (status, _) = ask(&server, Some(own), "/signin/wait", &fields, Method::POST).await;
    assert!(status.is_client_error(), "CSR-01: {status}");
}

#[tokio::test]
async fn eid_05_an_approval_after_the_cancel_is_dropped() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let phone = Phone::asking().await;
    let mut person = started(&server, &phone).await;
    phone.prompt().await;
    let mut fields = hidden(&person);
    let waiting = person.page().url.clone();
    person.submit(&[("decision", "cancel")]).await;
    phone.approve().await;
    eventually("the audit of the late result", async || {
        let late = "select l.client_id = a.client_id and l.organisation_id is not null from audit_log l, sign_in_attempts a
                    where l.kind = 'sign_in_failed' and l.detail ->> 'kind' = 'late_result'";
        sqlx::query_scalar::<_, bool>(late).fetch_optional(&owner).await.unwrap().filter(|complete| *complete)
    })
    .await;
    assert_eq!((state(&owner).await.as_str(), count(&owner, "persons").await), ("cancelled", 0));
    fields.insert("decision".to_owned(), "allow".to_owned());
    ask(&server, person.cookie("localhost", "ias_browser"), "/signin/wait", &fields, Method::POST).await;
    person.get(&waiting).await;
    assert_problem(&person, "problem-cancelled");
    assert_eq!((state(&owner).await.as_str(), count(&owner, "sessions").await), ("cancelled", 0));
    let cancelled: i64 = sqlx::query_scalar(
        "select count(*) from audit_log where detail ->> 'kind' = 'cancelled' and organisation_id is not null",
    )
    .fetch_one(&owner)
    .await
    .unwrap();
    assert_eq!(cancelled, 1, "LOG-02");
}

#[tokio::test]
async fn eid_05_a_result_is_claimed_once() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let mut person = started(&server, &Phone::new().await).await;
    until_answered(&mut person).await;
    let mut fields = hidden(&person);
    let binding = person.cookie("localhost", "ias_browser").unwrap().to_owned();
    confirm(&mut person).await.stopped();
    fields.insert("decision".to_owned(), "allow".to_owned());
    ask(&server, Some(&binding), "/signin/wait", &fields, Method::POST).await;
    assert_eq!((state(&owner).await.as_str(), count(&owner, "sessions").await), ("consumed", 1));
}

#[tokio::test]
async fn eid_05_a_verified_result_waits_sixty_seconds_for_its_browser() {
    for (seconds, in_time) in [(59, true), (60, false)] {
        let server = TestServer::start().await;
        let mut person = started(&server, &Phone::new().await).await;
        until_answered(&mut person).await;
        server.clock.advance(Duration::seconds(seconds));
        let arrival = confirm(&mut person).await;
        assert_eq!(matches!(arrival, Arrival::Stopped(_)), in_time, "after {seconds} s");
        assert_eq!(session_cookie(&person).is_some(), in_time);
        if !in_time {
            assert_problem(&person, "problem-timed-out");
        }
    }
}

/// The button that goes on, pressed in the person's browser but on this node; the answer is not followed.
async fn press_allow(node: &TestServer, person: &Person) -> reqwest::Response {
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let mut fields = hidden(person);
    fields.insert("decision".to_owned(), "allow".to_owned());
    let cookie = format!("ias_browser={}", person.cookie("localhost", "ias_browser").unwrap());
    let request = http.post(format!("{}/signin/wait", node.address)).form(&fields);
    request.header("cookie", cookie).header("sec-fetch-site", "same-origin").send().await.unwrap()
}

fn set_cookies(answer: &reqwest::Response) -> Vec<&str> {
    answer.headers().get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect()
}

#[tokio::test]
async fn a_completed_sign_in_is_remembered_by_its_way_alone() {
    let server = TestServer::start().await;
    let mut person = started(&server, &Phone::new().await).await;
    until_answered(&mut person).await;
    assert!(person.cookie("localhost", "ias_method").is_none());
    let answer = press_allow(&server, &person).await;
    let cookies = set_cookies(&answer);
    let method = cookies.iter().find(|cookie| cookie.starts_with("ias_method=")).expect("the way is remembered");
    assert!(method.starts_with("ias_method=sim;"), "{method}");
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=31536000"] {
        assert!(method.contains(attribute), "{method}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn eid_05_of_two_completions_at_once_over_two_nodes_one_wins() {
    let server = TestServer::start().await;
    let second = server.second_node().await;
    let owner = server.owner().await;
    for round in 1..=5 {
        let mut person = started(&server, &Phone::new().await).await;
        until_answered(&mut person).await;
        let complete = async |node: &TestServer| {
            let answer = press_allow(node, &person).await;
            let signed_in = set_cookies(&answer).iter().any(|cookie| cookie.starts_with("ias_session=se_"));
            (signed_in, answer.headers()["location"].to_str().unwrap().to_owned())
        };
        let mut answers = join_all([&server, &second].map(complete)).await;
        answers.sort();
        let [(lost, elsewhere), (won, onward)] = answers.try_into().unwrap();
        assert!(!lost && won, "round {round}");
        assert!(onward.starts_with("/connect/authorize?") && elsewhere.starts_with("/signin/wait?"), "{elsewhere} {onward}");
        person.get(Url::parse(&second.address).unwrap().join(&elsewhere).unwrap()).await;
        let heading = Language::Is.text("wait-elsewhere-heading", &[]);
        assert_eq!(person.page().text_of("h1"), Some(heading));
        assert_eq!(count(&owner, "sessions").await, round);
    }
}

/// Changes configuration behind the back of the server, and has it look.
async fn reconfigure(server: &TestServer, change: &'static str) {
    let owner = server.owner().await;
    sqlx::query(change).execute(&owner).await.unwrap();
    sqlx::query("update configuration set version = version + 1").execute(&owner).await.unwrap();
    server.app.confirm().await.unwrap();
}

#[tokio::test]
async fn eid_10_a_provider_that_was_switched_off_meanwhile_gives_no_session() {
    for change in ["update identity_providers set enabled = false", "update clients set identity_providers = '{card}'"] {
        let server = TestServer::start().await;
        let owner = server.owner().await;
        let mut person = started(&server, &Phone::new().await).await;
        until_answered(&mut person).await;
        reconfigure(&server, change).await;
        confirm(&mut person).await;
        assert_eq!(person.page().status, StatusCode::BAD_REQUEST, "{}", person.page());
        assert!(session_cookie(&person).is_none(), "{change}");
        assert_eq!((count(&owner, "sessions").await, count(&owner, "authorization_codes").await), (0, 0));
    }
}
