//! The one error value for everything OAuth: RFC 6749 §4.1.2.1 and §5.2, RFC 6750 §3.1, OpenID Connect Core §3.1.2.6.
//!
//! A refusal is a row of one table ([`super::refusals`]): what the caller may know. The source is what only the log may know.
//! The door that answers decides how it looks: JSON, `WWW-Authenticate`, a page or a redirect.

use std::{error::Error, fmt};

/// The OAuth error codes that the server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// RFC 6749 §4.1.2.1, §5.2
    InvalidRequest,
    /// RFC 6749 §5.2
    InvalidClient,
    /// RFC 6749 §5.2
    InvalidGrant,
    /// RFC 6749 §4.1.2.1, §5.2
    UnauthorizedClient,
    /// RFC 6749 §5.2
    UnsupportedGrantType,
    /// RFC 6749 §4.1.2.1
    UnsupportedResponseType,
    /// RFC 6749 §4.1.2.1, §5.2
    InvalidScope,
    /// RFC 8707 §2
    InvalidTarget,
    /// RFC 6749 §4.1.2.1
    AccessDenied,
    /// RFC 6749 §4.1.2.1
    ServerError,
    /// RFC 6749 §4.1.2.1
    TemporarilyUnavailable,
    /// OpenID Connect Core §3.1.2.6
    LoginRequired,
    /// OpenID Connect Core §3.1.2.6
    ConsentRequired,
    /// OpenID Connect Core §3.1.2.6
    InteractionRequired,
    /// OpenID Connect Core §3.1.2.6
    AccountSelectionRequired,
    /// OpenID Connect Core §3.1.2.6
    RequestNotSupported,
    /// OpenID Connect Core §3.1.2.6
    RequestUriNotSupported,
    /// OpenID Connect Core §3.1.2.6
    RegistrationNotSupported,
    /// OpenID Connect Core Error Code unmet_authentication_requirements 1.0
    UnmetAuthenticationRequirements,
    /// RFC 9396 §5
    InvalidAuthorizationDetails,
    /// RFC 6750 §3.1
    InvalidToken,
    /// RFC 6750 §3.1
    InsufficientScope,
}

impl ErrorCode {
    /// The code as it is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::AccessDenied => "access_denied",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::InteractionRequired => "interaction_required",
            Self::AccountSelectionRequired => "account_selection_required",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::InvalidAuthorizationDetails => "invalid_authorization_details",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
        }
    }

    /// The HTTP status that goes with the code where an answer is no redirect and the refusal names no other (Appendix A).
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidClient | Self::InvalidToken => 401,
            Self::InsufficientScope => 403,
            Self::ServerError => 500,
            Self::TemporarilyUnavailable => 503,
            _ => 400,
        }
    }
}

/// A row of the one table of refusals.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// stable, such as `IAS-1001`: support, documents and tests speak of it
    pub id: &'static str,
    /// what a client's code looks at
    pub code: ErrorCode,
    /// HTTP status where the answer is no redirect
    pub status: u16,
    /// `error_description`: what was wrong and what to do; ASCII without `"` and `\` (RFC 6749 §5.2), never echoes input
    pub description: &'static str,
}

/// A refusal and, for the log alone, its cause.
#[derive(Debug)]
pub struct OAuthError {
    /// what the caller is told
    pub refusal: &'static Refusal,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl OAuthError {
    /// Keeps the cause for the log; the caller never sees it (HTTP-09).
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(cause.into());
        self
    }
}

impl Refusal {
    /// The refusal as an error with a cause for the log.
    pub fn caused_by(&'static self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> OAuthError {
        OAuthError::from(self).caused_by(cause)
    }
}

impl From<&'static Refusal> for OAuthError {
    fn from(refusal: &'static Refusal) -> Self {
        Self { refusal, source: None }
    }
}

impl fmt::Display for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.refusal.id, self.refusal.code.as_str(), self.refusal.description)
    }
}

impl Error for OAuthError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::refusals;

    #[test]
    fn the_cause_is_for_the_log_and_not_in_what_is_shown() {
        let error = refusals::SERVER_ERROR.caused_by("connection to 10.0.0.1 refused");
        assert!(error.to_string().starts_with("IAS-9"));
        assert!(!error.to_string().contains("10.0.0.1"));
        assert_eq!(error.source().unwrap().to_string(), "connection to 10.0.0.1 refused");
        assert!(OAuthError::from(&refusals::SERVER_ERROR).source().is_none());
    }
}
