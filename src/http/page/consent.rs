//! The consent page (CON-03): who wants what, and what will be allowed.

use askama::Template;

use super::Chrome;
use crate::{
    base::text::Language,
    model::scope::{OFFLINE_ACCESS, OPENID, PROFILE},
};

/// GET /signin/consent.
///
/// POST /signin/consent: `csrf`, `request`, `progress`, `decision` = allow|deny, and `scope` once for each scope that is ticked or
/// required.
#[derive(Clone, Debug, Template)]
#[template(path = "signin/consent.html")]
pub struct ConsentPage<'a> {
    /// what stands around it
    pub chrome: Chrome<'a>,
    /// the sealed request
    pub request: &'a str,
    /// the sealed progress of the request
    pub progress: &'a str,
    /// the form's CSRF token
    pub csrf: &'a str,
    /// who is behind the client
    pub organisation: ConsentOrganisation<'a>,
    /// the client's display name
    pub client_name: &'a str,
    /// where the answer goes, for native clients and in staging (RED-08, CON-03)
    pub redirect_host: Option<&'a str>,
    /// who is signed in; empty where no name is known
    pub person_name: &'a str,
    /// what is asked for, in the order in which it is shown
    pub scopes: &'a [ScopeLine<'a>],
    /// whether an approval will be remembered
    pub remember: bool,
}

/// An organisation that asks.
#[derive(Clone, Copy, Debug)]
pub struct ConsentOrganisation<'a> {
    /// its display name in the reader's language
    pub name: &'a str,
    /// its verified domain
    pub domain: &'a str,
}

/// A scope, in the reader's language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeLine<'a> {
    /// `@domain/name`: the form's value
    pub name: &'a str,
    /// what it is called
    pub display_name: String,
    /// what it lets the client do
    pub description: String,
    /// cannot be unticked
    pub required: bool,
    /// highlighted
    pub emphasize: bool,
}

impl ScopeLine<'static> {
    /// `openid`, which cannot be refused alone.
    pub fn openid(language: Language) -> Self {
        Self::built_in(language, OPENID, true, ["scope-openid-name", "scope-openid-description"], 0)
    }

    /// `profile`.
    pub fn profile(language: Language) -> Self {
        Self::built_in(language, PROFILE, false, ["scope-profile-name", "scope-profile-description"], 0)
    }

    /// `offline_access`, with its lifetime (CON-03): `lifetime_seconds` is the client's absolute refresh token lifetime. It is told
    /// in whole days, hours or minutes, never as less than it is.
    pub fn offline_access(language: Language, lifetime_seconds: u32) -> Self {
        let (description, count) = match lifetime_seconds {
            172_800.. => ("scope-offline-access-days", lifetime_seconds.div_ceil(86_400)),
            7_200.. => ("scope-offline-access-hours", lifetime_seconds.div_ceil(3_600)),
            _ => ("scope-offline-access-minutes", lifetime_seconds.div_ceil(60)),
        };
        Self::built_in(language, OFFLINE_ACCESS, false, ["scope-offline-access-name", description], count)
    }

    fn built_in(language: Language, name: &'static str, required: bool, [title, description]: [&str; 2], count: u32) -> Self {
        Self {
            name,
            display_name: language.text(title, &[]),
            description: language.text(description, &[("count", &count.to_string())]),
            required,
            emphasize: false,
        }
    }
}

impl ConsentPage<'_> {
    fn heading(&self) -> String {
        self.chrome.text_with("consent-heading", "client", self.client_name)
    }
}
