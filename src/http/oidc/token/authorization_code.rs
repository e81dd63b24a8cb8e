//! grant_type=authorization_code (RFC 6749 §4.1.3, OpenID Connect Core §3.1.3): one statement consumes the code and makes its
//! family; only where it found nothing a second one judges why (COD-05).

use time::{Duration, OffsetDateTime};

use super::person::{about, accepted_identity_providers, answer, granted};
use crate::{
    app::App,
    base::{handle::Handle, id::FamilyId},
    http::{
        error::unavailable,
        extract::{client_call::ClientCall, form::parameter},
    },
    model::{
        audit::{AuditEvent, AuditRecord},
        authorization_code,
        family::FamilyGrant,
        refresh_token::RefreshToken,
    },
    protocol::{error::OAuthError, pkce::CodeVerifier, refusals, token::TokenResponse},
    store::authorization_codes::{self, NewFamily, Presentation},
    telemetry::metrics,
};

/// Exchanges a code for tokens.
pub(super) async fn exchange(app: &App, call: &ClientCall) -> Result<TokenResponse, OAuthError> {
    let client = &call.client.client;
    let code = parameter(&call.params, "code")?.ok_or(&refusals::CODE_MISSING)?;
    let redirect_uri = parameter(&call.params, "redirect_uri")?.ok_or(&refusals::TOKEN_REDIRECT_URI_MISSING)?;
    let verifier = parameter(&call.params, "code_verifier")?;
    if verifier.is_none() && client.require_pkce {
        return Err((&refusals::CODE_VERIFIER_MISSING).into());
    }
    let challenge = verifier.map(CodeVerifier::parse).transpose()?.map(|verifier| verifier.challenge().to_string());
    let handle = Handle::parse(authorization_code::PREFIX, code).ok_or(&refusals::CODE_NOT_GOOD)?;
    let now = app.clock.now();
    let configuration = app.configuration();
    let snapshot = configuration.snapshot();
    let providers = accepted_identity_providers(snapshot, client);
    let presented = Presentation {
        id: FamilyId(handle.id),
        secret_hash: handle.hash(),
        client_id: client.id,
        confidential: client.is_confidential(),
        redirect_uri,
        code_challenge: challenge.as_deref(),
        not_before: snapshot.not_before(client),
        identity_providers: &providers,
    };
    // AUT-16: the permission is asked for again here
    let refresh_token = client.allow_offline_access.then(|| RefreshToken::first(presented.id));
    let family = NewFamily {
        expires_at: now + Duration::seconds(i64::from(client.access_token_ttl)),
        secret_hash: refresh_token.as_ref().map(RefreshToken::secret_hash),
        absolute_ttl: client.absolute_refresh_token_ttl,
        inactive_ttl: client.inactive_ttl(),
        keeps_name: !client.update_access_token_claims_on_refresh,
        single_session: client.single_session,
    };
    let audit = AuditRecord::new(now, about(call, presented.id), AuditEvent::CodeRedeemed);
    let redeemed = redeem(app, &presented, &family, &audit, now).await.map_err(unavailable)?;
    let Some(redeemed) = redeemed else {
        let audit = AuditRecord::new(now, about(call, presented.id), AuditEvent::CodeReused);
        if authorization_codes::refuse(&app.pool, &presented, &audit, now).await.map_err(unavailable)? {
            metrics::REUSES.increment(&["code"]);
            tracing::warn!(family = %presented.id, client_id = client.client_id, "a code was used twice; what it gave is revoked");
        }
        return Err((&refusals::CODE_NOT_GOOD).into());
    };
    let scope = granted(snapshot, client, &redeemed);
    answer(app, call, &redeemed, scope, refresh_token, now)
}

/// One statement; for a client with one session for each person a lock comes before it.
async fn redeem(
    app: &App,
    presented: &Presentation<'_>,
    family: &NewFamily,
    audit: &AuditRecord,
    now: OffsetDateTime,
) -> sqlx::Result<Option<FamilyGrant>> {
    if !family.single_session {
        return authorization_codes::redeem(&app.pool, presented, family, audit, now).await;
    }
    let mut transaction = app.pool.begin().await?;
    authorization_codes::lock_single_session(&mut transaction, presented.id).await?;
    let redeemed = authorization_codes::redeem(&mut *transaction, presented, family, audit, now).await?;
    transaction.commit().await?;
    Ok(redeemed)
}
