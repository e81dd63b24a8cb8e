//! The session that a sign-in gives: its cookie, its `sid`, and when it ends.

use ias::base::digest;
use reqwest::StatusCode;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use url::Url;

use crate::support::{
    database::count,
    person::Person,
    phone::{
        CLIENT, Phone, authorize_url, browser, confirm, go_to_the_number, session_cookie, sign_in_again, signed_in,
        until_answered,
    },
    server::{APP, SECRET, TestServer},
};

/// The claims of the ID token and the access token that a sign-in gives.
async fn tokens(server: &TestServer, callback: &Url) -> (Value, String) {
    let code = callback.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let redirect_uri = format!("{APP}/callback");
    let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", &redirect_uri)];
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let request = reqwest::Client::new().post(format!("{}/connect/token", server.address)).form(&form);
    let answer = request.basic_auth(encode(CLIENT), Some(encode(SECRET))).send().await.unwrap();
    let body: Value = answer.json().await.unwrap();
    let id_token = body["id_token"].as_str().unwrap_or_else(|| panic!("{body}"));
    let claims = digest::from_base64url(id_token.split('.').nth(1).unwrap()).unwrap();
    (serde_json::from_slice(&claims).unwrap(), body["access_token"].as_str().unwrap().to_owned())
}

async fn userinfo(server: &TestServer, access_token: &str) -> StatusCode {
    let request = reqwest::Client::new().get(format!("{}/connect/userinfo", server.address));
    request.bearer_auth(access_token).send().await.unwrap().status()
}

/// Signs in; gives the value of the session cookie, the claims and the access token.
async fn claims_of_sign_in(server: &TestServer, person: &mut Person, phone: &Phone) -> (String, Value, String) {
    go_to_the_number(person, server).await;
    person.submit(&[("phone_number", &phone.number)]).await;
    until_answered(person).await;
    let callback = confirm(person).await.stopped();
    let (claims, access_token) = tokens(server, &callback).await;
    (session_cookie(person).unwrap().to_owned(), claims, access_token)
}

#[tokio::test]
async fn eid_09_ses_01_each_sign_in_gives_a_new_cookie_and_only_another_person_a_new_session() {
    let server = TestServer::start().await;
    let (one, two) = (Phone::new().await, Phone::new().await);
    let mut person = browser();
    let (first_cookie, first, first_token) = claims_of_sign_in(&server, &mut person, &one).await;
    let binding = person.cookie("localhost", "ias_browser").unwrap().to_owned();
    assert_eq!((&first["amr"], &first["acr"]), (&json!(["hwk", "pin", "mfa"]), &"eidas-loa-high".into()));
    assert_eq!(first["auth_time"], server.app.clock.now().unix_timestamp());
    server.clock.advance(Duration::seconds(2));
    let (second_cookie, second, second_token) = claims_of_sign_in(&server, &mut person, &one).await;
    assert_ne!(first_cookie, second_cookie);
    assert_eq!((&first["sid"], &first["sub"]), (&second["sid"], &second["sub"]), "the same person goes on");
    assert_eq!(second["auth_time"].as_i64().unwrap() - first["auth_time"].as_i64().unwrap(), 2);
    assert_eq!(userinfo(&server, &first_token).await, StatusCode::OK);
    let (third_cookie, third, third_token) = claims_of_sign_in(&server, &mut person, &two).await;
    assert_ne!(second_cookie, third_cookie);
    assert!(third["sid"] != first["sid"] && third["sub"] != first["sub"]);
    for (token, status) in [(first_token, 401), (second_token, 401), (third_token, 200)] {
        assert_eq!(userinfo(&server, &token).await.as_u16(), status, "another person ends the session and its families");
    }
    let ended: Vec<Option<String>> =
        sqlx::query_scalar("select end_reason from sessions order by id").fetch_all(&server.owner().await).await.unwrap();
    assert_eq!(ended, [Some("another_sign_in".to_owned()), None]);
    assert_eq!(person.cookie("localhost", "ias_browser"), Some(binding.as_str()), "other tabs live on");
    // values of before sign nobody in
    let is_signed_in = async |cookie: &str| {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let request = http.get(authorize_url(&server, &[("prompt", "none")]));
        let answer = request.header("cookie", format!("ias_session={cookie}")).send().await.unwrap();
        answer.headers()["location"].to_str().unwrap().contains("code=")
    };
    assert!(is_signed_in(&third_cookie).await);
    assert!(!is_signed_in(&first_cookie).await && !is_signed_in(&second_cookie).await, "SES-01");
}

#[tokio::test]
async fn ses_01_a_session_that_the_browser_brings_along_is_never_adopted() {
    let server = TestServer::start().await;
    let (victim, attacker) = (signed_in(&server, &Phone::new().await).await, Phone::new().await);
    let owner = server.owner().await;
    let before = count(&owner, "sessions").await;
    let mut person = browser();
    sign_in_again(&mut person, &server, &attacker).await;
    assert_ne!(session_cookie(&person), session_cookie(&victim));
    assert_eq!(count(&owner, "sessions").await, before + 1);
}

/// Whether the session of the browser still signs in silently.
async fn is_alive(server: &TestServer, person: &mut Person) -> bool {
    let url = person.get(authorize_url(server, &[("prompt", "none")])).await.stopped();
    let query = url.query().unwrap();
    assert!(query.contains("code=") || query.contains("error=login_required"), "{url}");
    query.contains("code=")
}

#[tokio::test]
async fn ses_02_a_session_ends_after_an_hour_without_use() {
    let server = TestServer::start().await;
    let mut person = signed_in(&server, &Phone::new().await).await;
    server.clock.advance(Duration::minutes(60) - Duration::SECOND);
    assert!(is_alive(&server, &mut person).await);
    server.clock.advance(Duration::minutes(60) - Duration::SECOND);
    assert!(is_alive(&server, &mut person).await, "use begins the hour anew");
    server.clock.advance(Duration::minutes(60));
    assert!(!is_alive(&server, &mut person).await);
}

#[tokio::test]
async fn ses_02_a_session_ends_eight_hours_after_the_sign_in_however_much_it_is_used() {
    let server = TestServer::start().await;
    let mut person = signed_in(&server, &Phone::new().await).await;
    for _ in 0..9 {
        server.clock.advance(Duration::minutes(50));
        assert!(is_alive(&server, &mut person).await);
    }
    server.clock.advance(Duration::minutes(30) - Duration::SECOND);
    assert!(is_alive(&server, &mut person).await);
    server.clock.advance(Duration::SECOND);
    assert!(!is_alive(&server, &mut person).await);
}

#[tokio::test]
async fn ses_02_ses_03_a_session_ends_with_a_block_or_a_cut_of_its_person_at_once() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let mut person = signed_in(&server, &Phone::new().await).await;
    let set = async |column: &str, value: Option<OffsetDateTime>| {
        let update = sqlx::AssertSqlSafe(format!("update persons set {column} = $1"));
        sqlx::query(update).bind(value).execute(&owner).await.unwrap();
    };
    let signed_in_at = server.app.clock.now();
    for (column, value, lives) in [
        ("blocked_at", Some(signed_in_at), false),
        ("blocked_at", None, true),
        ("not_before", Some(signed_in_at), true),
        ("not_before", Some(signed_in_at + Duration::SECOND), false),
        ("not_before", None, true),
    ] {
        set(column, value).await;
        assert_eq!(is_alive(&server, &mut person).await, lives, "{column} {value:?}");
    }
}
