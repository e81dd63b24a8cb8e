//! What every request passes: request id and log, the gate (host, target, method, readiness), and on the way back the headers
//! that every answer carries (HTTP-13, HTTP-19).

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Method, Uri, header},
    middleware::Next,
    response::Response,
};
use tracing::Instrument as _;

use super::error::fallback::{refuse, translate};
use crate::{
    app::App,
    protocol::{error::Refusal, refusals},
    telemetry::{metrics, trace_context::TraceContext},
};

const MOST_TARGET: usize = 8 * 1024;

/// Around every route.
pub async fn around(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let request_id = crate::app::error_id();
    let method = request.method().clone();
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
    let headers = request.headers().clone();
    let refusal = gate(&app, &method, request.uri(), &headers, route.as_deref());
    if method == Method::HEAD && refusal.is_none() {
        // read-only documents alone answer HEAD
        *request.method_mut() = Method::HEAD;
    }
    let response = async {
        match refusal {
            Some(refusal) => {
                let mut response = refuse(&app, &headers, refusal);
                if refusal == &refusals::METHOD_NOT_ALLOWED {
                    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
                }
                response
            }
            None => translate(&app, &headers, next.run(request).await),
        }
    }
    .instrument(span.clone())
    .await;
    let elapsed = began.elapsed();
    metrics::request_answered(method.as_str(), route.as_deref(), response.status().as_u16(), elapsed);
    span.in_scope(|| {
        tracing::info!(status = response.status().as_u16(), micros = elapsed.as_micros(), "answered");
    });
    with_headers(&app, response, &request_id)
}

fn gate(app: &App, method: &Method, uri: &Uri, headers: &HeaderMap, route: Option<&str>) -> Option<&'static Refusal> {
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target > MOST_TARGET {
        return Some(&refusals::TARGET_TOO_LONG);
    }
    if !is_our_host(app, uri, headers) {
        return Some(&refusals::WRONG_HOST);
    }
    let is_read_only = route.is_some_and(|route| route.starts_with("/.well-known/") || route.starts_with("/static/"));
    // HTTP-08: the framework would answer HEAD by running the handler of GET
    if *method == Method::HEAD && !is_read_only && route.is_some() {
        return Some(&refusals::METHOD_NOT_ALLOWED);
    }
    // decision F: no answer from a configuration that could not be confirmed
    let is_static = route.is_some_and(|route| route.starts_with("/static/"));
    (!is_static && !app.is_confirmed()).then_some(&refusals::UNAVAILABLE)
}

/// PRX-01: exactly one Host, and one of ours; what proxies say about it has no say here.
fn is_our_host(app: &App, uri: &Uri, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok(),
        // HTTP/2 carries it in :authority
        (None, None) => uri.authority().map(axum::http::uri::Authority::as_str),
        _ => None,
    };
    host.is_some_and(|host| app.settings.server.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host)))
}

fn with_headers(app: &App, mut response: Response, request_id: &str) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // RFC 6797 §7.2: never over plain http
    if app.settings.server.issuer.is_https() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000; includeSubDomains"));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(request_id) = HeaderValue::try_from(request_id) {
        headers.insert("x-request-id", request_id);
    }
    response
}
