//! Tokens of real cards, and ones of our own, by their origin, challenge, algorithm and key (eid.md §4.3).

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair},
};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_RSA_SHA256};
use serde_json::{Value, json};
use signature::Signer as _;
use time::macros::datetime;

use super::{super::test_authority::*, *};
use crate::{
    base::digest::sha256,
    model::identity_provider::{NationalIdFormat, TrustProfile},
};

const ES384: &str = include_str!("../../../../tests/vectors/third_party/web-eid-authtoken-validation-java/es384.json");
const RS256: &str = include_str!("../../../../tests/vectors/third_party/web-eid-authtoken-validation-java/rs256.json");
const ESTEID: &str =
    include_str!("../../../../tests/vectors/third_party/web-eid-authtoken-validation-java/TEST_of_ESTEID2018.pem.crt");

fn vector() -> Transaction {
    Transaction { origin: "https://ria.ee".to_owned(), nonce: "12345678123456781234567812345678912356789123".to_owned() }
}

fn settings(trust: TrustProfile) -> CardSettings {
    CardSettings {
        paths: vec![CardPath::WebEid],
        algorithms: WebEidAlgorithm::all(),
        card_host: None,
        simulator_shim_url: None,
        trust,
    }
}

fn card(trust: TrustProfile) -> Card {
    let http = OutboundClient::pinned("").expect("a client");
    Card::new(&settings(trust), &http, Environment::Development).expect("a driver")
}

/// Estonia's profile, as the library's tests believe it.
fn estonia() -> TrustProfile {
    TrustProfile {
        anchors_pem: ESTEID.to_owned(),
        require_policies: vec!["1.3.6.1.4.1.51361.1.2.1".to_owned()],
        national_id_formats: vec![NationalIdFormat::Etsi],
        countries: vec!["EE".to_owned()],
        ..Authority::new("CA").profile()
    }
}

/// The kind of error of a token, all but its revocation.
fn judge(card: &Card, transaction: &Transaction, token: &str, now: OffsetDateTime) -> Result<(), EidErrorKind> {
    let challenge = card.signed_challenge(transaction, token).map_err(|_| EidErrorKind::SignatureInvalid)?;
    card.verifier.check(&challenge, now).map(drop).map_err(|error| error.kind)
}

#[test]
fn the_token_of_a_real_card_verifies_while_its_certificate_holds() {
    let card = card(estonia());
    let judged = |transaction: &Transaction, now| judge(&card, transaction, ES384.trim(), now);
    assert_eq!(judged(&vector(), datetime!(2026-01-01 00:00 UTC)), Ok(()));
    for (transaction, why) in [
        (Transaction { origin: "https://ria.ee/".to_owned(), ..vector() }, "the origin has no slash"),
        (Transaction { origin: "https://ria.ee:443".to_owned(), ..vector() }, "nor the scheme's own port"),
        (Transaction { origin: "https://www.ria.ee".to_owned(), ..vector() }, "another site's"),
        (Transaction { nonce: "12345678123456781234567812345678912356789124".to_owned(), ..vector() }, "another challenge"),
    ] {
        assert_eq!(judged(&transaction, datetime!(2026-01-01 00:00 UTC)), Err(EidErrorKind::SignatureInvalid), "{why}");
    }
    for now in [datetime!(2021-07-22 12:43:07 UTC), datetime!(2026-07-09 22:00 UTC)] {
        assert_eq!(judged(&vector(), now), Err(EidErrorKind::CertificateRejected));
    }
    let forbidden = TrustProfile { forbid_policies: vec!["0.4.0.2042.1.2".to_owned()], ..estonia() };
    let judged = judge(&self::card(forbidden), &vector(), ES384.trim(), datetime!(2026-01-01 00:00 UTC));
    assert_eq!(judged, Err(EidErrorKind::CertificateRejected), "eid.md §4.3 (3)");
}

#[test]
fn the_signature_of_an_rsa_card_verifies() {
    // its issuer is not published with it, so only the signature is looked at
    let card = card(estonia());
    let verdict = |transaction: &Transaction| {
        let challenge = card.signed_challenge(transaction, RS256.trim()).expect("a token");
        let certificate = super::super::trust::parse(&challenge.certificate).expect("a certificate");
        let key = super::super::signature::PublicKey::from_spki(certificate.public_key()).expect("an accepted key");
        key.verify(&challenge.algorithm, challenge.hash_kind, &challenge.hash, &challenge.signature).is_ok()
    };
    assert!(verdict(&vector()));
    assert!(!verdict(&Transaction { origin: "https://ria.is".to_owned(), ..vector() }));
}

/// What a card of ours signs.
fn signed_value(transaction: &Transaction, hash: super::super::signature::Hash) -> Vec<u8> {
    [transaction.origin.as_bytes(), transaction.nonce.as_bytes()].map(|part| hash.digest(&[part])).concat()
}

fn token(certificate: &[u8], algorithm: &str, signature: &[u8]) -> Value {
    json!({
        "unverifiedCertificate": base64(certificate), "algorithm": algorithm, "signature": base64(signature),
        "format": "web-eid:1.0", "appVersion": "https://web-eid.eu/web-eid-app/releases/2.5.0+0",
    })
}

#[test]
fn each_algorithm_verifies_with_its_own_key_and_curve_alone() {
    use super::super::signature::Hash;
    let authority = Authority::new("CA");
    let card = card(authority.profile());
    let transaction = Transaction { origin: "https://innskra.is".to_owned(), nonce: base64(sha256(&[b"nonce"])) };
    let accepted = |token: &Value| judge(&card, &transaction, &token.to_string(), NOW).is_ok();

    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
    let p256 = authority.issue(&key, |_| {});
    let sign = |hash: Hash| sign(&key, &hash.digest(&[&signed_value(&transaction, hash)])).to_bytes().to_vec();
    let signature = sign(Hash::Sha256);
    assert!(accepted(&token(&p256, "ES256", &signature)));
    // RFC 7518 §3.4: each names its curve
    assert!(!accepted(&token(&p256, "ES384", &sign(Hash::Sha384))), "P-256 under the name of P-384");
    assert!(!accepted(&token(&p256, "RS256", &signature)));
    assert!(!accepted(&token(&p256, "ES512", &sign(Hash::Sha512))));
    let der = p256::ecdsa::Signature::from_slice(&signature).expect("raw").to_der();
    assert!(!accepted(&token(&p256, "ES256", der.as_bytes())), "eid.md §4.3: r‖s, not DER");

    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("a key");
    let p384 = authority.issue(&key, |_| {});
    let secret = <p384::ecdsa::SigningKey as p384::pkcs8::DecodePrivateKey>::from_pkcs8_der(&key.serialize_der());
    let signature: p384::ecdsa::Signature = secret.expect("P-384").sign(&signed_value(&transaction, Hash::Sha384));
    assert!(accepted(&token(&p384, "ES384", &signature.to_bytes())));
    assert!(!accepted(&token(&p384, "ES256", &signature.to_bytes())));

    let key = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).expect("a key");
    let p521 = authority.issue(&key, |_| {});
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P521_SHA512_FIXED_SIGNING, &key.serialize_der()).expect("P-521");
    let signature = pair.sign(&SystemRandom::new(), &signed_value(&transaction, Hash::Sha512)).expect("signs");
    assert!(accepted(&token(&p521, "ES512", signature.as_ref())));
    assert!(!accepted(&token(&p521, "ES384", signature.as_ref())) && !accepted(&token(&p384, "ES512", signature.as_ref())));

    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key");
    let rsa = authority.issue(&key, |_| {});
    let pair = RsaKeyPair::from_pkcs8(&key.serialize_der()).expect("RSA");
    let rsa_sign = |encoding: &'static dyn RsaEncoding, hash: Hash| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), &signed_value(&transaction, hash), &mut signature).expect("signs");
        signature
    };
    let (pss, pkcs1) = (rsa_sign(&RSA_PSS_SHA256, Hash::Sha256), rsa_sign(&RSA_PKCS1_SHA512, Hash::Sha512));
    assert!(accepted(&token(&rsa, "PS256", &pss)) && accepted(&token(&rsa, "RS512", &pkcs1)));
    assert!(!accepted(&token(&rsa, "RS256", &pss)) && !accepted(&token(&rsa, "PS512", &pkcs1)));
}

#[tokio::test]
async fn only_configured_algorithms_and_ways_count() {
    let authority = Authority::new("CA");
    let http = OutboundClient::pinned("").expect("a client");
    let settings = CardSettings { algorithms: vec![WebEidAlgorithm::Ps256], ..settings(authority.profile()) };
    let card = Card::new(&settings, &http, Environment::Development).expect("a driver");
    assert_eq!(card.signed_challenge(&vector(), ES384.trim()).err(), Some(TokenFault::Algorithm));
    let shown = card.submit(&vector(), Event::ClientCertificate(vec![0]), NOW).await;
    assert_eq!(shown.err().map(|error| error.kind), Some(EidErrorKind::ProviderConfig), "mtls is not among the paths");

    let mtls =
        CardSettings { paths: vec![CardPath::Mtls], card_host: Some("https://card.innskra.is".to_owned()), ..settings.clone() };
    let card = Card::new(&mtls, &http, Environment::Development).expect("a driver");
    let sent = card.submit(&vector(), Event::WebEidToken(ES384.to_owned()), NOW).await;
    assert_eq!(sent.err().map(|error| error.kind), Some(EidErrorKind::ProviderConfig), "web_eid is not among the paths");
    let shown = card.submit(&vector(), Event::ClientCertificate(vec![0]), NOW).await;
    assert_eq!(shown.err().map(|error| error.kind), Some(EidErrorKind::CertificateRejected));
    let issuer = super::super::trust::parse(authority.certificate.der()).expect("a certificate");
    assert_eq!(card.issuers(), [issuer.subject().as_raw().to_vec()]);
}

#[test]
fn a_driver_needs_a_way_and_production_refuses_the_simulator() {
    let http = OutboundClient::pinned("").expect("a client");
    let base =
        settings(TrustProfile { anchors_pem: include_str!("../../../../tests/data/anchor.pem").to_owned(), ..estonia() });
    let made = |change: &dyn Fn(&mut CardSettings)| {
        let mut settings = base.clone();
        change(&mut settings);
        Card::new(&settings, &http, Environment::Production).map(drop)
    };
    assert!(made(&|_| {}).is_ok());
    assert!(matches!(made(&|s| s.paths.clear()), Err(DriverFault::NoWayToTheCard)));
    assert!(matches!(made(&|s| s.paths.push(CardPath::Mtls)), Err(DriverFault::NoWayToTheCard)));
    let shim = "http://localhost:8090/card/shim.js";
    assert!(matches!(made(&|s| s.simulator_shim_url = Some(shim.to_owned())), Err(DriverFault::SimulatorShim)));
    let local = made(&|s| s.card_host = Some("https://localhost:8443".to_owned()));
    assert!(matches!(local, Err(DriverFault::TestAddress("card_host"))));
    let simulated = made(&|s| s.trust.anchors_pem = include_str!("../../../../tests/data/simulator_anchor.pem").to_owned());
    assert!(matches!(simulated, Err(DriverFault::TestCertificate(_))));
}

#[test]
fn a_challenge_has_32_fresh_bytes_as_44_characters_and_names_our_origin() {
    let context = LoginContext {
        language: crate::base::text::Language::Is,
        service_name: "Þjónusta",
        server_name: "https://innskra.is",
        client_id: "@myorg.is/webapp",
        attempt: crate::base::id::AttemptId(uuid::Uuid::nil()),
        fresh: false,
        accepted_acr: &[],
        return_url: "",
    };
    let [one, two] = [(); 2].map(|()| match Card::prepare(&context, NOW) {
        Prepared { state: DriverState::Card(transaction), expires_at } => {
            assert_eq!(expires_at, NOW + time::Duration::minutes(5), "eid.md §4.3");
            transaction
        }
        prepared => panic!("{prepared:?}"),
    });
    assert_eq!((one.nonce.len(), one.origin.as_str()), (44, "https://innskra.is"));
    assert_ne!(one.nonce, two.nonce);
    assert!(!format!("{one:?}").contains(&one.nonce));
}
