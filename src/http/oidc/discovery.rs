//! GET /.well-known/*: the discovery document under both its names, and the JWKS; rendered when the configuration changes, not
//! when somebody asks (DISC-01 … DISC-05).

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::app::{App, Published};

/// OpenID Connect Discovery §4, RFC 8414 §3.
pub async fn metadata(State(app): State<App>, headers: HeaderMap) -> Response {
    publish(&app.configuration().discovery, &headers)
}

/// RFC 7517 §5.
pub async fn jwks(State(app): State<App>, headers: HeaderMap) -> Response {
    publish(&app.configuration().jwks, &headers)
}

fn publish(document: &Published, headers: &HeaderMap) -> Response {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).is_some_and(|tags| {
        tags.split(',').any(|tag| matches!(tag.trim(), "*") || tag.trim().trim_start_matches("W/") == document.etag)
    });
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], Bytes::from_owner(document.body.clone()))
            .into_response()
    };
    let headers = response.headers_mut();
    // DISC-05: shorter than the time for which a key is announced before it signs (KEY-04)
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    // HTTP-15
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if let Ok(etag) = HeaderValue::try_from(&document.etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}
