//! Keeping the access token alive with the refresh token, and giving that one back at sign-out.
//!
//! A refresh token is good for one use, and the answer brings its successor. The provider takes a second use for theft and ends
//! the whole sign-in (RFC 9700 §4.14.2). Hence three rules: one refresh at a time for each session; the successor is kept before
//! anything else is done; and a refresh that has begun is finished, even if the browser that caused it has gone away.

use std::sync::Arc;

use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    response::{IntoResponse as _, Redirect, Response},
};
use axum_extra::extract::cookie::CookieJar;
use openidconnect::{AccessToken, OAuth2TokenResponse as _, RefreshToken, RequestTokenError, core::CoreErrorResponseType};
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

use super::{
    Webapp,
    failure::{Failure, in_full},
    language::Language,
    pages,
    provider::Tokens,
    session::{SESSION, Session, removed},
};

/// An access token that ends within this time is refreshed before it is used, so that it does not end on its way.
const AHEAD: Duration = Duration::seconds(30);

/// The tokens of a session, behind its mutex: whoever refreshes holds it until the new tokens are kept.
pub(super) struct SessionTokens {
    /// For the documents API. To us it is opaque.
    pub(super) access_token: AccessToken,
    /// When the access token ends, by the token response's `expires_in`.
    pub(super) ends_at: OffsetDateTime,
    /// Comes where the provider gives one: with the scope `offline_access`.
    refresh_token: Option<RefreshToken>,
    /// How often they were refreshed. Requests name the access token that they know of by this number.
    pub(super) refreshes: u32,
}

impl SessionTokens {
    /// What the token endpoint answered to a code.
    pub(super) fn new(answer: &Tokens, now: OffsetDateTime) -> Self {
        Self {
            access_token: answer.access_token().clone(),
            ends_at: end(answer, now),
            refresh_token: answer.refresh_token().cloned(),
            refreshes: 0,
        }
    }

    /// What it answered to the refresh token.
    fn replace(&mut self, answer: &Tokens, now: OffsetDateTime) {
        // First of all, and where there is a database: committed before the access token is used. A server that stops in between
        // would find the old one, which is spent.
        if let Some(successor) = answer.refresh_token() {
            self.refresh_token = Some(successor.clone());
        }
        self.access_token = answer.access_token().clone();
        self.ends_at = end(answer, now);
        self.refreshes += 1;
    }

    /// Whether the access token can be replaced when it ends.
    pub(super) fn can_be_refreshed(&self) -> bool {
        self.refresh_token.is_some()
    }

    fn named(&self) -> NamedToken {
        NamedToken { access_token: self.access_token.clone(), refreshes: self.refreshes }
    }
}

fn end(answer: &Tokens, now: OffsetDateTime) -> OffsetDateTime {
    let ttl = answer.expires_in().and_then(|ttl| Duration::try_from(ttl).ok()).unwrap_or(Duration::ZERO);
    now.checked_add(ttl).unwrap_or(now)
}

/// An access token, and after how many refreshes it came.
pub(super) struct NamedToken {
    pub(super) access_token: AccessToken,
    pub(super) refreshes: u32,
}

/// The access token of the session, refreshed where it is about to end.
pub(super) async fn live_token(webapp: &Arc<Webapp>, session: &Arc<Session>) -> Result<NamedToken, Failure> {
    let known = {
        let tokens = session.tokens.lock().await;
        let now = webapp.clock.now();
        // One that cannot be refreshed is used to its end.
        let lives = if tokens.can_be_refreshed() { now + AHEAD < tokens.ends_at } else { now < tokens.ends_at };
        if lives {
            return Ok(tokens.named());
        }
        tokens.refreshes
    };
    token_after(webapp, session, known).await
}

/// The access token that follows the one named `known`: of two tabs that ask at once, one refreshes and the other gets what came
/// of it.
pub(super) async fn token_after(webapp: &Arc<Webapp>, session: &Arc<Session>, known: u32) -> Result<NamedToken, Failure> {
    let (webapp, session) = (Arc::clone(webapp), Arc::clone(session));
    // A task of its own: when a browser goes away its handler is dropped, and with it would be the successor of a spent token.
    let refreshing = tokio::spawn(async move {
        let mut tokens = session.tokens.lock().await;
        if tokens.refreshes <= known {
            refresh(&webapp, &mut tokens).await?;
        }
        Ok(tokens.named())
    });
    refreshing.await.map_err(|error| Failure::RefreshFailed(in_full(&error)))?
}

/// One refresh (RFC 6749 §6). The caller holds the session's tokens. The new ID token is left alone: what the session knows of the
/// person, it learned at sign-in.
async fn refresh(webapp: &Webapp, tokens: &mut SessionTokens) -> Result<(), Failure> {
    let refresh_token = tokens.refresh_token.as_ref().ok_or(Failure::AccessTokenExpired)?;
    let metadata = webapp.provider.metadata().await?;
    let client = webapp.provider.client(&metadata);
    let request = client.exchange_refresh_token(refresh_token).map_err(|error| Failure::provider_unreachable(&error))?;
    match request.request_async(&webapp.http).await {
        Ok(answer) => {
            tokens.replace(&answer, webapp.clock.now());
            Ok(())
        }
        // Revoked, expired or used by somebody else: the sign-in is over at the provider, so it is over here.
        Err(RequestTokenError::ServerResponse(refusal)) if *refusal.error() == CoreErrorResponseType::InvalidGrant => {
            tokens.refresh_token = None;
            Err(Failure::SignInEnded)
        }
        // The provider was busy, or we do not know what became of our request. The next try tells.
        Err(error) => Err(Failure::RefreshFailed(in_full(&error))),
    }
}

/// The page for a failed call; where the provider has ended the sign-in the person is signed out here, too.
pub(super) fn failed(webapp: &Webapp, language: Language, jar: CookieJar, failure: &Failure) -> Response {
    if *failure != Failure::SignInEnded {
        return pages::failure(language, failure);
    }
    if let Some(cookie) = jar.get(SESSION) {
        webapp.sessions.take(cookie.value(), webapp.clock.now());
    }
    (jar.remove(removed(SESSION)), pages::failure(language, failure)).into_response()
}

/// The button: which access token its page has seen.
#[derive(Deserialize)]
pub(super) struct Seen {
    refreshes: u32,
}

/// POST /refresh: refreshes before it is time, so that it can be watched.
pub(super) async fn refresh_now(
    State(webapp): State<Arc<Webapp>>,
    language: Language,
    jar: CookieJar,
    form: Result<Form<Seen>, FormRejection>,
) -> Response {
    let (Some(session), Ok(Form(seen))) = (webapp.session(&jar), form) else {
        return Redirect::to("/").into_response();
    };
    match token_after(&webapp, &session, seen.refreshes).await {
        Ok(_) => Redirect::to("/").into_response(),
        Err(failure) => failed(&webapp, language, jar, &failure),
    }
}

/// Gives the refresh token of a session that has ended back, so that a copy of it is worth nothing (RFC 7009). A refresh that is
/// under way ends first, and none begins after it.
pub(super) async fn give_back(webapp: &Webapp, session: &Session) {
    let Some(refresh_token) = session.tokens.lock().await.refresh_token.take() else {
        return;
    };
    // The person is signed out in any case.
    if let Err(failure) = revoke(webapp, &refresh_token).await {
        tracing::warn!(detail = failure.detail(), "a refresh token could not be given back");
    }
}

/// By hand, because the crate's `revoke_token` insists on https (RFC 7009 §2), which the demo on the loopback interface does not
/// have.
async fn revoke(webapp: &Webapp, refresh_token: &RefreshToken) -> Result<(), Failure> {
    let metadata = webapp.provider.metadata().await?;
    let endpoint = metadata
        .additional_metadata()
        .revocation_endpoint
        .as_ref()
        .ok_or_else(|| Failure::ProviderUnreachable("no revocation_endpoint".to_owned()))?;
    let form = [
        ("token", refresh_token.secret().as_str()),
        ("token_type_hint", "refresh_token"),
        ("client_id", &webapp.options.client_id),
        ("client_secret", webapp.options.client_secret.expose()),
    ];
    let answer = webapp.http.0.post(endpoint.url().clone()).form(&form).send().await;
    answer.and_then(reqwest::Response::error_for_status).map_err(|error| Failure::provider_unreachable(&error))?;
    Ok(())
}
