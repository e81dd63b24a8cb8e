//! Refusals as pages: one plain sentence, and one button where there is a way on.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};

use super::log;
use crate::{
    app::App,
    base::text::Language,
    flows::authorization_request::RequestFault,
    http::{
        html::html,
        page::{
            Button, Chrome, Label, Service,
            message::{Message, MessagePage},
        },
    },
    protocol::{error::OAuthError, refusals},
};

/// A refusal that a person reads.
#[derive(Debug)]
pub struct PageRefusal {
    message: Message,
    status: u16,
    error: OAuthError,
    service: Option<(String, String)>,
    detail: Option<String>,
    button: Option<(Label, String)>,
}

impl PageRefusal {
    /// What the page says, and the refusal behind it.
    pub fn new(message: Message, error: impl Into<OAuthError>) -> Self {
        Self { message, status: message.status(), error: error.into(), service: None, detail: None, button: None }
    }

    /// The one way on.
    #[must_use]
    pub fn with_button(mut self, label: Label, url: Option<String>) -> Self {
        self.button = url.map(|url| (label, url));
        self
    }

    /// A line for the client's developers, shown as text (RED-10).
    #[must_use]
    pub fn with_detail(mut self, detail: Option<&str>) -> Self {
        self.detail = detail.map(ToOwned::to_owned);
        self
    }

    /// The service that the person wanted, by its display names.
    #[must_use]
    pub fn for_service(mut self, display_name: &str, organisation_name: &str) -> Self {
        self.service = Some((display_name.to_owned(), organisation_name.to_owned()));
        self
    }

    /// The page.
    pub fn respond(self, app: &App, language: Language) -> Response {
        let error_id = crate::app::error_id();
        log(&self.error, &error_id);
        let service =
            self.service.as_ref().map(|(display_name, organisation_name)| Service { display_name, organisation_name });
        let page = MessagePage {
            chrome: Chrome { language, environment: app.settings.environment, service, language_links: Vec::new() },
            message: self.message,
            refusal_id: Some(self.error.refusal.id),
            error_id: Some(&error_id),
            detail: self.detail.as_deref(),
            button: self.button.as_ref().and_then(|(label, url)| Button::link(*label, url)),
        };
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = html(status, &page, None);
        if matches!(self.status, 429 | 503) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response.extensions_mut().insert(self.error.refusal);
        response
    }
}

impl From<OAuthError> for PageRefusal {
    /// A refusal that has no page of its own: over a limit of the request, or our failure.
    fn from(error: OAuthError) -> Self {
        let message = match error.refusal.status {
            404 => Message::NotFound,
            405 => Message::MethodNotAllowed,
            413 | 414 | 431 => Message::TooLarge,
            403 => Message::InvalidForm,
            503 => Message::Unavailable,
            500.. => Message::Failure,
            _ => Message::InvalidRequest,
        };
        Self { status: error.refusal.status, ..Self::new(message, error) }
    }
}

impl From<RequestFault> for PageRefusal {
    /// A sealed request that cannot go on: one plain sentence and, where the request is readable, a button that begins it anew.
    fn from(fault: RequestFault) -> Self {
        let (message, refusal, pending) = match fault {
            RequestFault::Unreadable => (Message::Unreadable, &refusals::SIGN_IN_UNREADABLE, None),
            RequestFault::Expired(pending) => (Message::Expired, &refusals::SIGN_IN_EXPIRED, Some(pending)),
            RequestFault::OtherBrowser(pending) => (Message::OtherBrowser, &refusals::SIGN_IN_OTHER_BROWSER, Some(pending)),
        };
        Self::new(message, refusal).with_button(Label::StartAgain, pending.map(|pending| pending.anew()))
    }
}
