//! A relying party that plays against the simulator over real loopback HTTP and checks what it gets with code of its own.

mod app;
mod card;
mod control;
mod crowd;
mod driver;
mod faults;
mod known_link;
mod phone;
mod revocation;
mod scenarios;
mod sign_in;
mod strictness;

use std::net::SocketAddr;

use aws_lc_rs::signature;
use p256::ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{AppKey, AppOptions, Mode, Options, RELYING_PARTY_NAME, RELYING_PARTY_UUID, RelyingParty, Simulator};
use crate::base::{clock::Clock, digest, entropy, secret::Secret};

pub(super) const TOKEN: &str = "test-control-token";
pub(super) const INSTANT: Mode = Mode::Auto { delay_ms: 0..=0 };

/// A simulator on a port of its own, and a client for it.
pub(super) struct Stage {
    pub url: String,
    pub http: reqwest::Client,
    pub simulator: Simulator,
    _directory: TempDir,
    _stop: DropGuard,
}

/// A request that the relying party made and still has to poll.
pub(super) struct Asked {
    pub session: String,
    pub hash: Vec<u8>,
}

impl Stage {
    pub async fn new(mode: Mode) -> Self {
        Self::with_clock(mode, Clock::System).await
    }

    pub async fn with_clock(mode: Mode, clock: Clock) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address: SocketAddr = listener.local_addr().expect("an address");
        let url = format!("http://{address}");
        let options = Options {
            data_dir: directory.path().to_owned(),
            public_url: url.clone(),
            mode,
            control_token: Secret::new(TOKEN.to_owned()),
            clock,
            relying_party: RelyingParty::default(),
            apps: AppOptions { key: AppKey::Short, http_callbacks: true },
        };
        let simulator = Simulator::new(options).await.expect("a simulator");
        let stop = CancellationToken::new();
        tokio::spawn(simulator.clone().serve(listener, stop.clone()));
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self { url, http, simulator, _directory: directory, _stop: stop.drop_guard() }
    }

    /// A request for the phone, with everything right.
    pub fn request(phone: &str, hash: &[u8]) -> Value {
        json!({
            "relyingPartyUUID": RELYING_PARTY_UUID, "relyingPartyName": RELYING_PARTY_NAME,
            "phoneNumber": format!("+354{phone}"), "hash": digest::base64(hash), "hashType": "SHA256", "language": "ENG",
            "displayText": "Öryggistala 1462. Innskráning: Þjónusta", "displayTextFormat": "UCS-2",
        })
    }

    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let response = self.http.post(format!("{}{path}", self.url)).json(body).send().await.expect("an answer");
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        let response = self.http.get(format!("{}{path}", self.url)).send().await.expect("an answer");
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }

    /// A request to the control API.
    pub async fn control(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self.http.request(method, format!("{}/control{path}", self.url)).bearer_auth(TOKEN);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.expect("an answer");
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }

    pub async fn ask(&self, phone: &str) -> Asked {
        let hash = entropy::bytes::<32>().to_vec();
        let (status, body) = self.post("/mid-api/authentication", &Self::request(phone, &hash)).await;
        assert_eq!(status, 200, "{body}");
        Asked { session: body["sessionID"].as_str().expect("a session").to_owned(), hash }
    }

    pub async fn poll(&self, asked: &Asked) -> Value {
        let (status, body) = self.get(&format!("/mid-api/authentication/session/{}?timeoutMs=20000", asked.session)).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    /// Asks the phone and waits for the result.
    pub async fn sign_in(&self, phone: &str) -> (Asked, Value) {
        let asked = self.ask(phone).await;
        let answer = self.poll(&asked).await;
        (asked, answer)
    }
}

/// The certificate in an answer, DER.
pub(super) fn certificate(answer: &Value) -> Vec<u8> {
    digest::from_base64(answer["cert"].as_str().expect("a certificate")).expect("base64")
}

/// Whether the signature in an answer is `key`'s over the hash that was asked for.
pub(super) fn signature_is_right(answer: &Value, hash: &[u8]) -> bool {
    let der = certificate(answer);
    let (_, certificate) = X509Certificate::from_der(&der).expect("a certificate");
    let signature = digest::from_base64(answer["signature"]["value"].as_str().expect("a signature")).expect("base64");
    let public = certificate.public_key().subject_public_key.as_ref();
    if certificate.public_key().algorithm.algorithm.to_id_string() == "1.2.840.113549.1.1.1" {
        use rsa::pkcs1::DecodeRsaPublicKey as _;
        let key = rsa::RsaPublicKey::from_pkcs1_der(public).expect("an RSA key");
        return key.verify(rsa::Pkcs1v15Sign::new::<sha2::Sha256>(), hash, &signature).is_ok();
    }
    let key = VerifyingKey::from_sec1_bytes(public).expect("an EC key");
    Signature::from_slice(&signature).is_ok_and(|signature| key.verify_prehash(hash, &signature).is_ok())
}

/// Whether the PEM's authority signed the certificate.
pub(super) fn is_issued_by(der: &[u8], authority_pem: &str) -> bool {
    let (_, pem) = x509_parser::pem::parse_x509_pem(authority_pem.as_bytes()).expect("PEM");
    let authority = pem.parse_x509().expect("a certificate");
    let (_, certificate) = X509Certificate::from_der(der).expect("a certificate");
    let algorithm = match certificate.signature_algorithm.algorithm.to_id_string().as_str() {
        "1.2.840.10045.4.3.3" => &signature::ECDSA_P384_SHA384_ASN1,
        _ => &signature::ECDSA_P256_SHA256_ASN1,
    };
    let key = signature::UnparsedPublicKey::new(algorithm, authority.public_key().subject_public_key.as_ref());
    key.verify(certificate.tbs_certificate.as_ref(), certificate.signature_value.as_ref()).is_ok()
}

/// The serialNumber attributes of the subject.
pub(super) fn serial_numbers(der: &[u8]) -> Vec<String> {
    let (_, certificate) = X509Certificate::from_der(der).expect("a certificate");
    let attributes =
        certificate.subject().iter_attributes().filter(|attribute| attribute.attr_type().to_id_string() == "2.5.4.5");
    attributes.map(|attribute| attribute.as_str().expect("text").to_owned()).collect()
}
