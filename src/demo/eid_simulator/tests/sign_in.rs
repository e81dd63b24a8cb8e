//! The straight way: a phone signs, and everything about the answer is right.

use serde_json::json;
use x509_parser::{
    extensions::{GeneralName, ParsedExtension},
    prelude::{FromDer as _, X509Certificate},
};

use super::{INSTANT, Stage, certificate, is_issued_by, serial_numbers, signature_is_right};
use crate::{demo::eid_simulator::Mode, outbound::eid::marker::SIMULATOR_POLICY_OID_TEXT};

#[tokio::test]
async fn every_gervimadur_signs_with_its_own_certificate() {
    let stage = Stage::new(INSTANT).await;
    let people = stage.simulator.persons();
    assert_eq!(people.len(), 13);
    for person in people {
        assert_eq!(person.phone_number, format!("010{}", &person.national_id[6..]));
        let (asked, answer) = stage.sign_in(&person.phone_number).await;
        assert_eq!((answer["state"].as_str(), answer["result"].as_str()), (Some("COMPLETE"), Some("OK")), "{answer}");
        assert!(signature_is_right(&answer, &asked.hash), "{}", person.name);
        let der = certificate(&answer);
        assert!(is_issued_by(&der, &stage.simulator.intermediates_pem()));
        let number = serial_numbers(&der).pop().expect("a serial number");
        assert!(number == format!("PNOIS-{}", person.national_id) || number == person.national_id, "{number}");
        let (_, parsed) = X509Certificate::from_der(&der).expect("a certificate");
        let name = parsed.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
        assert_eq!(name, Some(person.name.as_str()));
    }
}

#[tokio::test]
async fn a_certificate_names_its_uses_policies_and_responder() {
    let stage = Stage::new(INSTANT).await;
    let (_, answer) = stage.sign_in("0102989").await;
    assert_eq!(answer["signature"]["algorithm"], "SHA256WithECEncryption");
    let der = certificate(&answer);
    let (_, parsed) = X509Certificate::from_der(&der).expect("a certificate");
    assert!(parsed.key_usage().expect("once").expect("there").value.digital_signature());
    assert!(parsed.extended_key_usage().expect("once").expect("there").value.client_auth);
    assert!(!parsed.is_ca());
    let mut policies = Vec::new();
    let mut responder = String::new();
    for extension in parsed.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::CertificatePolicies(listed) => {
                policies.extend(listed.iter().map(|policy| policy.policy_id.to_id_string()));
            }
            ParsedExtension::AuthorityInfoAccess(access) => {
                for description in &access.accessdescs {
                    if let GeneralName::URI(url) = description.access_location {
                        url.clone_into(&mut responder);
                    }
                }
            }
            _ => {}
        }
    }
    assert_eq!(policies, ["0.4.0.2042.1.2", SIMULATOR_POLICY_OID_TEXT]);
    assert_eq!(responder, format!("{}/ocsp/sim", stage.url));
    assert!(is_issued_by(stage.simulator.shared.world().authority.sim.certificate.as_slice(), &stage.simulator.anchors_pem()));
}

#[tokio::test]
async fn a_poll_waits_until_the_phone_has_answered() {
    let stage = Stage::new(Mode::Auto { delay_ms: 1_200..=1_200 }).await;
    let asked = stage.ask("0102989").await;
    let (_, early) = stage.get(&format!("/mid-api/authentication/session/{}?timeoutMs=1000", asked.session)).await;
    assert_eq!((early["state"].as_str(), early["result"].as_str()), (Some("RUNNING"), Some("")));
    let answer = stage.poll(&asked).await;
    assert_eq!(answer["result"], "OK");
    assert_eq!(stage.poll(&asked).await["signature"], answer["signature"], "the result is kept");
}

#[tokio::test]
async fn a_national_id_must_fit_the_phone_where_it_is_sent() {
    let stage = Stage::new(INSTANT).await;
    for (national_id, result) in [("0101302989", "OK"), ("0101303019", "NOT_MID_CLIENT")] {
        let mut request = Stage::request("0102989", &[1; 32]);
        request["nationalIdentityNumber"] = national_id.into();
        let (status, body) = stage.post("/mid-api/authentication", &request).await;
        assert_eq!(status, 200);
        let session = body["sessionID"].as_str().expect("a session");
        let (_, answer) = stage.get(&format!("/mid-api/authentication/session/{session}")).await;
        assert_eq!(answer["result"], result);
    }
}

#[tokio::test]
async fn longer_hashes_are_signed_too() {
    let stage = Stage::new(INSTANT).await;
    let mut request = Stage::request("0102989", &[9; 64]);
    request["hashType"] = "SHA512".into();
    let (_, body) = stage.post("/mid-api/authentication", &request).await;
    let session = body["sessionID"].as_str().expect("a session");
    let (_, answer) = stage.get(&format!("/mid-api/authentication/session/{session}")).await;
    assert_eq!(answer["signature"]["algorithm"], "SHA512WithECEncryption");
    // The leftmost 32 bytes of the hash are what P-256 signs.
    assert!(signature_is_right(&answer, &[9; 32]));
}

#[tokio::test]
async fn a_certificate_can_be_asked_for_by_number() {
    let stage = Stage::new(INSTANT).await;
    let ask = |phone: &str| {
        let mut request = Stage::request(phone, &[0; 32]);
        for field in ["hash", "hashType", "language", "displayText", "displayTextFormat"] {
            request.as_object_mut().expect("an object").remove(field);
        }
        request
    };
    let (_, found) = stage.post("/mid-api/certificate", &ask("0102989")).await;
    assert_eq!(found["result"], "OK");
    assert_eq!(serial_numbers(&certificate(&found)), ["PNOIS-0101302989"]);
    let (_, missing) = stage.post("/mid-api/certificate", &ask("5551234")).await;
    assert_eq!((&missing["result"], &missing["cert"]), (&json!("NOT_FOUND"), &json!(null)));
}

#[tokio::test]
async fn keys_and_people_outlive_a_restart() {
    use super::super::{AppOptions, Options, RelyingParty, Simulator};
    use crate::base::{clock::Clock, secret::Secret};
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
    let first = Simulator::new(options.clone()).await.expect("opens");
    let second = Simulator::new(options).await.expect("opens again");
    assert_eq!((first.anchors_pem(), first.intermediates_pem()), (second.anchors_pem(), second.intermediates_pem()));
    let key = |simulator: &Simulator| {
        use rcgen::PublicKeyData as _;
        simulator.shared.world().people["0101302129"].key.der_bytes().to_vec()
    };
    assert_eq!(key(&first), key(&second));
}

#[tokio::test]
async fn a_waiting_poll_is_answered_when_the_simulator_stops() {
    let stage = Stage::new(Mode::Manual).await;
    let asked = stage.ask("0102989").await;
    let stop = async {
        while !stage.simulator.shared.world().sessions.values().any(|session| session.polled) {
            tokio::task::yield_now().await;
        }
        stage.simulator.shared.closing.cancel();
    };
    let (answer, ()) = tokio::join!(stage.poll(&asked), stop);
    assert_eq!(answer["state"], "RUNNING");
}
