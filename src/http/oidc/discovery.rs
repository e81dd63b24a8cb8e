//! GET /.well-known/*: the discovery document under both its names, and the JWKS; rendered when the configuration changes, not
//! when somebody asks (DISC-01 … DISC-05). And security.txt: where weaknesses are reported (OPS-05).

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use time::{Duration, format_description::well_known::Rfc3339};

use crate::{
    app::{App, Published},
    model::urls::path,
};

/// RFC 9116 §2.5.5: less than a year. Whoever serves it vouches for it, so that it is counted from now, by whole days.
const SECURITY_TXT_TTL: Duration = Duration::days(180);

/// OpenID Connect Discovery §4, RFC 8414 §3.
pub async fn metadata(State(app): State<App>, headers: HeaderMap) -> Response {
    publish(&app.configuration().discovery, &headers)
}

/// RFC 7517 §5.
pub async fn jwks(State(app): State<App>, headers: HeaderMap) -> Response {
    publish(&app.configuration().jwks, &headers)
}

/// RFC 9116 §3; routed where a contact is configured.
pub async fn security_txt(State(app): State<App>) -> Response {
    let expires = (app.clock.now() + SECURITY_TXT_TTL).replace_time(time::Time::MIDNIGHT).format(&Rfc3339).unwrap_or_default();
    let contact = app.settings.server.security_contact.as_deref().unwrap_or_default();
    let issuer = app.urls.issuer();
    let text = format!(
        "Contact: {contact}\nExpires: {expires}\nPreferred-Languages: is, en\nCanonical: {issuer}{}\n",
        path::SECURITY_TXT
    );
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=3600")], text)
        .into_response()
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
