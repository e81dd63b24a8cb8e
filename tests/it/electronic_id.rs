//! The Mobile-ID driver against the simulator: every scenario number, every lie and every mood, over real HTTP (eid.md §13).

use std::{net::SocketAddr, time::Duration};

use ias::{
    base::{
        clock::Clock,
        id::{AttemptId, IdentityProviderRowId},
        secret::Secret,
        text::Language,
    },
    demo::eid_simulator::{AppOptions, Mode, Options, RelyingParty, Simulator},
    model::{
        environment::Environment,
        identity_provider::{
            DriverSettings, IdentityProvider, IdentityProviderKind, MobileIdSettings, NationalIdFormat, TrustProfile,
        },
        phone_number::PhoneNumber,
    },
    outbound::{
        client::OutboundClient,
        eid::{BeginInput, Driver, EidErrorKind, LoginContext, Progress, VerifiedIdentity, marker::SIMULATOR_POLICY_OID_TEXT},
    },
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

const TOKEN: &str = "control token of this test";

/// A running simulator and a driver that believes it.
struct Scene {
    simulator: Simulator,
    driver: Driver,
    url: String,
    _directory: TempDir,
    _stop: DropGuard,
}

impl Scene {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address: SocketAddr = listener.local_addr().expect("an address");
        let url = format!("http://{address}");
        let options = Options {
            data_dir: directory.path().to_owned(),
            public_url: url.clone(),
            mode: Mode::Auto { delay_ms: 0..=0 },
            control_token: Secret::new(TOKEN.to_owned()),
            clock: Clock::System,
            relying_party: RelyingParty::default(),
            apps: AppOptions::default(),
        };
        let simulator = Simulator::new(options).await.expect("a simulator");
        let stop = CancellationToken::new();
        tokio::spawn(simulator.clone().serve(listener, stop.clone()));
        let driver = driver(&simulator, &url, &address.to_string());
        Self { simulator, driver, url, _directory: directory, _stop: stop.drop_guard() }
    }

    async fn sign_in(&self, phone_number: &str) -> Result<VerifiedIdentity, EidErrorKind> {
        let context = LoginContext {
            language: Language::Is,
            service_name: "Mínar síður",
            server_name: "Innskráning",
            client_id: "@island.is/minar",
            attempt: AttemptId(uuid::Uuid::nil()),
            fresh: false,
            accepted_acr: &[],
            return_url: "",
        };
        let clock = Clock::System;
        let input = BeginInput::PhoneNumber(PhoneNumber::parse(phone_number, true).expect("a number"));
        let prepared = self.driver.prepare(&context, input, clock.now()).map_err(|error| error.kind)?;
        let state = self.driver.start(&prepared.state, &clock).await.map_err(|error| error.kind)?;
        loop {
            match self.driver.advance(&state, &clock, Duration::from_secs(1)).await.map_err(|error| error.kind)? {
                Progress::Verified(identity) => return Ok(identity),
                Progress::Pending => {}
            }
        }
    }

    async fn control(&self, path: &str, body: Value) {
        let request = reqwest::Client::new().put(format!("{}/control{path}", self.url)).bearer_auth(TOKEN).json(&body);
        let answer = request.send().await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {} {}", answer.status(), answer.text().await.unwrap_or_default());
    }
}

fn driver(simulator: &Simulator, url: &str, host: &str) -> Driver {
    let party = RelyingParty::default();
    let settings = MobileIdSettings {
        base_url: format!("{url}/mid-api"),
        relying_party_uuid: party.uuid,
        relying_party_name: party.name,
        trust: TrustProfile {
            anchors_pem: simulator.anchors_pem(),
            intermediates_pem: simulator.intermediates_pem(),
            require_policies: vec![SIMULATOR_POLICY_OID_TEXT.to_owned()],
            forbid_policies: Vec::new(),
            extended_key_usages: vec!["1.3.6.1.5.5.7.3.2".to_owned()],
            national_id_formats: vec![NationalIdFormat::Etsi, NationalIdFormat::Bare10],
            countries: vec!["IS".to_owned()],
            ocsp_url: None,
            ocsp_hosts: vec![host.to_owned()],
            ..TrustProfile::default()
        },
        tls_roots_pem: String::new(),
    };
    let provider = IdentityProvider {
        id: IdentityProviderRowId::new(Clock::System.now()),
        organisation_id: None,
        name: "sim".to_owned(),
        kind: IdentityProviderKind::Sim,
        driver: DriverSettings::MobileId(settings),
        acr: "eidas-loa-high".to_owned(),
        amr: vec!["hwk".to_owned(), "pin".to_owned(), "mfa".to_owned()],
        enabled: true,
        display_order: 0,
        display_name: None,
    };
    let http = OutboundClient::new("", Environment::Development).expect("a client");
    Driver::new(&provider, &http, None, Environment::Development).expect("a driver")
}

#[tokio::test]
async fn every_gervimadur_signs_in_as_itself() {
    let scene = Scene::new().await;
    for person in scene.simulator.persons() {
        let identity = scene.sign_in(&person.phone_number).await.expect(&person.name);
        assert_eq!(identity.national_id().expose(), person.national_id);
        assert_eq!(identity.name(), Some(person.name.as_str()));
    }
}

#[tokio::test]
async fn each_scenario_number_ends_as_it_says() {
    let scene = Scene::new().await;
    for (phone_number, kind) in [
        ("0000002", EidErrorKind::UserCancelled),
        ("0000003", EidErrorKind::Timeout),
        ("0000004", EidErrorKind::DeviceUnreachable),
        ("0000005", EidErrorKind::NotAvailableForUser),
        ("0000006", EidErrorKind::CredentialBroken),
        ("0000007", EidErrorKind::CredentialBroken),
        ("0000008", EidErrorKind::DeviceUnreachable),
        ("0000009", EidErrorKind::CredentialRevoked),
        ("0000010", EidErrorKind::CertificateRejected),
        ("0000012", EidErrorKind::SignatureInvalid),
        ("0000013", EidErrorKind::RevocationUnavailable),
        ("0000014", EidErrorKind::ProviderUnavailable),
        ("0000019", EidErrorKind::ProviderProtocol),
        ("0000020", EidErrorKind::CertificateRejected),
    ] {
        assert_eq!(scene.sign_in(phone_number).await.err(), Some(kind), "{phone_number}");
    }
    assert!(scene.sign_in("0000001").await.is_ok());
    // Phone-only: the certificate alone says who signed, so another's certificate and signature is another's sign-in.
    let other = scene.sign_in("0000011").await.expect("verified");
    assert_ne!(other.national_id().expose(), "0099000119", "EID-08");
}

#[tokio::test]
async fn every_lie_is_seen_through() {
    let scene = Scene::new().await;
    let (rejected, signature, protocol) =
        (EidErrorKind::CertificateRejected, EidErrorKind::SignatureInvalid, EidErrorKind::ProviderProtocol);
    for (fault, kind) in [
        ("expired", rejected),
        ("notYetValid", rejected),
        ("untrustedIssuer", rejected),
        ("selfSigned", rejected),
        ("wrongPolicy", rejected),
        ("wrongEku", rejected),
        ("noDigitalSignature", rejected),
        ("weakKey", rejected),
        ("twoSerialNumbers", rejected),
        ("foreignCountry", rejected),
        ("noSerialNumber", rejected),
        ("revoked", EidErrorKind::CredentialRevoked),
        ("ocspDown", EidErrorKind::RevocationUnavailable),
        ("wrongKey", signature),
        ("otherHash", signature),
        ("replayOld", signature),
        ("wrongHashAlg", signature),
        ("derSignature", signature),
        ("emptySignature", signature),
        ("unknownState", protocol),
        ("unknownResult", protocol),
        ("malformedJson", protocol),
        ("hugeBody", protocol),
    ] {
        let behaviour = json!({"method": "sim", "action": "approve", "delayMs": 0, "times": null, "fault": fault});
        scene.control("/persons/0101302989/behaviour", behaviour).await;
        assert_eq!(scene.sign_in("0102989").await.err(), Some(kind), "{fault}");
    }
    let behaviour = json!({"method": "sim", "action": "approve", "delayMs": 0, "times": null, "fault": "extraFields"});
    scene.control("/persons/0101302989/behaviour", behaviour).await;
    assert!(scene.sign_in("0102989").await.is_ok(), "unknown fields are ignored");
}

#[tokio::test]
async fn services_in_every_mood_fail_closed() {
    let scene = Scene::new().await;
    for mood in ["down", "stale", "unknown", "badsig", "nononce"] {
        scene.control("/services", json!({"ocsp": mood})).await;
        let kind = scene.sign_in("0102989").await.err();
        assert_eq!(kind, Some(EidErrorKind::RevocationUnavailable), "X5-03: {mood}");
    }
    for (mood, kind) in [
        ("500", EidErrorKind::ProviderUnavailable),
        ("503", EidErrorKind::ProviderUnavailable),
        ("401", EidErrorKind::ProviderConfig),
        ("drop", EidErrorKind::ProviderUnavailable),
    ] {
        scene.control("/services", json!({"mid": mood})).await;
        assert_eq!(scene.sign_in("0102989").await.err(), Some(kind), "{mood}");
    }
    scene.control("/services", json!({})).await;
    assert!(scene.sign_in("0102989").await.is_ok());
}
