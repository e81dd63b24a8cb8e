//! Access tokens that come back to us: signature in memory, then the one row that tells whether the token still holds (UI-03).

use time::OffsetDateTime;

use super::issue_tokens;
use crate::{
    app::App,
    model::identity_provider::IdentityProviderKind,
    protocol::{
        claims::AccessTokenClaims,
        error::OAuthError,
        jwt::{self, Expiry},
        refusals,
    },
    store::families::{self, LiveFamily},
};

/// A person's access token that holds at this moment.
pub struct Verified {
    /// its claims
    pub claims: AccessTokenClaims,
    /// its family
    pub family: LiveFamily,
}

/// Verifies a person's access token. A machine's token is genuine but of nobody: it lacks `openid` (UI-02).
pub async fn verify(app: &App, token: &str, now: OffsetDateTime) -> Result<Verified, OAuthError> {
    let keys = app.keys();
    let claims: AccessTokenClaims =
        jwt::verify(token, app.urls.issuer(), now, Expiry::Refused, |kid| keys.published_key(kid, now))
            .map_err(|fault| refusals::TOKEN_NOT_GOOD.caused_by(fault))?;
    if claims.sub.is_none() {
        return Err((&refusals::TOKEN_WITHOUT_OPENID).into());
    }
    let not_good = || OAuthError::from(&refusals::TOKEN_NOT_GOOD);
    let id = issue_tokens::family_of(&claims.jti).ok_or_else(not_good)?;
    let family = families::find_live(&app.pool, id, now)
        .await
        .map_err(|error| refusals::UNAVAILABLE.caused_by(error))?
        .ok_or_else(not_good)?;
    // Appendix B: client and organisation are there, the identity provider is still accepted, nothing was cut off
    let configuration = app.configuration();
    let snapshot = configuration.snapshot();
    let client = snapshot.client_by_row(family.client_id).ok_or_else(not_good)?;
    let kind = IdentityProviderKind::parse(&family.identity_provider).ok_or_else(not_good)?;
    let is_accepted =
        snapshot.identity_providers().iter().any(|provider| provider.kind == kind && client.client.accepts(provider));
    let cut_off = family.auth_time < snapshot.not_before(&client.client);
    if is_accepted && !cut_off { Ok(Verified { claims, family }) } else { Err(not_good()) }
}
