//! A page as a response: its status, its security headers and its cookies (WEB-01, WEB-03).

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::page::Page;

/// Sends a page. `form_target` is the validated place beside ourselves to which the page's form may lead (WEB-02): an origin or a
/// private-use scheme, or several of them with a space between.
pub fn html(status: StatusCode, page: &impl Page, form_target: Option<&str>) -> Response {
    html_with(status, page, form_target, None)
}

/// The same, with the origin of a simulator whose script and frame the page may show: in development alone.
pub fn html_with(status: StatusCode, page: &impl Page, form_target: Option<&str>, simulator: Option<&str>) -> Response {
    let mut response = (status, page.render()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, content_security_policy(form_target, simulator));
    for (name, value) in PAGE_HEADERS {
        headers.insert(header::HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// 303 to an address of ours or to a validated one. Never 307 or 308, which would repeat a form (RSP-01).
pub fn see_other(location: &str) -> Response {
    // RSP-03: what does not fit into a header is never sent
    match HeaderValue::try_from(location) {
        Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// The response with one more cookie.
pub fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

const PAGE_HEADERS: [(&str, &str); 4] = [
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

fn content_security_policy(form_target: Option<&str>, simulator: Option<&str>) -> HeaderValue {
    let form_target = form_target.map(|target| format!(" {target}")).unwrap_or_default();
    let (script, frame) = match simulator {
        Some(origin) => (format!(" {origin}"), format!("frame-src {origin}; ")),
        None => Default::default(),
    };
    let policy = format!(
        "default-src 'none'; script-src 'self'{script}; {frame}style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'{form_target}; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
    );
    // a target that is no header text is left out: the form then leads nowhere but to us
    HeaderValue::try_from(policy).unwrap_or_else(|_| content_security_policy(None, None))
}
