//! The checks between a proven destination and the next step: a failure here is always a redirect through the destination.

use time::OffsetDateTime;

use super::{MOST_BYTES, destination::Destination};
use crate::{
    app::{App, Configuration},
    base::digest,
    flows::{
        authorization_request::{answering, identity_providers},
        consent,
    },
    model::{
        client::{ClientType, GrantType},
        scope::OFFLINE_ACCESS,
    },
    protocol::{
        authorize::AuthorizeRequest,
        claims::IdTokenClaims,
        error::Refusal,
        jwt::{self, Expiry},
        params::Params,
        refusals,
    },
    telemetry::metrics,
};

type Checked<T> = Result<T, &'static Refusal>;

/// The form of the request, by its specification.
pub(super) fn request(params: &Params, destination: &Destination) -> Checked<AuthorizeRequest> {
    let client = &destination.client.client;
    if params.encoded_len() > MOST_BYTES {
        return Err(&refusals::REQUEST_TOO_LARGE);
    }
    // D9: never off for native clients
    let pkce_required = client.require_pkce || client.client_type == ClientType::Native;
    AuthorizeRequest::read(params, &client.client_id, &destination.redirect_uri, pkce_required)
}

/// What the client's settings allow; judged when the request comes and again before each step (AUT-16, INT-05).
pub(super) fn policy(configuration: &Configuration, destination: &Destination, request: &AuthorizeRequest) -> Checked<()> {
    let client = &destination.client.client;
    if !client.may_use(GrantType::AuthorizationCode) {
        return Err(&refusals::CODE_FLOW_NOT_ALLOWED);
    }
    if !request.scope.iter().all(|name| name == OFFLINE_ACCESS || consent::is_allowed(configuration.snapshot(), client, name)) {
        return Err(&refusals::SCOPE_NOT_ALLOWED);
    }
    if identity_providers(configuration, client).next().is_none() {
        return Err(&refusals::IDENTITY_PROVIDER_NOT_ALLOWED);
    }
    // AUT-11: never a lower assurance under a higher name
    if answering(configuration, client, request).next().is_none() {
        return Err(&refusals::ACR_UNREACHABLE);
    }
    Ok(())
}

/// AUT-06: a challenge that a client sends again is counted and logged, never refused: reloading is legitimate.
pub(super) fn count_repeated_challenge(app: &App, request: &AuthorizeRequest, now: OffsetDateTime) {
    let Some(challenge) = &request.code_challenge else { return };
    let key = digest::sha256(&[request.client_id.as_bytes(), challenge.to_string().as_bytes()]);
    if app.code_challenges.repeats(key, now) {
        metrics::CODE_CHALLENGES_REPEATED.increment(&[&request.client_id]);
        tracing::info!(client_id = request.client_id, "a client repeats a code challenge");
    }
}

/// The subject that the id_token_hint names; an old token of ours is good enough (OpenID Connect Core §3.1.2.1).
pub(super) fn hinted_subject(app: &App, destination: &Destination, request: &AuthorizeRequest) -> Checked<Option<String>> {
    let Some(hint) = &request.id_token_hint else { return Ok(None) };
    let keys = app.keys();
    let now = app.clock.now();
    let claims: IdTokenClaims = jwt::verify(hint, app.urls.issuer(), now, Expiry::Allowed, |kid| keys.hint_key(kid))
        .map_err(|_| &refusals::AUTHORIZE_HINT_INVALID)?;
    if claims.aud == destination.client.client.client_id {
        Ok(Some(claims.sub))
    } else {
        Err(&refusals::AUTHORIZE_HINT_INVALID)
    }
}
