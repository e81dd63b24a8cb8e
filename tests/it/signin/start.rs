//! The phone number and the prompt that it sends.

use ias::base::text::Language;
use reqwest::StatusCode;

use crate::support::{
    database::count,
    phone::{Phone, assert_problem, at_the_number, started, until_answered},
    server::TestServer,
};

#[tokio::test]
async fn eid_03_the_code_on_the_page_is_the_one_on_the_phone() {
    let server = TestServer::start().await;
    let mut codes = Vec::new();
    for _ in 0..3 {
        let phone = Phone::asking().await;
        let person = started(&server, &phone).await;
        let prompt = phone.prompt().await;
        let code = person.page().text_of("#verification-code").unwrap();
        assert_eq!(prompt["verificationCode"], *code);
        assert!(code.len() == 4 && code.bytes().all(|digit| digit.is_ascii_digit()), "{code}");
        let text = prompt["text"].as_str().unwrap();
        assert!(text.contains(&code) && text.contains("Samræmispróf 1"), "the service that asks: {text}");
        let never = Language::Is.text("wait-never", &[]);
        assert!(person.page().html.contains(&never), "what to do with a request that one did not start");
        codes.push(code);
    }
    codes.dedup();
    assert!(codes.len() > 1, "drawn for each attempt");
}

#[tokio::test]
async fn what_is_not_a_phone_number_sends_nothing() {
    let server = TestServer::start().await;
    let mut person = at_the_number(&server).await;
    for typed in ["", "12345", "12345678", "0101302989", "abcdefg", "2000000", "010 29 89 x"] {
        person.submit(&[("phone_number", typed)]).await;
        assert_eq!(person.page().status, StatusCode::BAD_REQUEST, "{typed}");
        assert_problem(&person, "problem-phone-number");
    }
    assert_eq!(count(&server.owner().await, "sign_in_attempts").await, 0);
    // spaces, hyphens and the country's code are how people write
    let phone = Phone::asking().await;
    let (front, back) = phone.number.split_at(3);
    person.submit(&[("phone_number", &format!("+354 {front}-{back}"))]).await;
    assert!(person.page().text_of("#verification-code").is_some(), "{}", person.page());
}

#[tokio::test]
async fn a_second_try_needs_no_second_typing() {
    let server = TestServer::start().await;
    let phone = Phone::new().await;
    phone.does("refuse").await;
    let mut person = started(&server, &phone).await;
    until_answered(&mut person).await;
    let link = |person: &crate::support::person::Person| {
        let document = scraper::Html::parse_document(&person.page().html);
        let retry =
            document.select(&scraper::Selector::parse("a#retry").unwrap()).next().unwrap().attr("href").unwrap().to_owned();
        person.page().url.join(&retry).unwrap()
    };
    let retry = link(&person);
    person.get(&retry).await;
    let typed = person.page().forms()[0].fields.iter().find(|(name, _)| name == "phone_number").cloned().unwrap();
    assert_eq!(typed.1, phone.number, "WCAG 2.2, 3.3.7");
    // the link shows nobody else what was typed
    let mut other = at_the_number(&server).await;
    let elsewhere = other.page().url.clone();
    let attempt = retry.query_pairs().find(|(name, _)| name == "attempt").unwrap().1.into_owned();
    let mut url = elsewhere;
    url.query_pairs_mut().append_pair("attempt", &attempt);
    other.get(&url).await;
    assert!(!other.page().html.contains(&phone.number), "EID-01");
}

#[tokio::test]
async fn eid_10_a_provider_that_was_switched_off_sends_no_prompt() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let phone = Phone::new().await;
    let mut person = at_the_number(&server).await;
    sqlx::query("update identity_providers set enabled = false").execute(&owner).await.unwrap();
    sqlx::query("update configuration set version = version + 1").execute(&owner).await.unwrap();
    server.app.confirm().await.unwrap();
    person.submit(&[("phone_number", &phone.number)]).await;
    assert_eq!(person.page().status, StatusCode::BAD_REQUEST, "{}", person.page());
    assert_eq!((count(&owner, "sign_in_attempts").await, phone.prompts().await.len()), (0, 0));
}

#[tokio::test]
async fn eid_10_a_client_that_no_longer_accepts_the_provider_sends_no_prompt() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let phone = Phone::new().await;
    let mut person = at_the_number(&server).await;
    sqlx::query("update clients set identity_providers = '{card}'").execute(&owner).await.unwrap();
    sqlx::query("update configuration set version = version + 1").execute(&owner).await.unwrap();
    server.app.confirm().await.unwrap();
    person.submit(&[("phone_number", &phone.number)]).await;
    assert_eq!(person.page().status, StatusCode::BAD_REQUEST, "{}", person.page());
    assert_eq!((count(&owner, "sign_in_attempts").await, phone.prompts().await.len()), (0, 0));
}

#[tokio::test]
async fn eid_10_a_provider_of_another_organisation_sends_no_prompt() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let phone = Phone::new().await;
    let mut person = at_the_number(&server).await;
    let give_away = "update identity_providers set organisation_id = o.id from organisations o where o.domain = 'otherorg.is'";
    sqlx::query(give_away).execute(&owner).await.unwrap();
    sqlx::query("update configuration set version = version + 1").execute(&owner).await.unwrap();
    server.app.confirm().await.unwrap();
    person.submit(&[("phone_number", &phone.number)]).await;
    assert_eq!(person.page().status, StatusCode::BAD_REQUEST, "{}", person.page());
    assert_eq!((count(&owner, "sign_in_attempts").await, phone.prompts().await.len()), (0, 0));
}

#[tokio::test]
async fn a_node_that_attends_to_enough_attempts_takes_no_more() {
    let server = TestServer::start().await;
    // the jobs of a node are tasks as well
    let jobs = server.app.tasks.len();
    let node = server.second_node_with(|settings| settings.sign_in.max_open_attempts = jobs + 1).await;
    let phone = Phone::asking().await;
    started(&node, &phone).await;
    phone.prompt().await;
    let person = started(&node, &Phone::nobodys()).await;
    assert_eq!(person.page().status, StatusCode::SERVICE_UNAVAILABLE, "{}", person.page());
    assert_problem(&person, "problem-unavailable");
    phone.refuse().await;
}
