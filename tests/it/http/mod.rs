//! The rules of every endpoint, over real connections: what passes the gate, how refusals look, and what an outage shows.

mod answers;
mod connections;
mod cookies;
mod framing;
mod fuzz;
mod limits;
mod load;
mod methods;
mod outage;
mod parameters;
mod paths;
mod proxies;
mod tls;

use std::time::Duration;

use base64::Engine as _;
use ias::model::urls::path;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::server::{SECRET, TestServer};

/// Routes by the methods that they have.
const DOCUMENTS: [&str; 3] = [path::OPENID_CONFIGURATION, path::OAUTH_AUTHORIZATION_SERVER, path::JWKS];
const PAGES: [&str; 6] = [path::AUTHORIZE, path::END_SESSION, path::CHOOSE, path::START, path::WAIT, path::CONSENT];

/// What a browser says that it accepts.
const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// An answer as its bytes say.
#[derive(Clone, Debug, Default)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    /// The one header of this name.
    #[track_caller]
    fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(header, _)| header == name).map(|(_, value)| value.as_str());
        let first = found.next();
        assert!(found.next().is_none(), "{name} came twice: {self:?}");
        first
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// `JSON(status, error)` of the requirements.
    #[track_caller]
    fn is_json(&self, status: u16, error: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        assert_eq!(self.header("cache-control"), Some("no-store"));
        let json = self.json();
        assert_eq!(json["error"], error, "{self:?}");
        let description = json["error_description"].as_str().unwrap();
        assert!(description.bytes().all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)), "{description}");
    }

    /// `PAGE status` of the requirements.
    #[track_caller]
    fn is_page(&self, status: u16) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("text/html; charset=utf-8"), "{self:?}");
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert_eq!(self.header("location"), None);
        assert!(self.body.contains("</html>"), "{self:?}");
    }

    /// `REDIR(error)` of the requirements; gives the parameters.
    #[track_caller]
    fn is_redirect(&self, error: &str) -> Vec<(String, String)> {
        assert_eq!(self.status, 303, "{self:?}");
        let location = url::Url::parse(self.header("location").unwrap()).unwrap();
        assert_eq!(location.host_str(), Some("app.myorg.is"), "{location}");
        let parameters: Vec<(String, String)> = location.query_pairs().into_owned().collect();
        let value = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        assert_eq!(value("error"), Some(error), "{location}");
        assert!(value("iss").is_some() && value("code").is_none(), "{location}");
        parameters
    }
}

/// Where a server listens.
fn host(server: &TestServer) -> &str {
    server.address.strip_prefix("http://").unwrap()
}

/// Opens a connection.
async fn connect(server: &TestServer) -> TcpStream {
    let port = host(server).rsplit_once(':').unwrap().1;
    TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap()
}

/// Sends these bytes and reads what comes until the server closes, or says nothing for two seconds.
async fn exchange(server: &TestServer, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut stream = connect(server).await;
    // the server may close before it has read everything
    let _ = stream.write_all(bytes.as_ref()).await;
    read_to_end(&mut stream).await
}

async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    while let Ok(Ok(read @ 1..)) = tokio::time::timeout(Duration::from_secs(2), stream.read(&mut buffer)).await {
        all.extend_from_slice(&buffer[..read]);
    }
    all
}

/// Reads the one answer that a connection gave.
#[track_caller]
fn answer(bytes: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let headers = lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_owned(), value.to_owned()));
    Answer { status: status.unwrap_or_else(|| panic!("{text}")), headers: headers.collect(), body: body.to_owned() }
}

/// A request's bytes, for a connection of its own; the length is that of the body.
fn request(server: &TestServer, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", host(server));
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || method == "POST" {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

async fn send(server: &TestServer, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    answer(&exchange(server, request(server, method, target, headers, body)).await)
}

async fn get(server: &TestServer, target: &str) -> Answer {
    send(server, "GET", target, &[], b"").await
}

/// As a browser asks for a page.
async fn open(server: &TestServer, target: &str) -> Answer {
    send(server, "GET", target, &[HTML], b"").await
}

async fn post(server: &TestServer, target: &str, body: impl AsRef<[u8]>) -> Answer {
    send(server, "POST", target, &[FORM], body.as_ref()).await
}

/// A request for authorization that leads to the first page, with `more` at its end.
fn authorize(more: &str) -> String {
    format!("{}?{}{more}", path::AUTHORIZE, authorize_parameters())
}

fn authorize_parameters() -> String {
    "client_id=%40myorg.is%2Fwebapp&redirect_uri=https%3A%2F%2Fapp.myorg.is%2Foauth%2Fcallback&response_type=code\
     &scope=openid&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
        .to_owned()
}

/// What a machine asks for; granted to the worker.
const TOKEN_PARAMETERS: &str = "grant_type=client_credentials&scope=%40myorg.is%2Fdocuments%3Aread";

/// How the worker says who it is.
fn worker() -> String {
    basic("@myorg.is/worker")
}

/// RFC 6749 §2.3.1
fn basic(client_id: &str) -> String {
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", encode(client_id), encode(SECRET))))
}

/// A call by the worker to the token endpoint.
async fn call(server: &TestServer, target: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
    let worker = worker();
    let headers = [&[("authorization", worker.as_str())], headers].concat();
    send(server, "POST", target, &headers, body.as_ref()).await
}

/// The worker's request for a token.
async fn token(server: &TestServer, body: impl AsRef<[u8]>) -> Answer {
    call(server, path::TOKEN, &[FORM], body).await
}

/// The names of the files, hashes and all, as a page links them.
async fn static_files(server: &TestServer) -> Vec<String> {
    let page = open(server, "/nothing-here").await.body;
    let links = page.split('"').filter(|text| text.starts_with("/static/")).map(ToOwned::to_owned).collect::<Vec<_>>();
    assert!(!links.is_empty(), "{page}");
    links
}
