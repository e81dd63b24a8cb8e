//! An identity card of the shared simulator, the reader that a page asks, and the host that asks for certificates.

use ias::{base::clock::Clock, config::Settings, demo::tls::LocalAuthority};
use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
use reqwest::{Method, StatusCode, header::LOCATION};
use scraper::{Html, Selector};
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use super::{
    person::{Arrival, Person},
    phone::{Phone, authorize_url, browser, control},
    server::{APP, TestServer, simulator},
};

/// A new browser on the page that waits for a card.
pub async fn at_the_reader(server: &TestServer) -> Person {
    let mut person = browser();
    person.get(authorize_url(server, &[("prompt", "login")])).await;
    person.submit(&[("identity_provider", "card")]).await;
    person.submit_to("/signin/start", &[]).await;
    assert!(attribute(&person, "#web-eid", "data-nonce").is_some(), "{}", person.page());
    person
}

/// An attribute of the first element that the selector finds on the page.
pub fn attribute(person: &Person, css: &str, name: &str) -> Option<String> {
    let document = Html::parse_document(&person.page().html);
    document.select(&Selector::parse(css).unwrap()).next()?.attr(name).map(ToOwned::to_owned)
}

/// From now on the person's card lies so.
pub async fn card_lies(holder: &Phone, fault: &str) {
    let behaviour = json!({"method": "card", "action": "approve", "fault": fault});
    let (status, answer) = control(Method::PUT, &format!("/persons/{}/behaviour", holder.national_id), behaviour).await;
    assert_eq!(status, 200, "{answer}");
}

/// What the card says to a page of the server with this challenge.
pub async fn token(server: &TestServer, holder: &Phone, nonce: &str) -> String {
    let question = json!({"person": holder.national_id, "origin": server.issuer, "nonce": nonce, "pin": "1234"});
    let answer = reqwest::Client::new().post(format!("{}/card/sign", simulator().await.url)).json(&question).send().await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

/// The card signs for the page, and the page's script sends it.
pub async fn read_card(person: &mut Person, server: &TestServer, holder: &Phone) {
    let nonce = attribute(person, "#web-eid", "data-nonce").expect("a challenge");
    let token = token(server, holder, &nonce).await;
    send_token(person, &token).await;
}

/// Sends a token as the page's script does.
pub async fn send_token(person: &mut Person, token: &str) {
    person.submit_by_script("/signin/card", &[("web_eid_token", token)]).await;
}

/// The certificate of a token, DER.
pub fn certificate_of(token: &str) -> Vec<u8> {
    let token: Value = serde_json::from_str(token).unwrap();
    ias::base::digest::from_base64(token["unverifiedCertificate"].as_str().unwrap()).unwrap()
}

/// Follows the page's link, up to the card host: the address there, with its ticket.
pub async fn to_the_card_host(person: &mut Person) -> Url {
    let link = attribute(person, "#certificate", "href").expect("a link");
    let link = person.page().url.join(&link).unwrap();
    person.stop_at("https://localhost:");
    let Arrival::Stopped(url) = person.get(&link).await else { panic!("{}", person.page()) };
    person.stop_at(&format!("{APP}/"));
    url
}

/// The card and its key, as the simulator hands them out to browsers; under the PIN.
pub async fn pkcs12(holder: &Phone) -> Vec<u8> {
    let url = format!("{}/card/{}.p12", simulator().await.url, holder.national_id);
    reqwest::get(url).await.unwrap().bytes().await.unwrap().to_vec()
}

/// The card and its key, as a browser keeps them.
pub async fn identity(holder: &Phone) -> reqwest::Identity {
    let store = KeyStore::from_pkcs12(&pkcs12(holder).await, "1234", Pkcs12ImportPolicy::Strict).unwrap();
    let (_, chain) = store.private_key_chain().expect("a key");
    let pem = |label: &str, der: &[u8]| {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", ias::base::digest::base64(der))
    };
    let mut bundle = pem("PRIVATE KEY", chain.key().as_der());
    chain.certs().iter().for_each(|certificate| bundle.push_str(&pem("CERTIFICATE", certificate.as_der())));
    reqwest::Identity::from_pem(bundle.as_bytes()).expect("an identity")
}

/// What the card host answers.
pub struct AtTheCardHost {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub html: String,
}

impl AtTheCardHost {
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        let answer = request.send().await.unwrap_or_else(|error| panic!("{error:?}"));
        let (status, headers) = (answer.status(), answer.headers().clone());
        assert!(!headers.contains_key("set-cookie"), "the card host has no cookies");
        assert_eq!(headers["connection"], "close");
        Self { status, headers, html: answer.text().await.unwrap() }
    }

    /// Where it sends the browser with the proof.
    #[track_caller]
    pub fn location(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.html);
        self.headers[LOCATION].to_str().unwrap()
    }
}

/// A browser's connection to the card host, with a certificate or without.
pub fn tls(identity: Option<reqwest::Identity>) -> reqwest::Client {
    let builder =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).tls_danger_accept_invalid_certs(true).no_proxy();
    identity.into_iter().fold(builder, reqwest::ClientBuilder::identity).build().unwrap()
}

/// A proxy that speaks TLS in front of the card host, and says what certificate it has seen.
pub fn by_proxy(ticket: &Url, certificate: Option<&[u8]>) -> reqwest::RequestBuilder {
    let mut plain = ticket.clone();
    plain.set_scheme("http").unwrap();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
    let request = client.get(plain);
    match certificate {
        Some(der) => request.header("client-cert", format!(":{}:", ias::base::digest::base64(der))),
        None => request,
    }
}

/// The card host speaks TLS itself.
pub fn with_tls(directory: &TempDir) -> impl FnOnce(&mut Settings) {
    let file = LocalAuthority::open(directory.path(), Clock::System).expect("an authority").identity_file();
    move |settings| {
        settings.server.card_tls_certificate = Some(file.clone());
        settings.server.card_tls_key = Some(file);
    }
}
