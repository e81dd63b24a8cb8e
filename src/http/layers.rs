//! What every request passes: request id and log, the gate (size, host, readiness, load), the time-out and the net under panics,
//! and on the way back the headers that every answer carries (HTTP-13, HTTP-19).

use std::{
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, Method, Version, header},
    middleware::Next,
    response::Response,
};
use futures_util::FutureExt as _;
use tracing::Instrument as _;

use super::error::fallback::Reader;
use super::extract::form::GivenUp;
use crate::{
    app::App,
    config::issuer::Issuer,
    model::urls::path,
    protocol::{error::Refusal, refusals},
    telemetry::{metrics, trace_context::TraceContext},
};

/// Forms hold no more (§0.2).
pub const MOST_BODY: usize = 64 * 1024;
const MOST_TARGET: usize = 8 * 1024;
const MOST_HEADER_BYTES: usize = 16 * 1024;
const MOST_HEADER_FIELDS: usize = 100;

/// Marks a request to the card host, which has names of its own (eid.md §4.4).
#[derive(Clone, Copy, Debug)]
pub struct OnCardHost;

/// Marks a request whose header two readers could read differently (PRX-05): the listener has seen it, the gate refuses it.
#[derive(Clone, Copy, Debug)]
pub struct MalformedHead;

/// Around every route.
pub async fn around(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let request_id = crate::app::error_id();
    if request.extensions_mut().remove::<AskedByHead>().is_some() {
        *request.method_mut() = Method::HEAD;
    }
    let (method, version) = (request.method().clone(), request.version());
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let trace = TraceContext::continue_from(request.headers().get("traceparent").and_then(|value| value.to_str().ok()));
    // LOG-01: the path as routed, never the query
    let span = tracing::info_span!(
        "request",
        request_id,
        trace_id = trace.trace_id(),
        method = %method,
        route = route.as_deref().unwrap_or("none"),
    );
    let is_malformed = request.extensions().get::<MalformedHead>().is_some();
    let open = Open::one_more(&app.open_requests);
    let mut response = async {
        let reader = Reader::of(&request);
        match gate(&app, &request, route.as_deref(), open.number) {
            Some(refusal) => reader.refuse(&app, refusal),
            None => answer(&app, &reader, request, next).await,
        }
    }
    .instrument(span.clone())
    .await;
    drop(open);
    let elapsed = began.elapsed();
    let status = response.status();
    let refusal = response.extensions().get::<&'static Refusal>().copied();
    metrics::request_answered(method.as_str(), route.as_deref(), status.as_u16(), elapsed);
    if let Some(refusal) = refusal {
        metrics::REFUSALS.increment(&[route.as_deref().unwrap_or("none"), refusal.code.as_str()]);
    }
    span.in_scope(|| tracing::info!(status = status.as_u16(), micros = elapsed.as_micros(), "answered"));
    // HTTP-07: what was not read must not be taken for the next request
    let is_unread = is_malformed || refusal.is_some_and(|refusal| matches!(refusal.status, 408 | 413 | 414 | 431));
    if is_unread && version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    with_headers(&app, response, &request_id)
}

/// Around the router, which answers HEAD by running the handler of GET, and lists it so: only documents are for HEAD (HTTP-08).
pub async fn refuse_head(mut request: Request, next: Next) -> Response {
    if is_document(request.uri().path()) {
        return next.run(request).await;
    }
    if request.method() == Method::HEAD {
        // a method that no route has: the answer lists those that there are
        *request.method_mut() = Method::TRACE;
        request.extensions_mut().insert(AskedByHead);
    }
    let mut response = next.run(request).await;
    if let Some(allow) = response.headers().get(header::ALLOW).and_then(|allow| allow.to_str().ok()) {
        let methods: Vec<&str> = allow.split(',').map(str::trim).filter(|method| *method != "HEAD").collect();
        if let Ok(allow) = HeaderValue::try_from(methods.join(", ")) {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    response
}

/// Marks a request while it is routed.
#[derive(Clone, Copy)]
struct AskedByHead;

/// Whether a path is read by everybody and changes nothing.
fn is_document(path: &str) -> bool {
    path.starts_with("/.well-known/") || path.starts_with("/static/")
}

fn gate(app: &App, request: &Request, route: Option<&str>, open: usize) -> Option<&'static Refusal> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let headers = request.headers();
    let header_bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if target > MOST_TARGET {
        return Some(&refusals::TARGET_TOO_LONG);
    }
    if headers.len() > MOST_HEADER_FIELDS || header_bytes > MOST_HEADER_BYTES {
        return Some(&refusals::HEADERS_TOO_LARGE);
    }
    if request.extensions().get::<MalformedHead>().is_some() {
        return Some(&refusals::HEADER_MALFORMED);
    }
    // before the first byte of it is read
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > MOST_BODY as u64) {
        return Some(&refusals::BODY_TOO_LARGE);
    }
    if let Some(refusal) = wrong_host(app, request) {
        return Some(refusal);
    }
    // decision F: no answer from a configuration that could not be confirmed; a file is the same whatever it says
    let is_static = route.is_some_and(|route| route.starts_with("/static/"));
    let refused = app.impediment().is_some() || open > room(route, app.settings.server.max_requests);
    (!is_static && refused).then_some(&refusals::UNAVAILABLE)
}

/// PRX-01: one Host, and one of ours; what proxies say about it has no say here.
fn wrong_host(app: &App, request: &Request) -> Option<&'static Refusal> {
    let (uri, headers) = (request.uri(), request.headers());
    let allowed = match request.extensions().get::<OnCardHost>() {
        Some(_) => app.configuration().card_hosts().collect(),
        None => app.settings.server.allowed_hosts.clone(),
    };
    let is_ours = |host: &str| allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(host));
    // HTTP/2 has it in :authority; in HTTP/1.1 an absolute target wins over the header (RFC 9112 §3.2.2)
    let authority = uri.authority().map(axum::http::uri::Authority::as_str);
    let mut hosts = headers.get_all(header::HOST).iter().map(|host| host.to_str().unwrap_or_default());
    let host = hosts.next();
    if hosts.next().is_some() || (host.is_none() && authority.is_none()) {
        return Some(&refusals::HEADER_MALFORMED);
    }
    let all_ours = [host, authority].into_iter().flatten().all(is_ours);
    (!all_ours).then_some(&refusals::WRONG_HOST)
}

/// How many requests may be open for one more of this route to be answered: what machines need goes on longest (DOS-05).
fn room(route: Option<&str>, most: usize) -> usize {
    match route {
        Some(path::TOKEN) => most,
        Some(route) if is_document(route) => most,
        Some(path::USERINFO | path::REVOCATION | path::INTROSPECT) => most - most / 10,
        _ => most - most / 5,
    }
}

/// Around the card host: nothing of a connection may be left to whoever sits at the machine next (eid.md §4.4).
pub async fn one_answer(request: Request, next: Next) -> Response {
    let version = request.version();
    let mut response = next.run(request).await;
    if version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The handler's answer; ours where it takes too long or panics (HTTP-10, DOS-01). What was begun is ended all the same: a handler
/// that was dropped half way could leave its transaction open on a connection that others get next (RT-05, RT-09).
async fn answer(app: &App, reader: &Reader, mut request: Request, next: Next) -> Response {
    let given_up = GivenUp::default();
    request.extensions_mut().insert(given_up.clone());
    let mut handled = Box::pin(AssertUnwindSafe(next.run(request)).catch_unwind());
    match tokio::time::timeout(app.settings.server.request_timeout, &mut handled).await {
        Ok(Ok(response)) => response,
        // the hook has logged where
        Ok(Err(_)) => reader.refuse(app, &refusals::SERVER_ERROR),
        Err(_) => {
            given_up.0.cancel();
            app.tasks.spawn(async move { drop(handled.await) });
            reader.refuse(app, &refusals::UNAVAILABLE)
        }
    }
}

/// A request that is being answered, until it is dropped.
struct Open<'a> {
    all: &'a AtomicUsize,
    /// how many there are with this one
    number: usize,
}

impl<'a> Open<'a> {
    fn one_more(all: &'a AtomicUsize) -> Self {
        metrics::HTTP_REQUESTS_OPEN.change(1.0, &[]);
        Self { all, number: all.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Ordering::Relaxed);
        metrics::HTTP_REQUESTS_OPEN.change(-1.0, &[]);
    }
}

/// PRX-06; RFC 6797 §7.2: never over plain http.
fn transport_security(issuer: &Issuer) -> Option<&'static str> {
    // It holds for every port of a host, and so for all that is developed on this machine: for a minute here.
    let policy = if issuer.is_loopback() { "max-age=60" } else { "max-age=63072000; includeSubDomains" };
    issuer.is_https().then_some(policy)
}

fn with_headers(app: &App, mut response: Response, request_id: &str) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if let Some(policy) = transport_security(&app.settings.server.issuer) {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(policy));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(request_id) = HeaderValue::try_from(request_id) {
        headers.insert("x-request-id", request_id);
    }
    response
}
