//! OCSP and CRL, read with code of our own and with `openssl ocsp` where it is installed.

use std::process::Command;

use aws_lc_rs::signature;
use der::{
    Decode as _, Encode as _,
    asn1::{Null, ObjectIdentifier, OctetString},
};
use sha1::{Digest as _, Sha1};
use spki::AlgorithmIdentifierOwned;
use x509_cert::ext::Extension;
use x509_ocsp::{
    BasicOcspResponse, CertId, CertStatus, OcspRequest, OcspResponse, OcspResponseStatus, Request, TbsRequest, Version,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{INSTANT, Stage, certificate, is_issued_by};
use crate::base::clock::Clock;

const NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.2");

fn request(issuer: &[u8], certificate: &[u8], nonce: &[u8]) -> OcspRequest {
    let issuer = x509_cert::Certificate::from_der(issuer).expect("a certificate").tbs_certificate;
    let certificate = x509_cert::Certificate::from_der(certificate).expect("a certificate").tbs_certificate;
    let hash = |bytes: &[u8]| OctetString::new(&Sha1::digest(bytes)[..]).expect("octets");
    let id = CertId {
        hash_algorithm: AlgorithmIdentifierOwned {
            oid: ObjectIdentifier::new_unwrap("1.3.14.3.2.26"),
            parameters: Some(Null.into()),
        },
        issuer_name_hash: hash(&issuer.subject.to_der().expect("DER")),
        issuer_key_hash: hash(issuer.subject_public_key_info.subject_public_key.raw_bytes()),
        serial_number: certificate.serial_number,
    };
    let value = OctetString::new(nonce).and_then(|nonce| nonce.to_der()).and_then(OctetString::new).expect("octets");
    let nonce = Extension { extn_id: NONCE, critical: false, extn_value: value };
    OcspRequest {
        tbs_request: TbsRequest {
            version: Version::V1,
            requestor_name: None,
            request_list: vec![Request { req_cert: id, single_request_extensions: None }],
            request_extensions: Some(vec![nonce]),
        },
        optional_signature: None,
    }
}

impl Stage {
    fn issuer(&self) -> Vec<u8> {
        let (_, pem) = x509_parser::pem::parse_x509_pem(self.simulator.intermediates_pem().as_bytes()).expect("PEM");
        pem.contents
    }

    async fn send_ocsp(&self, request: &OcspRequest) -> (u16, Vec<u8>) {
        let response = self
            .http
            .post(format!("{}/ocsp/sim", self.url))
            .header("content-type", "application/ocsp-request")
            .body(request.to_der().expect("DER"))
            .send()
            .await
            .expect("an answer");
        (response.status().as_u16(), response.bytes().await.expect("a body").to_vec())
    }

    /// The basic answer about a certificate; the request's nonce is `[7; 16]`.
    async fn ocsp(&self, certificate: &[u8]) -> BasicOcspResponse {
        let (status, der) = self.send_ocsp(&request(&self.issuer(), certificate, &[7; 16])).await;
        assert_eq!(status, 200);
        let response = OcspResponse::from_der(&der).expect("an OCSP answer");
        assert_eq!(response.response_status, OcspResponseStatus::Successful);
        BasicOcspResponse::from_der(response.response_bytes.expect("bytes").response.as_bytes()).expect("a basic answer")
    }

    async fn services(&self, moods: serde_json::Value) {
        assert_eq!(self.control(reqwest::Method::PUT, "/services", Some(moods)).await.0, 200);
    }
}

fn signature_is_right(answer: &BasicOcspResponse) -> bool {
    let responder = answer.certs.as_ref().and_then(|certificates| certificates.first()).expect("the responder's certificate");
    let key = responder.tbs_certificate.subject_public_key_info.subject_public_key.raw_bytes();
    signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_ASN1, key)
        .verify(&answer.tbs_response_data.to_der().expect("DER"), answer.signature.raw_bytes())
        .is_ok()
}

fn status(answer: &BasicOcspResponse) -> CertStatus {
    answer.tbs_response_data.responses[0].cert_status
}

fn unix(time: x509_ocsp::OcspGeneralizedTime) -> i64 {
    i64::try_from(time.0.to_unix_duration().as_secs()).expect("this century")
}

#[tokio::test]
async fn ocsp_answers_good_by_a_responder_of_the_issuer_with_the_nonce() {
    let stage = Stage::new(INSTANT).await;
    let (_, answer) = stage.sign_in("0102989").await;
    let ocsp = stage.ocsp(&certificate(&answer)).await;
    assert!(matches!(status(&ocsp), CertStatus::Good(_)) && signature_is_right(&ocsp));
    assert_eq!(ocsp.nonce().expect("the nonce").0.as_bytes(), [7; 16]);
    let now = Clock::System.now().unix_timestamp();
    let single = &ocsp.tbs_response_data.responses[0];
    assert!((now - unix(single.this_update)).abs() < 5 && unix(single.next_update.expect("an end")) > now);

    let responder = ocsp.certs.expect("certificates")[0].to_der().expect("DER");
    assert!(is_issued_by(&responder, &stage.simulator.intermediates_pem()));
    let (_, parsed) = X509Certificate::from_der(&responder).expect("a certificate");
    assert!(parsed.extended_key_usage().expect("once").expect("there").value.ocsp_signing);
    assert!(parsed.extensions().iter().any(|extension| extension.oid.to_id_string() == "1.3.6.1.5.5.7.48.1.5"));
}

#[tokio::test]
async fn a_revoked_certificate_is_in_ocsp_and_crl() {
    let stage = Stage::new(INSTANT).await;
    let (_, answer) = stage.sign_in("0000009").await;
    assert_eq!(answer["result"], "OK");
    let der = certificate(&answer);
    assert!(matches!(status(&stage.ocsp(&der).await), CertStatus::Revoked(_)));

    let list =
        stage.http.get(format!("{}/crl/sim.crl", stage.url)).send().await.expect("an answer").bytes().await.expect("a body");
    let (_, list) = x509_parser::revocation_list::CertificateRevocationList::from_der(&list).expect("a CRL");
    let (_, parsed) = X509Certificate::from_der(&der).expect("a certificate");
    assert!(list.iter_revoked_certificates().any(|revoked| *revoked.serial() == parsed.tbs_certificate.serial));
}

#[tokio::test]
async fn ocsp_keeps_silent_about_the_scenario_that_says_so() {
    let stage = Stage::new(INSTANT).await;
    let (_, answer) = stage.sign_in("0000013").await;
    let (status, body) = stage.send_ocsp(&request(&stage.issuer(), &certificate(&answer), &[7; 16])).await;
    assert_eq!((status, body.len()), (503, 0));
    let (_, other) = stage.sign_in("0102989").await;
    stage.ocsp(&certificate(&other)).await;
}

#[tokio::test]
async fn each_mood_of_the_responder_bends_one_thing() {
    let stage = Stage::new(INSTANT).await;
    let (_, answer) = stage.sign_in("0102989").await;
    let der = certificate(&answer);

    stage.services(serde_json::json!({ "ocsp": "stale" })).await;
    let stale = stage.ocsp(&der).await;
    let end = unix(stale.tbs_response_data.responses[0].next_update.expect("an end"));
    assert!(end < Clock::System.now().unix_timestamp() - 86_400 && signature_is_right(&stale));

    stage.services(serde_json::json!({ "ocsp": "unknown" })).await;
    assert!(matches!(status(&stage.ocsp(&der).await), CertStatus::Unknown(_)));

    stage.services(serde_json::json!({ "ocsp": "badsig" })).await;
    assert!(!signature_is_right(&stage.ocsp(&der).await));

    stage.services(serde_json::json!({ "ocsp": "nononce" })).await;
    let bare = stage.ocsp(&der).await;
    assert!(bare.nonce().is_none() && signature_is_right(&bare));

    stage.services(serde_json::json!({ "ocsp": "down", "crl": "down" })).await;
    assert_eq!(stage.send_ocsp(&request(&stage.issuer(), &der, &[7; 16])).await.0, 503);
    assert_eq!(stage.get("/crl/sim.crl").await.0, 503);
}

#[tokio::test]
async fn the_responder_speaks_for_its_own_authority_only() {
    let stage = Stage::new(INSTANT).await;
    let (_, answer) = stage.sign_in("0102989").await;
    let der = certificate(&answer);
    let (_, root) = x509_parser::pem::parse_x509_pem(stage.simulator.anchors_pem().as_bytes())
        .map(|(rest, pem)| (rest, pem.contents))
        .expect("PEM");
    let (_, refused) = stage.send_ocsp(&request(&root, &der, &[7; 16])).await;
    assert_eq!(OcspResponse::from_der(&refused).expect("an answer").response_status, OcspResponseStatus::Unauthorized);
    // A certificate that the authority never issued is unknown to it.
    assert!(matches!(status(&stage.ocsp(&root).await), CertStatus::Unknown(_)));
    let nonsense = stage
        .http
        .post(format!("{}/ocsp/sim", stage.url))
        .header("content-type", "application/ocsp-request")
        .body("nonsense")
        .send()
        .await
        .expect("an answer");
    let nonsense = OcspResponse::from_der(&nonsense.bytes().await.expect("a body")).expect("an answer");
    assert_eq!(nonsense.response_status, OcspResponseStatus::MalformedRequest);
}

#[tokio::test]
async fn openssl_agrees_where_it_is_installed() {
    if Command::new("openssl").arg("version").output().is_err() {
        return;
    }
    let stage = Stage::new(INSTANT).await;
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, content: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).expect("written");
        path.display().to_string()
    };
    let root = file("root.pem", stage.simulator.anchors_pem().as_bytes());
    let issuer = file("sim.pem", stage.simulator.intermediates_pem().as_bytes());
    let url = format!("{}/ocsp/sim", stage.url);
    for (phone, expected) in [("0102989", "good"), ("0102129", "good"), ("0000009", "revoked")] {
        let (_, answer) = stage.sign_in(phone).await;
        let der = file("leaf.crt", &certificate(&answer));
        let (root, issuer, url) = (root.clone(), issuer.clone(), url.clone());
        let (chain, ocsp) = tokio::task::spawn_blocking(move || {
            let chain =
                Command::new("openssl").args(["verify", "-CAfile", &root, "-untrusted", &issuer, &der]).output().expect("runs");
            let ocsp = Command::new("openssl")
                .args(["ocsp", "-issuer", &issuer, "-cert", &der, "-url", &url, "-CAfile", &root, "-verify_other", &issuer])
                .output()
                .expect("runs");
            (chain, ocsp)
        })
        .await
        .expect("runs");
        assert!(chain.status.success(), "{}", String::from_utf8_lossy(&chain.stderr));
        let said = format!("{}{}", String::from_utf8_lossy(&ocsp.stdout), String::from_utf8_lossy(&ocsp.stderr));
        assert!(said.contains(&format!(": {expected}")) && said.contains("Response verify OK"), "{said}");
        assert!(!said.contains("no nonce in response"), "{said}");
    }
}

#[tokio::test]
async fn the_authorities_certificates_are_served() {
    let stage = Stage::new(INSTANT).await;
    let get = |name: &str| stage.http.get(format!("{}/ca/{name}", stage.url)).send();
    let body = get("sim.crt").await.expect("an answer").bytes().await.expect("a body");
    assert_eq!(body.to_vec(), stage.issuer());
    for name in ["untrusted.crt", "sim.key.pem", "root"] {
        assert_eq!(get(name).await.expect("an answer").status(), 404, "{name}");
    }
}
