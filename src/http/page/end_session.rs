//! The pages of signing out.

use askama::Template;

use super::{Button, Chrome, Target};

/// GET /connect/endsession where the person must be asked.
///
/// POST /connect/endsession: `csrf`, `logout`, `decision` = logout|cancel.
#[derive(Clone, Debug, Template)]
#[template(path = "oidc/end_session.html")]
pub struct EndSessionPage<'a> {
    /// what stands around it
    pub chrome: Chrome<'a>,
    /// the sealed logout request
    pub logout: &'a str,
    /// the form's CSRF token
    pub csrf: &'a str,
    /// who is signed in; empty where no name is known
    pub person_name: &'a str,
}

impl EndSessionPage<'_> {
    fn heading(&self) -> String {
        self.chrome.text("end-session-heading")
    }
}

/// Signed out, and nowhere else to go by itself.
#[derive(Clone, Debug, Template)]
#[template(path = "oidc/logged_out.html")]
pub struct LoggedOutPage<'a> {
    /// what stands around it
    pub chrome: Chrome<'a>,
    /// back to the service, where its address is known and trusted
    pub button: Option<Button<'a>>,
}

impl LoggedOutPage<'_> {
    fn heading(&self) -> String {
        self.chrome.text("logged-out-heading")
    }
}
