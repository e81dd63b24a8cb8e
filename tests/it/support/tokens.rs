//! Tokens as a client gets them: a person signs in, the code comes back, the token endpoint answers.

use std::sync::LazyLock;

use axum::{
    body::{Body, to_bytes},
    http::Request,
};
use ias::{base::digest, http::router, model::urls::path};
use reqwest::{
    RequestBuilder,
    header::{self, HeaderMap},
};
use serde_json::Value;
use tower::ServiceExt as _;
use url::Url;

use super::{
    person::{Arrival, Person},
    server::{APP, PHONE, SECRET, TestServer},
    statements::StatementCounter,
};

/// The verifier of every code that has a challenge.
pub const VERIFIER: &str = "a-verifier-of-the-tests.with_forty-three~or-more-characters";

/// A program: it keeps no cookie, follows no redirect and, because each test's runtime ends with the test, keeps no connection.
pub fn http() -> &'static reqwest::Client {
    static HTTP: LazyLock<reqwest::Client> = LazyLock::new(|| {
        let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        builder.pool_max_idle_per_host(0).build().unwrap()
    });
    &HTTP
}

/// What a program was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    /// Sends a request.
    pub async fn to(request: RequestBuilder) -> Self {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Self { status, headers, body: answer.text().await.unwrap() }
    }

    /// A header, where it came once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().unwrap();
        assert!(values.next().is_none(), "{name} came twice: {self:?}");
        Some(value)
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// A text in the JSON.
    #[track_caller]
    pub fn text(&self, member: &str) -> String {
        self.json()[member].as_str().unwrap_or_else(|| panic!("no {member} in {self:?}")).to_owned()
    }

    /// `JSON(status, error)` of the security requirements.
    #[track_caller]
    pub fn is_refusal(&self, status: u16, error: &str) {
        assert_eq!((self.status, self.json()["error"].as_str()), (status, Some(error)), "{self:?}");
        assert_eq!((self.header("cache-control"), self.header("pragma")), (Some("no-store"), Some("no-cache")), "{self:?}");
        let json = self.json();
        let members: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(members, ["error", "error_description"], "{self:?}");
        // RFC 6749 §5.2
        let allowed = |byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        assert!(self.text("error_description").bytes().all(allowed), "{self:?}");
    }

    /// `BEARER(status, error)` of the security requirements.
    #[track_caller]
    pub fn is_bearer_refusal(&self, status: u16, error: &str) {
        self.is_refusal(status, error);
        let challenge = self.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with(&format!("Bearer realm=\"ias\", error=\"{error}\"")), "{self:?}");
    }

    /// A page of our own with this status, and no redirect.
    #[track_caller]
    pub fn is_page(&self, status: u16) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("text/html; charset=utf-8"), "{self:?}");
        assert_eq!((self.header("cache-control"), self.header("location")), (Some("no-store"), None), "{self:?}");
    }

    /// The description without the id of the one error: what all errors of a kind share.
    pub fn wording(&self) -> String {
        let description = self.text("error_description");
        description.rsplit_once(" (").map_or(description.clone(), |(wording, _)| wording.to_owned())
    }
}

/// An authorization request of one of the demo's clients, with PKCE.
#[derive(Clone, Debug)]
pub struct Ask {
    client_id: String,
    redirect_uri: String,
    parameters: Vec<(String, String)>,
    verifier: Option<&'static str>,
}

impl Ask {
    /// Asks for a code.
    pub fn new(client_id: &str, scope: &str) -> Self {
        let redirect_uri = match client_id {
            "@myorg.is/app" => "is.myorg.app:/oauth/callback".to_owned(),
            "@otherorg.is/portal" => "https://portal.otherorg.is/oauth/callback".to_owned(),
            conformance if conformance.starts_with("@conformance.is/") => format!("{APP}/callback"),
            _ => "https://app.myorg.is/oauth/callback".to_owned(),
        };
        let ask = Self { client_id: client_id.to_owned(), redirect_uri, parameters: Vec::new(), verifier: Some(VERIFIER) };
        ask.with("scope", scope)
    }

    /// With one parameter more.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without a challenge.
    pub fn without_pkce(mut self) -> Self {
        self.verifier = None;
        self
    }

    /// The address that the client sends the browser to.
    pub fn url(&self, server: &TestServer) -> Url {
        let mut url = Url::parse(&format!("{}/connect/authorize", server.address)).unwrap();
        let (client_id, redirect_uri) = (&self.client_id, &self.redirect_uri);
        url.query_pairs_mut()
            .extend_pairs([("client_id", client_id.as_str()), ("redirect_uri", redirect_uri), ("response_type", "code")])
            .extend_pairs(&self.parameters);
        if let Some(verifier) = self.verifier {
            let challenge = digest::base64url(digest::sha256(&[verifier.as_bytes()]));
            url.query_pairs_mut().append_pair("code_challenge", &challenge).append_pair("code_challenge_method", "S256");
        }
        url
    }

    /// What the client is told, whatever pages the person of `PHONE` meets on the way.
    pub async fn answer(&self, server: &TestServer, person: &mut Person) -> Url {
        person.stop_at(&self.redirect_uri);
        person.sign_in(self.url(server), PHONE).await
    }

    /// Where the browser arrives if no page may be shown.
    pub async fn silently(&self, server: &TestServer, person: &mut Person) -> Arrival {
        person.stop_at(&self.redirect_uri);
        person.get(self.clone().with("prompt", "none").url(server)).await
    }

    /// The error that a silent request is answered.
    pub async fn silent_error(&self, server: &TestServer, person: &mut Person) -> String {
        let url = self.silently(server, person).await.stopped();
        parameter(&url, "error").unwrap_or_else(|| panic!("no error in {url}"))
    }

    /// The code, after a sign-in where one is needed.
    pub async fn code(&self, server: &TestServer, person: &mut Person) -> Code {
        let url = self.answer(server, person).await;
        let value = parameter(&url, "code").unwrap_or_else(|| panic!("no code in {url}"));
        Code { value, client_id: self.client_id.clone(), redirect_uri: self.redirect_uri.clone(), verifier: self.verifier }
    }
}

/// A parameter of an address.
pub fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|pair| pair.0 == name).map(|pair| pair.1.into_owned())
}

/// A code with what its client knows.
#[derive(Clone, Debug)]
pub struct Code {
    pub value: String,
    pub client_id: String,
    pub redirect_uri: String,
    pub verifier: Option<&'static str>,
}

impl Code {
    /// The form that exchanges it.
    pub fn form(&self) -> Vec<(&str, &str)> {
        let form = [("grant_type", "authorization_code"), ("code", &self.value), ("redirect_uri", &self.redirect_uri)];
        form.into_iter().chain(self.verifier.map(|verifier| ("code_verifier", verifier))).collect()
    }

    /// The same with another value, or without it.
    pub fn form_with<'a>(&'a self, name: &'a str, value: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
        let others = self.form().into_iter().filter(|(field, _)| *field != name);
        others.chain(value.map(|value| (name, value))).collect()
    }
}

/// A code for the person of `PHONE`.
pub async fn code(server: &TestServer, person: &mut Person, client_id: &str, scope: &str) -> Code {
    Ask::new(client_id, scope).code(server, person).await
}

/// How a client says who it is.
#[derive(Clone, Copy, Debug)]
pub enum Credentials<'a> {
    Nothing,
    Public(&'a str),
    Post(&'a str, &'a str),
    Basic(&'a str, &'a str),
}

impl<'a> Credentials<'a> {
    /// As the demo's client is registered.
    pub fn of(client_id: &'a str) -> Self {
        match client_id {
            "@myorg.is/app" => Self::Public(client_id),
            "@myorg.is/webapp" | "@conformance.is/post" => Self::Post(client_id, SECRET),
            _ => Self::Basic(client_id, SECRET),
        }
    }
}

/// The value of the header, both halves form-encoded (RFC 6749 §2.3.1).
pub fn basic(client_id: &str, secret: &str) -> String {
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", digest::base64(format!("{}:{}", encode(client_id), encode(secret))))
}

/// Asks the token endpoint.
pub async fn token(server: &TestServer, credentials: Credentials<'_>, form: &[(&str, &str)]) -> Answer {
    call(server, path::TOKEN, credentials, form).await
}

/// Asks about a token, as a client of the demo or its API resource.
pub async fn introspect(server: &TestServer, caller: &str, token: &str) -> Answer {
    call(server, path::INTROSPECT, Credentials::of(caller), &[("token", token)]).await
}

/// Gives a token back.
pub async fn revoke(server: &TestServer, client_id: &str, token: &str) -> Answer {
    call(server, path::REVOCATION, Credentials::of(client_id), &[("token", token)]).await
}

/// Asks an endpoint that clients call.
pub async fn call(server: &TestServer, path: &str, credentials: Credentials<'_>, form: &[(&str, &str)]) -> Answer {
    let mut form = form.to_vec();
    let mut request = http().post(format!("{}{path}", server.address));
    match credentials {
        Credentials::Nothing => {}
        Credentials::Public(client_id) => form.push(("client_id", client_id)),
        Credentials::Post(client_id, secret) => form.extend([("client_id", client_id), ("client_secret", secret)]),
        Credentials::Basic(client_id, secret) => request = request.header(header::AUTHORIZATION, basic(client_id, secret)),
    }
    Answer::to(request.form(&form)).await
}

/// Exchanges a code as its client.
pub async fn exchange(server: &TestServer, code: &Code) -> Answer {
    token(server, Credentials::of(&code.client_id), &code.form()).await
}

/// Refreshes as a client of the demo.
pub async fn refresh(server: &TestServer, client_id: &str, refresh_token: &str) -> Answer {
    token(server, Credentials::of(client_id), &refresh_form(refresh_token)).await
}

/// The form that refreshes.
pub fn refresh_form(refresh_token: &str) -> [(&str, &str); 2] {
    [("grant_type", "refresh_token"), ("refresh_token", refresh_token)]
}

/// The tokens of a client: signs the person of `PHONE` in where that is needed, and exchanges the code.
pub async fn tokens(server: &TestServer, person: &mut Person, client_id: &str, scope: &str) -> Answer {
    let answer = exchange(server, &code(server, person, client_id, scope).await).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

/// A machine's access token.
pub async fn machine_token(server: &TestServer) -> String {
    let form = [("grant_type", "client_credentials"), ("scope", "@myorg.is/documents:read")];
    token(server, Credentials::of("@myorg.is/worker"), &form).await.text("access_token")
}

/// Asks userinfo, the token in the header.
pub async fn userinfo(server: &TestServer, access_token: &str) -> Answer {
    Answer::to(http().get(format!("{}/connect/userinfo", server.address)).bearer_auth(access_token)).await
}

/// Header and claims of a JWT, unverified.
pub fn decode(jwt: &str) -> (Value, Value) {
    let part = |at| {
        let json = digest::from_base64url(jwt.split('.').nth(at).unwrap()).unwrap();
        serde_json::from_slice(&json).unwrap()
    };
    (part(0), part(1))
}

/// The claims of a JWT, unverified.
pub fn claims(jwt: &str) -> Value {
    decode(jwt).1
}

/// Changes the configuration or a person behind the server's back; the node knows when this returns.
pub async fn change(server: &TestServer, sql: &'static str) {
    let owner = server.owner().await;
    let changed = sqlx::query(sql).execute(&owner).await.unwrap();
    assert!(changed.rows_affected() > 0, "nothing is changed by {sql}");
    sqlx::query("update configuration set version = version + 1").execute(&owner).await.unwrap();
    server.app.confirm().await.unwrap();
}

/// Sends a request through the router in this task, so that its statements are counted.
pub async fn in_process(
    server: &TestServer,
    request: axum::http::request::Builder,
    body: String,
) -> (Answer, StatementCounter) {
    let host = server.address.trim_start_matches("http://").to_owned();
    let request: Request<Body> = request.header(header::HOST, host).body(Body::from(body)).unwrap();
    let (response, counter) = StatementCounter::watch(router::public(&server.app).oneshot(request)).await;
    let (parts, body) = response.unwrap().into_parts();
    let body = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
    (Answer { status: parts.status.as_u16(), headers: parts.headers, body }, counter)
}

/// A form as the body of a request.
pub fn form_body(form: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}
