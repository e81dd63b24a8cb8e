//! How refusals look: JSON for programs, pages for people. Each is logged once, here, where it is answered.

pub mod fallback;
pub mod oauth;
pub mod page;

use crate::protocol::{error::OAuthError, refusals};

/// A database error as an answer: try again, nothing was half done (HTTP-18, STO-08).
pub fn unavailable(error: sqlx::Error) -> OAuthError {
    refusals::UNAVAILABLE.caused_by(error)
}

/// Writes a refusal to the log, with the cause that nobody else sees (LOG-01: never parameters).
pub(super) fn log(error: &OAuthError, error_id: &str) {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    if error.refusal.status >= 500 {
        tracing::error!(refusal = error.refusal.id, error_id, cause, "request failed");
    } else {
        tracing::info!(refusal = error.refusal.id, error_id, cause, "request refused");
    }
}
