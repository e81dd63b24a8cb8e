//! Identity cards: what they sign, whom they sign for, and that they stay the same card.

use reqwest::Method;
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{
    super::{AppOptions, Options, RelyingParty, Simulator},
    INSTANT, Stage, serial_numbers,
};
use crate::base::{clock::Clock, digest, secret::Secret};

const PERSON: &str = "0101302989";

fn question(person: &str) -> Value {
    json!({ "person": person, "origin": "https://innskra.is", "nonce": "nonce", "pin": "1234" })
}

#[tokio::test]
async fn a_card_signs_for_its_person_with_the_pin_alone() {
    let stage = Stage::new(INSTANT).await;
    for (person, algorithm) in [(PERSON, "ES384"), ("0101302129", "RS256")] {
        let (status, token) = stage.post("/card/sign", &question(person)).await;
        assert_eq!(
            (status, token["algorithm"].as_str(), token["format"].as_str()),
            (200, Some(algorithm), Some("web-eid:1.0"))
        );
        let der = digest::from_base64(token["unverifiedCertificate"].as_str().expect("a certificate")).expect("base64");
        assert_eq!(serial_numbers(&der), [format!("PNOIS-{person}")]);
        let (_, certificate) = X509Certificate::from_der(&der).expect("a certificate");
        assert!(certificate.issuer().to_string().contains("HERMIR Kort 1"));
    }
    let mut wrong = question(PERSON);
    wrong["pin"] = "4321".into();
    assert_eq!(stage.post("/card/sign", &wrong).await.0, 403);
    assert_eq!(stage.post("/card/sign", &question("0000000000")).await.0, 404);
}

#[tokio::test]
async fn a_card_does_what_was_prescribed_for_cards() {
    let stage = Stage::new(INSTANT).await;
    for (method, action, code) in [
        ("card", "refuse", "ERR_WEBEID_USER_CANCELLED"),
        ("*", "timeout", "ERR_WEBEID_USER_TIMEOUT"),
        ("card", "simError", "ERR_WEBEID_NATIVE_FATAL"),
    ] {
        let behaviour = json!({ "method": method, "action": action });
        stage.control(Method::PUT, &format!("/persons/{PERSON}/behaviour"), Some(behaviour)).await;
        assert_eq!(stage.post("/card/sign", &question(PERSON)).await, (409, json!({ "error": code })));
    }
    let phones = json!({ "method": "sim", "action": "refuse" });
    stage.control(Method::PUT, &format!("/persons/{PERSON}/behaviour"), Some(phones)).await;
    assert_eq!(stage.post("/card/sign", &question(PERSON)).await.0, 200, "the phone's is the phone's");
}

#[tokio::test]
async fn a_card_and_its_revocation_outlive_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = Options {
        data_dir: directory.path().to_owned(),
        public_url: "http://localhost:8090".into(),
        mode: INSTANT,
        control_token: Secret::new("t".into()),
        clock: Clock::System,
        relying_party: RelyingParty::default(),
        apps: AppOptions::default(),
    };
    let certificate = |simulator: &Simulator| {
        let mut world = simulator.shared.world();
        world.hand_out_card(PERSON, Clock::System.now()).expect("a card");
        let card = world.cards.get(PERSON).expect("a card");
        (
            card.certificate.der.clone(),
            world.cards.register().get(&card.certificate.serial).expect("known").revocation.is_some(),
        )
    };
    let first = Simulator::new(options.clone()).await.expect("opens");
    let (der, _) = certificate(&first);
    let revocation =
        super::super::register::Revocation { at: Clock::System.now(), reason: super::super::register::Reason::default() };
    first.shared.world().cards.set_revocation(PERSON, Some(revocation)).expect("kept");
    let second = Simulator::new(options).await.expect("opens again");
    assert_eq!(certificate(&second), (der, true));
}
