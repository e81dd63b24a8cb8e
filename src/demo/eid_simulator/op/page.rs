//! The page on which a broker asks who signs in.

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};

use super::{Style, authorize::Request};
use crate::demo::eid_simulator::{Shared, people};

#[derive(Template)]
#[template(path = "demo/eid_simulator/broker.html")]
struct BrokerPage<'a> {
    style: &'static str,
    client_id: &'a str,
    others: Vec<String>,
    request: &'a str,
    people: Vec<(String, String)>,
    /// what was typed and is nobody's
    unknown: Option<&'a str>,
}

/// The page; `unknown` is a national id that nobody has.
pub(super) fn draw(shared: &Shared, style: Style, request: &Request, query: &str, unknown: Option<&str>) -> Response {
    let gervimenn: Vec<_> = {
        let world = shared.world();
        let first = world.people.values().filter(|person| people::is_gervimadur(&person.national_id));
        first.map(|person| (person.national_id.clone(), person.name.clone())).collect()
    };
    let page = BrokerPage {
        style: style.as_str(),
        client_id: &request.client_id,
        others: request.others.iter().map(|(name, value)| format!("{name}={value}")).collect(),
        request: query,
        people: gervimenn,
        unknown,
    };
    let html = match page.render() {
        Ok(html) => html,
        Err(error) => return super::failed(error),
    };
    // Chromium holds a form to it on its way back to the server as well
    let target = request.redirect_uri.origin().ascii_serialization();
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self' {target}; \
         base-uri 'none'; frame-ancestors 'none'"
    );
    let status = if unknown.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}
