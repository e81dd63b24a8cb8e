//! What the grants that answer with a person's tokens share: whom they may be about, and the answer itself.

use time::OffsetDateTime;

use super::server_error;
use crate::{
    app::App,
    base::id::FamilyId,
    flows::{
        consent,
        issue_tokens::{self, PersonGrant, claims::Subject},
    },
    http::extract::client_call::ClientCall,
    model::{audit::About, client::Client, family::FamilyGrant, refresh_token::RefreshToken, scope::OFFLINE_ACCESS},
    protocol::{
        error::OAuthError,
        scope::ScopeSet,
        token::{TokenResponse, TokenType},
    },
    store::snapshot::Snapshot,
};

/// Whom and what the call is about, for the audit log.
pub(super) fn about(call: &ClientCall, family_id: FamilyId) -> About {
    About {
        organisation_id: Some(call.client.organisation.id),
        client_id: Some(call.client.client.id),
        family_id: Some(family_id),
        origin: call.caller.origin.clone(),
        ..About::default()
    }
}

/// The ways to sign in that are enabled and that the client accepts.
pub(in crate::http::oidc) fn accepted_identity_providers(snapshot: &Snapshot, client: &Client) -> Vec<&'static str> {
    let accepted = snapshot.identity_providers().iter().filter(|provider| client.accepts(provider));
    accepted.map(|provider| provider.kind.as_str()).collect()
}

/// What was granted and still is: a scope that was taken away meanwhile is absent (Appendix B).
pub(super) fn granted(snapshot: &Snapshot, client: &Client, grant: &FamilyGrant) -> ScopeSet {
    let mut scope = ScopeSet::of(grant.scope.iter().cloned());
    scope.retain(|name| (name != OFFLINE_ACCESS || grant.refreshable) && consent::is_allowed(snapshot, client, name));
    scope
}

/// The person's tokens, and the refresh token where the family has a chain.
pub(super) fn answer(
    app: &App,
    call: &ClientCall,
    grant: &FamilyGrant,
    scope: ScopeSet,
    refresh_token: Option<RefreshToken>,
    now: OffsetDateTime,
) -> Result<TokenResponse, OAuthError> {
    let tokens = issue_tokens::for_person(
        app,
        &PersonGrant {
            client: &call.client,
            family_id: grant.family_id,
            authentication: &grant.authentication,
            subject: Subject { national_id: &grant.national_id, name: grant.name.as_deref() },
            scope: &scope,
            nonce: grant.nonce.as_deref(),
            ends_at: grant.ends_at,
        },
        now,
    )
    .map_err(server_error)?;
    Ok(TokenResponse {
        access_token: tokens.access_token,
        token_type: TokenType::Bearer,
        expires_in: tokens.expires_in,
        scope,
        refresh_token: refresh_token.filter(|_| grant.refreshable).map(|token| token.to_text(app.keys().refresh_tokens())),
        id_token: tokens.id_token,
        issued_token_type: None,
    })
}
