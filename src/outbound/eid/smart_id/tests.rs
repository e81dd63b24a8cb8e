//! A real signature of the operator's demonstration service, and what binds an answer to its attempt.

use serde::Deserialize;
use time::macros::datetime;

use super::*;
use crate::{
    base::{id::AttemptId, text::Language},
    model::identity_provider::{NationalIdFormat, SmartIdHash, TrustProfile},
    outbound::eid::{
        certificate::{self, CertificateFault},
        signature::SignatureFault,
        trust::Trust,
    },
};

const ANSWER: &str =
    include_str!("../../../../tests/vectors/third_party/smart-id-java-client/notification_authentication.json");
const CERTIFICATE: &str =
    include_str!("../../../../tests/vectors/third_party/smart-id-java-client/auth-cert-40504040001-demo-q.crt");
const ISSUER: &str =
    include_str!("../../../../tests/vectors/third_party/smart-id-java-client/TEST_of_SK_ID_Solutions_EID-Q_2024E.pem.crt");
const NOW: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    scheme: String,
    relying_party_name: String,
    rp_challenge: String,
    server_random: String,
    user_challenge: String,
    interactions: String,
    interaction_type_used: String,
    flow_type: String,
    signature: String,
}

impl Vector {
    fn read() -> Self {
        serde_json::from_str(ANSWER).expect("the vector")
    }

    fn text(&self) -> String {
        let asked = Asked {
            scheme_name: &self.scheme,
            rp_challenge: &self.rp_challenge,
            relying_party_name: &self.relying_party_name,
            brokered_name: "",
            interactions: &self.interactions,
            callback_url: "",
        };
        asked.signed_text(Answered {
            server_random: &self.server_random,
            user_challenge: &self.user_challenge,
            interaction: &self.interaction_type_used,
            flow: &self.flow_type,
        })
    }
}

fn der(pem: &str) -> Vec<u8> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).expect("PEM");
    pem.contents
}

/// The operator's profile for people's apps, its test authority in the place of the real one.
fn trust(now: OffsetDateTime, change: impl FnOnce(&mut TrustProfile)) -> Result<certificate::Leaf, CertificateFault> {
    let mut profile: TrustProfile = serde_json::from_value(serde_json::json!({
        "anchors_pem": ISSUER,
        "require_policies": ["1.3.6.1.4.1.10015.17.2"],
        "extended_key_usages": ["1.3.6.1.4.1.62306.5.7.0"],
        "national_id_formats": [NationalIdFormat::Etsi],
        "countries": ["EE"],
    }))
    .expect("a profile");
    change(&mut profile);
    let trust = Trust::new(&profile, Environment::Development).expect("a trust profile");
    certificate::check(&der(CERTIFICATE), &trust, now)
}

#[test]
fn a_real_signature_of_an_app_verifies_with_rsa_6144_and_sha3_512() {
    let leaf = trust(NOW, |_| {}).expect("the certificate of the operator's demo");
    assert_eq!(leaf.subject.number, "40504040001");
    let vector = Vector::read();
    let signature = from_base64(&vector.signature).expect("base64");
    assert_eq!(signature.len() * 8, 6144);
    let verify =
        |text: &str, hash, signature: &[u8]| pss::verify(&leaf.key, hash, &pss::digest(hash, text.as_bytes()), signature);
    assert_eq!(verify(&vector.text(), SmartIdHash::Sha3_512, &signature), Ok(()));
    assert_eq!(verify(&vector.text(), SmartIdHash::Sha512, &signature), Err(SignatureFault::Invalid), "X5-04");
    for wrong in [&[][..], &signature[1..], &vec![0; signature.len()], &[&signature[..], &[0]].concat()] {
        assert_eq!(verify(&vector.text(), SmartIdHash::Sha3_512, wrong), Err(SignatureFault::Invalid), "X5-04");
    }
    assert_eq!(pss::verify(&leaf.key, SmartIdHash::Sha3_512, &[0; 32], &signature), Err(SignatureFault::Hash));

    // every part of the text is signed
    let changes: [fn(&mut Vector); 8] = [
        |v| v.scheme = "smart-id".to_owned(),
        |v| v.relying_party_name = "OTHER".to_owned(),
        |v| v.rp_challenge.replace_range(0..1, "4"),
        |v| v.server_random.replace_range(0..1, "8"),
        |v| v.user_challenge.replace_range(0..1, "S"),
        |v| v.interactions.replace_range(0..1, "X"),
        |v| v.interaction_type_used = "confirmationMessage".to_owned(),
        |v| v.flow_type = "QR".to_owned(),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut changed = vector.clone();
        change(&mut changed);
        let verdict = verify(&changed.text(), SmartIdHash::Sha3_512, &signature);
        assert_eq!(verdict, Err(SignatureFault::Invalid), "change {index}");
    }
}

#[test]
fn the_certificate_of_an_app_is_judged_by_the_profile_of_apps() {
    let fault = |now, change: fn(&mut TrustProfile)| trust(now, change).err();
    assert!(matches!(fault(datetime!(2028-09-08 0:00 UTC), |_| {}), Some(CertificateFault::Chain(_))), "expired");
    assert_eq!(fault(NOW, |p| p.countries = vec!["IS".to_owned()]), Some(CertificateFault::Country));
    assert_eq!(fault(NOW, |p| p.require_policies = vec!["1.3.6.1.4.1.10015.17.1".to_owned()]), Some(CertificateFault::Policy));
    let client_auth = |p: &mut TrustProfile| p.extended_key_usages = vec!["1.3.6.1.5.5.7.3.2".to_owned()];
    assert_eq!(fault(NOW, client_auth), Some(CertificateFault::ExtendedKeyUsage));
}

fn same_device() -> Transaction {
    Transaction {
        flow: SmartIdFlow::SameDevice,
        national_id: None,
        hash_input: base64(b"input"),
        rp_challenge: base64([7; 32]),
        scheme_name: "smart-id".to_owned(),
        relying_party_name: "DEMO".to_owned(),
        brokered_name: String::new(),
        interactions: String::new(),
        callback_url: "https://innskra.example/signin/app/return?attempt=1&value=ours".to_owned(),
        callback_value: "ours".to_owned(),
        push_at: None,
        session_id: Some("session".to_owned()),
        link: Some(LinkSession {
            token: "token".to_owned(),
            secret: "B98ODiVCebRedSwdTk51zFSaGYyHtY1H2A0ocAi3/Ps=".to_owned(),
            base: "https://smart-id.com/device-link".to_owned(),
            received_at: NOW,
        }),
        verifier: None,
    }
}

fn came_back(value: &str, secret_digest: &str, verifier: &str) -> AppReturn {
    AppReturn { value: value.to_owned(), secret_digest: secret_digest.to_owned(), verifier: verifier.to_owned() }
}

#[test]
fn eid_04_a_return_counts_once_and_only_with_value_and_digest() {
    const DIGEST: &str = "U4CKK13H1XFiyBofev9asqrzIrY5_Gszi_nL_zDKkBc";
    let transaction = same_device();
    let returned = transaction.returned(&came_back("ours", DIGEST, "v")).expect("ours");
    assert_eq!(returned.verifier.as_deref(), Some("v"));
    assert!(returned.returned(&came_back("ours", DIGEST, "v")).is_ok(), "a reload");
    for (state, wrong) in [
        (&transaction, came_back("theirs", DIGEST, "v")),
        (&transaction, came_back("ours", "U4CKK", "v")),
        (&returned, came_back("ours", DIGEST, "w")),
    ] {
        assert_eq!(state.returned(&wrong).expect_err("a lie").kind, EidErrorKind::SignatureInvalid);
    }
    for flow in [SmartIdFlow::Qr, SmartIdFlow::Notification] {
        let other = Transaction { flow, ..same_device() };
        assert!(other.returned(&came_back("ours", DIGEST, "v")).is_err(), "{flow:?} has no way back");
    }
}

#[test]
fn the_state_of_an_attempt_shows_nothing_in_debug() {
    let shown = format!("{:?} {:?}", same_device(), came_back("ours", "digest", "verifier"));
    for secret in ["B98O", "ours", "token", "digest", "verifier"] {
        assert!(!shown.contains(secret), "LOG-01: {shown}");
    }
}

/// The driver as production has it, its settings changed.
fn in_production(change: impl FnOnce(&mut SmartIdSettings)) -> Result<SmartId, DriverFault> {
    const ANCHOR: &str = include_str!("../../../../tests/data/anchor.pem");
    let mut settings: SmartIdSettings = serde_json::from_value(serde_json::json!({
        "base_url": "https://app.example.is/v3", "relying_party_uuid": "6a1f4c2e-8b1d-4f3a-9a57-0d5a2c9f7e11",
        "relying_party_name": "Innskráning", "scheme_name": "smart-id", "flows": ["notification", "qr"],
        "tls_roots_pem": ANCHOR,
        "trust": {"anchors_pem": ANCHOR, "require_policies": ["1.2.352.1.2.1"], "national_id_formats": ["etsi"],
            "countries": ["IS"], "ocsp_hosts": ["ocsp.example.is"]},
    }))
    .expect("settings");
    change(&mut settings);
    let http = OutboundClient::pinned("").expect("a client");
    SmartId::new(&settings, &http, Environment::Production)
}

#[test]
fn production_refuses_test_accounts_plain_http_and_test_people() {
    type Change = fn(&mut SmartIdSettings);
    let refused: [Change; 5] = [
        |s| s.base_url = "http://app.example.is/v3".to_owned(),
        |s| s.base_url = "https://localhost/v3".to_owned(),
        |s| s.relying_party_uuid = "00000000-0000-4000-8000-000000000000".to_owned(),
        |s| s.scheme_name = "smart-id-demo".to_owned(),
        |s| s.trust.anchors_pem = ISSUER.to_owned(),
    ];
    for (index, change) in refused.into_iter().enumerate() {
        assert!(in_production(change).is_err(), "eid.md §12: change {index}");
    }
    let driver = in_production(|_| {}).expect("a driver");
    let context = LoginContext {
        language: Language::Is,
        service_name: "Mitt svæði",
        server_name: "https://innskra.example.is",
        client_id: "@island.is/minar",
        attempt: AttemptId::new(NOW),
        fresh: false,
        accepted_acr: &[],
        return_url: "https://innskra.example.is/signin/app/return?attempt=1",
    };
    let prepare = |input| driver.prepare(&context, input, NOW).map(|prepared| prepared.expires_at).map_err(|error| error.kind);
    let person = |digits: &str| BeginInput::NationalId(NationalId::parse(digits).expect("ten digits"));
    assert_eq!(prepare(person("0101302989")), Err(EidErrorKind::InvalidInput), "eid.md §12.7");
    assert_eq!(prepare(person("0101302999")), Ok(NOW + NOTIFICATION_LIFETIME));
    assert_eq!(prepare(BeginInput::DeviceLink { same_device: false }), Ok(NOW + DEVICE_LINK_LIFETIME));
    let not_configured = prepare(BeginInput::DeviceLink { same_device: true });
    assert_eq!(not_configured, Err(EidErrorKind::InvalidInput));
}
