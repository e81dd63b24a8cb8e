//! Each fault is really told: what arrives is wrong in the one way that its name says, and right in all others.

use reqwest::Method;
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{Asked, INSTANT, Stage, certificate, is_issued_by, serial_numbers, signature_is_right};
use crate::base::{clock::Clock, digest};

impl Stage {
    async fn sign_in_with(&self, fault: &str) -> (Asked, Value) {
        self.prescribe(fault).await;
        self.sign_in("0102989").await
    }

    async fn prescribe(&self, fault: &str) {
        let behaviour = json!({ "method": "sim", "action": "approve", "fault": fault });
        let (status, answer) = self.control(Method::PUT, "/persons/0101302989/behaviour", Some(behaviour)).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// The raw text of the answer to a poll.
    async fn poll_text(&self, asked: &Asked) -> reqwest::Response {
        let url = format!("{}/mid-api/authentication/session/{}", self.url, asked.session);
        self.http.get(url).send().await.expect("an answer")
    }
}

#[tokio::test]
async fn a_lie_in_the_certificate_bends_the_certificate_alone() {
    let stage = Stage::new(INSTANT).await;
    let now = Clock::System.now();
    for fault in [
        "expired",
        "notYetValid",
        "untrustedIssuer",
        "selfSigned",
        "wrongPolicy",
        "wrongEku",
        "noDigitalSignature",
        "weakKey",
        "twoSerialNumbers",
        "foreignCountry",
        "noSerialNumber",
        "revoked",
        "ocspDown",
        "wrongPerson",
    ] {
        let (asked, answer) = stage.sign_in_with(fault).await;
        assert_eq!(answer["result"], "OK", "{fault}");
        assert!(signature_is_right(&answer, &asked.hash), "{fault}: the signature is the certificate's");
        let der = certificate(&answer);
        let (_, parsed) = X509Certificate::from_der(&der).expect("a certificate");
        let ours = is_issued_by(&der, &stage.simulator.intermediates_pem());
        assert_eq!(ours, !matches!(fault, "untrustedIssuer" | "selfSigned"), "{fault}");
        let valid = parsed.validity().not_before.to_datetime() <= now && now <= parsed.validity().not_after.to_datetime();
        assert_eq!(valid, !matches!(fault, "expired" | "notYetValid"), "{fault}");
        let numbers: &[&str] = match fault {
            "wrongPerson" => &["PNOIS-0099000019"],
            "twoSerialNumbers" => &["PNOIS-0101302989", "PNOIS-0099000019"],
            "foreignCountry" => &["PNOEE-0101302989"],
            "noSerialNumber" => &[],
            _ => &["PNOIS-0101302989"],
        };
        assert_eq!(serial_numbers(&der), numbers, "{fault}");
        let usage = parsed.key_usage().expect("once").expect("there").value.digital_signature();
        assert_eq!(usage, fault != "noDigitalSignature", "{fault}");
        let client = parsed.extended_key_usage().expect("once").expect("there").value.client_auth;
        assert_eq!(client, fault != "wrongEku", "{fault}");
        let bits = parsed.public_key().parsed().expect("a key").key_size();
        assert_eq!(bits == 1024, fault == "weakKey", "{fault}: {bits}");
        let policies =
            parsed.extensions().iter().find(|extension| extension.oid.to_id_string() == "2.5.29.32").expect("policies");
        let has_ncp_plus = policies.value.windows(6).any(|window| window == [0x04, 0x00, 0x8f, 0x7a, 0x01, 0x02]);
        assert_eq!(has_ncp_plus, fault != "wrongPolicy", "{fault}");
    }
}

#[tokio::test]
async fn a_lie_in_the_signature_bends_the_signature_alone() {
    let stage = Stage::new(INSTANT).await;
    let (first_asked, first) = stage.sign_in("0102989").await;
    for fault in ["wrongKey", "otherHash", "replayOld", "derSignature", "emptySignature", "wrongHashAlg"] {
        let (asked, answer) = stage.sign_in_with(fault).await;
        assert_eq!(answer["cert"], first["cert"], "{fault}");
        assert_eq!(signature_is_right(&answer, &asked.hash), fault == "wrongHashAlg", "{fault}");
        let value = digest::from_base64(answer["signature"]["value"].as_str().expect("a text")).expect("base64");
        match fault {
            "replayOld" => assert!(signature_is_right(&answer, &first_asked.hash)),
            "derSignature" => assert!(p256::ecdsa::Signature::from_der(&value).is_ok()),
            "emptySignature" => assert!(value.is_empty()),
            _ => assert_eq!(value.len(), 64),
        }
        let algorithm = if fault == "wrongHashAlg" { "SHA512WithECEncryption" } else { "SHA256WithECEncryption" };
        assert_eq!(answer["signature"]["algorithm"], algorithm, "{fault}");
    }
}

#[tokio::test]
async fn a_lie_in_the_answer_bends_the_answer_alone() {
    let stage = Stage::new(INSTANT).await;
    assert_eq!(stage.sign_in_with("unknownState").await.1["state"], "PENDING");
    assert_eq!(stage.sign_in_with("unknownResult").await.1["result"], "PERHAPS");

    let (asked, extra) = stage.sign_in_with("extraFields").await;
    assert!(
        signature_is_right(&extra, &asked.hash) && extra["nationalId"] == "0099000019" && extra["user"]["verified"] == true
    );

    stage.prescribe("malformedJson").await;
    let text = stage.poll_text(&stage.ask("0102989").await).await.text().await.expect("a text");
    assert!(serde_json::from_str::<Value>(&text).is_err());

    stage.prescribe("hugeBody").await;
    let text = stage.poll_text(&stage.ask("0102989").await).await.text().await.expect("a text");
    assert!(text.len() > 4 << 20);

    stage.prescribe("slowBody").await;
    let mut slow = stage.poll_text(&stage.ask("0102989").await).await;
    assert_eq!(slow.status(), 200);
    assert_eq!(slow.chunk().await.expect("a byte").expect("a byte").len(), 1);
}
