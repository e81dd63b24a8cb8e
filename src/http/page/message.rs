//! The pages that only say something: every refusal that cannot go to the client, what has expired or ended, and our own failures.
//! One plain sentence, and one button where there is a way on.

use askama::Template;

use super::{Button, Chrome, Target};

/// A page with a message.
#[derive(Clone, Debug, Template)]
#[template(path = "message.html")]
pub struct MessagePage<'a> {
    /// what stands around it
    pub chrome: Chrome<'a>,
    /// what it says
    pub message: Message,
    /// the refusal's stable code, `IAS-1003`
    pub refusal_id: Option<&'a str>,
    /// the number under which the log knows this one
    pub error_id: Option<&'a str>,
    /// for the client's developers, as text only: no link is made of anything in it (RED-10)
    pub detail: Option<&'a str>,
    /// the way on
    pub button: Option<Button<'a>>,
}

impl MessagePage<'_> {
    fn heading(&self) -> String {
        self.chrome.text(self.message.heading_key())
    }

    fn text(&self) -> String {
        match self.message {
            Message::TooManyRequests { minutes } => self.chrome.text_with(self.message.text_key(), "minutes", &minutes),
            _ => self.chrome.text(self.message.text_key()),
        }
    }
}

/// What a message page says. Where a kind is meant to have a button, its line names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// the client's request cannot be read: duplicate parameters, broken encoding, too long
    InvalidRequest,
    /// no such client, or it is disabled
    UnknownClient,
    /// the redirect URI is missing or not registered
    InvalidRedirectUri,
    /// the request was opened in a frame or as part of another page (SES-04)
    Embedded,
    /// the request is too old (button: the same request begins anew)
    Expired,
    /// the request has had its answer (button: back to the service)
    Ended,
    /// the sealed value cannot be read (no button)
    Unreadable,
    /// the request belongs to another browser (button: it begins anew here)
    OtherBrowser,
    /// the browser sends no cookies (button: try again)
    CookiesOff,
    /// an app came back into another browser than the one that began
    ReturnedElsewhere,
    /// the form's token is missing or old, or the form came from another site (button: the step again)
    InvalidForm,
    /// the logout request has expired or cannot be read
    LogoutExpired,
    /// the browser showed no certificate of a card (button: try again)
    NoCertificate,
    /// over a limit (button: try again)
    TooManyRequests {
        /// when it works again
        minutes: u32,
    },
    /// no such page
    NotFound,
    /// the page does not answer this method
    MethodNotAllowed,
    /// the request's body or address is too long
    TooLarge,
    /// we failed
    Failure,
    /// we are not ready: the database or our configuration is not at hand (button: try again)
    Unavailable,
}

impl Message {
    /// The HTTP status that goes with it.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidRequest
            | Self::UnknownClient
            | Self::InvalidRedirectUri
            | Self::Embedded
            | Self::Expired
            | Self::Ended
            | Self::Unreadable
            | Self::OtherBrowser
            | Self::CookiesOff
            | Self::LogoutExpired
            | Self::NoCertificate => 400,
            // EID-04
            Self::ReturnedElsewhere => 200,
            Self::InvalidForm => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::TooLarge => 413,
            Self::TooManyRequests { .. } => 429,
            Self::Failure => 500,
            Self::Unavailable => 503,
        }
    }

    const fn heading_key(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid-request-heading",
            Self::UnknownClient => "unknown-client-heading",
            Self::InvalidRedirectUri => "invalid-redirect-uri-heading",
            Self::Embedded => "embedded-heading",
            Self::Expired => "expired-heading",
            Self::Ended => "ended-heading",
            Self::Unreadable => "unreadable-heading",
            Self::OtherBrowser | Self::ReturnedElsewhere => "other-browser-heading",
            Self::CookiesOff => "cookies-off-heading",
            Self::InvalidForm => "invalid-form-heading",
            Self::LogoutExpired => "logout-expired-heading",
            Self::NoCertificate => "no-certificate-heading",
            Self::TooManyRequests { .. } => "too-many-requests-heading",
            Self::NotFound => "not-found-heading",
            Self::MethodNotAllowed => "method-not-allowed-heading",
            Self::TooLarge => "too-large-heading",
            Self::Failure => "failure-heading",
            Self::Unavailable => "unavailable-heading",
        }
    }

    const fn text_key(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid-request-text",
            Self::UnknownClient => "unknown-client-text",
            Self::InvalidRedirectUri => "invalid-redirect-uri-text",
            Self::Embedded => "embedded-text",
            Self::Expired => "expired-text",
            Self::Ended => "ended-text",
            Self::Unreadable => "unreadable-text",
            Self::OtherBrowser => "other-browser-text",
            Self::CookiesOff => "cookies-off-text",
            Self::ReturnedElsewhere => "returned-elsewhere-text",
            Self::InvalidForm => "invalid-form-text",
            Self::LogoutExpired => "logout-expired-text",
            Self::NoCertificate => "no-certificate-text",
            Self::TooManyRequests { .. } => "too-many-requests-text",
            Self::NotFound => "not-found-text",
            Self::MethodNotAllowed => "method-not-allowed-text",
            Self::TooLarge => "too-large-text",
            Self::Failure => "failure-text",
            Self::Unavailable => "unavailable-text",
        }
    }
}
