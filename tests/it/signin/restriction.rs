//! A telephone number that its holder has closed to new browsers (ias-domain.md §6.4).

use ias::{
    flows::admin::live_state,
    model::{national_id::NationalId, phone_number::PhoneNumber},
};
use reqwest::StatusCode;
use time::Duration;

use crate::support::{
    database::count,
    person::Person,
    phone::{Phone, assert_problem, sign_in_again, signed_in, started, until_answered},
    server::TestServer,
};

async fn restrict(server: &TestServer, phone: &Phone, until: Duration) {
    let now = server.app.clock.now();
    let national_id = NationalId::parse(&phone.national_id).unwrap();
    let key = PhoneNumber::parse(&phone.number, true).unwrap().key(server.app.keys().pseudonyms());
    live_state::restrict(&server.app.pool, &national_id, &key, now + until, now).await.unwrap();
}

async fn lift(server: &TestServer, phone: &Phone) -> bool {
    let national_id = NationalId::parse(&phone.national_id).unwrap();
    live_state::lift_restriction(&server.app.pool, &national_id, server.app.clock.now()).await.unwrap()
}

/// A sign-in in a new browser that ends without a prompt, as with a number that has no electronic ID.
async fn is_refused(server: &TestServer, phone: &Phone) -> Person {
    let before = phone.prompts().await.len();
    let mut person = started(server, phone).await;
    until_answered(&mut person).await;
    assert_problem(&person, "problem-not-available");
    assert_eq!(phone.prompts().await.len(), before, "no push was sent");
    person
}

#[tokio::test]
async fn a_closed_number_signs_in_where_it_has_before_and_nowhere_else() {
    let server = TestServer::start().await;
    let second = server.second_node().await;
    let phone = Phone::new().await;
    let mut known = signed_in(&server, &phone).await;
    restrict(&server, &phone, Duration::days(2)).await;
    // at once, on every node
    for node in [&server, &second] {
        is_refused(node, &phone).await;
    }
    sign_in_again(&mut known, &server, &phone).await;
    signed_in(&server, &Phone::new().await).await;
    assert!(lift(&server, &phone).await && !lift(&server, &phone).await);
    signed_in(&second, &phone).await;
}

#[tokio::test]
async fn a_restriction_runs_out_and_its_row_leaves() {
    let server = TestServer::start().await;
    let phone = Phone::new().await;
    // not longer: the responder's clock stands still
    restrict(&server, &phone, Duration::seconds(30)).await;
    server.clock.advance(Duration::seconds(29));
    is_refused(&server, &phone).await;
    server.clock.advance(Duration::SECOND);
    signed_in(&server, &phone).await;
    let owner = server.owner().await;
    server.clock.advance(Duration::DAY);
    ias::jobs::sweep::run_once(server.app.clone()).await.unwrap();
    assert_eq!(count(&owner, "login_restrictions").await, 0);
    assert_eq!(count(&owner, "known_browsers").await, 1);
    server.clock.advance(Duration::days(366));
    ias::jobs::sweep::run_once(server.app.clone()).await.unwrap();
    assert_eq!(count(&owner, "known_browsers").await, 0);
}

/// Nobody learns who has closed a number.
#[tokio::test]
async fn eid_07_a_closed_number_is_answered_as_one_without_an_electronic_id() {
    let server = TestServer::start().await;
    let closed = Phone::new().await;
    restrict(&server, &closed, Duration::days(2)).await;
    let page = |person: &Person| {
        let page = person.page();
        let incident = page.text_of("#incident").unwrap();
        (page.status, page.url.path().to_owned(), page.text_of("main").unwrap().replace(&incident, ""))
    };
    let mut refused = started(&server, &closed).await;
    assert!(refused.page().text_of("#verification-code").is_some(), "not told apart at once: {}", refused.page());
    let mut without = started(&server, &Phone::nobodys()).await;
    assert_eq!(refused.visited.len(), without.visited.len(), "the same number of steps");
    until_answered(&mut refused).await;
    until_answered(&mut without).await;
    assert_eq!(page(&refused), page(&without));
    assert_eq!(closed.prompts().await.len(), 0, "no push was sent");
}

/// The rest of what a browser sees of a number: another start while one is open, and the limit.
#[tokio::test]
async fn rat_03_strangers_use_nothing_up_of_a_closed_number_and_see_the_limits_of_any_other() {
    let server = TestServer::start_with(|settings| {
        settings.sign_in.attempts_per_number = 2;
        settings.sign_in.attempts_per_address = 50;
    })
    .await;
    let (limited, held) = (Phone::new().await, Phone::new().await);
    let mut known = [signed_in(&server, &limited).await, signed_in(&server, &held).await];
    restrict(&server, &limited, Duration::days(2)).await;
    restrict(&server, &held, Duration::days(2)).await;
    for _ in 0..2 {
        is_refused(&server, &limited).await;
    }
    let stranger = started(&server, &limited).await;
    assert_eq!(stranger.page().status, StatusCode::TOO_MANY_REQUESTS, "{}", stranger.page());
    let mut given_up = started(&server, &held).await;
    assert_problem(&started(&server, &held).await, "problem-busy");
    given_up.submit(&[("decision", "cancel")]).await;
    assert_problem(&started(&server, &held).await, "problem-busy");
    for (known, phone) in known.iter_mut().zip([&limited, &held]) {
        for _ in 0..3 {
            sign_in_again(known, &server, phone).await;
        }
    }
}

#[tokio::test]
async fn a_refusal_names_the_person_in_the_audit_and_nowhere_else() {
    let server = TestServer::start().await;
    let phone = Phone::new().await;
    restrict(&server, &phone, Duration::days(2)).await;
    is_refused(&server, &phone).await;
    let owner = server.owner().await;
    let audited: Vec<(String, Option<String>, String)> = sqlx::query_as(
        "select l.kind, l.detail ->> 'kind', p.national_id from audit_log l join persons p on p.id = l.actor_id order by l.kind",
    )
    .fetch_all(&owner)
    .await
    .unwrap();
    let of = |kind: &str, detail: Option<&str>| (kind.to_owned(), detail.map(ToOwned::to_owned), phone.national_id.clone());
    assert_eq!(audited, [of("login_restricted", None), of("sign_in_failed", Some("restricted"))]);
    let (kind, person): (String, bool) =
        sqlx::query_as("select error_kind, person_id is not null from sign_in_attempts").fetch_one(&owner).await.unwrap();
    assert_eq!((kind.as_str(), person), ("restricted", false));
    assert_eq!(count(&owner, "open_attempts").await, 0, "the number is free again");
}

/// Set while the prompt stands on the phone, it still holds.
#[tokio::test]
async fn a_restriction_that_comes_while_the_phone_is_asked_refuses_the_answer() {
    let server = TestServer::start().await;
    let phone = Phone::asking().await;
    let mut person = started(&server, &phone).await;
    phone.prompt().await;
    restrict(&server, &phone, Duration::days(2)).await;
    phone.approve().await;
    until_answered(&mut person).await;
    assert_problem(&person, "problem-not-available");
    let owner = server.owner().await;
    assert_eq!((count(&owner, "sessions").await, count(&owner, "sign_in_evidence").await), (0, 0));
}

/// The number of somebody who has none of their own: another person's restriction closes the number, not the person.
#[tokio::test]
async fn a_restriction_is_of_a_number_and_does_not_follow_the_person() {
    let server = TestServer::start().await;
    let (phone, other) = (Phone::new().await, Phone::new().await);
    let now = server.app.clock.now();
    let key = PhoneNumber::parse(&other.number, true).unwrap().key(server.app.keys().pseudonyms());
    let national_id = NationalId::parse(&phone.national_id).unwrap();
    live_state::restrict(&server.app.pool, &national_id, &key, now + Duration::DAY, now).await.unwrap();
    // one number for each person: the later one holds
    restrict(&server, &phone, Duration::DAY).await;
    signed_in(&server, &other).await;
    is_refused(&server, &phone).await;
    assert_eq!(count(&server.owner().await, "login_restrictions").await, 1);
}
