//! POST /connect/token (RFC 6749 §3.2): the client has been authenticated; one file per grant.

mod authorization_code;
mod client_credentials;
pub(super) mod person;
mod refresh_token;
mod token_exchange;

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};

use crate::{
    app::App,
    http::{
        error::oauth::Refused,
        extract::{client_call::ClientCall, form::parameter},
    },
    model::client::GrantType,
    protocol::{error::OAuthError, refusals, token::TokenResponse},
    telemetry::metrics,
};

/// Finds the grant (COD-01).
pub async fn post(State(app): State<App>, call: Result<ClientCall, Refused>) -> Result<Response, Refused> {
    let call = call?;
    // RT-09: nothing is consumed for an answer that could not be signed
    if !app.keys().can_sign(app.clock.now()) {
        return Err((&refusals::UNAVAILABLE).into());
    }
    let grant_type = match parameter(&call.params, "grant_type")? {
        None => return Err((&refusals::GRANT_TYPE_MISSING).into()),
        Some("authorization_code") => GrantType::AuthorizationCode,
        Some("client_credentials") => GrantType::ClientCredentials,
        Some("urn:ietf:params:oauth:grant-type:token-exchange") => GrantType::TokenExchange,
        Some(refresh_token::GRANT_TYPE) => return Ok(answer(&refresh_token::refresh(&app, &call).await?)),
        Some(_) => return Err((&refusals::GRANT_TYPE_UNSUPPORTED).into()),
    };
    if !call.client.client.may_use(grant_type) {
        return Err((&refusals::GRANT_TYPE_NOT_ALLOWED).into());
    }
    let tokens = match grant_type {
        GrantType::AuthorizationCode => authorization_code::exchange(&app, &call).await?,
        GrantType::ClientCredentials => client_credentials::grant(&app, &call)?,
        GrantType::TokenExchange => token_exchange::exchange(&app, &call).await?,
    };
    metrics::TOKENS_ISSUED.increment(&[grant_type.as_str()]);
    Ok(answer(&tokens))
}

// RFC 6749 §5.1
fn answer(tokens: &TokenResponse) -> Response {
    let mut response = axum::Json(tokens).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

fn server_error(error: impl std::error::Error + Send + Sync + 'static) -> OAuthError {
    refusals::SERVER_ERROR.caused_by(error)
}
