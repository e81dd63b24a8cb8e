//! POST /connect/revocation (RFC 7009): a client gives back what it was given. A refresh token ends its family, with every token of
//! it; an access token ends alone (REV-04). What is unknown, expired or another client's is answered as if it had been revoked, and
//! stays as it is (REV-02, REV-03).

use axum::{extract::State, http::StatusCode};
use time::{Duration, OffsetDateTime};

use crate::{
    app::App,
    base::id::FamilyId,
    flows::verify_access_token,
    http::{
        error::{oauth::Refused, unavailable},
        extract::{client_call::ClientCall, form::parameter},
    },
    model::{
        audit::{About, AuditEvent, AuditRecord},
        refresh_token::RefreshToken,
        token_id::TokenId,
    },
    protocol::{claims::AccessTokenClaims, refusals},
    store::{families, revoked_access_tokens},
};

/// A node whose clock is behind must refuse the token as long as it takes it for unexpired (STO-04).
const CLOCK_TOLERANCE: Duration = Duration::minutes(1);

/// Revokes. `token_type_hint` is not looked at: the token says what it is.
pub async fn revoke(State(app): State<App>, call: Result<ClientCall, Refused>) -> Result<StatusCode, Refused> {
    let call = call?;
    let token = parameter(&call.params, "token")?.ok_or(&refusals::TOKEN_PARAMETER_MISSING)?;
    let now = app.clock.now();
    let revoked = match RefreshToken::parse(token, app.keys().refresh_tokens()) {
        Some(token) => revoke_family(&app, &call, &token, now).await,
        None => match verify_access_token::read(&app, token, now) {
            Ok(claims) if claims.client_id == call.client.client.client_id => revoke_token(&app, &call, &claims, now).await,
            Ok(_) | Err(_) => Ok(false),
        },
    };
    // REV-05: the statement is its own transaction, committed when it returns
    if revoked.map_err(unavailable)? {
        tracing::info!(client_id = call.client.client.client_id, "a client revoked what it was given");
    }
    Ok(StatusCode::OK)
}

async fn revoke_family(app: &App, call: &ClientCall, token: &RefreshToken, now: OffsetDateTime) -> sqlx::Result<bool> {
    let audit = audit(call, Some(token.family_id), "refresh_token", now);
    families::revoke_own(&app.pool, token, call.client.client.id, &audit, now).await
}

async fn revoke_token(app: &App, call: &ClientCall, claims: &AccessTokenClaims, now: OffsetDateTime) -> sqlx::Result<bool> {
    let expires_at = OffsetDateTime::from_unix_timestamp(claims.exp).ok();
    let (Some(id), Some(expires_at)) = (TokenId::parse(&claims.jti), expires_at) else { return Ok(false) };
    let family_id = claims.sub.is_some().then(|| id.family_id());
    let audit = audit(call, family_id, "access_token", now);
    revoked_access_tokens::insert(&app.pool, &id, expires_at + CLOCK_TOLERANCE, &audit).await
}

fn audit(call: &ClientCall, family_id: Option<FamilyId>, token: &'static str, now: OffsetDateTime) -> AuditRecord {
    let about = About {
        organisation_id: Some(call.client.organisation.id),
        client_id: Some(call.client.client.id),
        family_id,
        origin: call.caller.origin.clone(),
        ..About::default()
    };
    AuditRecord::new(now, about, AuditEvent::TokenRevoked { token })
}
