//! Each scenario number does what eid.md §11.2 says of it.

use serde_json::Value;
use time::Duration;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{Stage, certificate, is_issued_by, serial_numbers, signature_is_right};
use crate::{base::clock::Clock, demo::eid_simulator::Mode};

#[tokio::test]
async fn a_scenario_number_gives_its_result_without_a_person() {
    let stage = Stage::new(Mode::Manual).await;
    for (phone, result) in [
        ("0000001", "OK"),
        ("0000002", "USER_CANCELLED"),
        ("0000003", "TIMEOUT"),
        ("0000004", "PHONE_ABSENT"),
        ("0000005", "NOT_MID_CLIENT"),
        ("0000006", "SIM_ERROR"),
        ("0000007", "SIGNATURE_HASH_MISMATCH"),
        ("0000008", "DELIVERY_ERROR"),
        ("5551234", "NOT_MID_CLIENT"),
    ] {
        let (_, answer) = stage.sign_in(phone).await;
        assert_eq!(answer["result"], result, "{phone}");
        assert_eq!(answer.get("signature").is_some(), result == "OK", "{phone}");
    }
}

#[tokio::test]
async fn a_scenario_lie_is_told_on_the_wire() {
    let stage = Stage::new(Mode::Manual).await;
    let now = Clock::System.now();
    let authority = stage.simulator.intermediates_pem();

    let (asked, expired) = stage.sign_in("0000010").await;
    let der = certificate(&expired);
    let (_, parsed) = X509Certificate::from_der(&der).expect("a certificate");
    assert!(parsed.validity().not_after.to_datetime() < now && is_issued_by(&der, &authority));
    assert!(signature_is_right(&expired, &asked.hash));

    let (asked, other) = stage.sign_in("0000011").await;
    assert_ne!(serial_numbers(&certificate(&other)), ["PNOIS-0099000119"]);
    assert!(signature_is_right(&other, &asked.hash));

    let (asked, wrong) = stage.sign_in("0000012").await;
    assert!(!signature_is_right(&wrong, &asked.hash));

    let (_, untrusted) = stage.sign_in("0000020").await;
    assert!(!is_issued_by(&certificate(&untrusted), &authority));

    let asked = stage.ask("0000019").await;
    let url = format!("{}/mid-api/authentication/session/{}", stage.url, asked.session);
    let text = stage.http.get(url).send().await.expect("an answer").text().await.expect("a text");
    assert!(text.starts_with('{') && serde_json::from_str::<Value>(&text).is_err());
}

#[tokio::test]
async fn a_start_can_fail_with_http_500() {
    let stage = Stage::new(Mode::Manual).await;
    let (status, body) = stage.post("/mid-api/authentication", &Stage::request("0000014", &[0; 32])).await;
    assert_eq!(status, 500);
    assert!(body["error"].is_string() && body["traceId"].is_string());
}

#[tokio::test]
async fn a_slow_person_approves_after_thirty_seconds() {
    let (clock, hand) = Clock::fixed(Clock::System.now());
    let stage = Stage::with_clock(Mode::Manual, clock).await;
    let asked = stage.ask("0000015").await;
    let path = format!("/mid-api/authentication/session/{}?timeoutMs=1000", asked.session);
    hand.advance(Duration::seconds(29));
    assert_eq!(stage.get(&path).await.1["state"], "RUNNING");
    hand.advance(Duration::seconds(1));
    assert_eq!(stage.get(&path).await.1["result"], "OK");
}

#[tokio::test]
async fn nobody_answers_for_two_minutes_and_the_session_is_forgotten_after_five() {
    let (clock, hand) = Clock::fixed(Clock::System.now());
    let stage = Stage::with_clock(Mode::Manual, clock).await;
    let asked = stage.ask("0102989").await;
    let path = format!("/mid-api/authentication/session/{}?timeoutMs=1000", asked.session);
    hand.advance(Duration::seconds(119));
    assert_eq!(stage.get(&path).await.1["state"], "RUNNING");
    hand.advance(Duration::seconds(1));
    assert_eq!(stage.get(&path).await.1["result"], "TIMEOUT");
    hand.advance(Duration::seconds(180));
    assert_eq!(stage.get(&path).await.0, 404);
}
