//! What people see: four pages, their texts in both languages, and the headers that guard them.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use axum_extra::extract::cookie::CookieJar;
use serde::Deserialize;
use serde_json::Value;
use time::{
    OffsetDateTime,
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
    macros::format_description,
};
use url::Url;

use super::{
    Webapp,
    documents::Document,
    failure::Failure,
    language::Language,
    session::{LOGOUT, Session, removed},
};
use crate::base::digest;

/// The time is UTC, as it is in Iceland all year.
const TIME_OF_DAY: &[BorrowedFormatItem<'_>] = format_description!("[hour]:[minute]:[second]");

#[derive(Template)]
#[template(path = "demo/relying_party/signed_out.html")]
struct SignedOut<'a> {
    language: Language,
    has_just_signed_out: bool,
    issuer: &'a str,
    phone_url: Option<&'a str>,
    persons: &'a [(String, String)],
}

#[derive(Template)]
#[template(path = "demo/relying_party/signed_in.html")]
struct SignedIn<'a> {
    language: Language,
    name: &'a str,
    national_id: Option<&'a str>,
    access_token_is_live: bool,
    can_be_refreshed: bool,
    /// When the access token ends, in full and as a time of day.
    ends_at: String,
    ends_at_time: String,
    refreshes: u32,
    id_claims: Vec<Claim>,
    userinfo: Vec<Claim>,
    access_token_claims: Vec<Claim>,
}

#[derive(Template)]
#[template(path = "demo/relying_party/documents.html")]
struct Documents<'a> {
    language: Language,
    api_url: String,
    documents: &'a [Document],
}

#[derive(Template)]
#[template(path = "demo/relying_party/failure.html")]
struct FailurePage<'a> {
    language: Language,
    title: &'a str,
    explanation: &'a str,
    detail: Option<&'a str>,
}

/// One line of a table of claims.
#[derive(Debug, PartialEq, Eq)]
struct Claim {
    name: String,
    value: String,
    /// What the value means, where it is a number of seconds.
    time: Option<String>,
}

/// What the provider sends back after sign-out.
#[derive(Default, Deserialize)]
pub(super) struct Returned {
    state: Option<String>,
}

/// GET /: the front page, for somebody signed in or not.
pub(super) async fn home(
    State(webapp): State<Arc<Webapp>>,
    language: Language,
    jar: CookieJar,
    returned: Result<Query<Returned>, QueryRejection>,
) -> Response {
    if let Some(session) = webapp.session(&jar) {
        return signed_in(language, &session, webapp.clock.now()).await;
    }
    let Query(Returned { state }) = returned.unwrap_or_default();
    let sent = jar.get(LOGOUT).map(|cookie| cookie.value().to_owned());
    let has_just_signed_out = state.zip(sent).is_some_and(|(state, sent)| digest::equal(state.as_bytes(), sent.as_bytes()));
    let jar = if has_just_signed_out { jar.remove(removed(LOGOUT)) } else { jar };
    let page = render(&SignedOut {
        language,
        has_just_signed_out,
        issuer: webapp.provider.issuer(),
        phone_url: webapp.options.phone_url.as_deref(),
        persons: &webapp.options.persons,
    });
    (jar, page).into_response()
}

async fn signed_in(language: Language, session: &Session, now: OffsetDateTime) -> Response {
    let tokens = session.tokens.lock().await;
    render(&SignedIn {
        language,
        name: session.name.as_deref().unwrap_or_else(|| language.say("Nafn vantar", "No name given")),
        national_id: session.national_id.as_deref(),
        access_token_is_live: now < tokens.ends_at,
        can_be_refreshed: tokens.can_be_refreshed(),
        ends_at: tokens.ends_at.format(&Rfc3339).unwrap_or_default(),
        ends_at_time: tokens.ends_at.format(TIME_OF_DAY).unwrap_or_default(),
        refreshes: tokens.refreshes,
        id_claims: claims(&session.id_claims),
        userinfo: claims(&session.userinfo),
        access_token_claims: claims(&look_inside(tokens.access_token.secret())),
    })
}

/// The page with the answer of the documents API.
pub(super) fn documents(language: Language, webapp: &Webapp, documents: &[Document]) -> Response {
    render(&Documents { language, api_url: format!("{}/api/documents", webapp.options.base_url), documents })
}

/// The page for something that did not work.
pub(super) fn failure(language: Language, failure: &Failure) -> Response {
    let page = render(&FailurePage {
        language,
        title: failure.title(language),
        explanation: failure.explanation(language),
        detail: failure.detail(),
    });
    (failure.status(), page).into_response()
}

/// Any other address.
pub(super) async fn not_found(language: Language) -> Response {
    failure(language, &Failure::NotFound)
}

/// The style sheet.
pub(super) async fn stylesheet() -> Response {
    let css = include_str!("../../../static/demo/relying_party.css");
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], css).into_response()
}

fn render(page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The claims of an access token, *without any check*: only to show them. An application has no use for them: the token is
/// for the API, and the API checks it (bearer.rs).
fn look_inside(token: &str) -> Value {
    let payload = token.split('.').nth(1).and_then(digest::from_base64url);
    payload.and_then(|payload| serde_json::from_slice(&payload).ok()).unwrap_or_default()
}

/// Claims as lines of a table.
fn claims(claims: &Value) -> Vec<Claim> {
    let line = |(name, value): (&String, &Value)| Claim {
        name: name.clone(),
        value: value.as_str().map_or_else(|| value.to_string(), str::to_owned),
        time: ["iat", "nbf", "exp", "auth_time"].contains(&name.as_str()).then(|| time(value)).flatten(),
    };
    claims.as_object().into_iter().flatten().map(line).collect()
}

fn time(seconds: &Value) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(seconds.as_i64()?).ok()?.format(&Rfc3339).ok()
}

/// The headers of every page.
#[derive(Clone)]
pub(super) struct SecurityHeaders(HeaderMap);

impl SecurityHeaders {
    /// Nothing is loaded but the style sheet; forms go to ourselves and, by a redirect, to the identity provider (Chromium
    /// holds redirects to `form-action` too).
    pub(super) fn new(issuer: &Url) -> anyhow::Result<Self> {
        let policy = format!(
            "default-src 'none'; style-src 'self'; form-action 'self' {}; frame-ancestors 'none'; base-uri 'none'",
            issuer.origin().ascii_serialization()
        );
        Ok(Self(HeaderMap::from_iter([
            (header::CONTENT_SECURITY_POLICY, HeaderValue::try_from(policy)?),
            (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            // Not `no-referrer`: with it browsers hide the origin of our own forms, too.
            (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
            // Personal: not to be kept by anyone.
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ])))
    }
}

/// Adds the headers to an answer.
pub(super) async fn secure(State(SecurityHeaders(headers)): State<SecurityHeaders>, mut response: Response) -> Response {
    response.headers_mut().extend(headers);
    response
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn claims_are_listed_with_their_times() {
        let lines = claims(&json!({ "sub": "s", "iat": 0, "amr": ["sim"] }));
        let line = |name: &str, value: &str, time: Option<&str>| Claim {
            name: name.to_owned(),
            value: value.to_owned(),
            time: time.map(str::to_owned),
        };
        assert_eq!(
            lines,
            [line("amr", r#"["sim"]"#, None), line("iat", "0", Some("1970-01-01T00:00:00Z")), line("sub", "s", None),]
        );
    }

    #[test]
    fn looking_into_something_that_is_no_token_shows_nothing() {
        assert!(claims(&look_inside("opaque")).is_empty());
        let token = format!("e30.{}.sig", digest::base64url(r#"{"sub":"s"}"#));
        assert_eq!(look_inside(&token), json!({ "sub": "s" }));
    }

    #[test]
    fn data_is_escaped_in_pages() {
        // WEB-04
        let page =
            SignedOut { language: Language::En, has_just_signed_out: false, issuer: "<script>", phone_url: None, persons: &[] };
        let html = page.render().unwrap();
        assert!(!html.contains("<script>"));
        assert!(html.contains(r#"<html lang="en">"#));
    }
}
