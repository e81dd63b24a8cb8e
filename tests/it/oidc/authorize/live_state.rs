//! What changes while a person is on the pages, or while a session lives, counts at once (AUT-16, INT-05, appendix B).

use time::Duration;

use crate::support::{
    authorize::{Ask, browser_for, change_by, code_of, configure_by, identity, is_error, number},
    person::{Arrival, Person},
    server::{PHONE, TestServer},
};

/// A change of configuration, and what it makes of a request.
const CHANGES: [(&str, &str, Outcome); 6] = [
    ("update clients set enabled = false", "update clients set enabled = true", Outcome::Page("IAS-6003")),
    ("update organisations set enabled = false", "update organisations set enabled = true", Outcome::Page("IAS-6003")),
    (
        "update clients set redirect_uris = array['https://app.myorg.is/new'] where client_id = '@myorg.is/webapp'",
        "update clients set redirect_uris = array['https://app.myorg.is/oauth/callback'] where client_id = '@myorg.is/webapp'",
        Outcome::Page("IAS-6006"),
    ),
    (
        "update clients set grant_types = '{client_credentials}'",
        "update clients set grant_types = '{authorization_code}'",
        Outcome::Error("unauthorized_client"),
    ),
    ("update scopes set enabled = false", "update scopes set enabled = true", Outcome::Error("invalid_scope")),
    (
        "update identity_providers set enabled = false",
        "update identity_providers set enabled = true",
        Outcome::Error("unauthorized_client"),
    ),
];

#[derive(Clone, Copy)]
enum Outcome {
    Page(&'static str),
    Error(&'static str),
}

async fn is(outcome: Outcome, server: &TestServer, person: &mut Person, ask: &Ask, url: &str) {
    match (outcome, person.get(url).await) {
        (Outcome::Page(refusal), Arrival::Page) => person.page().is_refusal(400, refusal),
        (Outcome::Error(code), Arrival::Stopped(callback)) => drop(is_error(&callback, server, ask, code)),
        (_, arrival) => panic!("{arrival:?}: {}", person.page()),
    }
}

#[tokio::test]
async fn int_05_aut_16_a_request_on_its_way_is_judged_again() {
    let server = TestServer::start().await;
    let ask = Ask::webapp();
    let mut person = browser_for(&ask);
    person.sign_in(ask.url(&server), PHONE).await;
    // a page of a request that a session would answer
    person.get(ask.clone().with("prompt", "consent").url(&server)).await;
    let resume = person.page().url.as_str().replace("/signin/consent", "/connect/authorize");
    let issued = "select count(*) from authorization_codes";
    assert_eq!(number(&server, issued).await, 1);
    for (change, back, outcome) in CHANGES {
        configure_by(&server, change).await;
        is(outcome, &server, &mut person, &ask, &ask.url(&server)).await;
        is(outcome, &server, &mut person, &ask, &resume).await;
        configure_by(&server, back).await;
    }
    assert_eq!(number(&server, issued).await, 1);
    // and all is well again
    person.get(&resume).await;
    person.submit(&[("decision", "allow")]).await.stopped();
}

#[tokio::test]
async fn ses_02_a_session_that_is_over_for_any_reason_asks_for_a_sign_in() {
    let server = TestServer::start().await;
    let ask = Ask::webapp();
    let none = ask.clone().with("prompt", "none");
    for (change, back) in [
        ("update persons set blocked_at = created_at", "update persons set blocked_at = null"),
        ("update persons set not_before = created_at + interval '1 hour'", "update persons set not_before = null"),
        ("update sessions set ended_at = created_at", "update sessions set ended_at = null"),
        ("update sessions set expires_at = created_at", "update sessions set expires_at = created_at + interval '8 hours'"),
        ("update sessions set last_used_at = created_at - interval '1 hour'", "update sessions set last_used_at = created_at"),
        ("update sessions set cookie_hash = sha256('x')", "select 1"),
    ] {
        let mut person = browser_for(&ask);
        person.sign_in(ask.url(&server), PHONE).await;
        change_by(&server, change).await;
        is(Outcome::Error("login_required"), &server, &mut person, &ask, &none.url(&server)).await;
        change_by(&server, back).await;
        if !change.contains("cookie_hash") {
            code_of(&person.get(none.url(&server)).await.stopped(), &server, &ask);
        }
    }
    // appendix B: the client is cut off, and so is what people did before
    let mut person = browser_for(&ask);
    person.sign_in(ask.url(&server), PHONE).await;
    server.clock.advance(Duration::seconds(10));
    let moment = "(select max(auth_time) + interval '5 seconds' from sessions)";
    configure_by(&server, &format!("update clients set not_before = {moment} where client_id = '@myorg.is/webapp'")).await;
    is(Outcome::Error("login_required"), &server, &mut person, &ask, &none.url(&server)).await;
    let callback = person.sign_in(ask.url(&server), PHONE).await;
    identity(&server, &ask, &callback).await;
}

#[tokio::test]
async fn int_05_a_session_that_ends_on_the_pages_gives_no_code() {
    let server = TestServer::start().await;
    let ask = Ask::webapp().with("prompt", "consent");
    for change in
        ["update sessions set ended_at = created_at where ended_at is null", "update persons set blocked_at = created_at"]
    {
        let mut person = browser_for(&ask);
        let arrival = person.get(ask.url(&server)).await;
        person.walk_to_consent(arrival, PHONE).await;
        change_by(&server, change).await;
        assert!(matches!(person.submit(&[("decision", "allow")]).await, Arrival::Page));
        assert_eq!(person.page().url.path(), "/signin/choose", "{}", person.page());
    }
    assert_eq!(number(&server, "select count(*) from authorization_codes").await, 0);
}

#[tokio::test]
async fn decision_b_a_client_without_single_sign_on_neither_uses_nor_begins_a_session() {
    let server = TestServer::start().await;
    configure_by(&server, "update clients set sso = false where client_id = '@otherorg.is/portal'").await;
    let (alone, shared) = (Ask::portal(), Ask::webapp());
    let none = |ask: &Ask| ask.clone().with("prompt", "none").url(&server);

    let mut person = browser_for(&alone);
    let callback = person.sign_in(alone.url(&server), PHONE).await;
    let own = identity(&server, &alone, &callback).await;
    assert_eq!(person.cookie("localhost", "ias_session"), None);
    is(Outcome::Error("login_required"), &server, &mut person, &alone, &none(&alone)).await;
    person.stop_at(shared.value("redirect_uri").unwrap());
    is(Outcome::Error("login_required"), &server, &mut person, &shared, &none(&shared)).await;

    let first = person.sign_in(shared.url(&server), PHONE).await;
    let first = identity(&server, &shared, &first).await;
    assert_ne!(first["sid"], own["sid"]);
    let cookie = person.cookie("localhost", "ias_session").unwrap().to_owned();
    person.stop_at(alone.value("redirect_uri").unwrap());
    is(Outcome::Error("login_required"), &server, &mut person, &alone, &none(&alone)).await;
    let again = person.sign_in(alone.url(&server), PHONE).await;
    assert_ne!(identity(&server, &alone, &again).await["sid"], own["sid"]);
    // the shared one is as it was
    assert_eq!(person.cookie("localhost", "ias_session"), Some(&*cookie));
    person.stop_at(shared.value("redirect_uri").unwrap());
    let silent = person.get(none(&shared)).await.stopped();
    assert_eq!(identity(&server, &shared, &silent).await["sid"], first["sid"]);
    assert_eq!(number(&server, "select count(*) from sessions where ended_at is null").await, 3);
}

#[tokio::test]
async fn single_sign_on_goes_over_the_border_of_an_organisation() {
    let server = TestServer::start().await;
    let (first, second) = (Ask::webapp(), Ask::portal());
    let mut person = browser_for(&first);
    let callback = person.sign_in(first.url(&server), PHONE).await;
    let here = identity(&server, &first, &callback).await;
    person.stop_at(second.value("redirect_uri").unwrap());
    let callback = person.get(second.url(&server)).await.stopped();
    let there = identity(&server, &second, &callback).await;
    assert_eq!((&here["sub"], &here["sid"], &here["auth_time"]), (&there["sub"], &there["sid"], &there["auth_time"]));
}
