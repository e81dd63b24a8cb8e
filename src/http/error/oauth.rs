//! Refusals of endpoints that programs call: JSON with status, challenge and cache headers (RFC 6749 §5.2, RFC 6750 §3).

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::log;
use crate::protocol::{
    error::{OAuthError, Refusal},
    refusals,
};

/// What the caller used to authenticate, so that a 401 carries the right challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// none: the credentials stood in the body
    None,
    /// HTTP Basic was tried (RFC 6749 §5.2)
    Basic,
    /// a protected resource (RFC 6750 §3)
    Bearer,
}

/// A refusal on its way to a program.
#[derive(Debug)]
pub struct Refused {
    error: OAuthError,
    challenge: Challenge,
}

impl Refused {
    /// With the challenge that a 401 needs.
    pub fn new(error: impl Into<OAuthError>, challenge: Challenge) -> Self {
        Self { error: error.into(), challenge }
    }
}

impl From<OAuthError> for Refused {
    fn from(error: OAuthError) -> Self {
        Self::new(error, Challenge::None)
    }
}

impl From<&'static Refusal> for Refused {
    fn from(refusal: &'static Refusal) -> Self {
        Self::new(refusal, Challenge::None)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let refusal = self.error.refusal;
        let error_id = crate::app::error_id();
        log(&self.error, &error_id);
        let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // UI-02: without credentials there is a bare challenge and no error code
        let bare = std::ptr::eq(refusal, &raw const refusals::TOKEN_MISSING);
        let description = format!("{} {} ({error_id})", refusal.id, refusal.description);
        let body = if bare { json!({}) } else { json!({ "error": refusal.code.as_str(), "error_description": description }) };
        let mut response = (status, axum::Json(body)).into_response();
        response.extensions_mut().insert(refusal);
        let headers = response.headers_mut();
        // RFC 6749 §5.1
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
        if matches!(refusal.status, 429 | 503) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        let challenge = match self.challenge {
            Challenge::Basic if refusal.status == 401 => Some("Basic realm=\"ias\", charset=\"UTF-8\"".to_owned()),
            Challenge::Bearer if bare => Some("Bearer realm=\"ias\"".to_owned()),
            Challenge::Bearer if refusal.status < 500 => {
                Some(format!("Bearer realm=\"ias\", error=\"{}\", error_description=\"{description}\"", refusal.code.as_str()))
            }
            _ => None,
        };
        if let Some(challenge) = challenge.and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
