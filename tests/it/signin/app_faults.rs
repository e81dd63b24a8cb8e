//! What an app, its operator and its way back may do or lie about, seen from the pages, in each of the three ways (eid.md §11.2,
//! §11.3).

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use reqwest::StatusCode;
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::{
    app::{app_link, lies, named, open, qr_link, until_answered, with_button, with_qr},
    database::count,
    person::Person,
    phone::{Phone, assert_problem, confirm, session_cookie},
    server::{TestServer, simulator},
};

/// What the scenario numbers lead to: the kennitala, the sentence and the error kind.
const SCENARIOS: &[(&str, &str, &str)] = &[
    ("0099000029", "problem-cancelled", "user_cancelled"),
    ("0099000039", "problem-timed-out", "timeout"),
    ("0099000049", "problem-timed-out", "timeout"),
    ("0099000059", "problem-not-available", "not_available_for_user"),
    ("0099000069", "problem-blocked", "credential_blocked"),
    ("0099000079", "problem-unavailable", "provider_protocol"),
    ("0099000089", "problem-unavailable", "provider_unavailable"),
    ("0099000099", "problem-blocked", "credential_revoked"),
    ("0099000109", "problem-rejected", "certificate_rejected"),
    ("0099000119", "problem-rejected", "identity_mismatch"),
    ("0099000129", "problem-rejected", "signature_invalid"),
    ("0099000139", "problem-unavailable", "revocation_unavailable"),
    ("0099000149", "problem-unavailable", "provider_unavailable"),
    ("0099000169", "problem-wrong-code", "wrong_code_chosen"),
    ("0099000179", "problem-app-outdated", "app_too_old"),
    ("0099000189", "problem-rejected", "certificate_rejected"),
    ("0099000199", "problem-unavailable", "provider_protocol"),
    ("0099000209", "problem-rejected", "certificate_rejected"),
];

/// What the lies lead to, whichever way the person goes.
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
    ("levelDowngrade", "problem-rejected", "certificate_rejected"),
    ("wrongSalt", "problem-rejected", "signature_invalid"),
    ("wrongServerRandom", "problem-rejected", "signature_invalid"),
    ("wrongUserChallenge", "problem-rejected", "signature_invalid"),
    ("wrongFlowType", "problem-rejected", "signature_invalid"),
    ("wrongInteraction", "problem-rejected", "signature_invalid"),
    ("wrongRpName", "problem-rejected", "signature_invalid"),
    ("unknownState", "problem-unavailable", "provider_protocol"),
    ("unknownResult", "problem-unavailable", "provider_protocol"),
    ("malformedJson", "problem-unavailable", "provider_protocol"),
    ("hugeBody", "problem-unavailable", "provider_protocol"),
];

/// What the way back may lie about.
pub(super) const RETURN_LIES: &[(&str, &str, &str)] = &[
    ("wrongCallbackValue", "problem-rejected", "signature_invalid"),
    ("wrongDigest", "problem-rejected", "signature_invalid"),
    ("wrongVerifier", "problem-rejected", "signature_invalid"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Kennitala,
    Qr,
    SameDevice,
}

const WAYS: [Way; 3] = [Way::Kennitala, Way::Qr, Way::SameDevice];

/// The whole way of a person who confirms in the app, up to the answer.
async fn walk(server: &TestServer, way: Way, phone: &Phone) -> Person {
    let mut person = go(server, way, phone).await;
    until_answered(&mut person).await;
    person
}

/// The same, up to the page that waits for the answer.
async fn go(server: &TestServer, way: Way, phone: &Phone) -> Person {
    let mut person = match way {
        Way::Kennitala => named(server, phone).await,
        Way::Qr => with_qr(server).await,
        Way::SameDevice => with_button(server).await,
    };
    match way {
        Way::Kennitala => {}
        Way::Qr => assert_eq!(open(&qr_link(&person), phone, "approve").await, None),
        Way::SameDevice => {
            if let Some(redirect) = open(&app_link(&person), phone, "approve").await {
                person.get(&redirect).await;
            }
        }
    }
    person
}

/// The page, the row and what must not be there.
async fn assert_refused(owner: &PgPool, person: &Person, what: &str, sentence: &str, kind: &str) {
    let page = person.page();
    assert_eq!(page.status, StatusCode::OK, "{what}: {page}");
    assert_problem(person, sentence);
    assert!(session_cookie(person).is_none(), "{what}");
    let incident: Uuid = page.text_of("#incident").expect("an incident number").parse().expect("a UUID");
    let attempt: Uuid = page.url.query_pairs().find(|(name, _)| name == "attempt").unwrap().1.parse().unwrap();
    let (state, error_kind, stored, held): (String, String, Uuid, bool) = sqlx::query_as(
        "select state, error_kind, incident, person_id is not null or driver_state is not null
            or exists (select from sign_in_evidence e where e.id = sign_in_attempts.id)
         from sign_in_attempts where id = $1",
    )
    .bind(attempt)
    .fetch_one(owner)
    .await
    .unwrap();
    assert_eq!((state.as_str(), error_kind.as_str(), stored, held), ("failed", kind, incident, false), "{what}");
}

#[tokio::test]
async fn each_scenario_kennitala_ends_on_its_page_without_a_session() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    stream::iter(SCENARIOS)
        .for_each_concurrent(4, async |(national_id, sentence, kind)| {
            let phone = Phone { national_id: (*national_id).to_owned(), ..Phone::nobodys() };
            let person = walk(&server, Way::Kennitala, &phone).await;
            assert_refused(&owner, &person, national_id, sentence, kind).await;
        })
        .await;
    assert_eq!(count(&owner, "persons").await, 0);
    let known: BTreeSet<&str> = SCENARIOS.iter().map(|it| it.0).chain(["0099000019", "0099000159"]).collect();
    let scenarios = simulator().await.simulator.scenarios();
    assert_eq!(scenarios.iter().map(|it| it.national_id.as_str()).collect::<BTreeSet<_>>(), known);
    println!("{} scenario numbers of the app: {} refused", known.len(), SCENARIOS.len());
}

#[tokio::test]
async fn every_lie_of_an_app_is_refused_on_its_page_in_each_way() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    // an honest signature that can be replayed
    let honest = Phone::new().await;
    let mut person = walk(&server, Way::Kennitala, &honest).await;
    confirm(&mut person).await;
    let before = count(&owner, "persons").await;
    let cases: Vec<(Way, &(&str, &str, &str))> = WAYS
        .into_iter()
        .flat_map(|way| LIES.iter().map(move |lie| (way, lie)))
        .chain(RETURN_LIES.iter().map(|lie| (Way::SameDevice, lie)))
        .collect();
    for (way, (lie, sentence, kind)) in cases.iter().filter(|(_, lie)| lie.0 == "replayOld") {
        lies(&honest, lie).await;
        let person = walk(&server, *way, &honest).await;
        assert_refused(&owner, &person, lie, sentence, kind).await;
    }
    stream::iter(cases.iter().filter(|(_, lie)| lie.0 != "replayOld"))
        .for_each_concurrent(4, async |(way, (lie, sentence, kind))| {
            let phone = Phone::new().await;
            lies(&phone, lie).await;
            let person = walk(&server, *way, &phone).await;
            assert_refused(&owner, &person, &format!("{lie} {way:?}"), sentence, kind).await;
        })
        .await;
    assert_eq!(count(&owner, "persons").await, before);
    println!("{} lies of apps in {} ways: {} cases refused", LIES.len() + RETURN_LIES.len(), WAYS.len(), cases.len());
}

#[tokio::test]
async fn eid_08_a_notification_is_for_the_one_who_was_named_and_a_link_for_the_one_in_the_certificate() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let phone = Phone::new().await;
    lies(&phone, "wrongPerson").await;
    let person = walk(&server, Way::Kennitala, &phone).await;
    assert_refused(&owner, &person, "wrongPerson", "problem-rejected", "identity_mismatch").await;
    assert_eq!(count(&owner, "persons").await, 0);
    for way in [Way::Qr, Way::SameDevice] {
        let mut person = walk(&server, way, &phone).await;
        assert!(confirm(&mut person).await.stopped().query().unwrap().contains("code="), "{way:?}");
        let known: Vec<String> = sqlx::query_scalar("select national_id from persons").fetch_all(&owner).await.unwrap();
        assert!(known.len() == 1 && known[0] != phone.national_id, "{way:?}: the person of the certificate");
    }
}

#[tokio::test]
async fn eid_07_whoever_has_no_app_and_whoever_is_blocked_read_the_same_sentence() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let (unknown, blocked) = (Phone::nobodys(), Phone::new().await);
    sqlx::query(
        "insert into persons (id, national_id, created_at, updated_at, blocked_at)
         select gen_random_uuid(), $1, at, at, at from (values ($2::timestamptz)) as t (at)",
    )
    .bind(&blocked.national_id)
    .bind(server.app.clock.now())
    .execute(&owner)
    .await
    .unwrap();
    for phone in [&unknown, &blocked] {
        let person = walk(&server, Way::Kennitala, phone).await;
        assert_refused(&owner, &person, &phone.national_id, "problem-not-available", "not_available_for_user").await;
    }
}

#[tokio::test]
async fn an_apps_answer_that_never_comes_whole_runs_out_of_time_in_each_way() {
    for way in WAYS {
        let server = TestServer::start().await;
        let phone = Phone::new().await;
        lies(&phone, "slowBody").await;
        let mut person = go(&server, way, &phone).await;
        server.clock.advance(time::Duration::minutes(5));
        until_answered(&mut person).await;
        assert_problem(&person, "problem-timed-out");
        assert_eq!(count(&server.owner().await, "persons").await, 0, "{way:?}");
    }
}

#[tokio::test]
async fn unknown_fields_in_an_apps_answer_change_nothing() {
    let server = TestServer::start().await;
    for way in WAYS {
        let phone = Phone::new().await;
        lies(&phone, "extraFields").await;
        let mut person = walk(&server, way, &phone).await;
        let url = confirm(&mut person).await.stopped();
        assert!(url.query().unwrap().contains("code="), "{way:?}: {url}");
    }
}
