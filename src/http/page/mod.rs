//! The pages that people see: plain data in, HTML out.
//!
//! Owns one struct per page beside its template, and every text that a page can say. Decides nothing, reads nothing and knows no
//! HTTP: the doors fill the structs, set status and headers, and send what [`Page::render`] gives.

pub mod consent;
pub mod end_session;
pub mod form_post;
pub mod message;
pub mod problem;
pub mod qr;
pub mod signin;
#[cfg(test)]
mod tests;

use crate::{base::text::Language, model::environment::Environment};

/// Everything around the page's own content.
#[derive(Clone, Debug)]
pub struct Chrome<'a> {
    /// the reader's language
    pub language: Language,
    /// other than production shows a banner (eid.md §10.2 `test.banner`)
    pub environment: Environment,
    /// the service that the person is signing in to, where it is known
    pub service: Option<Service<'a>>,
    /// the same page in each other language: path and query, as a link's target; empty where the page has no address of its own
    pub language_links: Vec<(Language, String)>,
}

/// The client, as people know it.
#[derive(Clone, Copy, Debug)]
pub struct Service<'a> {
    /// the client's display name in the reader's language
    pub display_name: &'a str,
    /// its organisation's display name in the reader's language
    pub organisation_name: &'a str,
}

impl Chrome<'_> {
    /// The text of `key` in the reader's language.
    pub fn text(&self, key: &str) -> String {
        self.language.text(key, &[])
    }

    /// The text of `key`, its `{ $name }` filled with `value`.
    pub fn text_with(&self, key: &str, name: &'static str, value: &(impl ToString + ?Sized)) -> String {
        self.language.text(key, &[(name, &value.to_string())])
    }

    /// The words of a page's title after its heading.
    fn title_end(&self) -> String {
        self.service.map_or_else(|| self.text("title"), |service| service.display_name.to_owned())
    }

    fn is_test_environment(&self) -> bool {
        self.environment != Environment::Production
    }
}

/// A page that can be sent.
pub trait Page {
    /// The whole HTML document. Data is escaped (WEB-04); there is no inline script and no inline style (WEB-01).
    fn render(&self) -> String;
}

impl<T: askama::Template> Page for T {
    #[expect(clippy::expect_used, reason = "templates write texts and numbers to a String, and neither fails")]
    fn render(&self) -> String {
        askama::Template::render(self).expect("a page renders")
    }
}

/// A way on: a link that looks like a button, or a form with one button.
#[derive(Clone, Debug)]
pub struct Button<'a> {
    label: Label,
    target: Target<'a>,
}

#[derive(Clone, Debug)]
enum Target<'a> {
    Link(&'a str),
    Post { action: &'a str, fields: Vec<(&'a str, &'a str)> },
}

/// What a button says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// go on
    Continue,
    /// the same request begins anew
    StartAgain,
    /// back to the client
    BackToService,
    /// the same once more
    TryAgain,
}

impl<'a> Button<'a> {
    /// A link to an `https` or `http` address, or to a path of ours. None for anything else: no `javascript:`, no address of
    /// another scheme becomes a link (WEB-04), and `//host` is no path.
    pub fn link(label: Label, url: &'a str) -> Option<Self> {
        let own_path = url.starts_with('/') && !url.starts_with("//") && !url.contains('\\');
        let web = url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "https" | "http"));
        (own_path || web).then_some(Self { label, target: Target::Link(url) })
    }

    /// A form that sends `fields` to `action`, a path of ours.
    pub fn post(label: Label, action: &'a str, fields: Vec<(&'a str, &'a str)>) -> Self {
        Self { label, target: Target::Post { action, fields } }
    }

    fn text(&self, chrome: &Chrome<'_>) -> String {
        match (self.label, chrome.service) {
            (Label::Continue, _) => chrome.text("button-continue"),
            (Label::StartAgain, _) => chrome.text("button-start-again"),
            (Label::TryAgain, _) => chrome.text("button-retry"),
            (Label::BackToService, Some(service)) => chrome.text_with("button-back-to", "service", service.display_name),
            (Label::BackToService, None) => chrome.text("button-back-to-service"),
        }
    }
}
