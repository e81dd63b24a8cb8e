//! Sign-out: first our own session, then the provider's (OpenID Connect RP-Initiated Logout 1.0).

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::CookieJar;
use openidconnect::{CsrfToken, LogoutRequest, PostLogoutRedirectUrl};
use url::Url;

use super::{
    LOGIN_TTL, Webapp,
    failure::{Failure, in_full},
    language::Language,
    pages, refresh,
    session::{LOGOUT, SESSION, Session, removed},
};

/// POST /logout: whatever the provider says, the person is signed out here.
pub(super) async fn logout(State(webapp): State<Arc<Webapp>>, language: Language, jar: CookieJar) -> Response {
    let session = jar.get(SESSION).and_then(|cookie| webapp.sessions.take(cookie.value(), webapp.clock.now()));
    let jar = jar.remove(removed(SESSION));
    let Some(session) = session else {
        return (jar, Redirect::to("/")).into_response();
    };
    // Before the browser leaves: the provider's sign-out may leave refresh tokens alive, for applications that work in the background.
    refresh::give_back(&webapp, &session).await;
    match end_session_url(&webapp, &session).await {
        Ok((url, state)) => {
            let jar = jar.add(webapp.cookie(LOGOUT, state.into_secret(), LOGIN_TTL));
            (jar, Redirect::to(url.as_str())).into_response()
        }
        Err(failure) => (jar, pages::failure(language, &failure)).into_response(),
    }
}

/// Where to send the browser, and the state with which it comes back to our front page.
async fn end_session_url(webapp: &Webapp, session: &Session) -> Result<(Url, CsrfToken), Failure> {
    let metadata = webapp.provider.metadata().await?;
    let endpoint = metadata
        .additional_metadata()
        .end_session_endpoint
        .clone()
        .ok_or_else(|| Failure::ProviderUnreachable("no end_session_endpoint".to_owned()))?;
    let back = PostLogoutRedirectUrl::new(format!("{}/", webapp.options.base_url))
        .map_err(|error| Failure::ProviderUnreachable(in_full(&error)))?;
    let state = CsrfToken::new_random();
    let url = LogoutRequest::from(endpoint)
        .set_id_token_hint(&session.id_token)
        .set_post_logout_redirect_uri(back)
        .set_state(state.clone())
        .http_get_url();
    Ok((url, state))
}
