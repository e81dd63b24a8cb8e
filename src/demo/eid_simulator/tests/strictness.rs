//! The wire refuses what the real service refuses (eid.md §11.1).

use serde_json::{Value, json};

use super::{INSTANT, Stage};
use crate::{base::digest, demo::eid_simulator::Mode};

#[tokio::test]
async fn each_field_that_does_not_fit_is_refused() {
    let stage = Stage::new(INSTANT).await;
    let long = "a".repeat(101);
    let table: &[(&str, Value, u16)] = &[
        ("relyingPartyUUID", json!("00000000-0000-4000-8000-0000000D0000"), 401),
        ("relyingPartyUUID", json!("00000000-0000-0000-0000-000000000000"), 401),
        ("relyingPartyUUID", json!(7), 400),
        ("relyingPartyName", json!("ias demo"), 401),
        ("phoneNumber", json!("0102989"), 400),
        ("phoneNumber", json!("+354 010 2989"), 400),
        ("nationalIdentityNumber", json!("010130-2989"), 400),
        ("hash", json!(digest::base64([0; 31])), 400),
        ("hash", json!(digest::base64([0; 48])), 400),
        ("hash", json!("%%%"), 400),
        ("hashType", json!("SHA1"), 400),
        ("hashType", json!("sha256"), 400),
        ("language", json!("ISL"), 400),
        ("displayText", json!("þ".repeat(51)), 400),
        ("displayText", json!("😀"), 400),
        ("displayTextFormat", json!("UTF-8"), 400),
        ("unknownField", json!(1), 400),
    ];
    for (field, value, expected) in table {
        let mut request = Stage::request("0102989", &[0; 32]);
        request[field] = value.clone();
        let (status, body) = stage.post("/mid-api/authentication", &request).await;
        assert_eq!(status, *expected, "{field} = {value}: {body}");
        assert!(body["error"].is_string() && body["time"].is_string() && body["traceId"].is_string(), "{body}");
    }
    for (text, expected) in [(long.as_str(), 400), ("þ", 400), ("Kóði", 400), ("Code 1462. Sign in: IAS", 200)] {
        let mut request = Stage::request("0102989", &[0; 32]);
        request["displayText"] = text.into();
        request["displayTextFormat"] = "GSM-7".into();
        assert_eq!(stage.post("/mid-api/authentication", &request).await.0, expected, "{text}");
    }
    for field in ["relyingPartyUUID", "relyingPartyName", "phoneNumber", "hash", "hashType", "language"] {
        let mut request = Stage::request("0102989", &[0; 32]);
        request.as_object_mut().expect("an object").remove(field);
        assert_eq!(stage.post("/mid-api/authentication", &request).await.0, 400, "without {field}");
    }
}

#[tokio::test]
async fn a_body_must_be_json_and_short() {
    let stage = Stage::new(INSTANT).await;
    let url = format!("{}/mid-api/authentication", stage.url);
    let body = Stage::request("0102989", &[0; 32]).to_string();
    let plain = stage.http.post(&url).body(body).send().await.expect("an answer");
    assert_eq!(plain.status(), 400);
    let (status, _) = stage.post("/mid-api/authentication", &json!({ "displayText": "x".repeat(20_000) })).await;
    assert_eq!(status, 400);
    assert_eq!(stage.get("/mid-api/authentication").await.0, 405);
}

#[tokio::test]
async fn a_poll_has_limits() {
    let stage = Stage::new(INSTANT).await;
    let asked = stage.ask("0102989").await;
    let path = |query: &str| format!("/mid-api/authentication/session/{}{query}", asked.session);
    for query in ["?timeoutMs=999", "?timeoutMs=120001", "?timeoutMs=x", "?timeout=1000"] {
        assert_eq!(stage.get(&path(query)).await.0, 400, "{query}");
    }
    for query in ["", "?timeoutMs=1000", "?timeoutMs=120000"] {
        assert_eq!(stage.get(&path(query)).await.0, 200, "{query}");
    }
    for id in ["00000000-0000-4000-8000-000000000001", "nonsense"] {
        assert_eq!(stage.get(&format!("/mid-api/authentication/session/{id}")).await.0, 404, "{id}");
    }
}

#[tokio::test]
async fn a_session_has_one_poll_at_a_time() {
    let stage = Stage::new(Mode::Manual).await;
    let asked = stage.ask("0102989").await;
    let path = format!("/mid-api/authentication/session/{}?timeoutMs=1000", asked.session);
    let (one, two) = tokio::join!(stage.get(&path), stage.get(&path));
    let mut statuses = [one.0, two.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 429]);
    assert_eq!(stage.get(&path).await.0, 200, "the turn is given back");
}

#[tokio::test]
async fn answers_carry_a_field_that_no_relying_party_knows() {
    let stage = Stage::new(INSTANT).await;
    let (_, answer) = stage.sign_in("0102989").await;
    assert_eq!(answer["simulator"], "HERMIR");
}
