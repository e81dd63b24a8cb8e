//! The cookies of the issuer: `__Host-` and Secure where the issuer is https, neither on http (COO-01).

use axum::http::{HeaderMap, HeaderValue, header};
use axum_extra::extract::cookie::{Cookie, SameSite};

use crate::{
    app::App,
    base::{digest, entropy, handle::Handle, text::Language},
    flows::authorization_request::Binding,
    model::{identity_provider::IdentityProvider, session},
};

const SESSION: &str = "ias_session";
const BROWSER: &str = "ias_browser";
const LANGUAGE: &str = "ias_language";
const METHOD: &str = "ias_method";
const BROWSER_PREFIX: &str = "br_";

/// What the browser's cookies say.
#[derive(Clone, Debug, Default)]
pub struct Cookies {
    /// the SSO session's handle
    pub session: Option<Handle>,
    /// SHA-256 of the binding cookie
    pub binding: Option<Binding>,
    /// the language that the reader chose
    pub language: Option<Language>,
    /// the name of the identity provider with which somebody signed in last
    pub method: Option<String>,
}

/// Two cookies bear one name: somebody planted one (COO-02).
#[derive(Debug, thiserror::Error)]
#[error("a cookie came twice")]
pub struct DuplicateCookie;

impl Cookies {
    /// Reads our cookies; unreadable values are as if absent.
    pub fn read(app: &App, headers: &HeaderMap) -> Result<Self, DuplicateCookie> {
        Ok(Self {
            session: value(headers, &name(app, SESSION))?.and_then(|text| Handle::parse(session::COOKIE_PREFIX, &text)),
            binding: value(headers, &name(app, BROWSER))?
                .filter(|text| text.strip_prefix(BROWSER_PREFIX).is_some_and(|rest| rest.len() == 43))
                .map(|text| digest::sha256(&[text.as_bytes()])),
            language: value(headers, &name(app, LANGUAGE))?.and_then(|text| text.parse().ok()),
            method: value(headers, &name(app, METHOD))?,
        })
    }
}

fn value(headers: &HeaderMap, name: &str) -> Result<Option<String>, DuplicateCookie> {
    let mut values = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .filter(|cookie| cookie.name() == name)
        .map(|cookie| cookie.value().to_owned());
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(DuplicateCookie),
        (value, None) => Ok(value),
    }
}

/// A new binding cookie for a browser that sent none. What it is bound to is what comes back: another tab may get one as well.
pub fn new_binding(app: &App) -> HeaderValue {
    let text = format!("{BROWSER_PREFIX}{}", digest::base64url(entropy::bytes::<32>()));
    set(app, BROWSER, text, Some(time::Duration::days(365)))
}

/// The session cookie's new value (SES-01); it lives as long as the browser, the row decides the rest.
pub fn session(app: &App, handle: &Handle) -> HeaderValue {
    set(app, SESSION, handle.to_text(session::COOKIE_PREFIX), None)
}

/// Takes the session cookie away, with the same attributes (OUT-06).
pub fn no_session(app: &App) -> HeaderValue {
    set(app, SESSION, String::new(), Some(time::Duration::ZERO))
}

/// Remembers the language that the reader chose.
pub fn language(app: &App, language: Language) -> HeaderValue {
    set(app, LANGUAGE, language.tag().to_owned(), Some(time::Duration::days(365)))
}

/// Remembers the way in which somebody signed in, so that it is offered first.
pub fn method(app: &App, identity_provider: &IdentityProvider) -> HeaderValue {
    set(app, METHOD, identity_provider.name.clone(), Some(time::Duration::days(365)))
}

fn is_https(app: &App) -> bool {
    app.urls.issuer().starts_with("https://")
}

fn name(app: &App, name: &'static str) -> String {
    if is_https(app) { format!("__Host-{name}") } else { name.to_owned() }
}

#[expect(clippy::expect_used, reason = "names and values are our own base64url and words")]
fn set(app: &App, base_name: &'static str, value: String, max_age: Option<time::Duration>) -> HeaderValue {
    let mut cookie = Cookie::build((name(app, base_name), value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(is_https(app))
        .build();
    cookie.set_max_age(max_age);
    HeaderValue::try_from(cookie.to_string()).expect("a cookie of ours is a header value")
}
