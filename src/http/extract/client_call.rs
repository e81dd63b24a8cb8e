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
    flows::authenticate_client::{self, Credentials, Proof},
    http::error::oauth::{Challenge, Refused},
    model::client::RegisteredClient,
    protocol::{
        client_assertion::{ASSERTION_TYPE, ClientAssertion},
        error::OAuthError,
        params::Params,
        refusals,
        token::parse_basic,
    },
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
        let Presented { credentials, challenge, params, caller } = Presented::read(request, app).await?;
        let client = authenticate_client::authenticate(app, &credentials, caller.address, app.clock.now()).await;
        Ok(Self { client: client.map_err(|error| Refused::new(error, challenge))?, params, caller })
    }
}

/// What a caller presented, before it is proven.
pub(super) struct Presented {
    pub(super) credentials: Credentials,
    /// what a refusal must carry
    pub(super) challenge: Challenge,
    pub(super) params: Params,
    pub(super) caller: Caller,
}

impl Presented {
    /// Reads form and credentials.
    pub(super) async fn read(request: Request, app: &App) -> Result<Self, Refused> {
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
        Ok(Self { credentials, challenge, params, caller })
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
    let assertion = (parameter(params, "client_assertion")?, parameter(params, "client_assertion_type")?);
    if [basic.is_some(), secret.is_some(), assertion != (None, None)].into_iter().filter(|is_used| *is_used).count() > 1 {
        return Err((&refusals::CLIENT_METHODS_TWO).into());
    }
    match assertion {
        (None, None) => {}
        (Some(assertion), Some(ASSERTION_TYPE)) => return asserted(assertion, client_id),
        (_, Some(kind)) if kind != ASSERTION_TYPE => return Err((&refusals::CLIENT_METHOD_UNSUPPORTED).into()),
        _ => return Err((&refusals::ASSERTION_INCOMPLETE).into()),
    }
    if let Some(header) = basic {
        let header = header.to_str().map_err(|_| &refusals::AUTHORIZATION_MALFORMED)?;
        let (basic_id, secret) = parse_basic(header)?;
        // CAU-06
        if client_id.is_some_and(|client_id| client_id != basic_id) {
            return Err((&refusals::CLIENT_ID_DIFFERS).into());
        }
        return Ok(Credentials { client_id: basic_id, proof: Proof::Basic(secret) });
    }
    let client_id = client_id.ok_or(&refusals::CLIENT_ID_MISSING)?.to_owned();
    let proof = secret.map_or(Proof::Nothing, |secret| Proof::Post(Secret::new(secret.to_owned())));
    Ok(Credentials { client_id, proof })
}

/// Who the assertion says that it is; where that cannot be read, what the form says, so that its failures are counted.
fn asserted(assertion: &str, client_id: Option<&str>) -> Result<Credentials, OAuthError> {
    let assertion = ClientAssertion::parse(assertion);
    let own = assertion.as_ref().ok().map(ClientAssertion::client_id);
    // CAU-06, RFC 7521 §4.2
    if let (Some(own), Some(sent)) = (own, client_id)
        && own != sent
    {
        return Err((&refusals::CLIENT_ID_DIFFERS).into());
    }
    let client_id = own.or(client_id).unwrap_or_default().to_owned();
    Ok(Credentials { client_id, proof: Proof::Assertion(assertion.map(Box::new)) })
}
