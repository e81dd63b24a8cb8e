//! What can go wrong, and what the visitor is told: plainly, in the language of the page, with the technical detail below.

use std::error::Error;

use axum::http::StatusCode;

use super::language::Language;

/// A sign-in or a call that did not work.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The response is to no sign-in that is under way: too late, used already, or never asked for.
    NoPendingLogin,
    /// The sign-in was begun in another browser.
    OtherBrowser,
    /// The response comes from another issuer (RFC 9207).
    IssuerMismatch,
    /// The person said no.
    AccessDenied,
    /// The provider answered with another error.
    Refused(String),
    /// The provider cannot be reached or does not describe itself properly.
    ProviderUnreachable(String),
    /// The code was not exchanged for tokens.
    CodeRefused(String),
    /// A token or an answer about the person does not hold.
    TokenInvalid(String),
    /// The access token has ended, and there is no refresh token.
    AccessTokenExpired,
    /// The provider refuses the refresh token: the sign-in is over.
    SignInEnded,
    /// The refresh got another answer, or none.
    RefreshFailed(String),
    /// The access token does not cover the call.
    ScopeMissing(String),
    /// The documents API answered with another error, or not at all.
    ApiFailed(String),
    /// Too many sign-ins at once.
    Busy,
    /// A form that no page of ours has sent.
    ForeignForm,
    /// There is no such page.
    NotFound,
}

impl Failure {
    /// The provider did not answer as it should.
    pub(super) fn provider_unreachable(error: &dyn Error) -> Self {
        Self::ProviderUnreachable(in_full(error))
    }

    /// The status of the page.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NoPendingLogin | Self::OtherBrowser | Self::IssuerMismatch => StatusCode::BAD_REQUEST,
            Self::AccessDenied | Self::ScopeMissing(_) | Self::ForeignForm => StatusCode::FORBIDDEN,
            Self::AccessTokenExpired | Self::SignInEnded => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Refused(_)
            | Self::ProviderUnreachable(_)
            | Self::CodeRefused(_)
            | Self::TokenInvalid(_)
            | Self::RefreshFailed(_)
            | Self::ApiFailed(_) => StatusCode::BAD_GATEWAY,
        }
    }

    /// The heading of the page.
    pub(super) fn title(&self, language: Language) -> &'static str {
        match self {
            Self::AccessDenied => language.say("Hætt var við innskráningu", "The sign-in was cancelled"),
            Self::AccessTokenExpired => language.say("Aðgangurinn er útrunninn", "Your access has expired"),
            Self::SignInEnded => language.say("Innskráningunni er lokið", "Your sign-in has ended"),
            Self::RefreshFailed(_) => language.say("Endurnýjun tókst ekki", "The refresh did not work"),
            Self::ScopeMissing(_) => language.say("Aðgang vantar", "Access is missing"),
            Self::ApiFailed(_) => language.say("Skjölin fengust ekki", "The documents could not be reached"),
            Self::ForeignForm => language.say("Beiðninni var hafnað", "The request was refused"),
            Self::NotFound => language.say("Síðan finnst ekki", "Page not found"),
            _ => language.say("Innskráning tókst ekki", "The sign-in did not work"),
        }
    }

    /// What happened, in a sentence or two.
    pub(super) fn explanation(&self, language: Language) -> &'static str {
        let (icelandic, english) = match self {
            Self::NoPendingLogin => (
                "Þessi innskráning er ekki lengur í gangi. Henni er lokið eða hún er útrunnin.",
                "This sign-in is no longer under way. It is complete or has expired.",
            ),
            Self::OtherBrowser => (
                "Innskráningin hófst í öðrum vafra. Byrjaðu aftur hér.",
                "The sign-in was begun in another browser. Start again here.",
            ),
            Self::IssuerMismatch => (
                "Svarið kom ekki frá þeirri innskráningarþjónustu sem við báðum.",
                "The answer did not come from the identity provider that we asked.",
            ),
            Self::AccessDenied => ("Þú veittir ekki aðgang. Ekkert var vistað.", "You did not allow it. Nothing was kept."),
            Self::Refused(_) => ("Innskráningarþjónustan hafnaði beiðninni.", "The identity provider refused the request."),
            Self::ProviderUnreachable(_) => (
                "Ekki náðist í innskráningarþjónustuna. Reyndu aftur eftir smástund.",
                "The identity provider could not be reached. Try again in a moment.",
            ),
            Self::CodeRefused(_) => {
                ("Innskráningarþjónustan gaf ekki út aðgang.", "The identity provider did not issue any tokens.")
            }
            Self::TokenInvalid(_) => (
                "Það sem innskráningarþjónustan sendi stóðst ekki prófun.",
                "What the identity provider sent did not pass our checks.",
            ),
            Self::AccessTokenExpired => (
                "Aðgangur að skjölunum gildir í nokkrar mínútur. Skráðu þig inn aftur til að halda áfram.",
                "Access to the documents lasts a few minutes. Sign in again to go on.",
            ),
            Self::SignInEnded => (
                "Innskráningarþjónustan endurnýjar ekki aðganginn lengur og innskráningunni hér er því líka lokið. Skráðu þig inn \
                 aftur til að halda áfram.",
                "The identity provider no longer renews your access, so you are signed out here, too. Sign in again to go on.",
            ),
            Self::RefreshFailed(_) => (
                "Ekki tókst að endurnýja aðganginn. Reyndu aftur eftir smástund.",
                "Your access could not be refreshed. Try again in a moment.",
            ),
            Self::ScopeMissing(_) => {
                ("Aðgangurinn sem þú veittir nær ekki til þessa.", "The access that you gave does not cover this.")
            }
            Self::ApiFailed(_) => {
                ("Skjalaþjónustan svaraði ekki eins og til stóð.", "The documents API did not answer as it should.")
            }
            Self::Busy => (
                "Of margir eru að skrá sig inn. Reyndu aftur eftir smástund.",
                "Too many people are signing in. Try again in a moment.",
            ),
            Self::ForeignForm => ("Eyðublaðið kom ekki af síðu hjá okkur.", "The form did not come from a page of ours."),
            Self::NotFound => ("Hér er ekkert.", "There is nothing here."),
        };
        language.say(icelandic, english)
    }

    /// The technical detail, for developers.
    pub(super) fn detail(&self) -> Option<&str> {
        match self {
            Self::Refused(detail)
            | Self::ProviderUnreachable(detail)
            | Self::CodeRefused(detail)
            | Self::TokenInvalid(detail)
            | Self::RefreshFailed(detail)
            | Self::ScopeMissing(detail)
            | Self::ApiFailed(detail) => Some(detail),
            _ => None,
        }
    }
}

/// An error with all its causes, in one line.
pub(super) fn in_full(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
