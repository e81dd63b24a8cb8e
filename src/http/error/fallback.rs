//! What answers where no handler does: unknown paths, wrong methods, panics, limits (HTTP-09). People get a page, programs JSON.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{oauth::Refused, page::PageRefusal};
use crate::{
    app::App,
    http::language,
    protocol::{
        error::{OAuthError, Refusal},
        refusals,
    },
};

/// A refusal in the form that the caller reads.
pub fn refuse(app: &App, headers: &HeaderMap, refusal: &'static Refusal) -> Response {
    let wants_html =
        headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/html"));
    if wants_html {
        PageRefusal::from(OAuthError::from(refusal)).respond(app, language::negotiate(None, &[], None, headers))
    } else {
        Refused::from(refusal).into_response()
    }
}

/// Nothing at this path.
pub async fn not_found(axum::extract::State(app): axum::extract::State<App>, request: Request) -> Response {
    if matches!(*request.method(), Method::TRACE | Method::CONNECT) {
        return refuse(&app, request.headers(), &refusals::METHOD_NOT_ALLOWED);
    }
    refuse(&app, request.headers(), &refusals::NOT_FOUND)
}

/// Gives an answer that the framework made an answer of ours instead, keeping what is true of it (the list of methods).
pub fn translate(app: &App, request_headers: &HeaderMap, response: Response) -> Response {
    // an answer of ours always says what it is
    let is_ours = response.headers().contains_key(header::CONTENT_TYPE)
        && !response.headers()[header::CONTENT_TYPE].as_bytes().starts_with(b"text/plain");
    let refusal = match response.status() {
        _ if is_ours => return response,
        StatusCode::METHOD_NOT_ALLOWED => &refusals::METHOD_NOT_ALLOWED,
        StatusCode::PAYLOAD_TOO_LARGE => &refusals::BODY_TOO_LARGE,
        StatusCode::REQUEST_TIMEOUT => &refusals::REQUEST_TIMEOUT,
        StatusCode::INTERNAL_SERVER_ERROR => &refusals::SERVER_ERROR,
        StatusCode::SERVICE_UNAVAILABLE => &refusals::UNAVAILABLE,
        _ => return response,
    };
    let allow = response.headers().get(header::ALLOW).map(without_head);
    let mut translated = refuse(app, request_headers, refusal);
    if let Some(allow) = allow {
        translated.headers_mut().insert(header::ALLOW, allow);
    }
    translated
}

// The framework lists HEAD beside GET, but HEAD is refused (HTTP-08).
fn without_head(allow: &HeaderValue) -> HeaderValue {
    let methods: Vec<&str> =
        allow.to_str().unwrap_or_default().split(',').map(str::trim).filter(|method| *method != "HEAD").collect();
    HeaderValue::try_from(methods.join(", ")).unwrap_or_else(|_| allow.clone())
}
