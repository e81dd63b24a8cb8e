//! The control API does what it is told, and refuses what does not fit.

use reqwest::Method;
use serde_json::json;

use super::{INSTANT, Stage, certificate, serial_numbers, signature_is_right};
use crate::demo::eid_simulator::Mode;

const AMERICA: &str = "/persons/0101302989";

#[tokio::test]
async fn x5_10_the_token_is_needed_for_everything() {
    let stage = Stage::new(INSTANT).await;
    for path in ["health", "persons", "sessions", "mode", "services", "requests", "events"] {
        assert_eq!(stage.get(&format!("/control/{path}")).await.0, 401, "{path}");
    }
    let wrong = stage.http.get(format!("{}/control/health", stage.url)).bearer_auth("wrong").send().await.expect("an answer");
    assert_eq!(wrong.status(), 401);
    let (status, health) = stage.control(Method::GET, "/health", None).await;
    assert_eq!((status, health["status"].as_str(), health["persons"].as_u64()), (200, Some("ok"), Some(33)));
}

#[tokio::test]
async fn a_person_is_added_changed_and_taken_away() {
    let stage = Stage::new(INSTANT).await;
    let person = json!({ "nationalId": "0099012345", "name": "Sviðsmynd ný", "phone": "0012345", "methods": ["sim"], "profile": "isOld" });
    assert_eq!(stage.control(Method::POST, "/persons", Some(person.clone())).await.0, 201);
    assert_eq!(stage.control(Method::POST, "/persons", Some(person)).await.0, 409);
    let (_, answer) = stage.sign_in("0012345").await;
    assert_eq!(serial_numbers(&certificate(&answer)), ["0099012345"]);

    let change = json!({ "name": "Sviðsmynd breytt", "phone": "0054321", "profile": "etsi" });
    assert_eq!(stage.control(Method::PUT, "/persons/0099012345", Some(change)).await.0, 200);
    assert_eq!(stage.sign_in("0012345").await.1["result"], "NOT_MID_CLIENT");
    let (asked, answer) = stage.sign_in("0054321").await;
    assert_eq!(serial_numbers(&certificate(&answer)), ["PNOIS-0099012345"]);
    assert!(signature_is_right(&answer, &asked.hash));

    assert_eq!(stage.control(Method::DELETE, "/persons/0099012345", None).await.0, 204);
    assert_eq!(stage.control(Method::GET, "/persons/0099012345", None).await.0, 404);
}

#[tokio::test]
async fn input_that_does_not_fit_is_refused_with_a_reason() {
    let stage = Stage::new(INSTANT).await;
    let person = |id: &str, name: &str, phone: &str| json!({ "nationalId": id, "name": name, "phone": phone });
    let table = [
        (Method::POST, "/persons", person("123", "Sviðsmynd", "0012345"), 400),
        (Method::POST, "/persons", person("0099012345", " ", "0012345"), 400),
        (Method::POST, "/persons", person("0099012345", "Sviðsmynd", "12345"), 400),
        (Method::POST, "/persons", person("0099012345", "Sviðsmynd", "0102989"), 409),
        (
            Method::POST,
            "/persons",
            json!({ "nationalId": "0099012345", "name": "S", "phone": "0012345", "methods": ["telepathy"] }),
            400,
        ),
        (Method::POST, "/persons", json!({ "nationalId": "0099012345", "name": "S", "phone": "0012345", "age": 1 }), 400),
        (Method::PUT, "/persons/0099012345", json!({ "name": "S", "phone": "0012345" }), 404),
        (Method::PUT, "/persons/0101302989/behaviour", json!({ "method": "sim", "action": "dance" }), 400),
        (Method::PUT, "/persons/0101302989/behaviour", json!({ "method": "sim", "action": "approve", "fault": "x" }), 400),
        (Method::PUT, "/persons/0101302989/behaviour", json!({ "method": "sim", "action": "approve", "times": 0 }), 400),
        (Method::PUT, "/persons/0101302989/behaviour", json!({ "method": "sim", "action": "approve", "delay": 1 }), 400),
        (Method::POST, "/persons/0101302989/revoke", json!({ "reason": "boredom" }), 400),
        (Method::POST, "/persons/0101302989/reissue", json!({ "key": "rsa512" }), 400),
        (
            Method::POST,
            "/persons/0101302989/reissue",
            json!({ "notBefore": "2030-01-01T00:00:00Z", "notAfter": "2029-01-01T00:00:00Z" }),
            400,
        ),
        (Method::PUT, "/mode", json!({ "mode": "sometimes" }), 400),
        (Method::PUT, "/mode", json!({ "mode": "auto", "delayMs": [5, 1] }), 400),
        (Method::PUT, "/mode", json!({ "mode": "manual", "delayMs": [1, 5] }), 400),
        (Method::PUT, "/mode", json!({ "mode": "auto", "approvePercent": 101 }), 400),
        (Method::PUT, "/services", json!({ "ocsp": "happy" }), 400),
        (Method::PUT, "/services", json!({ "fax": "ok" }), 400),
        (Method::GET, "/sessions?state=lost", json!(null), 400),
        (Method::GET, "/requests?since=yesterday", json!(null), 400),
        (Method::POST, "/sessions/00000000-0000-4000-8000-000000000001/refuse", json!({}), 404),
    ];
    for (method, path, body, expected) in table {
        let (status, answer) = stage.control(method, path, Some(body.clone())).await;
        assert_eq!(status, expected, "{path} {body}: {answer}");
        assert!(answer["error"].as_str().is_some_and(|error| !error.is_empty()), "{path} {answer}");
    }
}

#[tokio::test]
async fn a_behaviour_holds_for_as_many_requests_as_it_says() {
    let stage = Stage::new(INSTANT).await;
    let refuse = json!({ "method": "sim", "action": "refuse", "delayMs": 10, "times": 2 });
    assert_eq!(stage.control(Method::PUT, &format!("{AMERICA}/behaviour"), Some(refuse)).await.0, 200);
    for result in ["USER_CANCELLED", "USER_CANCELLED", "OK"] {
        assert_eq!(stage.sign_in("0102989").await.1["result"], result);
    }
    let absent = json!({ "method": "*", "action": "phoneAbsent" });
    stage.control(Method::PUT, &format!("{AMERICA}/behaviour"), Some(absent)).await;
    assert_eq!(stage.sign_in("0102989").await.1["result"], "PHONE_ABSENT");
    assert_eq!(stage.control(Method::DELETE, &format!("{AMERICA}/behaviour"), None).await.0, 204);
    assert_eq!(stage.sign_in("0102989").await.1["result"], "OK");
}

#[tokio::test]
async fn a_session_is_seen_and_answered_by_hand() {
    let stage = Stage::new(Mode::Manual).await;
    for (order, body, result) in [
        ("approve", json!({ "pin": "1234" }), "OK"),
        ("approve", json!({}), "OK"),
        ("refuse", json!({}), "USER_CANCELLED"),
        ("timeout", json!({}), "TIMEOUT"),
        ("fail", json!({ "result": "PHONE_ABSENT" }), "PHONE_ABSENT"),
    ] {
        let asked = stage.ask("0102989").await;
        let (_, pending) = stage.control(Method::GET, "/sessions?state=pending&person=0101302989", None).await;
        let seen = &pending["sessions"][0];
        assert_eq!(seen["id"].as_str(), Some(asked.session.as_str()), "{pending}");
        assert_eq!(seen["text"], "Öryggistala 1462. Innskráning: Þjónusta");
        assert_eq!(
            (&seen["relyingParty"], &seen["textFormat"], &seen["flow"]),
            (&json!("IAS DEMO"), &json!("UCS-2"), &json!("sim"))
        );
        let path = format!("/sessions/{}/{order}", asked.session);
        let answer = stage.control(Method::POST, &path, Some(body.clone()));
        let (polled, (status, _)) = tokio::join!(stage.poll(&asked), answer);
        assert_eq!((status, polled["result"].as_str()), (200, Some(result)));
        let again = stage.control(Method::POST, &path, Some(body)).await;
        assert_eq!(again.0, 409, "an end is final");
    }
}

#[tokio::test]
async fn three_wrong_pins_block_until_unblocked() {
    let stage = Stage::new(Mode::Manual).await;
    let asked = stage.ask("0102989").await;
    let approve = format!("/sessions/{}/approve", asked.session);
    for _ in 0..3 {
        assert_eq!(stage.control(Method::POST, &approve, Some(json!({ "pin": "9999" }))).await.0, 422);
    }
    assert_eq!(stage.poll(&asked).await["result"], "SIM_ERROR");
    assert_eq!(stage.sign_in("0102989").await.1["result"], "SIM_ERROR");
    assert_eq!(stage.control(Method::POST, &format!("{AMERICA}/unblock"), None).await.0, 200);
    let asked = stage.ask("0102989").await;
    assert_eq!(stage.control(Method::POST, &format!("/sessions/{}/approve", asked.session), None).await.0, 200);
    assert_eq!(stage.control(Method::POST, &format!("{AMERICA}/block"), None).await.1["blocked"], true);
}

#[tokio::test]
async fn a_certificate_is_reissued_with_another_key_and_life() {
    let stage = Stage::new(INSTANT).await;
    let (_, before) = stage.sign_in("0102989").await;
    let order = json!({ "notBefore": "2020-01-01T00:00:00Z", "notAfter": "2021-01-01T00:00:00Z", "key": "rsa2048" });
    assert_eq!(stage.control(Method::POST, &format!("{AMERICA}/reissue"), Some(order)).await.0, 200);
    let (asked, after) = stage.sign_in("0102989").await;
    assert_ne!(before["cert"], after["cert"]);
    assert_eq!(after["signature"]["algorithm"], "SHA256WithRSAEncryption");
    assert!(signature_is_right(&after, &asked.hash));
}

#[tokio::test]
async fn the_service_itself_can_fail() {
    let stage = Stage::new(INSTANT).await;
    let request = Stage::request("0102989", &[0; 32]);
    for (mood, expected) in [("500", 500), ("503", 503), ("401", 401), ("ok", 200)] {
        stage.control(Method::PUT, "/services", Some(json!({ "mid": mood }))).await;
        assert_eq!(stage.post("/mid-api/authentication", &request).await.0, expected);
    }
    stage.control(Method::PUT, "/services", Some(json!({ "mid": "drop" }))).await;
    let response = stage.http.post(format!("{}/mid-api/authentication", stage.url)).json(&request).send().await;
    let broken = match response {
        Ok(response) => response.bytes().await.is_err(),
        Err(_) => true,
    };
    assert!(broken);
}

#[tokio::test]
async fn requests_are_recorded_for_assertions() {
    let stage = Stage::new(INSTANT).await;
    stage.sign_in("0102989").await;
    let (_, all) = stage.control(Method::GET, "/requests", None).await;
    let all = all["requests"].as_array().expect("a list").clone();
    assert_eq!(all.len(), 2);
    assert_eq!((&all[0]["path"], &all[0]["status"]), (&json!("/mid-api/authentication"), &json!(200)));
    assert_eq!(all[0]["body"]["phoneNumber"], "+3540102989");
    let (_, later) = stage.control(Method::GET, &format!("/requests?since={}", all[0]["number"]), None).await;
    assert_eq!(later["requests"], json!([all[1]]));
    assert_eq!(stage.control(Method::DELETE, "/requests", None).await.0, 204);
    assert_eq!(stage.control(Method::GET, "/requests", None).await.1["requests"], json!([]));
}

#[tokio::test]
async fn the_mode_changes_and_reset_brings_the_beginning_back() {
    let stage = Stage::new(Mode::Manual).await;
    let auto = json!({ "mode": "auto", "delayMs": [0, 5], "seed": 1, "approvePercent": 0, "scenarioNumbers": false });
    assert_eq!(stage.control(Method::PUT, "/mode", Some(auto)).await.0, 200);
    assert_eq!(stage.sign_in("0000001").await.1["result"], "USER_CANCELLED");
    stage.control(Method::POST, &format!("{AMERICA}/revoke"), Some(json!({ "reason": "keyCompromise" }))).await;
    stage.control(Method::DELETE, "/persons/0101303019", None).await;
    assert_eq!(stage.control(Method::POST, "/reset", None).await.0, 204);
    assert_eq!(stage.control(Method::GET, "/mode", None).await.1["mode"], "manual");
    let (_, america) = stage.control(Method::GET, AMERICA, None).await;
    assert_eq!(america["revocation"], json!(null));
    assert_eq!(stage.control(Method::GET, "/persons/0101303019", None).await.0, 200);
    assert_eq!(stage.control(Method::GET, "/sessions", None).await.1["sessions"], json!([]));
}

#[tokio::test]
async fn listeners_hear_of_sessions() {
    let stage = Stage::new(INSTANT).await;
    let mut response =
        stage.http.get(format!("{}/control/events", stage.url)).bearer_auth(super::TOKEN).send().await.expect("an answer");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    stage.sign_in("0102989").await;
    let mut heard = String::new();
    while !heard.contains("sessionEnded") {
        heard.push_str(&String::from_utf8_lossy(&response.chunk().await.expect("bytes").expect("more")));
    }
    assert!(
        heard.contains("sessionCreated") && heard.contains("\"result\":\"OK\"") && heard.contains("verificationCode"),
        "{heard}"
    );
}
