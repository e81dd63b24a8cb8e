//! What another OpenID provider may lie or fail about, seen from the pages (eid.md §8.5, §11.3; EID-07, EID-08).

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use ias::base::clock::Clock;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::support::{
    broker::{approve, at_the_broker, server_with_brokers},
    database::count,
    phone::{Phone, assert_problem, confirm, control, session_cookie},
};

/// The lie or failure, at which broker, the sentence, the error kind and the provider's word.
pub(super) type Case = (&'static str, &'static str, &'static str, &'static str, Option<&'static str>);

pub(super) const CASES: &[Case] = &[
    ("accessDenied", "audkenni-sim", "problem-cancelled", "user_cancelled", Some("mssp_401")),
    ("deviceTimeout", "audkenni-sim", "problem-timed-out", "timeout", Some("mssp_208")),
    ("serverError", "kenni", "problem-unavailable", "provider_unavailable", Some("server_error")),
    ("unmetRequirements", "kenni", "problem-assurance-too-low", "assurance_too_low", Some("unmet_authentication_requirements")),
    ("wrongIss", "kenni", "problem-rejected", "token_rejected", None),
    ("noIss", "signicat", "problem-rejected", "token_rejected", None),
    ("noCode", "signicat", "problem-unavailable", "provider_protocol", Some("no_code")),
    ("wrongIssuer", "audkenni-app", "problem-rejected", "token_rejected", None),
    ("wrongNonce", "signicat", "problem-rejected", "token_rejected", None),
    ("wrongAudience", "kenni", "problem-rejected", "token_rejected", None),
    ("expired", "audkenni-sim", "problem-rejected", "token_rejected", None),
    ("notYetValid", "signicat", "problem-rejected", "token_rejected", None),
    ("staleAuthTime", "kenni", "problem-rejected", "token_rejected", None),
    ("noAuthTime", "signicat", "problem-rejected", "token_rejected", None),
    ("badSignature", "audkenni-sim", "problem-rejected", "token_rejected", None),
    ("badSignature", "signicat", "problem-rejected", "token_rejected", None),
    ("badSignature", "kenni", "problem-rejected", "token_rejected", None),
    ("unknownKid", "kenni", "problem-rejected", "token_rejected", None),
    ("algNone", "signicat", "problem-rejected", "token_rejected", None),
    ("algHs256", "audkenni-sim", "problem-rejected", "token_rejected", None),
    ("wrongAccessTokenHash", "kenni", "problem-rejected", "token_rejected", None),
    ("acrLower", "audkenni-app", "problem-assurance-too-low", "assurance_too_low", None),
    ("acrLower", "signicat", "problem-assurance-too-low", "assurance_too_low", Some("eidas-loa-substantial")),
    ("acrLower", "kenni", "problem-assurance-too-low", "assurance_too_low", None),
    ("noNationalId", "audkenni-sim", "problem-rejected", "token_rejected", None),
    ("noNationalId", "kenni", "problem-rejected", "token_rejected", None),
    ("companyId", "signicat", "problem-rejected", "token_rejected", None),
    ("twoNationalIds", "kenni", "problem-rejected", "token_rejected", None),
    ("foreignCountry", "signicat", "problem-rejected", "token_rejected", None),
    ("shortNationalId", "kenni", "problem-rejected", "token_rejected", None),
    ("wrongSubject", "audkenni-sim", "problem-rejected", "identity_mismatch", None),
    ("invalidGrant", "kenni", "problem-unavailable", "provider_protocol", Some("invalid_grant")),
    ("invalidClient", "signicat", "problem-unavailable", "provider_config", Some("invalid_client")),
    ("tokenDown", "audkenni-app", "problem-unavailable", "provider_unavailable", Some("http_500")),
    ("malformedJson", "kenni", "problem-unavailable", "provider_protocol", Some("malformed_json")),
    ("hugeBody", "signicat", "problem-unavailable", "provider_protocol", None),
    ("slowBody", "kenni", "problem-unavailable", "provider_unavailable", None),
];

/// The simulator tells every lie of a broker that it knows when it is asked for one that it does not.
pub(super) async fn lies_of_brokers() -> BTreeSet<String> {
    let someone = Phone::new().await;
    let (_, refusal) =
        control(Method::PUT, &format!("/op/persons/{}", someone.national_id), json!({"fault": "nonsense"})).await;
    let listed = refusal["error"].as_str().unwrap().split("one of ").nth(1).unwrap().split(" at line").next().unwrap();
    listed.split(", ").map(|word| word.trim_matches('`').to_owned()).collect()
}

#[tokio::test]
async fn every_lie_and_failure_of_a_broker_ends_on_its_page_without_a_session() {
    let server = server_with_brokers().await;
    let owner = server.owner().await;
    stream::iter(CASES)
        .for_each_concurrent(4, async |&(fault, broker, sentence, kind, provider_code)| {
            let what = format!("{fault} at {broker}");
            // the brokers have a clock of their own
            server.clock.advance((Clock::System.now() - server.app.clock.now()).max(time::Duration::ZERO));
            let phone = Phone::new().await;
            phone.lies_at_the_broker(fault).await;
            let mut person = at_the_broker(&server, broker).await;
            approve(&mut person, &phone.national_id).await;
            assert_problem(&person, sentence);
            assert!(session_cookie(&person).is_none(), "{what}");
            let page = person.page();
            let incident: Uuid = page.text_of("#incident").expect("an incident number").parse().expect("a UUID");
            let attempt: Uuid = page.url.query_pairs().find(|(name, _)| name == "attempt").unwrap().1.parse().unwrap();
            let row: (String, String, Option<String>, Uuid, bool) = sqlx::query_as(
                "select state, error_kind, provider_code, incident,
                    person_id is not null or driver_state is not null
                        or exists (select from sign_in_evidence e where e.id = sign_in_attempts.id)
                 from sign_in_attempts where id = $1",
            )
            .bind(attempt)
            .fetch_one(&owner)
            .await
            .unwrap();
            let expected = ("failed".to_owned(), kind.to_owned(), provider_code.map(ToOwned::to_owned), incident, false);
            assert_eq!(row, expected, "{what}");
        })
        .await;
    assert_eq!((count(&owner, "persons").await, count(&owner, "sessions").await), (0, 0));
    let audited: i64 =
        sqlx::query_scalar("select count(*) from audit_log where kind = 'sign_in_failed'").fetch_one(&owner).await.unwrap();
    assert_eq!(usize::try_from(audited), Ok(CASES.len()), "each is in the audit once");
    let listed = lies_of_brokers().await;
    assert_eq!(listed, CASES.iter().map(|case| case.0.to_owned()).collect());
    println!("{} lies and failures of brokers: {} cases refused", listed.len(), CASES.len());
}

#[tokio::test]
async fn a_person_who_declines_may_try_again_and_choose_another_way() {
    let server = server_with_brokers().await;
    let phone = Phone::new().await;
    let mut person = at_the_broker(&server, "kenni").await;
    person.submit(&[("decision", "decline")]).await;
    assert_problem(&person, "problem-cancelled");
    let href = |person: &crate::support::person::Person, id: &str| {
        let document = scraper::Html::parse_document(&person.page().html);
        let link = document.select(&scraper::Selector::parse(id).unwrap()).next().unwrap().attr("href").unwrap().to_owned();
        person.page().url.join(&link).unwrap()
    };
    let (retry, other) = (href(&person, "#retry"), href(&person, "#other"));
    person.get(&other).await;
    assert!(person.page().forms()[0].has_button("identity_provider", "signicat"));
    person.get(&retry).await;
    person.submit_to("/signin/start", &[]).await;
    assert!(person.page().url.path().starts_with("/op/kenni/"), "{}", person.page());
    approve(&mut person, &phone.national_id).await;
    confirm(&mut person).await.stopped();
}
