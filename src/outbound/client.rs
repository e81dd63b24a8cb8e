//! The outbound HTTP client: no redirects, no system proxy, no cookies, bounded time and size (SSR-03).
//!
//! One connection pool for each set of TLS roots: a provider's pinned roots and the system's roots never mix.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{
    Certificate, Client, RequestBuilder, Response, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue},
    redirect::Policy,
};
use serde::Serialize;
use url::Url;

use super::guard::{Guard, GuardFault};
use crate::{base::secret::Secret, model::environment::Environment, telemetry::metrics};

/// The longest body that is read, in bytes.
pub const MOST_BODY_BYTES: usize = 256 * 1024;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A client with its connections; cloning shares them.
#[derive(Clone, Debug)]
pub struct OutboundClient {
    client: Client,
    /// whom it asks, in metrics
    system: &'static str,
}

/// What another system answered, whatever the status.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status
    pub status: StatusCode,
    /// whether it says to be JSON
    pub is_json: bool,
    /// at most [`MOST_BODY_BYTES`], or as many as were asked for
    pub body: Vec<u8>,
}

/// Nothing usable came back.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// not connected, TLS refused, broken off or not in time
    #[error("no answer from the other system")]
    NoAnswer(#[source] reqwest::Error),
    /// more than [`MOST_BODY_BYTES`], or than was asked for
    #[error("the answer is larger than what is read")]
    TooLarge,
    /// an address that a client supplied and that is not asked
    #[error(transparent)]
    Guarded(#[from] GuardFault),
    /// a secret or a token holds what no header can
    #[error("a secret or a token does not fit into a header")]
    Header,
    /// no 200, or not JSON
    #[error("the answer is no JSON with status 200")]
    NotJson,
}

/// The client cannot be made: TLS roots that are no certificates.
#[derive(Debug, thiserror::Error)]
#[error("the outbound client cannot be made from these TLS roots")]
pub struct UnusableRoots(#[source] reqwest::Error);

impl OutboundClient {
    /// A client that believes the system's TLS roots and these others (PEM, may be empty); for OCSP responders and what clients
    /// register. Where there are none at all (a bare container), it speaks plain http only. In production it connects to addresses of
    /// the internet alone.
    pub fn new(more_roots_pem: &str, environment: Environment) -> Result<Self, UnusableRoots> {
        Self::with_system_roots(more_roots_pem, || builder_in(environment))
    }

    /// A client that believes these TLS roots alone (PEM); where there are none it speaks plain http only.
    pub fn pinned(roots_pem: &str) -> Result<Self, UnusableRoots> {
        let roots = Certificate::from_pem_bundle(roots_pem.as_bytes()).map_err(UnusableRoots)?;
        builder().tls_certs_only(roots).build().map(Self::of).map_err(UnusableRoots)
    }

    /// The same for a provider that the configuration names: in production only where its name leads to the internet.
    pub fn for_provider(roots_pem: &str, environment: Environment) -> Result<Self, UnusableRoots> {
        let roots = Certificate::from_pem_bundle(roots_pem.as_bytes()).map_err(UnusableRoots)?;
        builder_in(environment).tls_certs_only(roots).build().map(Self::of).map_err(UnusableRoots)
    }

    /// The same for a client that connects only where the guard lets it.
    pub(super) fn guarded(guard: &Guard, more_roots_pem: &str) -> Result<Self, UnusableRoots> {
        Self::with_system_roots(more_roots_pem, || builder().dns_resolver(Arc::new(guard.clone())))
    }

    fn with_system_roots(more_roots_pem: &str, builder: impl Fn() -> reqwest::ClientBuilder) -> Result<Self, UnusableRoots> {
        let more = Certificate::from_pem_bundle(more_roots_pem.as_bytes()).map_err(UnusableRoots)?;
        let client = builder().tls_certs_merge(more.clone()).build().or_else(|error| {
            tracing::warn!(%error, "no TLS roots in this system: outbound https goes to those alone that the settings trust");
            builder().tls_certs_only(more).build()
        });
        client.map(Self::of).map_err(UnusableRoots)
    }

    fn of(client: Client) -> Self {
        Self { client, system: "other" }
    }

    /// The same client under the name of the system that it asks.
    #[must_use]
    pub fn named(self, system: &'static str) -> Self {
        Self { system, ..self }
    }

    /// GET, answered within `timeout`.
    pub async fn get(&self, url: Url, timeout: Duration) -> Result<Answer, OutboundError> {
        self.send(self.client.get(url), timeout).await
    }

    /// GET of a document of at most so many bytes, answered within `timeout`.
    pub async fn get_up_to(&self, url: Url, timeout: Duration, most_bytes: usize) -> Result<Answer, OutboundError> {
        self.send_up_to(self.client.get(url), timeout, most_bytes).await
    }

    /// GET of a JSON document, answered within `timeout`.
    pub async fn get_json(&self, url: Url, timeout: Duration) -> Result<Vec<u8>, OutboundError> {
        let answer = self.send(self.client.get(url).header(ACCEPT, "application/json"), timeout).await?;
        if answer.status == StatusCode::OK && answer.is_json { Ok(answer.body) } else { Err(OutboundError::NotJson) }
    }

    /// POST of a JSON body, answered within `timeout`.
    pub async fn post_json<T: Serialize + Sync>(&self, url: Url, body: &T, timeout: Duration) -> Result<Answer, OutboundError> {
        self.send(self.client.post(url).json(body), timeout).await
    }

    /// POST of a body of `content_type`, answered within `timeout`.
    pub async fn post(
        &self,
        url: Url,
        content_type: &'static str,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<Answer, OutboundError> {
        self.send(self.client.post(url).header(CONTENT_TYPE, content_type).body(body), timeout).await
    }

    /// POST of a form, with the header that proves who asks where there is one, answered within `timeout`.
    pub async fn post_form(
        &self,
        url: Url,
        form: &Secret<String>,
        authorization: Option<&Secret<String>>,
        timeout: Duration,
    ) -> Result<Answer, OutboundError> {
        let request = self.client.post(url).header(ACCEPT, "application/json");
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.expose().clone());
        let request = match authorization {
            Some(authorization) => request.header(AUTHORIZATION, sensitive(authorization)?),
            None => request,
        };
        self.send(request, timeout).await
    }

    /// GET of a JSON document by who may have it, answered within `timeout`.
    pub async fn get_authorized(
        &self,
        url: Url,
        authorization: &Secret<String>,
        timeout: Duration,
    ) -> Result<Answer, OutboundError> {
        let request = self.client.get(url).header(ACCEPT, "application/json");
        self.send(request.header(AUTHORIZATION, sensitive(authorization)?), timeout).await
    }

    async fn send(&self, request: RequestBuilder, timeout: Duration) -> Result<Answer, OutboundError> {
        self.send_up_to(request, timeout, MOST_BODY_BYTES).await
    }

    async fn send_up_to(&self, request: RequestBuilder, timeout: Duration, most_bytes: usize) -> Result<Answer, OutboundError> {
        let began = Instant::now();
        let answer = send(request, timeout, most_bytes).await;
        metrics::OUTBOUND_SECONDS.observe(began.elapsed(), &[self.system, if answer.is_ok() { "answered" } else { "failed" }]);
        answer
    }
}

/// LOG-01: a header that nothing shows.
fn sensitive(value: &Secret<String>) -> Result<HeaderValue, OutboundError> {
    let mut value = HeaderValue::from_str(value.expose()).map_err(|_| OutboundError::Header)?;
    value.set_sensitive(true);
    Ok(value)
}

/// eid.md §12.2: what a provider's name leads to is looked at with each connection.
fn builder_in(environment: Environment) -> reqwest::ClientBuilder {
    match environment {
        Environment::Production => builder().dns_resolver(Arc::new(Guard::new(&[]))),
        Environment::Staging | Environment::Development => builder(),
    }
}

fn builder() -> reqwest::ClientBuilder {
    Client::builder()
        .user_agent(concat!("ias/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(Policy::none())
        .referer(false)
        .no_proxy()
        // A start request that is sent twice is a second prompt on the phone.
        .retry(reqwest::retry::never())
}

async fn send(request: RequestBuilder, timeout: Duration, most_bytes: usize) -> Result<Answer, OutboundError> {
    // The URL may name a session; it stays out of errors and so out of logs (LOG-01).
    let no_answer = |error: reqwest::Error| OutboundError::NoAnswer(error.without_url());
    let response = request.timeout(timeout).send().await.map_err(no_answer)?;
    let (status, is_json) = (response.status(), is_json(&response));
    Ok(Answer { status, is_json, body: read(response, most_bytes).await? })
}

// SSR-03: application/json, or a type that is built on it (RFC 6839 §3.1)
fn is_json(response: &Response) -> bool {
    let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Reads a body up to the limit, whatever length it announced.
async fn read(mut response: Response, most_bytes: usize) -> Result<Vec<u8>, OutboundError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| OutboundError::NoAnswer(error.without_url()))? {
        if body.len() + chunk.len() > most_bytes {
            return Err(OutboundError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    /// A server that answers the first request with these bytes and then says nothing more.
    async fn answering(answer: Vec<u8>) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&answer).await;
            let _ = stream.read(&mut request).await;
        });
        Url::parse(&url).expect("a URL")
    }

    async fn get(answer: Vec<u8>) -> Result<Answer, OutboundError> {
        let client = OutboundClient::pinned("").expect("a client");
        client.get(answering(answer).await, Duration::from_millis(500)).await
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        let of = |bytes: usize| {
            [format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n").into_bytes(), vec![b'x'; bytes]].concat()
        };
        assert_eq!(get(of(MOST_BODY_BYTES)).await.expect("read").body.len(), MOST_BODY_BYTES);
        assert!(matches!(get(of(MOST_BODY_BYTES + 1)).await, Err(OutboundError::TooLarge)), "SSR-03");
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_like_any_other() {
        let answer = get(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
        assert_eq!(answer.expect("not followed").status, StatusCode::FOUND, "SSR-03");
    }

    #[tokio::test]
    async fn a_slow_body_runs_out_of_time() {
        let answer = get(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx".to_vec()).await;
        assert!(matches!(answer, Err(OutboundError::NoAnswer(_))), "SSR-03");
    }

    #[tokio::test]
    async fn ops_02_production_asks_no_provider_whose_name_leads_to_this_machine() {
        for (environment, asked) in [(Environment::Development, true), (Environment::Production, false)] {
            let mut url = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
            url.set_host(Some("localhost")).expect("a host");
            let client = OutboundClient::for_provider("", environment).expect("a client");
            let answer = client.get(url, Duration::from_millis(500)).await;
            assert_eq!(answer.is_ok(), asked, "eid.md §12.2: {environment:?}");
        }
    }

    #[test]
    fn pins_that_are_no_certificates_are_refused() {
        assert!(OutboundClient::pinned("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----").is_err());
    }
}
