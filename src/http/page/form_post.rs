//! The authorization response as a form (OAuth 2.0 Form Post Response Mode; RSP-04): the script of our origin sends it, or a
//! button where there is no script.

use askama::Template;

use super::Chrome;

/// The page that carries the response to the client.
#[derive(Clone, Debug, Template)]
#[template(path = "oidc/form_post.html")]
pub struct FormPostPage<'a> {
    /// what stands around it
    pub chrome: Chrome<'a>,
    /// the validated redirect URI
    pub action: &'a str,
    /// the response parameters
    pub fields: &'a [(&'a str, &'a str)],
}

impl FormPostPage<'_> {
    fn heading(&self) -> String {
        self.chrome.text("form-post-heading")
    }
}
