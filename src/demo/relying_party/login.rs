//! Sign-in by the authorization code flow with PKCE: out to the identity provider, and back with a code.

use std::sync::Arc;

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::CookieJar;
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClaimsVerificationError, CsrfToken, LanguageTag, LoginHint, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, Scope, SignatureVerificationError, TokenResponse as _,
    core::CoreAuthenticationFlow,
};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{
    LOGIN_TTL, SESSION_TTL, Webapp,
    failure::{Failure, in_full},
    language::Language,
    pages,
    provider::{OidcClient, PersonUserInfo, Tokens},
    refresh::{self, SessionTokens},
    session::{LOGIN, PendingLogin, SESSION, Session},
};
use crate::base::{digest, entropy};

/// The parameters of a sign-in that someone else initiates (OpenID Connect Core §4). `target_link_uri` is not read: a
/// sign-in always ends on our front page, so that nobody can send people elsewhere through us.
#[derive(Default, Deserialize)]
pub(super) struct Initiation {
    iss: Option<String>,
    login_hint: Option<String>,
}

/// POST /login from our own button, and GET /login as the `initiate_login_uri`: sends the browser to the provider.
pub(super) async fn start(
    State(webapp): State<Arc<Webapp>>,
    language: Language,
    jar: CookieJar,
    initiation: Result<Query<Initiation>, QueryRejection>,
) -> Response {
    let Query(initiation) = initiation.unwrap_or_default();
    // One browser, several tabs: each sign-in is its own, and all of them belong to the same browser.
    let browser = jar.get(LOGIN).map_or_else(|| digest::base64url(entropy::bytes::<32>()), |cookie| cookie.value().to_owned());
    match begin(&webapp, language, initiation, &browser).await {
        Ok(url) => (jar.add(webapp.cookie(LOGIN, browser, LOGIN_TTL)), Redirect::to(url.as_str())).into_response(),
        Err(failure) => pages::failure(language, &failure),
    }
}

/// The address to go to. What we must know when the browser comes back is kept under the state.
async fn begin(webapp: &Webapp, language: Language, initiation: Initiation, browser: &str) -> Result<Url, Failure> {
    if initiation.iss.is_some_and(|issuer| issuer != webapp.provider.issuer()) {
        return Err(Failure::IssuerMismatch);
    }
    let metadata = webapp.provider.metadata().await?;
    let client = webapp.provider.client(&metadata);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let nonce = Nonce::new_random();
    let pending = PendingLogin { browser: browser.to_owned(), nonce: nonce.clone(), verifier };
    let state = webapp.logins.put(pending, webapp.clock.now()).ok_or(Failure::Busy)?;
    // The crate adds `openid` itself.
    let scopes = webapp.options.scopes.iter().filter(|scope| *scope != "openid").cloned().map(Scope::new);
    let mut request = client
        .authorize_url(CoreAuthenticationFlow::AuthorizationCode, || CsrfToken::new(state), || nonce)
        .add_scopes(scopes)
        .set_pkce_challenge(challenge)
        .add_ui_locale(LanguageTag::new(language.tag().to_owned()));
    if let Some(hint) = initiation.login_hint {
        request = request.set_login_hint(LoginHint::new(hint));
    }
    let (url, ..) = request.url();
    Ok(url)
}

/// What the provider sends along when the browser comes back (RFC 6749 §4.1.2, RFC 9207 §2).
#[derive(Default, Deserialize)]
pub(super) struct AuthorizationResponse {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

impl AuthorizationResponse {
    /// The code, where the response is from our provider. Nothing of it is believed before that.
    fn code(self, issuer: &str) -> Result<AuthorizationCode, Failure> {
        // RFC 9207 §2.4: our provider always names itself, so a response without `iss` is not from it.
        if self.iss.as_deref() != Some(issuer) {
            return Err(Failure::IssuerMismatch);
        }
        match (self.error.as_deref(), self.code) {
            (None, Some(code)) => Ok(AuthorizationCode::new(code)),
            (Some("access_denied"), _) => Err(Failure::AccessDenied),
            (Some(error), _) => {
                Err(Failure::Refused(format!("{error}: {}", self.error_description.as_deref().unwrap_or_default())))
            }
            (None, None) => Err(Failure::Refused("neither a code nor an error".to_owned())),
        }
    }
}

/// GET /oauth/callback: ends the sign-in, in a new session or with an error page. The sign-in can't be used again either way.
pub(super) async fn callback(
    State(webapp): State<Arc<Webapp>>,
    language: Language,
    jar: CookieJar,
    response: Result<Query<AuthorizationResponse>, QueryRejection>,
) -> Response {
    // A parameter that comes twice cannot be read; then there is no state, and that is refused.
    let Query(response) = response.unwrap_or_default();
    match finish(&webapp, &jar, response).await {
        Ok(key) => (jar.add(webapp.cookie(SESSION, key, SESSION_TTL)), Redirect::to("/")).into_response(),
        Err(failure) => pages::failure(language, &failure),
    }
}

/// Checks the response, exchanges the code, checks the tokens and opens the session. Gives the session's key.
async fn finish(webapp: &Webapp, jar: &CookieJar, response: AuthorizationResponse) -> Result<String, Failure> {
    // RFC 6749 §10.12: the response is to a request of ours, answered once, and this browser sent it.
    let state = response.state.as_deref().ok_or(Failure::NoPendingLogin)?;
    let pending = webapp.logins.take(state, webapp.clock.now()).ok_or(Failure::NoPendingLogin)?;
    if !jar.get(LOGIN).is_some_and(|browser| digest::equal(browser.value().as_bytes(), pending.browser.as_bytes())) {
        return Err(Failure::OtherBrowser);
    }
    let code = response.code(webapp.provider.issuer())?;

    let metadata = webapp.provider.metadata().await?;
    let client = webapp.provider.client(&metadata);
    let tokens = client
        .exchange_code(code)
        .map_err(|error| Failure::provider_unreachable(&error))?
        .set_pkce_verifier(PkceCodeVerifier::new(pending.verifier.secret().clone()))
        .request_async(&webapp.http)
        .await
        .map_err(|error| Failure::CodeRefused(in_full(&error)))?;
    let session = open_session(webapp, client, &tokens, &pending.nonce).await?;

    // Whoever was signed in here before no longer is; the key is a new one in any case.
    let now = webapp.clock.now();
    if let Some(earlier) = jar.get(SESSION)
        && let Some(earlier) = webapp.sessions.take(earlier.value(), now)
    {
        refresh::give_back(webapp, &earlier).await;
    }
    webapp.sessions.put(session, now).ok_or(Failure::Busy)
}

/// Verifies the ID token, asks userinfo about the same person, and gathers what the session keeps.
async fn open_session(webapp: &Webapp, client: OidcClient, tokens: &Tokens, nonce: &Nonce) -> Result<Session, Failure> {
    let id_claims = match verified_claims(&client, tokens, nonce) {
        // The provider has a new key since we last looked.
        Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
            let metadata = webapp.provider.discover().await?;
            verified_claims(&webapp.provider.client(&metadata), tokens, nonce)
        }
        claims => claims,
    }
    .map_err(|error| Failure::TokenInvalid(in_full(&error)))?;
    let id_token = tokens.id_token().ok_or_else(|| Failure::TokenInvalid("no ID token".to_owned()))?;

    // The crate refuses an answer about any other subject (OpenID Connect Core §5.3.2).
    let subject = id_claims["sub"].as_str().unwrap_or_default().to_owned();
    let userinfo: PersonUserInfo = client
        .user_info(tokens.access_token().clone(), Some(openidconnect::SubjectIdentifier::new(subject)))
        .map_err(|error| Failure::provider_unreachable(&error))?
        .request_async(&webapp.http)
        .await
        .map_err(|error| Failure::TokenInvalid(in_full(&error)))?;

    Ok(Session {
        name: userinfo.name().and_then(|names| names.get(None)).map(|name| name.to_string()),
        national_id: userinfo.additional_claims().national_id.clone(),
        id_token: id_token.clone(),
        id_claims,
        userinfo: to_json(&userinfo),
        tokens: tokio::sync::Mutex::new(SessionTokens::new(tokens, webapp.clock.now())),
    })
}

/// The claims of the ID token, once signature, issuer, audience, times, nonce and `at_hash` hold (OpenID Connect Core
/// §3.1.3.7).
fn verified_claims(client: &OidcClient, tokens: &Tokens, nonce: &Nonce) -> Result<Value, ClaimsVerificationError> {
    let verifier = client.id_token_verifier();
    let id_token = tokens.id_token().ok_or_else(|| ClaimsVerificationError::Other("no ID token".to_owned()))?;
    let claims = id_token.claims(&verifier, nonce)?;
    if let Some(expected) = claims.access_token_hash() {
        let in_token = |error| ClaimsVerificationError::SignatureVerification(error);
        let algorithm = id_token.signing_alg().map_err(in_token)?;
        let key = id_token.signing_key(&verifier).map_err(in_token)?;
        let actual = AccessTokenHash::from_token(tokens.access_token(), algorithm, key)
            .map_err(|error| ClaimsVerificationError::Other(error.to_string()))?;
        if actual != *expected {
            return Err(ClaimsVerificationError::Other("at_hash is of another access token".to_owned()));
        }
    }
    Ok(to_json(claims))
}

/// Claims as JSON, to be shown.
fn to_json(claims: &impl serde::Serialize) -> Value {
    serde_json::to_value(claims).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "http://localhost:8080";

    fn read(query: &str) -> Result<AuthorizationCode, Failure> {
        let uri = format!("/oauth/callback?{query}").parse().unwrap();
        let Query(response) = Query::<AuthorizationResponse>::try_from_uri(&uri).unwrap();
        response.code(ISSUER)
    }

    #[test]
    fn a_response_of_our_provider_gives_the_code() {
        let code = read("code=c1&state=abc&iss=http%3A%2F%2Flocalhost%3A8080&scope=openid").unwrap();
        assert_eq!(code.secret(), "c1");
    }

    #[test]
    fn a_response_of_another_issuer_or_of_none_is_refused() {
        // RFC 9207: mix-up
        assert_eq!(read("code=c1&state=abc&iss=http://localhost:8080/").unwrap_err(), Failure::IssuerMismatch);
        assert_eq!(read("code=c1&state=abc").unwrap_err(), Failure::IssuerMismatch);
    }

    #[test]
    fn a_denial_is_told_from_other_errors() {
        assert_eq!(read("error=access_denied&state=abc&iss=http://localhost:8080").unwrap_err(), Failure::AccessDenied);
        assert_eq!(
            read("error=invalid_scope&error_description=no&state=abc&iss=http://localhost:8080").unwrap_err(),
            Failure::Refused("invalid_scope: no".to_owned())
        );
    }
}
