//! The server's own driver signs in at the simulated app, in each of the three ways: what should succeed does, and every lie is seen
//! through (eid.md §13).

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

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
        identity_provider::{DriverSettings, IdentityProvider, IdentityProviderKind},
        national_id::NationalId,
    },
    outbound::{
        client::OutboundClient,
        eid::{
            BeginInput, Driver, DriverState, EidError, EidErrorKind as Kind, LoginContext, Progress, Step, VerifiedIdentity,
            marker::SIMULATOR_POLICY_OID_TEXT, smart_id::AppReturn,
        },
    },
};

const PERSON: &str = "0101302989";
const WAYS: [Way; 3] = [Way::Notification, Way::Qr, Way::SameDevice];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Notification,
    Qr,
    SameDevice,
}

impl Stage {
    /// The driver with the settings of the demo, changed.
    fn app(&self, change: impl FnOnce(&mut Value)) -> Driver {
        let mut settings = json!({
            "driver": "smart_id",
            "base_url": format!("{}/smart-id-rp/v3", self.url),
            "relying_party_uuid": RELYING_PARTY_UUID, "relying_party_name": RELYING_PARTY_NAME,
            "scheme_name": "smart-id-demo", "flows": ["notification", "qr", "same_device"], "push_delay_ms": 0,
            "trust": {
                "anchors_pem": self.simulator.anchors_pem(),
                "intermediates_pem": self.simulator.app_intermediates_pem(),
                "require_policies": [SIMULATOR_POLICY_OID_TEXT],
                "extended_key_usages": ["1.3.6.1.4.1.62306.5.7.0"],
                "national_id_formats": ["etsi", "bare10"],
                "countries": ["IS"],
                "ocsp_url": format!("{}/ocsp/app", self.url),
            },
        });
        change(&mut settings);
        let driver: DriverSettings = serde_json::from_value(settings).expect("settings");
        let provider = IdentityProvider {
            id: IdentityProviderRowId::new(Clock::System.now()),
            organisation_id: None,
            name: "app".to_owned(),
            kind: IdentityProviderKind::App,
            driver,
            acr: "eidas-loa-high".to_owned(),
            amr: Vec::new(),
            enabled: true,
            display_order: 0,
            display_name: None,
        };
        let http = OutboundClient::pinned("").expect("a client");
        Driver::new(&provider, &http, None, Environment::Development).expect("a driver")
    }

    async fn begin(&self, driver: &Driver, way: Way, person: &str) -> Result<DriverState, EidError> {
        let context = LoginContext {
            language: Language::Is,
            service_name: "Mitt svæði",
            server_name: "Innskráning",
            client_id: "@island.is/minar",
            attempt: AttemptId::new(Clock::System.now()),
            fresh: false,
            accepted_acr: &[],
            return_url: "http://localhost:1/signin/app/return?attempt=1",
        };
        let input = match way {
            Way::Notification => BeginInput::NationalId(NationalId::parse(person).expect("a kennitala")),
            Way::Qr => BeginInput::DeviceLink { same_device: false },
            Way::SameDevice => BeginInput::DeviceLink { same_device: true },
        };
        let prepared = driver.prepare(&context, input, Clock::System.now())?;
        driver.start(&prepared.state, &Clock::System).await
    }

    /// The whole way of a person who confirms.
    async fn sign_in_by(&self, driver: &Driver, way: Way, person: &str) -> Result<VerifiedIdentity, EidError> {
        let mut state = self.begin(driver, way, person).await?;
        if way != Way::Notification {
            let redirect = self.open(driver, &state, person, "approve").await;
            if way == Way::SameDevice {
                let came_back = came_back(redirect.as_str().unwrap_or_default());
                if let Some(came_back) = came_back {
                    state = driver.returned(&state, &came_back)?;
                }
            } else {
                assert!(redirect.is_null(), "a QR code has no way back");
            }
        }
        match driver.advance(&state, &Clock::System, Duration::from_secs(3)).await? {
            Progress::Verified(identity) => Ok(identity),
            Progress::Pending => panic!("the simulator has answered"),
        }
    }

    /// Opens the link that the page shows and answers it; gives where the browser goes.
    async fn open(&self, driver: &Driver, state: &DriverState, person: &str, action: &str) -> Value {
        let Some(Step::ShowQr(link) | Step::OpenApp(link)) = driver.step(state, Clock::System.now()) else {
            panic!("the page shows no link");
        };
        let body = json!({ "link": link, "person": person, "action": action });
        let (status, answer) = self.control(Method::POST, "/device-link", Some(body)).await;
        assert_eq!(status, 200, "{answer}");
        answer["redirect"].clone()
    }

    async fn app_lies(&self, fault: &str) {
        let behaviour = json!({ "method": "app", "action": "approve", "fault": fault });
        let (status, answer) = self.control(Method::PUT, &format!("/persons/{PERSON}/behaviour"), Some(behaviour)).await;
        assert_eq!(status, 200, "{answer}");
    }
}

fn came_back(url: &str) -> Option<AppReturn> {
    let url = url::Url::parse(url).ok()?;
    let value = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    Some(AppReturn {
        value: value("value")?,
        secret_digest: value("sessionSecretDigest")?,
        verifier: value("userChallengeVerifier")?,
    })
}

#[tokio::test]
async fn a_person_signs_in_with_the_app_in_each_of_the_three_ways_and_with_each_hash() {
    let stage = Stage::new(INSTANT).await;
    for hash in ["SHA-256", "SHA-384", "SHA-512"] {
        let driver = stage.app(|settings| settings["hash"] = hash.into());
        for way in WAYS {
            let identity = stage.sign_in_by(&driver, way, PERSON).await.expect("signed in");
            assert_eq!(identity.national_id().expose(), PERSON, "{way:?} {hash}");
            assert_eq!(identity.name(), Some("Gervimaður Ameríka"));
        }
    }
}

#[tokio::test]
async fn an_app_with_a_key_of_6144_bits_signs_people_in() {
    let stage = Stage::new(INSTANT).await;
    let driver = stage.app(|_| {});
    let identity = stage.sign_in_by(&driver, Way::Notification, "0101302209").await.expect("signed in");
    assert_eq!(identity.national_id().expose(), "0101302209");
}

#[tokio::test]
async fn each_scenario_of_the_app_ends_as_its_number_says() {
    let stage = Stage::new(Mode::Manual).await;
    let driver = stage.app(|_| {});
    assert!(stage.sign_in_by(&driver, Way::Notification, "0099000019").await.is_ok());
    for (person, kind) in [
        ("0099000029", Kind::UserCancelled),
        ("0099000039", Kind::Timeout),
        ("0099000049", Kind::Timeout),
        ("0099000059", Kind::NotAvailableForUser),
        ("0099000069", Kind::CredentialBlocked),
        ("0099000079", Kind::ProviderProtocol),
        ("0099000089", Kind::ProviderUnavailable),
        ("0099000099", Kind::CredentialRevoked),
        ("0099000109", Kind::CertificateRejected),
        ("0099000119", Kind::IdentityMismatch),
        ("0099000129", Kind::SignatureInvalid),
        ("0099000139", Kind::RevocationUnavailable),
        ("0099000149", Kind::ProviderUnavailable),
        ("0099000169", Kind::WrongCodeChosen),
        ("0099000179", Kind::AppTooOld),
        ("0099000189", Kind::CertificateRejected),
        ("0099000199", Kind::ProviderProtocol),
        ("0099000209", Kind::CertificateRejected),
    ] {
        let error = stage.sign_in_by(&driver, Way::Notification, person).await.expect_err(person);
        assert_eq!(error.kind, kind, "{person}: {error:?}");
    }
}

#[tokio::test]
async fn the_driver_sees_through_every_lie_of_an_app_in_each_way() {
    let stage = Stage::new(INSTANT).await;
    let driver = stage.app(|_| {});
    stage.sign_in_by(&driver, Way::Notification, PERSON).await.expect("signed in honestly first");
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
        ("levelDowngrade", Kind::CertificateRejected),
        ("wrongSalt", Kind::SignatureInvalid),
        ("wrongServerRandom", Kind::SignatureInvalid),
        ("wrongUserChallenge", Kind::SignatureInvalid),
        ("wrongFlowType", Kind::SignatureInvalid),
        ("wrongInteraction", Kind::SignatureInvalid),
        ("wrongRpName", Kind::SignatureInvalid),
        ("unknownState", Kind::ProviderProtocol),
        ("unknownResult", Kind::ProviderProtocol),
        ("malformedJson", Kind::ProviderProtocol),
        ("hugeBody", Kind::ProviderProtocol),
    ] {
        stage.app_lies(fault).await;
        for way in WAYS {
            let error = stage.sign_in_by(&driver, way, PERSON).await.expect_err(fault);
            assert_eq!(error.kind, kind, "{fault} {way:?}: {error:?}");
        }
    }
    for fault in ["wrongCallbackValue", "wrongDigest", "wrongVerifier"] {
        stage.app_lies(fault).await;
        let error = stage.sign_in_by(&driver, Way::SameDevice, PERSON).await.expect_err(fault);
        assert_eq!(error.kind, Kind::SignatureInvalid, "EID-04: {fault}: {error:?}");
    }
    // EID-08: a notification was for the one who was named; of a link the certificate says who it is
    stage.app_lies("wrongPerson").await;
    let error = stage.sign_in_by(&driver, Way::Notification, PERSON).await.expect_err("another person");
    assert_eq!(error.kind, Kind::IdentityMismatch);
    for way in [Way::Qr, Way::SameDevice] {
        let other = stage.sign_in_by(&driver, way, PERSON).await.expect("signed in as somebody");
        assert_ne!(other.national_id().expose(), PERSON);
    }
    stage.app_lies("extraFields").await;
    for way in WAYS {
        stage.sign_in_by(&driver, way, PERSON).await.expect("fields that nobody knows are no lie");
    }
}

#[tokio::test]
async fn eid_04_on_the_same_device_nothing_is_verified_before_the_browser_is_back() {
    let stage = Stage::new(INSTANT).await;
    let driver = stage.app(|_| {});
    let state = stage.begin(&driver, Way::SameDevice, PERSON).await.expect("begun");
    let redirect = stage.open(&driver, &state, PERSON, "approve").await;
    for _ in 0..2 {
        let progress = driver.advance(&state, &Clock::System, Duration::from_secs(1)).await.expect("nothing wrong");
        assert!(matches!(progress, Progress::Pending));
    }
    let came_back = came_back(redirect.as_str().expect("a way back")).expect("with all three");
    let state = driver.returned(&state, &came_back).expect("ours");
    let progress = driver.advance(&state, &Clock::System, Duration::from_secs(1)).await.expect("signed in");
    assert!(matches!(progress, Progress::Verified(_)));
}

#[tokio::test]
async fn a_qr_code_is_soon_too_old_and_a_changed_one_is_worth_nothing() {
    let (clock, hand) = Clock::fixed(Clock::System.now());
    let stage = Stage::with_clock(INSTANT, clock.clone()).await;
    let driver = stage.app(|_| {});
    let state = stage.begin(&driver, Way::Qr, PERSON).await.expect("begun");
    let Some(Step::ShowQr(link)) = driver.step(&state, clock.now()) else { panic!("a QR code") };
    let open = async |link: &str| {
        let body = json!({ "link": link, "person": PERSON, "action": "approve" });
        stage.control(Method::POST, "/device-link", Some(body)).await
    };
    let changed = link.replace("elapsedSeconds=", "elapsedSeconds=1");
    assert_eq!(open(&changed).await.0, 409);
    hand.advance(time::Duration::seconds(8));
    let (status, answer) = open(&link).await;
    assert_eq!((status, answer["error"].as_str()), (409, Some("The link is not valid or too old.")));
    let (status, _) = stage.control(Method::GET, "/sessions?state=pending", None).await;
    assert_eq!(status, 200);
    let Some(Step::ShowQr(fresh)) = driver.step(&state, clock.now()) else { panic!("a QR code") };
    assert_ne!(fresh, link);
    assert_eq!(open(&fresh).await.0, 200);
}

#[tokio::test]
async fn refusals_and_wrong_codes_end_the_request() {
    let stage = Stage::new(Mode::Manual).await;
    let driver = stage.app(|_| {});
    for way in [Way::Qr, Way::SameDevice] {
        let state = stage.begin(&driver, way, PERSON).await.expect("begun");
        stage.open(&driver, &state, PERSON, "refuse").await;
        let error = driver.advance(&state, &Clock::System, Duration::from_secs(1)).await.expect_err("refused");
        assert_eq!(error.kind, Kind::UserCancelled, "{way:?}");
    }
    let state = stage.begin(&driver, Way::Notification, PERSON).await.expect("begun");
    let Some(Step::ChooseCode(code)) = driver.step(&state, Clock::System.now()) else { panic!("a code to choose") };
    let (_, listed) = stage.control(Method::GET, &format!("/sessions?state=pending&person={PERSON}"), None).await;
    let session = &listed["sessions"][0];
    assert_eq!(session["verificationCode"], code, "EID-03");
    assert!(session["text"].as_str().expect("a text").starts_with("Innskráning: Mitt svæði"));
    let codes = session["codes"].as_array().expect("codes");
    let other = codes.iter().find(|other| **other != code).expect("another code").clone();
    let path = format!("/sessions/{}/approve", session["id"].as_str().expect("an id"));
    stage.control(Method::POST, &path, Some(json!({ "chosenCode": other }))).await;
    let error = driver.advance(&state, &Clock::System, Duration::from_secs(1)).await.expect_err("the wrong code");
    assert_eq!(error.kind, Kind::WrongCodeChosen);
}

#[tokio::test]
async fn the_service_is_as_strict_as_the_real_one() {
    let stage = Stage::new(INSTANT).await;
    let interactions = |list: Value| crate::base::digest::base64(list.to_string());
    let whole = json!({
        "relyingPartyUUID": RELYING_PARTY_UUID, "relyingPartyName": RELYING_PARTY_NAME, "certificateLevel": "QUALIFIED",
        "signatureProtocol": "ACSP_V2",
        "signatureProtocolParameters": {
            "rpChallenge": crate::base::digest::base64([7; 32]), "signatureAlgorithm": "rsassa-pss",
            "signatureAlgorithmParameters": { "hashAlgorithm": "SHA-512" },
        },
        "interactions": interactions(json!([{ "type": "displayTextAndPIN", "displayText60": "Innskráning" }])),
        "vcType": "numeric4",
    });
    let path = format!("/smart-id-rp/v3/authentication/notification/etsi/PNOIS-{PERSON}");
    assert_eq!(stage.post(&path, &whole).await.0, 200);
    assert_eq!(stage.post("/smart-id-rp/v3/authentication/notification/etsi/PNOEE-40504040001", &whole).await.0, 400);
    assert_eq!(stage.post("/smart-id-rp/v3/authentication/notification/etsi/PNOIS-0099012345", &whole).await.0, 404);
    let long = "x".repeat(61);
    for (pointer, value, status) in [
        ("/relyingPartyUUID", json!("00000000-0000-4000-8000-000000000000"), 401),
        ("/certificateLevel", json!("BEST"), 400),
        ("/signatureProtocol", json!("RAW_DIGEST_SIGNATURE"), 400),
        ("/signatureProtocolParameters/rpChallenge", json!("AAAA"), 400),
        ("/signatureProtocolParameters/signatureAlgorithm", json!("rsassa-pkcs1"), 400),
        ("/signatureProtocolParameters/signatureAlgorithmParameters/hashAlgorithm", json!("SHA-1"), 400),
        ("/interactions", json!(""), 400),
        ("/interactions", json!(interactions(json!([]))), 400),
        ("/interactions", json!(interactions(json!([{ "type": "displayTextAndPIN", "displayText60": long }]))), 400),
        ("/interactions", json!(interactions(json!([{ "type": "telepathy", "displayText60": "a" }]))), 400),
        ("/vcType", json!("numeric6"), 400),
        ("/initialCallbackUrl", json!("https://localhost/"), 400),
        ("/more", json!(1), 400),
    ] {
        let mut body = whole.clone();
        match body.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => body[&pointer[1..]] = value,
        }
        assert_eq!(stage.post(&path, &body).await.0, status, "{pointer}");
    }
    let mut link = whole.clone();
    link.as_object_mut().expect("an object").remove("vcType");
    let anonymous = "/smart-id-rp/v3/authentication/device-link/anonymous";
    for (url, status) in [
        ("https://innskra.example/return?value=1", 200),
        ("http://localhost:8080/return?value=1", 200),
        ("http://innskra.example/return?value=1", 400),
        ("https://innskra.example/a|b", 400),
        ("https://", 400),
    ] {
        link["initialCallbackUrl"] = url.into();
        assert_eq!(stage.post(anonymous, &link).await.0, status, "{url}");
    }
    assert_eq!(stage.post(anonymous, &whole).await.0, 400, "vcType is for notifications");
    let unknown = "/smart-id-rp/v3/session/00000000-0000-4000-8000-000000000000";
    assert_eq!(stage.get(unknown).await.0, 404);
}
