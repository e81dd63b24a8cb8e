//! How often somebody may be asked: one open attempt for a number, limits by number, browser and network, and a pause after
//! refusals (EID-06, RAT-01, RAT-02).

use futures_util::future::join_all;
use ias::{base::digest::hmac_sha256, model::phone_number::PhoneNumber};
use reqwest::{StatusCode, header::RETRY_AFTER};
use time::{Duration, OffsetDateTime};

use crate::support::{
    database::count,
    person::Person,
    phone::{
        CLIENT, Phone, assert_problem, assert_problem_with, at_the_number, authorize_url, browser, eventually,
        go_to_the_number, sign_in_again, started, until_answered,
    },
    server::TestServer,
};

const WINDOW: Duration = Duration::minutes(10);

/// A start that is allowed, for a number that nobody holds: it fails at once and leaves nothing open.
async fn starts(server: &TestServer, person: &mut Person, phone: &Phone) {
    go_to_the_number(person, server).await;
    person.submit(&[("phone_number", &phone.number)]).await;
    assert_eq!(person.page().status, StatusCode::OK, "{}", person.page());
    until_answered(person).await;
    assert_problem(person, "problem-not-available");
}

/// A start that is refused, for so many minutes.
async fn is_limited(server: &TestServer, person: &mut Person, phone: &Phone, minutes: &str) {
    go_to_the_number(person, server).await;
    person.submit(&[("phone_number", &phone.number)]).await;
    assert_limited(person, minutes);
}

#[track_caller]
fn assert_limited(person: &Person, minutes: &str) {
    assert_eq!(person.page().status, StatusCode::TOO_MANY_REQUESTS, "{}", person.page());
    assert_problem_with(person, "problem-too-many-attempts", &[("minutes", minutes)]);
    let seconds: u64 = person.page().headers[RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert_eq!(seconds.div_ceil(60).to_string(), minutes, "Retry-After");
    // and as a person reads it
    let sentence = person.page().text_of("#problem p").unwrap();
    let noun = if minutes == "1" { "mínútu." } else { "mínútur." };
    assert!(sentence.ends_with(noun) && sentence.contains(minutes), "{sentence}");
}

#[track_caller]
fn assert_busy(person: &Person) {
    assert_eq!(person.page().status, StatusCode::TOO_MANY_REQUESTS, "{}", person.page());
    assert_problem(person, "problem-busy");
    assert_eq!(person.page().headers[RETRY_AFTER], "60");
}

#[tokio::test]
async fn eid_06_a_number_has_one_open_attempt_whatever_the_browser_and_the_node() {
    let server = TestServer::start().await;
    let second = server.second_node().await;
    let phone = Phone::asking().await;
    let first = started(&server, &phone).await;
    assert!(first.page().text_of("#verification-code").is_some());
    phone.prompt().await;
    assert_busy(&started(&server, &phone).await);
    assert_busy(&started(&second, &phone).await);
    assert_eq!(phone.prompts().await.len(), 1, "no push was sent");
    phone.refuse().await;
    let owner = server.owner().await;
    eventually("the end of the attempt", async || (count(&owner, "open_attempts").await == 0).then_some(())).await;
    assert!(started(&second, &phone).await.page().text_of("#verification-code").is_some());
}

#[tokio::test]
async fn eid_06_after_a_cancel_the_same_browser_may_ask_again_in_five_seconds_and_another_when_the_prompt_has_ended() {
    let server = TestServer::start_with(|settings| settings.sign_in.attempts_per_number = 50).await;
    let phone = Phone::asking().await;
    let mut person = started(&server, &phone).await;
    phone.prompt().await;
    person.submit(&[("decision", "cancel")]).await;
    assert!(person.page().url.path().ends_with("/choose"), "{}", person.page());
    let again = async |person: &mut Person| {
        go_to_the_number(person, &server).await;
        person.submit(&[("phone_number", &phone.number)]).await;
    };
    server.clock.advance(Duration::milliseconds(4_999));
    again(&mut person).await;
    assert_busy(&person);
    let mut other = browser();
    server.clock.advance(Duration::milliseconds(1));
    again(&mut other).await;
    assert_busy(&other);
    again(&mut person).await;
    assert!(person.page().text_of("#verification-code").is_some(), "{}", person.page());
    person.submit(&[("decision", "cancel")]).await;
    server.clock.advance(Duration::seconds(129));
    again(&mut other).await;
    assert_busy(&other);
    server.clock.advance(Duration::seconds(1));
    again(&mut other).await;
    assert!(other.page().text_of("#verification-code").is_some(), "{}", other.page());
}

#[tokio::test]
async fn rat_02_a_number_is_asked_five_times_in_ten_minutes() {
    let server = TestServer::start().await;
    let phone = Phone::nobodys();
    for _ in 0..5 {
        starts(&server, &mut browser(), &phone).await;
    }
    let asked = phone.prompts().await.len();
    is_limited(&server, &mut browser(), &phone, "10").await;
    server.clock.advance(Duration::minutes(5));
    is_limited(&server, &mut browser(), &phone, "5").await;
    starts(&server, &mut browser(), &Phone::nobodys()).await;
    server.clock.advance(Duration::minutes(5) - Duration::seconds(1));
    is_limited(&server, &mut browser(), &phone, "1").await;
    assert_eq!((asked, phone.prompts().await.len()), (5, 5), "no push was sent");
    server.clock.advance(Duration::seconds(1));
    starts(&server, &mut browser(), &phone).await;
}

#[tokio::test]
async fn rat_02_a_browser_asks_ten_times_in_ten_minutes() {
    let server = TestServer::start().await;
    let mut person = browser();
    for _ in 0..10 {
        starts(&server, &mut person, &Phone::nobodys()).await;
    }
    is_limited(&server, &mut person, &Phone::nobodys(), "10").await;
    starts(&server, &mut browser(), &Phone::nobodys()).await;
    server.clock.advance(WINDOW);
    starts(&server, &mut person, &Phone::nobodys()).await;
}

#[tokio::test]
async fn rat_02_a_network_has_a_limit_of_its_own() {
    let server = TestServer::start_with(|settings| settings.sign_in.attempts_per_address = 3).await;
    for _ in 0..3 {
        starts(&server, &mut browser(), &Phone::nobodys()).await;
    }
    is_limited(&server, &mut browser(), &Phone::nobodys(), "10").await;
    server.clock.advance(WINDOW);
    starts(&server, &mut browser(), &Phone::nobodys()).await;
}

#[tokio::test]
async fn rat_05_a_forged_forwarded_address_is_no_other_network() {
    let server = TestServer::start_with(|settings| settings.sign_in.attempts_per_address = 1).await;
    starts(&server, &mut browser(), &Phone::nobodys()).await;
    let person = at_the_number(&server).await;
    let mut fields = person.page().forms()[0].fields.clone();
    fields.retain(|(name, _)| name != "phone_number");
    fields.push(("phone_number".to_owned(), Phone::nobodys().number));
    let request = reqwest::Client::new().post(format!("{}/signin/start", server.address)).form(&fields);
    let request = request
        .header("cookie", format!("ias_browser={}", person.cookie("localhost", "ias_browser").unwrap()))
        .header("sec-fetch-site", "same-origin")
        .header("x-forwarded-for", "192.0.2.1")
        .header("forwarded", "for=192.0.2.1");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn eid_06_three_refusals_on_the_phone_stop_every_prompt_to_it_for_ten_minutes() {
    let server = TestServer::start().await;
    let phone = Phone::new().await;
    phone.does("refuse").await;
    for pause in [Duration::minutes(4), Duration::minutes(5), Duration::ZERO] {
        let mut person = started(&server, &phone).await;
        until_answered(&mut person).await;
        assert_problem(&person, "problem-cancelled");
        server.clock.advance(pause);
    }
    // from the last refusal, not from the first
    is_limited(&server, &mut browser(), &phone, "10").await;
    server.clock.advance(Duration::minutes(9));
    is_limited(&server, &mut browser(), &phone, "1").await;
    assert_eq!(phone.prompts().await.len(), 3, "no push was sent");
    server.clock.advance(Duration::minutes(1));
    let mut person = started(&server, &phone).await;
    until_answered(&mut person).await;
    assert_problem(&person, "problem-cancelled");
}

/// Whoever cancels before the person refuses would never be counted.
#[tokio::test]
async fn eid_06_a_refusal_counts_after_a_cancel_as_well_and_the_number_stays_held() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let phone = Phone::asking().await;
    let keys = server.app.keys();
    let keys = keys.pseudonyms();
    let number = PhoneNumber::parse(&phone.number, true).unwrap().key(keys);
    let key = hmac_sha256(keys.expose(), &[b"limit", b"refusals", &number]);
    for refusals in 1..=3 {
        let mut person = started(&server, &phone).await;
        eventually("the prompt", async || (phone.prompts().await.len() == usize::try_from(refusals).unwrap()).then_some(()))
            .await;
        person.submit(&[("decision", "cancel")]).await;
        phone.refuse().await;
        let ends = server.app.clock.now() + WINDOW;
        eventually("the count", async || {
            let counter: Option<(i32, OffsetDateTime)> =
                sqlx::query_as("select count, expires_at from rate_limits where key = $1")
                    .bind(key.as_slice())
                    .fetch_optional(&owner)
                    .await
                    .unwrap();
            counter.filter(|(count, until)| *count == refusals && (refusals < 3 || *until == ends))
        })
        .await;
        assert_eq!(count(&owner, "open_attempts").await, 1, "another browser waits for the end of the prompt");
        server.clock.advance(Duration::seconds(130));
    }
    is_limited(&server, &mut browser(), &phone, "8").await;
    assert_eq!(phone.prompts().await.len(), 3, "no push was sent");
}

#[tokio::test]
async fn sign_ins_that_the_person_approved_do_not_count() {
    let limit = 2;
    let server = TestServer::start_with(|settings| {
        settings.sign_in.attempts_per_number = limit;
        settings.sign_in.attempts_per_browser = limit;
        settings.sign_in.attempts_per_address = limit;
    })
    .await;
    let phone = Phone::new().await;
    let mut person = browser();
    for _ in 0..4 {
        sign_in_again(&mut person, &server, &phone).await;
    }
    let counted: Vec<i32> = sqlx::query_scalar("select count from rate_limits").fetch_all(&server.owner().await).await.unwrap();
    assert_eq!(counted, [0, 0, 0]);
}

/// So many browsers on two nodes give a number each at the same moment.
async fn at_once(numbers: impl Iterator<Item = String>, nodes: [&TestServer; 2]) -> Vec<Person> {
    let mut waiting = Vec::new();
    for (place, number) in numbers.enumerate() {
        waiting.push((at_the_number(nodes[place % 2]).await, number));
    }
    join_all(waiting.into_iter().map(async |(mut person, number)| {
        person.submit(&[("phone_number", &number)]).await;
        person
    }))
    .await
}

fn how_many_read(people: &[Person], problem: &str) -> usize {
    let sentence = ias::base::text::Language::Is.text(problem, &[("minutes", "10")]);
    let begins: String = sentence.chars().take(30).collect();
    let read = |person: &&Person| person.page().text_of("#problem p").is_some_and(|text| text.starts_with(&begins));
    people.iter().filter(read).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn rat_01_sixteen_starts_for_one_number_over_two_nodes_are_one_prompt() {
    let server = TestServer::start().await;
    let second = server.second_node().await;
    let phone = Phone::asking().await;
    let people = at_once((0..16).map(|_| phone.number.clone()), [&server, &second]).await;
    let begun = people.iter().filter(|person| person.page().text_of("#verification-code").is_some()).count();
    assert_eq!((begun, how_many_read(&people, "problem-busy")), (1, 15));
    phone.prompt().await;
    assert_eq!(phone.prompts().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn rat_01_a_burst_over_two_nodes_sends_a_number_no_more_prompts_than_its_limit() {
    let server = TestServer::start().await;
    let second = server.second_node().await;
    // its attempts end at once, so that the next may begin while others are still being judged
    let phone = Phone::nobodys();
    at_once((0..24).map(|_| phone.number.clone()), [&server, &second]).await;
    let owner = server.owner().await;
    eventually("the end of the attempts", async || (count(&owner, "open_attempts").await == 0).then_some(())).await;
    let asked = phone.prompts().await.len();
    assert!((1..=5).contains(&asked), "{asked}");
    for _ in asked..5 {
        starts(&server, &mut browser(), &phone).await;
    }
    is_limited(&server, &mut browser(), &phone, "10").await;
    assert_eq!(phone.prompts().await.len(), 5);
}

#[tokio::test]
async fn rat_03_nobody_locks_a_number_by_starts_that_send_no_prompt() {
    let server = TestServer::start().await;
    let phone = Phone::asking().await;
    let first = started(&server, &phone).await;
    assert!(first.page().text_of("#verification-code").is_some());
    phone.prompt().await;
    for _ in 0..8 {
        assert_busy(&started(&server, &phone).await);
    }
    phone.refuse().await;
    let owner = server.owner().await;
    eventually("the end of the attempt", async || (count(&owner, "open_attempts").await == 0).then_some(())).await;
    let again = started(&server, &phone).await;
    assert!(again.page().text_of("#verification-code").is_some(), "{}", again.page());
    assert_eq!(phone.prompts().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn rat_01_sixteen_starts_from_one_network_over_two_nodes_are_judged_exactly() {
    let limit = |settings: &mut ias::config::Settings| settings.sign_in.attempts_per_address = 6;
    let server = TestServer::start_with(limit).await;
    let second = server.second_node_with(limit).await;
    let people = at_once((0..16).map(|_| Phone::nobodys().number), [&server, &second]).await;
    let limited = how_many_read(&people, "problem-too-many-attempts");
    assert_eq!((people.len() - limited, limited), (6, 10));
}

/// Whoever is named is asked by one prompt at a time, in whatever way: a number and a kennitala are each held for all rows that ask
/// for them.
#[tokio::test]
async fn eid_06_one_open_attempt_for_a_number_whatever_the_identity_provider() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    sqlx::query(
        "insert into identity_providers select (jsonb_populate_record(null::identity_providers,
            to_jsonb(p) || jsonb_build_object('id', gen_random_uuid(), 'name', 'sim-two'))).*
         from identity_providers p where name = 'sim'",
    )
    .execute(&owner)
    .await
    .unwrap();
    sqlx::query("update configuration set version = version + 1").execute(&owner).await.unwrap();
    server.app.confirm().await.unwrap();
    let phone = Phone::asking().await;
    let first = started(&server, &phone).await;
    assert!(first.page().text_of("#verification-code").is_some());
    phone.prompt().await;
    let mut other = browser();
    other.get(authorize_url(&server, &[("prompt", "login")])).await;
    other.submit(&[("identity_provider", "sim-two")]).await;
    other.submit(&[("phone_number", &phone.number)]).await;
    assert_busy(&other);
    assert_eq!(phone.prompts().await.len(), 1, "no push was sent");
}

/// Whoever may be asked reads before who asks, and the organisation behind it.
#[tokio::test]
async fn the_page_before_a_prompt_and_the_prompt_itself_say_which_service_asks() {
    let server = TestServer::start().await;
    let phone = Phone::asking().await;
    let mut person = at_the_number(&server).await;
    let configuration = server.app.configuration();
    let client = configuration.snapshot().client(CLIENT).unwrap();
    let (service, organisation) = (&client.client.display_name.is, &client.organisation.display_name.is);
    let shown = person.page().text_of(".service").unwrap();
    assert!(shown.contains(service.as_str()) && shown.contains(organisation.as_str()), "{shown}");
    assert_eq!(phone.prompts().await.len(), 0, "before anything is sent");
    person.submit(&[("phone_number", &phone.number)]).await;
    let text = phone.prompt().await["text"].as_str().unwrap().to_owned();
    let beginning: String = service.chars().take(8).collect();
    assert!(text.contains(&beginning), "{text}");
}
