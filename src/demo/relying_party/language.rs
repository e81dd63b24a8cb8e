//! The language of a page: what the visitor has chosen here, else what the browser asks for, else Icelandic.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::{FromRequestParts, Query, State, rejection::QueryRejection},
    http::{header, request::Parts},
    response::Redirect,
};
use axum_extra::extract::cookie::CookieJar;
use serde::Deserialize;
use time::Duration;

use super::Webapp;

const COOKIE: &str = "myorg_language";

/// The language of the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Language {
    Is,
    En,
}

impl Language {
    /// The text for this reader; templates hold both languages side by side.
    pub(super) fn say<'a>(self, icelandic: &'a str, english: &'a str) -> &'a str {
        match self {
            Self::Is => icelandic,
            Self::En => english,
        }
    }

    /// The BCP 47 tag.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::Is => "is",
            Self::En => "en",
        }
    }

    fn from_tag(tag: &str) -> Option<Self> {
        match tag.trim().split(['-', ';']).next()? {
            "is" => Some(Self::Is),
            "en" => Some(Self::En),
            _ => None,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let chosen = CookieJar::from_headers(&parts.headers).get(COOKIE).and_then(|cookie| Self::from_tag(cookie.value()));
        let asked = || {
            let accepted = parts.headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
            accepted.split(',').find_map(Self::from_tag)
        };
        Ok(chosen.or_else(asked).unwrap_or(Self::Is))
    }
}

#[derive(Default, Deserialize)]
pub(super) struct Choice {
    to: Option<Language>,
}

/// GET /language?to=en: remembers the choice.
pub(super) async fn choose(
    State(webapp): State<Arc<Webapp>>,
    jar: CookieJar,
    choice: Result<Query<Choice>, QueryRejection>,
) -> (CookieJar, Redirect) {
    let Query(Choice { to }) = choice.unwrap_or_default();
    let jar = match to {
        Some(to) => jar.add(webapp.cookie(COOKIE, to.tag().to_owned(), Duration::days(365))),
        None => jar,
    };
    (jar, Redirect::to("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(headers: &[(&str, &str)]) -> Language {
        let mut request = axum::http::Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        Language::from_request_parts(&mut parts, &()).await.unwrap()
    }

    #[tokio::test]
    async fn the_first_known_language_of_the_browser_is_taken() {
        assert_eq!(read(&[]).await, Language::Is);
        assert_eq!(read(&[("accept-language", "de-DE, en-GB;q=0.9, is;q=0.8")]).await, Language::En);
        assert_eq!(read(&[("accept-language", "pl")]).await, Language::Is);
    }

    #[tokio::test]
    async fn a_choice_made_here_wins() {
        assert_eq!(read(&[("accept-language", "en"), ("cookie", "myorg_language=is")]).await, Language::Is);
    }
}
