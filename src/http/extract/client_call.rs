//! A call by an authenticated client: an unauthenticated request cannot reach the handler (architecture.md §6).

use std::sync::Arc;

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, header},
};

use super::{
    caller::Caller,
    form::{self, Form, parameter},
};
use crate::{
    app::App,
    base::secret::Secret,
    flows::authenticate_client::{self, Credentials},
    http::error::oauth::{Challenge, Refused},
    model::client::{RegisteredClient, TokenEndpointAuthMethod},
    protocol::{error::OAuthError, params::Params, refusals, token::parse_basic},
};

/// A client's call, with its parameters.
pub struct ClientCall {
    /// who calls
    pub client: Arc<RegisteredClient>,
    /// the form
    pub params: Params,
    /// from where
    pub caller: Caller,
}

impl FromRequest<App> for ClientCall {
    type Rejection = Refused;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refused> {
        let (mut parts, body) = request.into_parts();
        let Ok(caller) = Caller::from_request_parts(&mut parts, app).await;
        let headers = parts.headers.clone();
        let challenge = if headers.contains_key(header::AUTHORIZATION) { Challenge::Basic } else { Challenge::None };
        let refused = |error: OAuthError| Refused::new(error, challenge);
        refuse_secrets_in_query(parts.uri.query()).map_err(refused)?;
        let Form(params) = Form::read(Request::from_parts(parts, body)).await.map_err(refused)?;
        if let Some((_, fault)) = params.fault() {
            return Err(refused(fault.refusal().into()));
        }
        let credentials = credentials(&headers, &params).map_err(refused)?;
        let client = authenticate_client::authenticate(app, &credentials, caller.address, app.clock.now())
            .map_err(|refusal| refused(refusal.into()))?;
        Ok(Self { client, params, caller })
    }
}

/// HTTP-16: what stood in a URL stands in logs; the caller is told to replace it.
fn refuse_secrets_in_query(query: Option<&str>) -> Result<(), OAuthError> {
    const SECRETS: [&str; 7] =
        ["client_secret", "code", "code_verifier", "refresh_token", "access_token", "token", "client_assertion"];
    let params = form::parse(query.unwrap_or_default().as_bytes())?;
    if SECRETS.iter().any(|name| params.get(name) != Ok(None)) { Err((&refusals::CREDENTIALS_IN_QUERY).into()) } else { Ok(()) }
}

/// Exactly one method (CAU-01).
fn credentials(headers: &HeaderMap, params: &Params) -> Result<Credentials, OAuthError> {
    let mut authorization = headers.get_all(header::AUTHORIZATION).iter();
    let (basic, second) = (authorization.next(), authorization.next());
    if second.is_some() {
        return Err((&refusals::HEADER_MALFORMED).into());
    }
    let client_id = parameter(params, "client_id")?;
    let secret = parameter(params, "client_secret")?;
    let asserted = parameter(params, "client_assertion")?.is_some() || parameter(params, "client_assertion_type")?.is_some();
    if [basic.is_some(), secret.is_some(), asserted].into_iter().filter(|is_used| *is_used).count() > 1 {
        return Err((&refusals::CLIENT_METHODS_TWO).into());
    }
    if asserted {
        return Err((&refusals::CLIENT_METHOD_UNSUPPORTED).into());
    }
    match basic {
        Some(header) => {
            let header = header.to_str().map_err(|_| &refusals::AUTHORIZATION_MALFORMED)?;
            let (basic_id, secret) = parse_basic(header)?;
            // CAU-06
            if client_id.is_some_and(|client_id| client_id != basic_id) {
                return Err((&refusals::CLIENT_ID_DIFFERS).into());
            }
            Ok(Credentials { client_id: basic_id, method: TokenEndpointAuthMethod::ClientSecretBasic, secret: Some(secret) })
        }
        None => {
            let client_id = client_id.ok_or(&refusals::CLIENT_ID_MISSING)?.to_owned();
            let secret = secret.map(|secret| Secret::new(secret.to_owned()));
            let method =
                if secret.is_some() { TokenEndpointAuthMethod::ClientSecretPost } else { TokenEndpointAuthMethod::None };
            Ok(Credentials { client_id, method, secret })
        }
    }
}
