//! The server's own driver signs in at the simulator: what should succeed does, and every lie is seen through (eid.md §13).

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use super::{INSTANT, Stage};
use crate::{
    base::{
        clock::Clock,
        id::{AttemptId, IdentityProviderRowId},
        text::Language,
    },
    demo::eid_simulator::{Mode, RELYING_PARTY_NAME, RELYING_PARTY_UUID},
    model::{
        environment::Environment,
        identity_provider::{
            DriverSettings, IdentityProvider, IdentityProviderKind, MobileIdSettings, NationalIdFormat, RevocationCheck,
            TrustProfile,
        },
        phone_number::PhoneNumber,
    },
    outbound::{
        client::OutboundClient,
        eid::{
            BeginInput, Driver, DriverFault, EidError, EidErrorKind as Kind, Evidence, LoginContext, Progress,
            RevocationEvidence, VerifiedIdentity, marker::SIMULATOR_POLICY_OID_TEXT,
        },
    },
};

impl Stage {
    /// The driver with the settings of the demo.
    fn driver(&self, environment: Environment) -> Result<Driver, DriverFault> {
        self.driver_with(environment, |_| {})
    }

    /// The same with another trust profile.
    fn driver_with(&self, environment: Environment, change: impl FnOnce(&mut TrustProfile)) -> Result<Driver, DriverFault> {
        let mut trust = TrustProfile {
            anchors_pem: self.simulator.anchors_pem(),
            intermediates_pem: self.simulator.intermediates_pem(),
            require_policies: vec![SIMULATOR_POLICY_OID_TEXT.to_owned()],
            forbid_policies: Vec::new(),
            extended_key_usages: vec!["1.3.6.1.5.5.7.3.2".to_owned()],
            national_id_formats: vec![NationalIdFormat::Etsi, NationalIdFormat::Bare10],
            countries: vec!["IS".to_owned()],
            ocsp_url: Some(format!("{}/ocsp/sim", self.url)),
            ..TrustProfile::default()
        };
        change(&mut trust);
        let provider = IdentityProvider {
            id: IdentityProviderRowId::new(Clock::System.now()),
            organisation_id: None,
            name: "sim".to_owned(),
            kind: IdentityProviderKind::Sim,
            driver: DriverSettings::MobileId(MobileIdSettings {
                base_url: format!("{}/mid-api", self.url),
                relying_party_uuid: RELYING_PARTY_UUID.to_owned(),
                relying_party_name: RELYING_PARTY_NAME.to_owned(),
                trust,
                tls_roots_pem: String::new(),
            }),
            acr: "eidas-loa-high".to_owned(),
            amr: Vec::new(),
            enabled: true,
            display_order: 0,
            display_name: None,
        };
        Driver::new(&provider, &OutboundClient::pinned("").expect("a client"), None, environment)
    }

    async fn drive(&self, driver: &Driver, phone: &str) -> Result<VerifiedIdentity, EidError> {
        let context = LoginContext {
            language: Language::Is,
            service_name: "Mitt svæði",
            server_name: "Innskráning",
            client_id: "@island.is/minar",
            attempt: AttemptId(uuid::Uuid::nil()),
            fresh: false,
            accepted_acr: &[],
            return_url: "",
        };
        let phone = PhoneNumber::parse(phone, true).expect("a number");
        let prepared = driver.prepare(&context, BeginInput::PhoneNumber(phone), Clock::System.now())?;
        let state = driver.start(&prepared.state, &Clock::System).await?;
        match driver.advance(&state, &Clock::System, Duration::from_secs(3)).await? {
            Progress::Verified(identity) => Ok(identity),
            Progress::Pending => panic!("the simulator has answered"),
        }
    }
}

#[tokio::test]
async fn every_gervimadur_signs_in_through_the_driver() {
    let stage = Stage::new(INSTANT).await;
    let driver = stage.driver(Environment::Development).expect("a driver");
    for person in stage.simulator.persons() {
        let identity = stage.drive(&driver, &person.phone_number).await.expect("signed in");
        assert_eq!(identity.national_id().expose(), person.national_id);
        assert_eq!(identity.name(), Some(person.name.as_str()));
    }
}

#[tokio::test]
async fn x5_10_production_does_not_accept_the_simulator() {
    let stage = Stage::new(INSTANT).await;
    assert!(stage.driver(Environment::Production).is_err());
}

#[tokio::test]
async fn each_scenario_ends_as_its_number_says() {
    let stage = Stage::new(Mode::Manual).await;
    let driver = stage.driver(Environment::Development).expect("a driver");
    assert!(stage.drive(&driver, "0000001").await.is_ok());
    for (phone, kind) in [
        ("0000002", Kind::UserCancelled),
        ("0000003", Kind::Timeout),
        ("0000004", Kind::DeviceUnreachable),
        ("0000005", Kind::NotAvailableForUser),
        ("0000006", Kind::CredentialBroken),
        ("0000007", Kind::CredentialBroken),
        ("0000008", Kind::DeviceUnreachable),
        ("0000009", Kind::CredentialRevoked),
        ("0000010", Kind::CertificateRejected),
        ("0000012", Kind::SignatureInvalid),
        ("0000013", Kind::RevocationUnavailable),
        ("0000014", Kind::ProviderUnavailable),
        ("0000019", Kind::ProviderProtocol),
        ("0000020", Kind::CertificateRejected),
    ] {
        let error = stage.drive(&driver, phone).await.expect_err(phone);
        assert_eq!(error.kind, kind, "{phone}: {error:?}");
    }
    // With the phone number alone the certificate says who it is (eid.md §2.4): it is never the number's holder.
    let other = stage.drive(&driver, "0000011").await.expect("signed in as somebody");
    assert_ne!(other.national_id().expose(), "0099000119");
}

#[tokio::test]
async fn the_driver_sees_through_every_lie() {
    let stage = Stage::new(INSTANT).await;
    let driver = stage.driver(Environment::Development).expect("a driver");
    stage.drive(&driver, "0102989").await.expect("signed in honestly first");
    for (fault, kind) in [
        ("expired", Kind::CertificateRejected),
        ("notYetValid", Kind::CertificateRejected),
        ("untrustedIssuer", Kind::CertificateRejected),
        ("selfSigned", Kind::CertificateRejected),
        ("wrongPolicy", Kind::CertificateRejected),
        ("wrongEku", Kind::CertificateRejected),
        ("noDigitalSignature", Kind::CertificateRejected),
        ("weakKey", Kind::CertificateRejected),
        ("twoSerialNumbers", Kind::CertificateRejected),
        ("foreignCountry", Kind::CertificateRejected),
        ("noSerialNumber", Kind::CertificateRejected),
        ("revoked", Kind::CredentialRevoked),
        ("ocspDown", Kind::RevocationUnavailable),
        ("wrongKey", Kind::SignatureInvalid),
        ("otherHash", Kind::SignatureInvalid),
        ("replayOld", Kind::SignatureInvalid),
        ("wrongHashAlg", Kind::SignatureInvalid),
        ("derSignature", Kind::SignatureInvalid),
        ("emptySignature", Kind::SignatureInvalid),
        ("unknownState", Kind::ProviderProtocol),
        ("unknownResult", Kind::ProviderProtocol),
        ("malformedJson", Kind::ProviderProtocol),
        ("hugeBody", Kind::ProviderProtocol),
        ("slowBody", Kind::ProviderUnavailable),
    ] {
        let behaviour = json!({ "method": "sim", "action": "approve", "fault": fault });
        stage.control(Method::PUT, "/persons/0101302989/behaviour", Some(behaviour)).await;
        let error = stage.drive(&driver, "0102989").await.expect_err(fault);
        assert_eq!(error.kind, kind, "{fault}: {error:?}");
    }
    let honest = json!({ "method": "sim", "action": "approve", "fault": "extraFields" });
    stage.control(Method::PUT, "/persons/0101302989/behaviour", Some(honest)).await;
    stage.drive(&driver, "0102989").await.expect("fields that nobody knows are no lie");
}

#[tokio::test]
async fn every_mood_of_the_responder_but_its_good_one_fails_closed() {
    let stage = Stage::new(INSTANT).await;
    for mood in ["down", "stale", "unknown", "badsig", "nononce"] {
        stage.control(Method::PUT, "/services", Some(json!({ "ocsp": mood }))).await;
        let driver = stage.driver(Environment::Development).expect("a driver");
        let error = stage.drive(&driver, "0102989").await.expect_err(mood);
        assert_eq!(error.kind, Kind::RevocationUnavailable, "{mood}: {error:?}");
    }
}

#[tokio::test]
async fn x5_03_a_responder_that_is_too_slow_is_one_that_does_not_answer() {
    let stage = Stage::new(INSTANT).await;
    stage.control(Method::PUT, "/services", Some(json!({ "ocsp": "slow" }))).await;
    let alone = stage.driver(Environment::Development).expect("a driver");
    let with_list = stage.driver_with(Environment::Development, |trust| {
        (trust.revocation, trust.crl_urls) = (RevocationCheck::OcspThenCrl, vec![format!("{}/crl/sim.crl", stage.url)]);
    });
    let with_list = with_list.expect("a driver");
    let began = Instant::now();
    let (refused, signed_in) = tokio::join!(stage.drive(&alone, "0102989"), stage.drive(&with_list, "0102989"));
    assert_eq!(refused.expect_err("no answer").kind, Kind::RevocationUnavailable);
    assert!(signed_in.is_ok(), "the list stands in");
    // the responder answers after ten seconds
    assert!(began.elapsed() < Duration::from_secs(10), "nobody waits for it");
}

#[tokio::test]
async fn x5_03_each_way_to_ask_for_revocation_fails_closed_in_each_mood() {
    let stage = Stage::new(INSTANT).await;
    let (good, none) = (None, Some(Kind::RevocationUnavailable));
    for (check, ocsp, crl, expected) in [
        (RevocationCheck::Crl, "down", "ok", good),
        (RevocationCheck::Crl, "ok", "stale", none),
        (RevocationCheck::Crl, "ok", "down", none),
        (RevocationCheck::OcspThenCrl, "ok", "down", good),
        (RevocationCheck::OcspThenCrl, "down", "ok", good),
        (RevocationCheck::OcspThenCrl, "badsig", "ok", good),
        (RevocationCheck::OcspThenCrl, "down", "stale", none),
        (RevocationCheck::OcspThenCrl, "down", "down", none),
        // a responder that does not know a certificate has spoken
        (RevocationCheck::OcspThenCrl, "unknown", "ok", none),
        (RevocationCheck::None, "down", "down", good),
    ] {
        stage.control(Method::PUT, "/services", Some(json!({ "ocsp": ocsp, "crl": crl }))).await;
        let url = format!("{}/crl/sim.crl", stage.url);
        let driver = stage.driver_with(Environment::Development, |trust| {
            (trust.revocation, trust.crl_urls) = (check, vec![url]);
        });
        let outcome = stage.drive(&driver.expect("a driver"), "0102989").await.err().map(|error| error.kind);
        assert_eq!(outcome, expected, "{check:?}: OCSP {ocsp}, CRL {crl}");
    }
}

#[tokio::test]
async fn x5_03_what_is_revoked_is_in_the_list_as_well() {
    let stage = Stage::new(INSTANT).await;
    let host = stage.url.trim_start_matches("http://").to_owned();
    // where the certificate says that it is
    let driver = stage.driver_with(Environment::Development, |trust| {
        (trust.revocation, trust.crl_hosts) = (RevocationCheck::Crl, vec![host]);
    });
    let driver = driver.expect("a driver");
    let evidence = stage.drive(&driver, "0102989").await.expect("signed in");
    let Evidence::Certificate(evidence) = evidence.evidence() else { panic!("no certificate") };
    assert!(matches!(evidence.revocation, RevocationEvidence::Crl(_)), "X5-09");
    let fresh = stage.driver_with(Environment::Development, |trust| {
        (trust.revocation, trust.crl_urls) = (RevocationCheck::Crl, vec![format!("{}/crl/sim.crl", stage.url)]);
    });
    let error = stage.drive(&fresh.expect("a driver"), "0000009").await.expect_err("revoked");
    assert_eq!(error.kind, Kind::CredentialRevoked);
}

#[tokio::test]
async fn x5_03_another_responder_answers_where_the_first_does_not() {
    let stage = Stage::new(INSTANT).await;
    let working = format!("{}/ocsp/sim", stage.url);
    let driver = stage.driver_with(Environment::Development, |trust| {
        trust.ocsp_url = Some("http://127.0.0.1:1/ocsp".to_owned());
        trust.ocsp_fallback_urls = vec![format!("{}/no-responder", stage.url), working];
    });
    let driver = driver.expect("a driver");
    assert!(stage.drive(&driver, "0102989").await.is_ok());
    assert_eq!(stage.drive(&driver, "0000009").await.expect_err("revoked").kind, Kind::CredentialRevoked);
}
