//! Authorization requests as clients send them, what comes back, and the tokens for a code.

use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

use ias::base::digest;
use reqwest::{
    Method, StatusCode,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE},
};
use serde_json::Value;
use sqlx::AssertSqlSafe;
use tokio::time::Instant;
use url::Url;

use super::{
    person::{Arrival, Form, Page, Person},
    server::{SECRET, TestServer},
};

/// The redirect URI of the seed's example.
pub const CALLBACK: &str = "https://app.myorg.is/oauth/callback";
/// A state with everything that encoders get wrong (protocol check-list 28).
pub const STATE: &str = "-._~%+\"<>&' =?/#%41";
/// The example of RFC 7636, appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// Another person whose phone approves at once.
pub const OTHER_PHONE: &str = "0103019";

// no connection outlives its test's runtime
static HTTP: LazyLock<reqwest::Client> = LazyLock::new(|| {
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).pool_max_idle_per_host(0);
    builder.no_proxy().build().unwrap()
});

/// An authorization request, to be changed.
#[derive(Clone, Debug)]
pub struct Ask(Vec<(String, String)>);

impl Ask {
    /// The seed's example, with a nasty state.
    pub fn webapp() -> Self {
        Self::of("@myorg.is/webapp", CALLBACK, "openid profile @myorg.is/documents:read")
    }

    /// The native client's, by its private-use scheme.
    pub fn native() -> Self {
        Self::of("@myorg.is/app", "is.myorg.app:/oauth/callback", "openid @myorg.is/documents:read")
    }

    /// Another organisation's.
    pub fn portal() -> Self {
        Self::of("@otherorg.is/portal", "https://portal.otherorg.is/oauth/callback", "openid @otherorg.is/cases:read")
    }

    pub fn of(client_id: &str, redirect_uri: &str, scope: &str) -> Self {
        let pairs = [
            ("client_id", client_id),
            ("redirect_uri", redirect_uri),
            ("response_type", "code"),
            ("scope", scope),
            ("state", STATE),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())
    }

    /// With this value and no other.
    pub fn with(self, name: &str, value: &str) -> Self {
        self.without(name).adding(name, value)
    }

    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(sent, _)| sent != name);
        self
    }

    /// With one more parameter, whether or not it is there already.
    pub fn adding(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(sent, _)| sent == name).map(|(_, value)| value.as_str())
    }

    pub fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    pub fn url(&self, server: &TestServer) -> String {
        format!("{}/connect/authorize?{}", server.address, self.query())
    }

    /// Sent by GET, from a browser without cookies.
    pub async fn get(&self, server: &TestServer) -> Page {
        send(Method::GET, &self.url(server), &[], None).await
    }

    /// Sent by POST, from a browser without cookies, and where the answer is our own sealed request, what that is answered.
    pub async fn post(&self, server: &TestServer) -> Page {
        let url = format!("{}/connect/authorize", server.address);
        let answer = send(Method::POST, &url, &[], Some(self.query())).await;
        assert_eq!(answer.headers.get(SET_COOKIE), None, "{answer}");
        match answer.headers.get(LOCATION).and_then(|location| location.to_str().ok()) {
            Some(location) if location.starts_with("/connect/authorize?request=") => {
                send(Method::GET, &format!("{}{location}", server.address), &[], None).await
            }
            _ => answer,
        }
    }

    /// By GET and by POST, which must be answered alike (AUT-01).
    pub async fn both(&self, server: &TestServer) -> Page {
        let (by_get, by_post) = (self.get(server).await, self.post(server).await);
        let same = |page: &Page| {
            let location = page.headers.get(LOCATION).map(|location| location.to_str().unwrap().to_owned());
            // a sealed request differs each time, and so does the number under which the log knows an error
            let location = location.map(|location| location.split("request=").next().unwrap_or_default().to_owned());
            (page.status, location, page.text_of("#refusal"), page.text_of("#detail"))
        };
        assert_eq!(same(&by_get), same(&by_post), "AUT-01: {self:?}");
        by_get
    }
}

/// One request, no redirect followed.
pub async fn send(method: Method, url: &str, headers: &[(&str, &str)], form: Option<String>) -> Page {
    let mut request = HTTP.request(method, url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(form) = form {
        request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
    }
    let answer = request.send().await.unwrap_or_else(|error| panic!("{url}: {error:?}"));
    let (url, status, headers) = (answer.url().clone(), answer.status(), answer.headers().clone());
    Page { url, status, headers, html: answer.text().await.unwrap() }
}

impl Page {
    /// Where a 303 leads; none of ours is 307 or 308 (RSP-01).
    #[track_caller]
    pub fn location(&self) -> Url {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{self}");
        self.url.join(self.headers[LOCATION].to_str().unwrap()).unwrap()
    }

    /// The parameters of the 303's query, each once.
    #[track_caller]
    pub fn parameters(&self) -> BTreeMap<String, String> {
        parameters(&self.location())
    }

    /// `PAGE status` of security-requirements §0: ours, without a redirect, with this refusal.
    #[track_caller]
    pub fn is_refusal(&self, status: u16, refusal: &str) {
        assert_eq!(self.status.as_u16(), status, "{self}");
        assert_eq!(self.text_of("#refusal").as_deref(), Some(refusal), "{self}");
        assert_eq!(self.headers.get(LOCATION), None);
        assert!(self.text_of("#incident").is_some(), "{self}");
        self.has_page_headers("form-action 'self';");
    }

    /// The headers of every HTML answer (WEB-01, RSP-05).
    #[track_caller]
    pub fn has_page_headers(&self, form_action: &str) {
        let header = |name: &str| self.headers.get(name).map_or("", |value| value.to_str().unwrap());
        assert_eq!(header(CONTENT_TYPE.as_str()), "text/html; charset=utf-8", "{self}");
        assert_eq!(header(CACHE_CONTROL.as_str()), "no-store");
        assert_eq!(header(REFERRER_POLICY.as_str()), "no-referrer");
        assert_eq!(header("x-frame-options"), "DENY");
        assert_eq!(header("x-content-type-options"), "nosniff");
        let policy = header(CONTENT_SECURITY_POLICY.as_str());
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
        assert!(policy.contains(form_action) && policy.contains("frame-ancestors 'none'"), "{policy}");
    }

    /// `REDIR(code)`: 303 to the request's redirect URI with `error`, its state byte for byte, `iss`, and nothing more.
    #[track_caller]
    pub fn is_error(&self, server: &TestServer, ask: &Ask, code: &str) -> BTreeMap<String, String> {
        assert_eq!(self.headers[CACHE_CONTROL], "no-store");
        assert_eq!(self.headers[REFERRER_POLICY], "no-referrer");
        assert_eq!(self.headers.get("access-control-allow-origin"), None);
        is_error(&self.location(), server, ask, code)
    }

    /// The address of the page's one way on.
    #[track_caller]
    pub fn way_on(&self) -> Option<Url> {
        let document = scraper::Html::parse_document(&self.html);
        let link = document.select(&scraper::Selector::parse("a#continue").unwrap()).next()?;
        Some(self.url.join(link.attr("href").unwrap()).unwrap())
    }
}

/// The parameters of a URL's query, each once.
#[track_caller]
pub fn parameters(url: &Url) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::new();
    for (name, value) in url.query_pairs() {
        assert!(parameters.insert(name.to_string(), value.to_string()).is_none(), "{name} twice in {url}");
    }
    parameters
}

/// As [`Page::is_error`], of an address at which the browser has stopped.
#[track_caller]
pub fn is_error(location: &Url, server: &TestServer, ask: &Ask, code: &str) -> BTreeMap<String, String> {
    assert!(location.as_str().starts_with(ask.value("redirect_uri").unwrap()), "{location}");
    assert_eq!(location.fragment(), None);
    let parameters = parameters(location);
    assert_eq!(parameters.get("error").map(String::as_str), Some(code), "{location}");
    assert_eq!(parameters.get("state").map(String::as_str), ask.value("state"), "AUT-07: {location}");
    assert_eq!(parameters.get("iss"), Some(&server.issuer), "RSP-02");
    let description = parameters.get("error_description").unwrap();
    let allowed = |byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    assert!(
        ["IAS-1", "IAS-9"].iter().any(|id| description.starts_with(id)) && description.bytes().all(allowed),
        "check-list 51: {description}"
    );
    let known = ["error", "error_description", "state", "iss", "dummy1", "dummy2"];
    assert!(parameters.keys().all(|name| known.contains(&name.as_str())), "check-list 50: {location}");
    parameters
}

/// The code of a successful answer, whose other parameters are as they should be.
#[track_caller]
pub fn code_of(location: &Url, server: &TestServer, ask: &Ask) -> String {
    assert!(location.as_str().starts_with(ask.value("redirect_uri").unwrap()), "{location}");
    let parameters = parameters(location);
    assert_eq!(parameters.get("state").map(String::as_str), ask.value("state"), "{location}");
    assert_eq!(parameters.get("iss"), Some(&server.issuer), "{location}");
    parameters.get("code").unwrap_or_else(|| panic!("no code in {location}")).clone()
}

/// The answer of the token endpoint to the code of a callback.
pub async fn redeem(server: &TestServer, ask: &Ask, callback: &Url) -> Value {
    let code = code_of(callback, server, ask);
    let client_id = ask.value("client_id").unwrap();
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", ask.value("redirect_uri").unwrap()),
        ("client_id", client_id),
    ];
    if ask.value("code_challenge").is_some() {
        form.push(("code_verifier", VERIFIER));
    }
    let basic = format!("Basic {}", digest_base64(client_id));
    let mut headers = Vec::new();
    match client_id {
        "@myorg.is/app" => {}
        "@myorg.is/webapp" => form.push(("client_secret", SECRET)),
        _ => headers.push(("authorization", basic.as_str())),
    }
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let answer = send(Method::POST, &format!("{}/connect/token", server.address), &headers, Some(body)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    serde_json::from_str(&answer.html).unwrap()
}

/// RFC 6749 §2.3.1: both parts form-encoded first.
fn digest_base64(client_id: &str) -> String {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    base64(format!("{}:{}", encoded(client_id), encoded(SECRET)).as_bytes())
}

fn base64(bytes: &[u8]) -> String {
    let text = digest::base64url(bytes).replace('-', "+").replace('_', "/");
    let padding = "=".repeat((4 - text.len() % 4) % 4);
    text + &padding
}

/// The claims of a JWT that the server has just made; its signature is the business of other tests.
pub fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&digest::from_base64url(payload).unwrap()).unwrap()
}

/// The claims of the ID token for the code of a callback.
pub async fn identity(server: &TestServer, ask: &Ask, callback: &Url) -> Value {
    claims(&redeem(server, ask, callback).await["id_token"])
}

/// A browser that stops where the request's answer goes.
pub fn browser_for(ask: &Ask) -> Person {
    Person::new().stopping_at(ask.value("redirect_uri").unwrap())
}

impl Person {
    /// Signs in as [`Person::walk_through_sign_in`] does, and stops on the consent page where there is one.
    pub async fn walk_to_consent(&mut self, mut arrival: Arrival, phone_number: &str) -> Arrival {
        while matches!(arrival, Arrival::Page) && self.page().url.path() != "/signin/consent" {
            let form = self.page().forms().into_iter().next();
            arrival = match form {
                Some(form) if form.has_button("identity_provider", "sim") => self.submit(&[("identity_provider", "sim")]).await,
                Some(form) if form.has_field("phone_number") => self.submit(&[("phone_number", phone_number)]).await,
                _ => {
                    let form = self.approved().await;
                    self.send(form, &[("decision", "allow")]).await
                }
            };
        }
        arrival
    }

    /// Waits on the page of an attempt until the phone has approved; the form that goes on.
    pub async fn approved(&mut self) -> Form {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let forms = self.page().forms();
            if let Some(form) = forms.into_iter().find(|form| form.has_button("decision", "allow")) {
                return form;
            }
            assert!(Instant::now() < deadline && self.page().status == StatusCode::OK, "{}", self.page());
            tokio::time::sleep(Duration::from_millis(50)).await;
            let url = self.page().url.clone();
            self.get(url).await;
        }
    }
}

/// Changes configuration behind the server's back, and has the server take it over.
pub async fn configure_by(server: &TestServer, sql: &str) {
    change_by(server, sql).await;
    change_by(server, "update configuration set version = version + 1").await;
    server.app.confirm().await.unwrap();
}

/// Changes rows that no endpoint changes.
pub async fn change_by(server: &TestServer, sql: &str) {
    sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&server.owner().await).await.unwrap();
}

/// One number from the database.
pub async fn number(server: &TestServer, sql: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&server.owner().await).await.unwrap()
}
