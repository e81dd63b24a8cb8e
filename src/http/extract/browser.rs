//! A person's browser at one of our pages: its cookies, language and query, and for a POST the proof that the form was ours
//! (CSR-01, COO-02).

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, HeaderValue, header, request::Parts},
    response::Response,
};

use super::{
    caller::Caller,
    form::{self, Form},
};
use crate::{
    app::App,
    base::text::Language,
    http::{
        cookies::{self, Cookies},
        error::page::PageRefusal,
        language,
        page::message::Message,
    },
    protocol::{error::OAuthError, params::Params, refusals},
};

/// What a page needs to know of the browser.
#[derive(Clone)]
pub struct Browser {
    /// session, binding, language
    pub cookies: Cookies,
    /// from where
    pub caller: Caller,
    /// the query
    pub query: Params,
    /// chosen here and now by `lang`
    chosen: Option<Language>,
    headers: HeaderMap,
}

impl Browser {
    /// The reader's language, where the client asked for some.
    pub fn language(&self, ui_locales: &[Language]) -> Language {
        language::negotiate(self.chosen, ui_locales, self.cookies.language, &self.headers)
    }

    /// The cookie that remembers a language chosen here.
    pub fn language_cookie(&self, app: &App) -> Option<HeaderValue> {
        self.chosen.map(|language| cookies::language(app, language))
    }

    /// A refusal as a page in the reader's language.
    pub fn refuse(&self, app: &App, refusal: impl Into<PageRefusal>) -> Response {
        refusal.into().respond(app, self.language(&[]))
    }

    /// Whether the browser says that the request is for something else than a page of its own (SES-04).
    pub fn is_embedded(&self) -> bool {
        self.headers.get("sec-fetch-dest").is_some_and(|destination| destination != "document")
    }

    /// Whether it says to be on a phone. Only the order on a page follows from that (eid.md §10.4).
    pub fn is_on_phone(&self) -> bool {
        let header = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok());
        match header("sec-ch-ua-mobile") {
            Some(answer) => answer == "?1",
            None => header(header::USER_AGENT.as_str()).is_some_and(|agent| agent.contains("Mobi")),
        }
    }

    /// Refuses a form that no page of ours has sent.
    pub fn require_same_origin(&self, app: &App) -> Result<(), Response> {
        let refusal = || self.refuse(app, PageRefusal::new(Message::InvalidForm, &refusals::FORM_NOT_OURS));
        if self.is_same_origin(app) { Ok(()) } else { Err(refusal()) }
    }

    /// Whether the form was sent from a page of ours: the synchronizer token is checked beside it, by the door that knows what it
    /// is bound to.
    fn is_same_origin(&self, app: &App) -> bool {
        let header = |name| self.headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(site) = header("sec-fetch-site") {
            return site == "same-origin";
        }
        // browsers that know no Sec-Fetch-Site, and programs; never "allow" where nothing is said
        let origin = header(header::ORIGIN.as_str()).filter(|origin| *origin != "null");
        origin.or_else(|| header(header::REFERER.as_str())).is_some_and(|url| is_ours(app, url))
    }
}

/// Whether a URL begins with the scheme of the issuer and a host that this node answers to.
fn is_ours(app: &App, url: &str) -> bool {
    let scheme = if app.settings.server.issuer.is_https() { "https://" } else { "http://" };
    let authority = url.strip_prefix(scheme).map(|rest| rest.split('/').next().unwrap_or_default());
    authority.is_some_and(|authority| app.settings.server.allowed_hosts.iter().any(|host| host == authority))
}

impl FromRequestParts<App> for Browser {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let Ok(caller) = Caller::from_request_parts(parts, app).await;
        let headers = parts.headers.clone();
        let refused =
            |error: OAuthError| PageRefusal::from(error).respond(app, language::negotiate(None, &[], None, &parts.headers));
        let cookies =
            Cookies::read(app, &headers).map_err(|duplicate| refused(refusals::HEADER_MALFORMED.caused_by(duplicate)))?;
        let query = form::parse(parts.uri.query().unwrap_or_default().as_bytes()).map_err(refused)?;
        let chosen = query.get("lang").ok().flatten().and_then(|tag| tag.parse().ok());
        Ok(Self { cookies, caller, query, chosen, headers })
    }
}

/// A form that a person sent from a page of ours.
pub struct PageForm {
    /// the browser
    pub browser: Browser,
    /// the fields
    pub params: Params,
}

impl FromRequest<App> for PageForm {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let browser = Browser::from_request_parts(&mut parts, app).await?;
        browser.require_same_origin(app)?;
        let form = Form::read(Request::from_parts(parts, body)).await;
        let Form(params) = form.map_err(|error| browser.refuse(app, error))?;
        Ok(Self { browser, params })
    }
}
