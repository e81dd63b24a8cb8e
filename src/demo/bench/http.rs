//! One HTTP/1.1 connection, kept open: as light as a client can be, because it shares the machine with what it measures.

use std::{net::SocketAddr, pin::Pin};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, Method, Request, header},
};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// No answer of ours is longer.
const MOST_BODY: usize = 1 << 20;

/// Why an operation failed, in a few words: failures are counted by them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub String);

impl Failure {
    /// The connection's.
    fn connection(error: impl std::fmt::Display) -> Self {
        Self(format!("connection: {error}"))
    }
}

/// A connection to the server.
pub struct Http {
    address: SocketAddr,
    host: HeaderValue,
    open: Option<Open>,
    /// questions whether somebody has done something meanwhile
    pub polls: u32,
}

struct Open {
    send: SendRequest<String>,
    work: Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>,
}

impl Open {
    async fn new(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await.map_err(Failure::connection)?;
        stream.set_nodelay(true).map_err(Failure::connection)?;
        let (send, work) = http1::handshake(TokioIo::new(stream)).await.map_err(Failure::connection)?;
        Ok(Self { send, work: Box::pin(work) })
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// its number
    pub status: u16,
    /// its header
    pub headers: HeaderMap,
    /// its body
    pub body: Bytes,
}

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// GET or POST
    pub method: &'a Method,
    /// path and query
    pub target: &'a str,
    /// beside Host
    pub headers: &'a [(header::HeaderName, HeaderValue)],
    /// of a form
    pub form: Option<&'a str>,
}

impl<'a> Call<'a> {
    /// Reads.
    pub const fn get(target: &'a str, headers: &'a [(header::HeaderName, HeaderValue)]) -> Self {
        Self { method: &Method::GET, target, headers, form: None }
    }

    /// Sends a form.
    pub const fn post(target: &'a str, headers: &'a [(header::HeaderName, HeaderValue)], form: &'a str) -> Self {
        Self { method: &Method::POST, target, headers, form: Some(form) }
    }
}

impl Http {
    /// A connection that opens with its first request.
    pub fn new(address: SocketAddr, host: &str) -> Result<Self, Failure> {
        let host = HeaderValue::try_from(host).map_err(Failure::connection)?;
        Ok(Self { address, host, open: None, polls: 0 })
    }

    /// Opens a new connection in the place of the one that there was.
    pub async fn reopen(&mut self) -> Result<(), Failure> {
        self.open = Some(Open::new(self.address).await?);
        Ok(())
    }

    /// Sends a request and reads its answer.
    pub async fn send(&mut self, call: Call<'_>) -> Result<Answer, Failure> {
        let request = request(call, self.host.clone())?;
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(Open::new(self.address).await?),
        };
        // the connection makes progress only while somebody waits here: no task of its own, no switch between two
        let answered = tokio::select! {
            biased;
            answered = answer(&mut open.send, request) => answered,
            ended = &mut open.work => Err(Failure(format!("connection: ended ({ended:?})"))),
        };
        if answered.is_err() {
            self.open = None;
        }
        answered
    }

    /// The same, for an answer that must have this status.
    pub async fn expect(&mut self, call: Call<'_>, status: u16) -> Result<Answer, Failure> {
        let answer = self.send(call).await?;
        if answer.status == status { Ok(answer) } else { Err(answer.unexpected()) }
    }
}

fn request(call: Call<'_>, host: HeaderValue) -> Result<Request<String>, Failure> {
    let mut request = Request::new(call.form.map(ToOwned::to_owned).unwrap_or_default());
    *request.method_mut() = call.method.clone();
    *request.uri_mut() = call.target.parse().map_err(Failure::connection)?;
    let headers = request.headers_mut();
    headers.insert(header::HOST, host);
    if call.form.is_some() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    }
    headers.extend(call.headers.iter().cloned());
    Ok(request)
}

async fn answer(send: &mut SendRequest<String>, request: Request<String>) -> Result<Answer, Failure> {
    send.ready().await.map_err(Failure::connection)?;
    let (parts, body) = send.send_request(request).await.map_err(Failure::connection)?.into_parts();
    let body = axum::body::to_bytes(Body::new(body), MOST_BODY).await.map_err(Failure::connection)?;
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
}

impl Answer {
    /// Not what the operation goes on with; the code of OAuth's error, where there is one, tells more than the status.
    pub fn unexpected(&self) -> Failure {
        let error = serde_json::from_slice(&self.body)
            .ok()
            .and_then(|json: serde_json::Value| json.get("error").and_then(|error| error.as_str().map(ToOwned::to_owned)));
        Failure(format!("{} {}", self.status, error.unwrap_or_default()).trim_end().to_owned())
    }

    /// The member of a JSON object.
    pub fn member(&self, name: &str) -> Result<String, Failure> {
        let json: serde_json::Value = serde_json::from_slice(&self.body).map_err(|_| self.unexpected())?;
        let value = json.get(name).and_then(|value| value.as_str().map(ToOwned::to_owned));
        value.ok_or_else(|| Failure(format!("{} without {name}", self.status)))
    }

    /// Where a redirect leads.
    pub fn location(&self) -> Result<&str, Failure> {
        let location = self.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
        location.filter(|_| self.status == 303).ok_or_else(|| self.unexpected())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }
}
