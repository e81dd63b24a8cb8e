//! What answers where no handler does: unknown paths, wrong methods, panics, limits (HTTP-09). People get a page, programs JSON.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, header},
    response::{IntoResponse, Response},
};

use super::{oauth::Refused, page::PageRefusal};
use crate::{
    app::App,
    http::language,
    model::urls::path,
    protocol::{
        error::{OAuthError, Refusal},
        refusals,
    },
};

/// Who reads an answer that no handler gives.
pub struct Reader {
    headers: HeaderMap,
    is_person: bool,
}

impl Reader {
    /// Programs call the machine endpoints, whatever their library says that it accepts; elsewhere who accepts HTML is a person.
    pub fn of(request: &Request) -> Self {
        let path = request.uri().path();
        let is_machine_endpoint = [path::TOKEN, path::USERINFO, path::REVOCATION, path::INTROSPECT].contains(&path)
            || path.starts_with("/.well-known/");
        let headers = request.headers().clone();
        let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
        let is_person = !is_machine_endpoint && accept.is_some_and(|accept| accept.contains("text/html"));
        Self { headers, is_person }
    }

    /// A refusal in the form that they read.
    pub fn refuse(&self, app: &App, refusal: &'static Refusal) -> Response {
        if self.is_person {
            PageRefusal::from(OAuthError::from(refusal)).respond(app, language::negotiate(None, &[], None, &self.headers))
        } else {
            Refused::from(refusal).into_response()
        }
    }
}

/// Nothing at this path.
pub async fn not_found(State(app): State<App>, request: Request) -> Response {
    let reader = Reader::of(&request);
    if !matches!(*request.method(), Method::TRACE | Method::CONNECT) {
        return reader.refuse(&app, &refusals::NOT_FOUND);
    }
    let mut response = reader.refuse(&app, &refusals::METHOD_NOT_ALLOWED);
    // RFC 9110 §10.2.1: an empty list; nothing is allowed where there is nothing
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(""));
    response
}

/// The path has no such method; the router adds which ones it has.
pub async fn method_not_allowed(State(app): State<App>, request: Request) -> Response {
    Reader::of(&request).refuse(&app, &refusals::METHOD_NOT_ALLOWED)
}
