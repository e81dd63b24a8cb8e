//! The evidence of sign-ins: how long it is kept, and who opens it (X5-09).

use ias::{
    base::id::uuid_v7,
    flows::admin::evidence::{self, EvidenceFault},
    jobs,
};
use serde_json::Value;
use time::Duration;
use uuid::Uuid;

use crate::support::{
    database::count,
    phone::{Phone, signed_in, started, until_answered},
    server::TestServer,
};

#[tokio::test]
async fn x5_09_evidence_opens_by_its_attempt_and_tells_the_audit_who_was_looked_at_and_why() {
    let server = TestServer::start().await;
    let phone = Phone::new().await;
    signed_in(&server, &phone).await;
    let owner = server.owner().await;
    let attempt: Uuid = sqlx::query_scalar("select id from sign_in_attempts").fetch_one(&owner).await.unwrap();
    let (app, now) = (&server.app, server.app.clock.now());
    let opened = evidence::open(&app.pool, app.keys().sealing(), attempt, "case 7", now).await.unwrap();
    let opened = serde_json::to_value(&opened).unwrap();
    assert_eq!((opened["state"].as_str(), opened["identity_provider"].as_str()), (Some("consumed"), Some("sim")));
    for field in ["hash_input", "hash", "signature", "algorithm", "certificate", "issuer", "serial"] {
        assert!(opened["evidence"][field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {opened}");
    }
    assert_eq!(opened["evidence"]["revocation"]["source"], "ocsp");
    let (detail, named): (Value, String) = sqlx::query_as(
        "select l.detail, p.national_id from audit_log l join persons p on p.id = l.subject_id where l.kind = 'evidence_opened'",
    )
    .fetch_one(&owner)
    .await
    .unwrap();
    assert_eq!(detail, serde_json::json!({ "attempt": attempt, "reason": "case 7" }));
    assert_eq!(named, phone.national_id);
}

#[tokio::test]
async fn an_incident_leads_to_what_is_known_of_its_attempt() {
    let server = TestServer::start().await;
    let phone = Phone::new().await;
    phone.lies("wrongKey").await;
    let mut person = started(&server, &phone).await;
    until_answered(&mut person).await;
    let incident: Uuid = person.page().text_of("#incident").unwrap().parse().unwrap();
    let (app, now) = (&server.app, server.app.clock.now());
    let opened = evidence::open(&app.pool, app.keys().sealing(), incident, "a call", now).await.unwrap();
    let opened = serde_json::to_value(&opened).unwrap();
    assert_eq!(opened["incident"], incident.to_string());
    assert_eq!((opened["error_kind"].as_str(), &opened["evidence"]), (Some("signature_invalid"), &Value::Null));
    let unknown = evidence::open(&app.pool, app.keys().sealing(), Uuid::nil(), "a call", now).await;
    assert!(matches!(unknown, Err(EvidenceFault::Unknown)));
    assert_eq!(
        sqlx::query_scalar::<_, i64>("select count(*) from audit_log where kind = 'evidence_opened'")
            .fetch_one(&server.owner().await)
            .await
            .unwrap(),
        1
    );
}

/// Attempts and their evidence each have a retention of their own.
#[tokio::test]
async fn x5_09_evidence_stays_as_long_as_its_retention_says_whatever_becomes_of_the_attempt() {
    let server = TestServer::start_with(|settings| {
        settings.retention.sign_in_attempts = Duration::days(10);
        settings.retention.sign_in_evidence = Duration::days(200);
    })
    .await;
    signed_in(&server, &Phone::new().await).await;
    let owner = server.owner().await;
    let attempt: Uuid = sqlx::query_scalar("select id from sign_in_attempts").fetch_one(&owner).await.unwrap();
    server.clock.advance(Duration::days(60));
    jobs::keep_partitions::run_once(server.app.clone()).await.unwrap();
    assert_eq!((count(&owner, "sign_in_attempts").await, count(&owner, "sign_in_evidence").await), (0, 1));
    let (app, now) = (&server.app, server.app.clock.now());
    let opened = evidence::open(&app.pool, app.keys().sealing(), attempt, "later", now).await.unwrap();
    assert!(serde_json::to_value(&opened).unwrap()["evidence"]["signature"].is_string());
    server.clock.advance(Duration::days(200));
    jobs::keep_partitions::run_once(server.app.clone()).await.unwrap();
    assert_eq!(count(&owner, "sign_in_evidence").await, 0);
    assert_ne!(attempt, uuid_v7(now));
}
