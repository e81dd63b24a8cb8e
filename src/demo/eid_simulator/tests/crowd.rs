//! People for load tests: many at once, each with a certificate of their own, few keys among them all.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{INSTANT, Stage, certificate, serial_numbers, signature_is_right};
use crate::base::digest;

const PEOPLE: u32 = 5000;

impl Stage {
    async fn gather(&self, body: Value) -> (u16, Value) {
        self.control(Method::POST, "/persons/load", Some(body)).await
    }

    async fn people(&self) -> u64 {
        self.control(Method::GET, "/health", None).await.1["persons"].as_u64().expect("a number")
    }
}

#[tokio::test]
async fn thousands_come_at_once_and_each_is_made_when_somebody_first_asks() {
    let stage = Stage::new(INSTANT).await;
    let before = stage.people().await;
    let (status, crowd) = stage.gather(json!({ "count": PEOPLE, "keyPool": 4 })).await;
    assert_eq!(status, 200, "{crowd}");
    assert_eq!(crowd["first"], json!({ "nationalId": "0099200000", "phone": "0200000" }));
    assert_eq!(crowd["last"], json!({ "nationalId": "0099204999", "phone": "0204999" }));
    assert_eq!(stage.people().await, before, "nobody yet");

    let phones: Vec<String> = (0..PEOPLE).step_by(125).map(|index| format!("0{}", 200_000 + index)).collect();
    let mut keys = BTreeSet::new();
    for (phone, (asked, answer)) in phones.iter().zip(join_all(phones.iter().map(|phone| stage.sign_in(phone))).await) {
        let der = certificate(&answer);
        assert_eq!(serial_numbers(&der), [format!("PNOIS-0099{}", &phone[1..])]);
        assert!(signature_is_right(&answer, &asked.hash), "{phone}");
        let (_, read) = X509Certificate::from_der(&der).expect("a certificate");
        keys.insert(read.public_key().subject_public_key.data.to_vec());
    }
    assert_eq!(keys.len(), 4, "the keys are shared");
    assert_eq!(stage.people().await, before + 40);
    assert_eq!(stage.sign_in("0205000").await.1["result"], "NOT_MID_CLIENT", "after the last one");

    // they have cards, and do what they are told
    let question = json!({ "person": "0099200777", "origin": "https://localhost", "nonce": "n", "pin": "1234" });
    assert_eq!(stage.post("/card/sign", &question).await.0, 200);
    let refuses = json!({ "method": "sim", "action": "refuse" });
    assert_eq!(stage.control(Method::PUT, "/persons/0099200778/behaviour", Some(refuses)).await.0, 200);
    assert_eq!(stage.sign_in("0200778").await.1["result"], "USER_CANCELLED");
    // no list grows long by them
    let list = stage.http.get(format!("{}/phone", stage.url)).send().await.expect("an answer").text().await.expect("a page");
    assert!(list.contains("0101302989") && !list.contains("0099200778"));
}

#[tokio::test]
async fn their_numbers_are_theirs_and_they_come_and_go_together() {
    let stage = Stage::new(INSTANT).await;
    let person = |id: &str, phone: &str| Some(json!({ "nationalId": id, "name": "Sviðsmynd ný", "phone": phone }));
    for (input, status) in [
        (json!({ "count": 100_001 }), 400),
        (json!({ "count": 1, "keyPool": 0 }), 400),
        (json!({ "count": 1, "keyPool": 1025 }), 400),
        (json!({ "count": 10, "keyPool": 1 }), 200),
    ] {
        assert_eq!(stage.gather(input.clone()).await.0, status, "{input}");
    }
    assert_eq!(stage.control(Method::POST, "/persons", person("0099200003", "0012345")).await.0, 409);
    assert_eq!(stage.control(Method::POST, "/persons", person("0099012345", "0200003")).await.0, 409);
    assert_eq!(stage.control(Method::DELETE, "/persons/0099200003", None).await.0, 409);
    let certificate = async || stage.control(Method::GET, "/persons/0099200003", None).await.1["certificate"].clone();
    let first = certificate().await;
    assert!(first.as_str().and_then(digest::from_base64).is_some(), "{first}");
    assert_eq!(certificate().await, first);
    assert_eq!(stage.gather(json!({ "count": 4, "keyPool": 1 })).await.0, 200);
    assert_ne!(certificate().await, first, "other people");
    assert_eq!(stage.control(Method::POST, "/reset", None).await.0, 204);
    assert_eq!(stage.control(Method::GET, "/persons/0099200003", None).await.0, 404);
}
