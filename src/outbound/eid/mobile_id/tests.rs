//! The driver against a provider and an OCSP responder on the loopback: the wire, and every lie of eid.md §11.3.

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::IntoResponse,
    routing::{get, post},
};
use der::Decode as _;
use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use x509_ocsp::{CertStatus, OcspRequest};

use super::{
    super::{mutation::edits, test_authority::*},
    *,
};
use crate::{
    base::{
        digest,
        id::{AttemptId, IdentityProviderRowId},
        text::Language,
    },
    model::identity_provider::{DriverSettings, IdentityProvider, IdentityProviderKind},
    outbound::eid::{BeginInput, Driver, Evidence, RevocationEvidence, VerifiedIdentity},
};

/// A provider with one SIM card; tests set what it lies about.
struct Provider {
    authority: Authority,
    key: KeyPair,
    certificate: Vec<u8>,
    algorithm: &'static str,
    /// what the card does with the digest
    sign: fn(&KeyPair, &[u8]) -> Vec<u8>,
    /// instead of the whole status
    status: Option<(u16, String)>,
    /// polls that find the provider busy
    busy: u32,
    ocsp: Option<CertStatus>,
    started: Option<Value>,
    asked_ocsp: u32,
    polls: Vec<(String, String)>,
}

type Shared = Arc<Mutex<Provider>>;

impl Provider {
    fn new() -> Self {
        let (authority, key) = (Authority::new("CA"), KeyPair::generate().expect("a key"));
        let certificate = authority.issue(&key, |_| {});
        Self {
            authority,
            key,
            certificate,
            algorithm: "SHA256WithECEncryption",
            sign: |key, digest| sign(key, digest).to_vec(),
            status: None,
            busy: 0,
            ocsp: Some(CertStatus::good()),
            started: None,
            asked_ocsp: 0,
            polls: Vec::new(),
        }
    }

    fn reissue(&mut self, change: impl FnOnce(&mut CertificateParams)) {
        self.certificate = self.authority.issue(&self.key, change);
    }
}

/// A running provider with a driver for it.
struct Scene {
    driver: Driver,
    provider: Shared,
    clock: Clock,
}

const CONTEXT: LoginContext<'static> = LoginContext {
    language: Language::Is,
    service_name: "Mitt svæði",
    server_name: "Innskráning",
    client_id: "@island.is/minar",
    attempt: AttemptId(uuid::Uuid::nil()),
    fresh: false,
    accepted_acr: &[],
    return_url: "",
};

impl Scene {
    async fn new(change: impl FnOnce(&mut Provider)) -> Self {
        let mut provider = Provider::new();
        change(&mut provider);
        let profile = provider.authority.profile();
        let provider = Arc::new(Mutex::new(provider));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new()
            .route("/mid-api/authentication", post(start))
            .route("/mid-api/authentication/session/{id}", get(status))
            .route("/ocsp", post(ocsp))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });

        let mut settings = settings(&format!("http://{address}/mid-api/"), profile);
        settings.trust.ocsp_url = Some(format!("http://{address}/ocsp"));
        let driver = driver(settings, Environment::Development).expect("a driver");
        Self { driver, provider, clock: Clock::fixed(NOW).0 }
    }

    async fn sign_in(&self) -> Result<VerifiedIdentity, EidError> {
        let phone_number = PhoneNumber::parse("010 2989", true).expect("a number");
        let prepared = self.driver.prepare(&CONTEXT, BeginInput::PhoneNumber(phone_number), NOW)?;
        let started = self.driver.start(&prepared.state, &Clock::System).await?;
        // Another node goes on from the stored state.
        let stored = serde_json::to_string(&started).expect("JSON");
        let state = serde_json::from_str(&stored).expect("a state");
        match self.driver.advance(&state, &self.clock, Duration::from_secs(10)).await? {
            Progress::Verified(identity) => Ok(identity),
            Progress::Pending => panic!("the provider has answered"),
        }
    }
}

/// What a sign-in ends with, where the provider is changed so.
async fn failure(change: impl FnOnce(&mut Provider)) -> EidErrorKind {
    Scene::new(change).await.sign_in().await.expect_err("a failure").kind
}

fn settings(base_url: &str, trust: crate::model::identity_provider::TrustProfile) -> MobileIdSettings {
    MobileIdSettings {
        base_url: base_url.to_owned(),
        relying_party_uuid: "00000000-0000-4000-8000-000000000000".to_owned(),
        relying_party_name: "DEMO".to_owned(),
        trust,
        tls_roots_pem: String::new(),
    }
}

fn driver(settings: MobileIdSettings, environment: Environment) -> Result<Driver, DriverFault> {
    let provider = IdentityProvider {
        id: IdentityProviderRowId::new(NOW),
        organisation_id: None,
        name: "sim".to_owned(),
        kind: IdentityProviderKind::Sim,
        driver: DriverSettings::MobileId(settings),
        acr: "eidas-loa-high".to_owned(),
        amr: Vec::new(),
        enabled: true,
        display_order: 0,
        display_name: None,
    };
    Driver::new(&provider, &OutboundClient::pinned("").expect("a client"), None, environment)
}

async fn start(State(provider): State<Shared>, Json(body): Json<Value>) -> impl IntoResponse {
    provider.lock().expect("unpoisoned").started = Some(body);
    Json(json!({"sessionID": "de305d54-75b4-431b-adb2-eb6b9e546014", "more": true}))
}

async fn status(State(provider): State<Shared>, Path(id): Path<String>, RawQuery(query): RawQuery) -> impl IntoResponse {
    let mut provider = provider.lock().expect("unpoisoned");
    provider.polls.push((id, query.unwrap_or_default()));
    if provider.busy > 0 {
        provider.busy -= 1;
        return (StatusCode::SERVICE_UNAVAILABLE, String::new());
    }
    if let Some((code, body)) = &provider.status {
        return (StatusCode::from_u16(*code).expect("a status"), body.clone());
    }
    let hash = provider.started.as_ref().and_then(|body| body["hash"].as_str()).expect("started");
    let signature = (provider.sign)(&provider.key, &from_base64(hash).expect("base64"));
    let body = json!({
        "state": "COMPLETE", "result": "OK", "time": "2026-03-01T12:00:00", "traceId": "1",
        "signature": {"value": base64(signature), "algorithm": provider.algorithm},
        "cert": base64(&provider.certificate),
    });
    (StatusCode::OK, body.to_string())
}

async fn ocsp(State(provider): State<Shared>, body: Bytes) -> impl IntoResponse {
    let mut provider = provider.lock().expect("unpoisoned");
    provider.asked_ocsp += 1;
    let request = OcspRequest::from_der(&body).expect("a request");
    let Some(status) = provider.ocsp else { return (StatusCode::INTERNAL_SERVER_ERROR, Vec::new()) };
    let answer = OcspAnswer {
        status,
        this_update: NOW,
        next_update: None,
        nonce: request.nonce().map(|nonce| nonce.0.as_bytes().to_vec()),
        cert_id: request.tbs_request.request_list[0].req_cert.clone(),
    };
    (StatusCode::OK, provider.authority.responder.answer(answer))
}

#[tokio::test]
async fn a_person_signs_in_and_the_evidence_proves_it() {
    let scene = Scene::new(|_| {}).await;
    let identity = scene.sign_in().await.expect("signed in");
    assert_eq!(identity.national_id().expose(), "0101302989", "EID-08: from the certificate");
    assert_eq!(identity.name(), Some("Gervimaður Ameríka"));

    let Evidence::Certificate(evidence) = identity.evidence() else { panic!("a certificate signed") };
    let hash_input = from_base64(&evidence.hash_input).expect("base64");
    assert_eq!(evidence.hash, base64(sha256(&[&hash_input])), "EID-02");
    let (fresh, rest) = hash_input.split_at(32);
    assert_ne!(fresh, [0; 32]);
    assert_eq!(rest, "Innskráning\n@island.is/minar\n2026-03-01T12:00:00Z".as_bytes(), "EID-02");
    assert_eq!((evidence.verified_at, matches!(evidence.revocation, RevocationEvidence::Ocsp(_))), (NOW, true), "X5-09");
    assert!(serde_json::to_value(evidence).is_ok_and(|value| value["serial"] == evidence.serial.as_str()));
    let shown = format!("{identity:?} {evidence:?}");
    assert!(!shown.contains("0101302989") && !shown.contains("Gervima"), "LOG-01: {shown}");
}

#[tokio::test]
async fn the_request_has_the_fields_of_the_protocol_and_no_national_id() {
    let scene = Scene::new(|_| {}).await;
    scene.sign_in().await.expect("signed in");
    let provider = scene.provider.lock().expect("unpoisoned");
    let body = provider.started.as_ref().expect("started");
    let hash = from_base64(body["hash"].as_str().expect("a hash")).expect("base64");
    let code = verification_code(&hash);
    assert_eq!(
        *body,
        json!({
            "relyingPartyUUID": "00000000-0000-4000-8000-000000000000",
            "relyingPartyName": "DEMO",
            "phoneNumber": "+3540102989",
            "hash": base64(&hash),
            "hashType": "SHA256",
            "language": "ENG",
            "displayText": format!("Öryggistala {code}. Innskráning: Mitt svæði"),
            "displayTextFormat": "UCS-2",
        })
    );
    assert_eq!(provider.polls, [("de305d54-75b4-431b-adb2-eb6b9e546014".to_owned(), "timeoutMs=10000".to_owned())]);
}

#[tokio::test]
async fn nothing_is_sent_before_start_and_start_happens_once() {
    let scene = Scene::new(|_| {}).await;
    let phone_number = PhoneNumber::parse("0102989", true).expect("a number");
    let prepared = scene.driver.prepare(&CONTEXT, BeginInput::PhoneNumber(phone_number), NOW).expect("prepared");
    assert_eq!(prepared.expires_at, NOW + time::Duration::seconds(130));
    assert!(scene.driver.advance(&prepared.state, &scene.clock, Duration::ZERO).await.is_err());
    assert!(scene.provider.lock().expect("unpoisoned").started.is_none(), "EID-06");
    let started = scene.driver.start(&prepared.state, &Clock::System).await.expect("started");
    assert!(scene.driver.start(&started, &Clock::System).await.is_err(), "never a second prompt");
    let shown = format!("{prepared:?} {started:?}");
    assert!(!shown.contains("0102989") && !shown.contains("de305d54"), "LOG-01: {shown}");
}

#[tokio::test]
async fn a_running_session_is_pending_and_a_busy_provider_is_asked_once_more() {
    let running = |provider: &mut Provider| provider.status = Some((200, r#"{"state":"RUNNING","result":""}"#.to_owned()));
    let scene = Scene::new(running).await;
    let phone_number = PhoneNumber::parse("0102989", true).expect("a number");
    let prepared = scene.driver.prepare(&CONTEXT, BeginInput::PhoneNumber(phone_number), NOW).expect("prepared");
    let started = scene.driver.start(&prepared.state, &Clock::System).await.expect("started");
    let progress = scene.driver.advance(&started, &scene.clock, Duration::from_secs(1)).await;
    assert!(matches!(progress, Ok(Progress::Pending)));

    assert!(Scene::new(|provider| provider.busy = 1).await.sign_in().await.is_ok());
    assert_eq!(failure(|provider| provider.busy = 2).await, EidErrorKind::ProviderUnavailable);
}

#[tokio::test]
async fn false_signatures_are_refused() {
    let lies: [fn(&mut Provider); 7] = [
        |provider| provider.key = KeyPair::generate().expect("another key"),
        |provider| provider.sign = |key, _| sign(key, &[7; 32]).to_vec(),
        |provider| provider.sign = |key, digest| sign(key, digest).to_der().as_bytes().to_vec(),
        |provider| provider.sign = |_, _| Vec::new(),
        |provider| provider.sign = |_, _| vec![0; 64],
        |provider| provider.algorithm = "sha256WithRSAEncryption",
        |provider| provider.algorithm = "SHA512WithECEncryption",
    ];
    for (at, lie) in lies.into_iter().enumerate() {
        assert_eq!(failure(lie).await, EidErrorKind::SignatureInvalid, "X5-04, EID-02: lie {at}");
    }
}

#[tokio::test]
async fn false_certificates_are_refused_before_anybody_is_asked_about_them() {
    let lies: [fn(&mut Provider); 6] = [
        |provider| provider.certificate = Authority::new("CA").issue(&provider.key, |_| {}),
        |provider| provider.reissue(|params| params.not_after = NOW - time::Duration::seconds(1)),
        |provider| provider.reissue(|params| params.distinguished_name = subject("PNOSE-0101302989")),
        |provider| provider.reissue(|params| params.distinguished_name = subject("PNOIS-5501692829")),
        |provider| provider.reissue(|params| params.distinguished_name = subject("PNOIS-60001019906")),
        |provider| provider.certificate = vec![0x30, 0],
    ];
    for (at, lie) in lies.into_iter().enumerate() {
        let scene = Scene::new(lie).await;
        assert_eq!(scene.sign_in().await.expect_err("refused").kind, EidErrorKind::CertificateRejected, "lie {at}");
        assert_eq!(scene.provider.lock().expect("unpoisoned").asked_ocsp, 0, "lie {at}");
    }
}

#[tokio::test]
async fn revocation_fails_closed() {
    let revoked = x509_ocsp::RevokedInfo { revocation_time: ocsp_time(NOW), revocation_reason: None };
    let revoked = CertStatus::revoked(revoked);
    assert_eq!(failure(|provider| provider.ocsp = Some(revoked)).await, EidErrorKind::CredentialRevoked, "X5-03");
    let unknown = CertStatus::unknown();
    assert_eq!(failure(|provider| provider.ocsp = Some(unknown)).await, EidErrorKind::RevocationUnavailable, "X5-03");
    let scene = Scene::new(|provider| provider.ocsp = None).await;
    assert_eq!(scene.sign_in().await.expect_err("refused").kind, EidErrorKind::RevocationUnavailable, "X5-03");
    assert_eq!(scene.provider.lock().expect("unpoisoned").asked_ocsp, 2, "once more, and not oftener");
}

#[tokio::test]
async fn a_good_answer_is_remembered() {
    let scene = Scene::new(|_| {}).await;
    scene.sign_in().await.expect("signed in");
    scene.sign_in().await.expect("signed in");
    assert_eq!(scene.provider.lock().expect("unpoisoned").asked_ocsp, 1);
}

#[tokio::test]
async fn what_is_no_answer_of_the_protocol_is_refused() {
    for body in ["", "{", "[]", "{\"state\":1}", "null", r#"{"state":"COMPLETE","state":"RUNNING"}"#] {
        let kind = failure(|provider| provider.status = Some((200, body.to_owned()))).await;
        assert_eq!(kind, EidErrorKind::ProviderProtocol, "{body}");
    }
    let huge = format!("{{\"state\":\"RUNNING\",\"more\":\"{}\"}}", "x".repeat(300_000));
    assert_eq!(failure(|provider| provider.status = Some((200, huge))).await, EidErrorKind::ProviderProtocol);
    assert_eq!(failure(|provider| provider.status = Some((404, String::new()))).await, EidErrorKind::Timeout);
    assert_eq!(failure(|provider| provider.status = Some((302, String::new()))).await, EidErrorKind::ProviderProtocol);
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_unavailable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base_url = format!("http://{}/mid-api", listener.local_addr().expect("an address"));
    drop(listener);
    let driver = driver(settings(&base_url, Authority::new("CA").profile()), Environment::Development).expect("a driver");
    let phone_number = PhoneNumber::parse("6123456", false).expect("a number");
    let prepared = driver.prepare(&CONTEXT, BeginInput::PhoneNumber(phone_number), NOW).expect("prepared");
    assert_eq!(
        driver.start(&prepared.state, &Clock::System).await.expect_err("nobody").kind,
        EidErrorKind::ProviderUnavailable
    );
}

#[test]
fn verification_codes_are_those_of_the_protocols_examples() {
    let hex = |text: &str| -> Vec<u8> {
        let pairs = (0..text.len()).step_by(2).map(|at| &text[at..at + 2]);
        pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hex")).collect()
    };
    assert_eq!(verification_code(&hex("2f665f6a6999e0ef0752e00ec9f453adf59d8cb6")), "1462");
    assert_eq!(verification_code(&[0xff; 32]), "8191");
    assert_eq!(verification_code(&[0; 32]), "0000");
    assert_eq!(verification_code(&digest::sha256(&[b"HACKERMAN_SHA256"])), "6008");
    let vectors = include_str!("../../../../tests/vectors/third_party/mid-rest-java-client/signatures.json");
    let vectors: Vec<Value> = serde_json::from_str(vectors).expect("vectors");
    for vector in vectors {
        let hash = from_base64(vector["hash"].as_str().expect("a hash")).expect("base64");
        assert_eq!(verification_code(&hash), vector["verification_code"]);
    }
}

#[test]
fn production_refuses_test_accounts_addresses_and_phones() {
    let trust = Authority::new("CA").profile();
    let root = Authority::new("TLS root").certificate.pem();
    let real = MobileIdSettings {
        relying_party_uuid: "f18c335c-d15c-4e01-8f5e-647705ba64ae".to_owned(),
        relying_party_name: "Innskráning".to_owned(),
        tls_roots_pem: root,
        ..settings("https://mid.example.is/mid-api", trust)
    };
    let production = |settings| driver(settings, Environment::Production);
    let driver = production(real.clone()).expect("a driver");
    let test_phone = BeginInput::PhoneNumber(PhoneNumber::parse("0102989", true).expect("a number"));
    let refused = driver.prepare(&CONTEXT, test_phone, NOW).expect_err("a test phone");
    assert_eq!(refused.kind, EidErrorKind::InvalidInput, "eid.md §12.6");

    let with = |change: fn(&mut MobileIdSettings)| {
        let mut settings = real.clone();
        change(&mut settings);
        production(settings).err()
    };
    let demo_name = with(|settings| settings.relying_party_name = "DEMO".to_owned());
    assert!(matches!(demo_name, Some(DriverFault::TestAccount)));
    let demo_uuid = with(|settings| settings.relying_party_uuid = "00000000-0000-0000-0000-000000000000".to_owned());
    assert!(matches!(demo_uuid, Some(DriverFault::TestAccount)));
    let plain = with(|settings| settings.base_url = "http://mid.example.is/mid-api".to_owned());
    assert!(matches!(plain, Some(DriverFault::TestAddress("base_url"))));
    let local = with(|settings| settings.base_url = "https://localhost/mid-api".to_owned());
    assert!(matches!(local, Some(DriverFault::TestAddress("base_url"))));
    let unpinned = with(|settings| settings.tls_roots_pem = String::new());
    assert!(matches!(unpinned, Some(DriverFault::NoTlsRoots)));
    let local_ocsp = with(|settings| settings.trust.ocsp_url = Some("http://10.1.2.3/".to_owned()));
    assert!(matches!(local_ocsp, Some(DriverFault::TestAddress("ocsp_url"))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// From the answer to the person, without the network: nothing but the certificate and the signature that were given verifies.
    #[test]
    fn x5_04_an_answer_that_was_changed_never_verifies(edits in edits()) {
        let (authority, key) = (Authority::new("CA"), KeyPair::generate().expect("a key"));
        let certificate = authority.issue(&key, |_| {});
        let hash = sha256(&[b"challenge"]);
        let signature = sign(&key, &hash).to_vec();
        let sample = json!({
            "state": "COMPLETE", "result": "OK", "cert": base64(&certificate),
            "signature": { "value": base64(&signature), "algorithm": "SHA256WithECEncryption" },
        });
        let body = edits.of(sample.to_string().as_bytes());
        let answer = Answer { status: StatusCode::OK, is_json: true, body };
        if let Ok(Outcome::Signed { algorithm, signature: given, certificate: shown }) = wire::status(&answer) {
            let http = OutboundClient::pinned("").expect("a client");
            let verifier = Verifier::new(&authority.profile(), http, Environment::Development).expect("a verifier");
            let same = given == signature && shown == certificate;
            let challenge = SignedChallenge {
                hash_input: b"challenge".to_vec(), hash: hash.to_vec(), hash_kind: HASH,
                algorithm: AlgorithmName::Certificate(algorithm), signature: given, certificate: shown,
            };
            prop_assert!(same || verifier.check(&challenge, NOW).is_err());
        }
    }
}
