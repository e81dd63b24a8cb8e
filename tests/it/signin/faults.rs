//! What a phone, its SIM card and its provider may do or lie about, seen from the pages: each is refused with its own page, or
//! with the neutral one (eid.md §11.2, §11.3, EID-07).

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use reqwest::StatusCode;
use sqlx::PgPool;
use time::Duration;
use uuid::Uuid;

use crate::support::{
    database::count,
    person::Person,
    phone::{Phone, assert_problem, confirm, session_cookie, signed_in, started, until_answered},
    server::TestServer,
};

/// What the scenario numbers lead to: the number, the sentence and the error kind.
const SCENARIOS: &[(&str, &str, &str)] = &[
    ("0000002", "problem-cancelled", "user_cancelled"),
    ("0000003", "problem-timed-out", "timeout"),
    ("0000004", "problem-unreachable", "device_unreachable"),
    ("0000005", "problem-not-available", "not_available_for_user"),
    ("0000006", "problem-blocked", "credential_broken"),
    ("0000007", "problem-blocked", "credential_broken"),
    ("0000008", "problem-unreachable", "device_unreachable"),
    ("0000009", "problem-blocked", "credential_revoked"),
    ("0000010", "problem-rejected", "certificate_rejected"),
    ("0000012", "problem-rejected", "signature_invalid"),
    ("0000013", "problem-unavailable", "revocation_unavailable"),
    ("0000014", "problem-unavailable", "provider_unavailable"),
    ("0000019", "problem-unavailable", "provider_protocol"),
    ("0000020", "problem-rejected", "certificate_rejected"),
];

/// What the lies lead to; those that sign somebody in, or never end, are tests of their own.
pub(super) const LIES: &[(&str, &str, &str)] = &[
    ("expired", "problem-rejected", "certificate_rejected"),
    ("notYetValid", "problem-rejected", "certificate_rejected"),
    ("untrustedIssuer", "problem-rejected", "certificate_rejected"),
    ("selfSigned", "problem-rejected", "certificate_rejected"),
    ("wrongPolicy", "problem-rejected", "certificate_rejected"),
    ("wrongEku", "problem-rejected", "certificate_rejected"),
    ("noDigitalSignature", "problem-rejected", "certificate_rejected"),
    ("weakKey", "problem-rejected", "certificate_rejected"),
    ("twoSerialNumbers", "problem-rejected", "certificate_rejected"),
    ("foreignCountry", "problem-rejected", "certificate_rejected"),
    ("noSerialNumber", "problem-rejected", "certificate_rejected"),
    ("revoked", "problem-blocked", "credential_revoked"),
    ("ocspDown", "problem-unavailable", "revocation_unavailable"),
    ("wrongKey", "problem-rejected", "signature_invalid"),
    ("otherHash", "problem-rejected", "signature_invalid"),
    ("replayOld", "problem-rejected", "signature_invalid"),
    ("wrongHashAlg", "problem-rejected", "signature_invalid"),
    ("derSignature", "problem-rejected", "signature_invalid"),
    ("emptySignature", "problem-rejected", "signature_invalid"),
    ("unknownState", "problem-unavailable", "provider_protocol"),
    ("unknownResult", "problem-unavailable", "provider_protocol"),
    ("malformedJson", "problem-unavailable", "provider_protocol"),
    ("hugeBody", "problem-unavailable", "provider_protocol"),
];

/// The page, the row, the audit and what must not be there.
pub(super) async fn assert_refused(owner: &PgPool, person: &Person, what: &str, sentence: &str, kind: &str) {
    let page = person.page();
    assert_eq!(page.status, StatusCode::OK, "{what}: {page}");
    assert_problem(person, sentence);
    assert!(session_cookie(person).is_none(), "{what}");
    let incident: Uuid = page.text_of("#incident").expect("an incident number").parse().expect("a UUID");
    let attempt: Uuid = page.url.query_pairs().find(|(name, _)| name == "attempt").unwrap().1.parse().unwrap();
    let (state, error_kind, stored, held): (String, String, Uuid, bool) = sqlx::query_as(
        "select state, error_kind, incident, person_id is not null or driver_state is not null
            or exists (select from sign_in_evidence e where e.id = a.id)
         from sign_in_attempts a where id = $1",
    )
    .bind(attempt)
    .fetch_one(owner)
    .await
    .unwrap();
    assert_eq!((state.as_str(), error_kind.as_str(), stored, held), ("failed", kind, incident, false), "{what}");
    let audited: i64 = sqlx::query_scalar(
        "select count(*) from audit_log l
         join sign_in_attempts a on a.client_id = l.client_id and a.address = l.address and a.user_agent is not distinct from l.user_agent
         join clients c on c.id = l.client_id and c.organisation_id = l.organisation_id
         where a.id = $1 and l.kind = 'sign_in_failed' and l.detail ->> 'kind' = a.error_kind
            and l.detail ->> 'provider_code' is not distinct from a.provider_code",
    )
    .bind(attempt)
    .fetch_one(owner)
    .await
    .unwrap();
    assert!(audited > 0, "{what} is not in the audit");
}

/// Four at a time.
async fn for_each(cases: &[(&str, &str, &str)], check: impl AsyncFn(&str, &str, &str)) {
    stream::iter(cases).for_each_concurrent(4, async |(what, sentence, kind)| check(what, sentence, kind).await).await;
}

#[tokio::test]
async fn each_scenario_number_ends_on_its_page_without_a_session() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    for_each(SCENARIOS, async |number, sentence, kind| {
        let phone = Phone { number: number.to_owned(), ..Phone::nobodys() };
        let mut person = started(&server, &phone).await;
        until_answered(&mut person).await;
        assert_refused(&owner, &person, number, sentence, kind).await;
    })
    .await;
    assert_eq!(count(&owner, "persons").await, 0);
    signed_in(&server, &Phone { number: "0000001".to_owned(), ..Phone::nobodys() }).await;
    // 15 approves after half a minute: until then the page waits
    let late = started(&server, &Phone { number: "0000015".to_owned(), ..Phone::nobodys() }).await;
    assert!(late.page().text_of("#verification-code").is_some());
    // the simulator has no other number than these and that of another person's certificate
    let known: BTreeSet<&str> = SCENARIOS.iter().map(|it| it.0).chain(["0000001", "0000011", "0000015"]).collect();
    let scenarios = crate::support::server::simulator().await.simulator.scenarios();
    let of_sims = scenarios.iter().filter(|it| it.outcome.is_some());
    assert_eq!(of_sims.map(|it| it.phone_number.as_str()).collect::<BTreeSet<_>>(), known);
    println!("{} scenario numbers: {} refused", known.len(), SCENARIOS.len());
}

#[tokio::test]
async fn every_lie_is_refused_on_its_page_without_a_session() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    // an honest signature that can be replayed
    let honest = Phone::new().await;
    signed_in(&server, &honest).await;
    let before = count(&owner, "persons").await;
    for_each(LIES, async |lie, sentence, kind| {
        let other = Phone::new().await;
        let phone = if lie == "replayOld" { &honest } else { &other };
        phone.lies(lie).await;
        let mut person = started(&server, phone).await;
        until_answered(&mut person).await;
        assert_refused(&owner, &person, lie, sentence, kind).await;
    })
    .await;
    assert_eq!(count(&owner, "persons").await, before);
    println!("{} lies of SIM cards refused", LIES.len());
}

#[tokio::test]
async fn eid_08_the_certificate_alone_says_who_signed_in() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    signed_in(&server, &Phone { number: "0000011".to_owned(), ..Phone::nobodys() }).await;
    let phone = Phone::new().await;
    phone.lies("wrongPerson").await;
    signed_in(&server, &phone).await;
    let theirs: i64 = sqlx::query_scalar("select count(*) from persons where national_id = any ($1)")
        .bind([&phone.national_id, "0099000119"])
        .fetch_one(&owner)
        .await
        .unwrap();
    assert_eq!((count(&owner, "persons").await, theirs), (1, 0), "both are the person of the certificate");
}

#[tokio::test]
async fn unknown_fields_in_an_answer_change_nothing() {
    let server = TestServer::start().await;
    let phone = Phone::new().await;
    phone.lies("extraFields").await;
    signed_in(&server, &phone).await;
    let national_id: String =
        sqlx::query_scalar("select national_id from persons").fetch_one(&server.owner().await).await.unwrap();
    assert_eq!(national_id, phone.national_id, "not the one in the unknown field");
}

#[tokio::test]
async fn an_answer_that_never_comes_whole_runs_out_of_time() {
    let server = TestServer::start().await;
    let phone = Phone::new().await;
    phone.lies("slowBody").await;
    let mut person = started(&server, &phone).await;
    phone.prompt().await;
    let url = person.page().url.clone();
    server.clock.advance(Duration::seconds(129));
    person.get(&url).await;
    assert!(person.page().text_of("#verification-code").is_some(), "the last second");
    server.clock.advance(Duration::seconds(1));
    person.get(&url).await;
    assert_problem(&person, "problem-timed-out");
    assert!(person.page().text_of("#incident").is_some());
    assert_eq!(count(&server.owner().await, "persons").await, 0);
}

/// The page without what differs from one sign-in to the next: sealed request, attempt, form token and incident.
fn without_ids(person: &Person) -> String {
    let html = &person.page().html;
    let words = html.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c)));
    words.map(|word| if word.len() > 36 { "…" } else { word }).collect()
}

#[tokio::test]
async fn eid_07_enu_01_who_has_no_electronic_id_and_who_is_blocked_read_the_same_page() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let (unknown, without, blocked) = (Phone::nobodys(), Phone::new().await, Phone::new().await);
    without.does("notClient").await;
    sqlx::query(
        "insert into persons (id, national_id, created_at, updated_at, blocked_at)
         select gen_random_uuid(), $1, at, at, at from (values ($2::timestamptz)) as t (at)",
    )
    .bind(&blocked.national_id)
    .bind(server.app.clock.now())
    .execute(&owner)
    .await
    .unwrap();
    let mut pages = Vec::new();
    for (phone, who) in [(&unknown, "unknown"), (&without, "without"), (&blocked, "blocked")] {
        let mut person = started(&server, phone).await;
        until_answered(&mut person).await;
        assert_refused(&owner, &person, who, "problem-not-available", "not_available_for_user").await;
        let page = person.page();
        let mut headers: Vec<String> = page.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        headers.retain(|line| !["date", "content-length", "x-request-id"].iter().any(|name| line.starts_with(name)));
        headers.sort();
        pages.push((page.status, headers, without_ids(&person)));
        // and the next step is as free for each of them
        assert_eq!(count(&owner, "open_attempts").await, 0, "{who}");
    }
    assert_eq!(pages[0], pages[1]);
    assert_eq!(pages[0], pages[2]);
}

#[tokio::test]
async fn a_person_who_is_blocked_after_the_approval_gets_no_session() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let mut person = started(&server, &Phone::new().await).await;
    until_answered(&mut person).await;
    sqlx::query("update persons set blocked_at = created_at").execute(&owner).await.unwrap();
    confirm(&mut person).await;
    assert!(session_cookie(&person).is_none());
    assert_eq!(count(&owner, "sessions").await, 0, "SES-02");
}
