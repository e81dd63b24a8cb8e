//! The checks between a proven destination and the next step: a failure here is always a redirect through the destination.

use super::{MOST_BYTES, destination::Destination};
use crate::{
    app::App,
    flows::consent,
    model::client::ClientType,
    protocol::{
        authorize::AuthorizeRequest,
        claims::IdTokenClaims,
        error::Refusal,
        jwt::{self, Expiry},
        params::Params,
        refusals,
    },
    store::snapshot::Snapshot,
};

type Checked<T> = Result<T, &'static Refusal>;

/// The form of the request, by its specification.
pub(super) fn request(params: &Params, size: usize, destination: &Destination) -> Checked<AuthorizeRequest> {
    let client = &destination.client.client;
    if size > MOST_BYTES {
        return Err(&refusals::REQUEST_TOO_LARGE);
    }
    // D9: never off for native clients
    let pkce_required = client.require_pkce || client.client_type == ClientType::Native;
    AuthorizeRequest::read(params, &client.client_id, &destination.redirect_uri, pkce_required)
}

/// What the client's settings allow; judged when the request comes and again before each step (AUT-16, INT-05).
pub(super) fn policy(app: &App, snapshot: &Snapshot, destination: &Destination, request: &AuthorizeRequest) -> Checked<()> {
    let client = &destination.client.client;
    if !destination.may_use_codes() {
        return Err(&refusals::CODE_FLOW_NOT_ALLOWED);
    }
    if !request.scope.iter().all(|name| consent::is_allowed(snapshot, client, name)) {
        return Err(&refusals::SCOPE_NOT_ALLOWED);
    }
    let configuration = app.configuration();
    let mut usable = snapshot.identity_providers().iter().filter(|provider| {
        client.accepts(provider.kind)
            && client.allowed_acr.contains(&provider.acr)
            && configuration.driver(provider.id).is_some()
    });
    let Some(first) = usable.next() else { return Err(&refusals::IDENTITY_PROVIDER_NOT_ALLOWED) };
    // AUT-11: never a lower assurance under a higher name
    let reaches = |acr: &String| request.acr_values.is_empty() || request.acr_values.contains(acr);
    if !reaches(&first.acr) && !usable.any(|provider| reaches(&provider.acr)) {
        return Err(&refusals::ACR_UNREACHABLE);
    }
    Ok(())
}

/// The subject that the id_token_hint names; an old token of ours is good enough (OpenID Connect Core §3.1.2.1).
pub(super) fn hinted_subject(app: &App, destination: &Destination, request: &AuthorizeRequest) -> Checked<Option<String>> {
    let Some(hint) = &request.id_token_hint else { return Ok(None) };
    let keys = app.keys();
    let now = app.clock.now();
    let claims: IdTokenClaims = jwt::verify(hint, app.urls.issuer(), now, Expiry::Allowed, |kid| keys.verifying_key(kid))
        .map_err(|_| &refusals::AUTHORIZE_HINT_INVALID)?;
    if claims.aud == destination.client.client.client_id {
        Ok(Some(claims.sub))
    } else {
        Err(&refusals::AUTHORIZE_HINT_INVALID)
    }
}
