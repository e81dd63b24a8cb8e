//! Access tokens that come back to us, at userinfo, introspection and token exchange: the signature in memory, then one statement that
//! tells whether the token still holds (UI-03, INS-03, TEX-02; Appendix B).

use time::OffsetDateTime;

use super::consent;
use crate::{
    app::App,
    model::{client::Client, identity_provider::IdentityProviderKind, token_id::TokenId},
    protocol::{
        claims::AccessTokenClaims,
        error::OAuthError,
        jwt::{self, Expiry, JwtFault},
        refusals,
        scope::ScopeSet,
    },
    store::{
        families::{self, LiveFamily},
        revoked_access_tokens,
        snapshot::Snapshot,
    },
};

/// An access token that holds at this moment.
pub struct LiveToken {
    /// what it says
    pub claims: AccessTokenClaims,
    /// its `jti`
    pub id: TokenId,
    /// what of its scope is still granted to every client that it came through
    pub scope: ScopeSet,
    /// its family; a machine's token has none
    pub family: Option<LiveFamily>,
}

/// A token that was sent to be used.
///
/// # Errors
/// As a protected resource refuses (RFC 6750 §3.1).
pub async fn verify(app: &App, token: &str, now: OffsetDateTime) -> Result<LiveToken, OAuthError> {
    let claims = read(app, token, now).map_err(|fault| refusals::TOKEN_NOT_GOOD.caused_by(fault))?;
    let live = find_live(app, claims, now).await.map_err(|error| refusals::UNAVAILABLE.caused_by(error))?;
    live.ok_or_else(|| (&refusals::TOKEN_NOT_GOOD).into())
}

/// Reads an access token of ours that has not expired, whatever has become of it since.
pub fn read(app: &App, token: &str, now: OffsetDateTime) -> Result<AccessTokenClaims, JwtFault> {
    let keys = app.keys();
    jwt::verify(token, app.urls.issuer(), now, Expiry::Refused, |kid| keys.published_key(kid, now))
}

/// What is left of a token that was read; none where anything has ended it. One statement.
pub async fn find_live(app: &App, claims: AccessTokenClaims, now: OffsetDateTime) -> sqlx::Result<Option<LiveToken>> {
    let Some(id) = TokenId::parse(&claims.jti) else { return Ok(None) };
    let family = if claims.sub.is_some() {
        match families::find_live(&app.pool, &id, now).await? {
            Some(family) => Some(family),
            None => return Ok(None),
        }
    } else if revoked_access_tokens::find_any(&app.pool, &id).await? {
        return Ok(None);
    } else {
        None
    };
    let configuration = app.configuration();
    let scope = still_granted(configuration.snapshot(), &claims, family.as_ref());
    Ok(scope.map(|scope| LiveToken { claims, id, scope, family }))
}

/// Appendix B, what stands in the configuration: every client with its organisation is there and accepts how the person signed in,
/// nothing was cut off. Scopes that were taken away or disabled are absent.
fn still_granted(snapshot: &Snapshot, claims: &AccessTokenClaims, family: Option<&LiveFamily>) -> Option<ScopeSet> {
    let clients: Option<Vec<&Client>> = claims.clients().map(|id| snapshot.client(id).map(|known| &known.client)).collect();
    let clients = clients?;
    let (origin, later) = clients.split_last()?;
    let issued_at = OffsetDateTime::from_unix_timestamp(claims.iat).ok()?;
    let began = family.map_or(issued_at, |family| family.auth_time);
    if began < snapshot.not_before(origin) || later.iter().any(|client| issued_at < snapshot.not_before(client)) {
        return None;
    }
    let mut scope = claims.scope.clone();
    let Some(family) = family else {
        scope.retain(|name| consent::is_allowed_to_machine(snapshot, origin, name));
        return Some(scope);
    };
    let kind = IdentityProviderKind::parse(&family.identity_provider)?;
    let providers = snapshot.identity_providers().iter();
    // TEX-06: an exchange is no way around a client's own rules
    let accepted = providers.filter(|provider| provider.kind == kind).any(|it| clients.iter().all(|client| client.accepts(it)));
    if origin.id != family.client_id || !accepted {
        return None;
    }
    // a token may be narrower than its family, never wider
    scope.retain(|name| {
        family.scope.iter().any(|granted| granted == name)
            && clients.iter().all(|client| consent::is_allowed(snapshot, client, name))
    });
    Some(scope)
}
