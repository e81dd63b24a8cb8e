//! The simulator's brokers as identity providers of a test server, and a person on a broker's page.

use std::{fs, path::PathBuf, sync::LazyLock};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use ias::{base::digest, demo::eid_simulator::BROKER_CLIENT_SECRET};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    person::{Arrival, Person},
    phone::{Phone, authorize_url, browser, control},
    server::{TestServer, configure, simulator},
};

/// Rows on the three brokers: two of them on one, which differ in what they ask for alone.
const ROWS: &str = include_str!("../../data/upstream_providers.yaml");

/// The names of the rows.
pub const BROKERS: [&str; 4] = ["audkenni-sim", "audkenni-app", "signicat", "kenni"];

struct Keys {
    folder: TempDir,
    jwks: Value,
}

/// The folder of secrets, and the public parts of the keys in it.
static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let rsa = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();

    let rsa_der = AsDer::<Pkcs8V1Der<'_>>::as_der(&rsa).unwrap();
    let pem = |der: &[u8]| format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", digest::base64(der));
    fs::write(folder.path().join("broker"), format!("{BROKER_CLIENT_SECRET}\n")).unwrap();
    fs::write(folder.path().join("broker-rsa.pem"), pem(rsa_der.as_ref())).unwrap();
    fs::write(folder.path().join("broker-ec.pem"), pem(ec.to_pkcs8v1().unwrap().as_ref())).unwrap();
    let (public, point) = (rsa.public_key(), ec.public_key().as_ref());
    let (n, e) = (public.modulus().big_endian_without_leading_zero(), public.exponent().big_endian_without_leading_zero());
    let jwks = json!({ "keys": [
        { "kty": "RSA", "kid": "rsa", "n": digest::base64url(n), "e": digest::base64url(e) },
        { "kty": "EC", "crv": "P-256", "kid": "ec", "x": digest::base64url(&point[1..33]), "y": digest::base64url(&point[33..]) },
    ] });
    Keys { folder, jwks }
});

/// Where the secrets lie.
pub fn secrets() -> PathBuf {
    KEYS.folder.path().to_owned()
}

/// A server with the simulator's brokers beside the SIM card.
pub async fn server_with_brokers() -> TestServer {
    let server = TestServer::start_with(|settings| settings.sign_in.secrets_dir = Some(secrets())).await;
    add_brokers(&server).await;
    server
}

/// Adds them to a server that knows their secrets.
pub async fn add_brokers(server: &TestServer) {
    let (status, answer) = control(Method::PUT, "/op/clients/ias-keys", json!({ "jwks": KEYS.jwks })).await;
    assert_eq!(status, 204, "{answer}");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("identity_providers.yaml"), ROWS).unwrap();
    let shared = simulator().await;
    configure(&server.owner().await, folder.path(), &shared.url, &shared.simulator).await;
    server.app.confirm().await.unwrap();
    assert_eq!(server.app.configuration().faults(), [""; 0]);
}

impl Phone {
    /// From now on the brokers lie or fail so about the person.
    pub async fn lies_at_the_broker(&self, fault: &str) {
        let (status, answer) =
            control(Method::PUT, &format!("/op/persons/{}", self.national_id), json!({ "fault": fault })).await;
        assert_eq!(status, 200, "{answer}");
    }
}

/// A new browser on the page of a broker.
pub async fn at_the_broker(server: &TestServer, name: &str) -> Person {
    let mut person = browser();
    go_to_the_broker(&mut person, server, name, &[("prompt", "login")]).await;
    person
}

/// The browser begins a sign-in, up to the page of a broker.
pub async fn go_to_the_broker(person: &mut Person, server: &TestServer, name: &str, further: &[(&str, &str)]) {
    person.get(authorize_url(server, further)).await;
    person.submit(&[("identity_provider", name)]).await;
    assert!(person.page().url.path().starts_with("/op/"), "{}", person.page());
}

/// The person approves at the broker; the browser is then back on a page of ours.
pub async fn approve(person: &mut Person, national_id: &str) -> Arrival {
    person.submit(&[("person", national_id), ("decision", "approve")]).await
}
