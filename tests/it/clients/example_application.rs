//! The example application of the demo, as people use it, and what becomes of their tokens meanwhile.

use std::time::Duration as Monotonic;

use futures_util::future::join_all;
use ias::{jobs::keep_keys, keys::life_cycle};
use reqwest::StatusCode;
use time::Duration;
use url::Url;

use crate::support::{
    example_application::ExampleApplication,
    person::{Arrival, Person},
    phone::Phone,
    server::{PHONE, TestServer},
    tokens::{decode, http, machine_token},
};

/// Past the last moment at which the application would still use the access token.
const ENDING: Duration = Duration::minutes(4).saturating_add(Duration::seconds(40));

/// A person uses the example application: signs in, sees who is signed in, reads and adds a document, has the tokens refreshed,
/// signs out.
pub async fn the_example_application_is_used(mut person: Person, base_url: &str, phone_number: &str, name: &str) {
    let host = Url::parse(base_url).unwrap().host_str().unwrap().to_owned();
    person.get(format!("{base_url}/")).await;
    let arrival = person.submit_to("/login", &[]).await;
    person.walk_through_sign_in(arrival, phone_number).await;
    assert_eq!(person.page().url.as_str(), format!("{base_url}/"), "{}", person.page());
    assert_eq!(person.page().text_of("h1").as_deref(), Some(name));
    assert!(person.cookie(&host, "myorg_session").is_some());
    assert!(!person.page().html.contains("eyJ"), "no token reaches the browser");

    person.submit_to("/documents", &[]).await;
    assert_eq!(person.page().status, 200, "{}", person.page());
    person.submit_to("/documents", &[("title", "Bréf til sýslumanns")]).await;
    assert!(person.page().text_of(".documents").unwrap().contains("Bréf til sýslumanns"), "{}", person.page());

    person.get(format!("{base_url}/")).await;
    person.submit_to("/refresh", &[]).await;
    assert_eq!(refreshes(&person), Some(1), "{}", person.page());
    if let Arrival::Page = person.submit_to("/logout", &[]).await
        && person.page().forms().iter().any(|form| form.has_button("decision", "logout"))
    {
        person.submit(&[("decision", "logout")]).await;
    }
    assert!(person.page().url.as_str().starts_with(&format!("{base_url}/?state=")), "{}", person.page());
    assert!(person.page().text_of(".notice").is_some(), "{}", person.page());
    assert!(person.cookie(&host, "myorg_session").is_none());
}

/// A browser that is signed in at the application.
async fn signed_in(application: &ExampleApplication, phone_number: &str) -> Person {
    let mut person = Person::new();
    person.get(&application.address).await;
    let arrival = person.submit_to("/login", &[]).await;
    person.walk_through_sign_in(arrival, phone_number).await;
    assert_eq!(refreshes(&person), Some(0), "{}", person.page());
    person
}

/// How often the tokens were refreshed, as the page says.
fn refreshes(person: &Person) -> Option<u32> {
    person.page().text_of("#access-token .count")?.parse().ok()
}

/// The tabs of one browser: so many equal requests at once.
async fn tabs(person: &Person, request: impl Fn(String) -> reqwest::RequestBuilder) -> Vec<StatusCode> {
    let cookies = person.cookie_header(&person.page().url);
    let tab = || async { request(cookies.clone()).send().await.unwrap().status() };
    join_all((0..8).map(|_| tab())).await
}

/// Generation of the newest chain, and why it was revoked.
async fn chain(server: &TestServer) -> (i32, Option<String>) {
    sqlx::query_as("select generation, revoke_reason from families order by id desc limit 1")
        .fetch_one(&server.owner().await)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_that_ends_is_refreshed_once_for_all_tabs() {
    let (server, application) = ExampleApplication::start().await;
    let mut person = signed_in(&application, PHONE).await;
    let documents = format!("{}/documents", application.address);
    person.get(&documents).await;
    assert_eq!(chain(&server).await, (0, None), "it is good for some minutes");

    server.clock.advance(ENDING);
    let answers = tabs(&person, |cookies| http().get(&documents).header("cookie", cookies)).await;
    assert_eq!(answers, [StatusCode::OK; 8]);
    assert_eq!(chain(&server).await, (1, None));
    person.get(&application.address).await;
    assert_eq!(refreshes(&person), Some(1));
    // long after its end, too, as long as the chain lives
    server.clock.advance(Duration::minutes(25));
    person.get(&application.address).await;
    assert!(person.page().text_of("#access-token").unwrap().contains("rann út"), "{}", person.page());
    person.submit_to("/documents", &[]).await;
    assert_eq!((person.page().status, chain(&server).await), (StatusCode::OK, (2, None)), "{}", person.page());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_button_refreshes_once_however_often_it_is_pressed() {
    let (server, application) = ExampleApplication::start().await;
    let mut person = signed_in(&application, PHONE).await;
    let url = format!("{}/refresh", application.address);
    let press = |cookies| {
        let request = http().post(&url).header("cookie", cookies).header("origin", &application.address);
        request.form(&[("refreshes", "0")])
    };
    assert_eq!(tabs(&person, press).await, [StatusCode::SEE_OTHER; 8]);
    assert_eq!(chain(&server).await, (1, None));
    // the page that was open already has been overtaken; the new one has not
    person.submit_to("/refresh", &[]).await;
    assert_eq!((refreshes(&person), chain(&server).await), (Some(1), (1, None)));
    person.submit_to("/refresh", &[]).await;
    assert_eq!((refreshes(&person), chain(&server).await), (Some(2), (2, None)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_is_finished_when_its_browser_goes_away() {
    let (server, application) = ExampleApplication::start().await;
    let mut person = signed_in(&application, PHONE).await;
    // the provider keeps the application waiting
    let owner = server.owner().await;
    let mut hold = owner.begin().await.unwrap();
    sqlx::query("select id from families for update").execute(&mut *hold).await.unwrap();
    let request = http()
        .post(format!("{}/refresh", application.address))
        .header("cookie", person.cookie_header(&person.page().url))
        .header("origin", &application.address)
        .form(&[("refreshes", "0")]);
    let browser = tokio::spawn(request.send());
    let waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    until(async || sqlx::query_scalar::<_, i64>(waits).fetch_one(&owner).await.unwrap() > 0).await;
    browser.abort();
    // the application sees that its browser is gone
    tokio::time::sleep(Monotonic::from_millis(200)).await;
    hold.commit().await.unwrap();
    until(async || chain(&server).await == (1, None)).await;
    // the successor was kept: the chain goes on
    person.get(&application.address).await;
    assert_eq!(refreshes(&person), Some(1));
    person.submit_to("/refresh", &[]).await;
    assert_eq!((refreshes(&person), chain(&server).await), (Some(2), (2, None)));
}

async fn until(mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..400 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Monotonic::from_millis(25)).await;
    }
    panic!("it never happens");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_that_the_api_refuses_is_refreshed_and_the_call_made_again() {
    let (server, application) = ExampleApplication::start().await;
    let mut person = signed_in(&application, PHONE).await;
    // the key that signed it is withdrawn, and the API learns of it by a token of the next key
    let now = server.app.clock.now();
    let leaked = decode(&machine_token(&server).await).0["kid"].as_str().unwrap().to_owned();
    life_cycle::revoke(&server.app.pool, server.app.master(), 2048, &leaked, now).await.unwrap();
    server.app.confirm().await.unwrap();
    keep_keys::run_once(server.app.clone()).await.unwrap();
    let mut other = signed_in(&application, &Phone::new().await.number).await;
    other.submit_to("/documents", &[]).await;
    assert_eq!(other.page().status, 200, "{}", other.page());

    person.submit_to("/documents", &[]).await;
    assert_eq!(person.page().status, 200, "{}", person.page());
    person.get(&application.address).await;
    assert_eq!(refreshes(&person), Some(1));
    other.get(&application.address).await;
    assert_eq!(refreshes(&other), Some(0), "its access token is of the new key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_chain_signs_out_here_too() {
    let (server, application) = ExampleApplication::start().await;
    let mut person = signed_in(&application, PHONE).await;
    let host = Url::parse(&application.address).unwrap().host_str().unwrap().to_owned();
    let owner = server.owner().await;
    let at = server.app.clock.now();
    sqlx::query("update families set revoked_at = $1, revoke_reason = 'test'").bind(at).execute(&owner).await.unwrap();
    server.clock.advance(ENDING);
    person.get(format!("{}/documents", application.address)).await;
    assert_eq!(person.page().status, StatusCode::UNAUTHORIZED, "{}", person.page());
    assert_eq!(person.page().text_of("h1").as_deref(), Some("Innskráningunni er lokið"));
    assert_eq!(person.cookie(&host, "myorg_session"), None);
    person.get(&application.address).await;
    assert!(person.page().forms().iter().any(|form| form.action.path() == "/login"), "{}", person.page());
    assert_eq!(refreshes(&person), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_does_not_answer_signs_nobody_out() {
    let (server, application) = ExampleApplication::start().await;
    let mut person = signed_in(&application, PHONE).await;
    let owner = server.owner().await;
    // an answer that is none of the token endpoint's verdicts
    sqlx::query("alter table families rename to families_elsewhere").execute(&owner).await.unwrap();
    person.submit_to("/refresh", &[]).await;
    assert_eq!(person.page().status, StatusCode::BAD_GATEWAY, "{}", person.page());
    assert_eq!(person.page().text_of("h1").as_deref(), Some("Endurnýjun tókst ekki"));
    sqlx::query("alter table families_elsewhere rename to families").execute(&owner).await.unwrap();
    person.get(&application.address).await;
    person.submit_to("/refresh", &[]).await;
    assert_eq!((refreshes(&person), chain(&server).await), (Some(1), (1, None)));
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_or_in_again_gives_the_refresh_token_back() {
    let (server, application) = ExampleApplication::start().await;
    let mut person = signed_in(&application, PHONE).await;
    person.submit_to("/refresh", &[]).await;
    person.submit_to("/logout", &[]).await;
    assert_eq!(chain(&server).await, (1, Some("client".to_owned())));

    let mut person = signed_in(&application, PHONE).await;
    let living = "select count(*) from families where revoked_at is null";
    let owner = server.owner().await;
    person.get(format!("{}/login", application.address)).await;
    assert_eq!(refreshes(&person), Some(0), "{}", person.page());
    assert_eq!(sqlx::query_scalar::<_, i64>(living).fetch_one(&owner).await.unwrap(), 1);
}
