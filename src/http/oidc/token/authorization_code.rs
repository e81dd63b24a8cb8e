//! grant_type=authorization_code (RFC 6749 §4.1.3, OpenID Connect Core §3.1.3): one statement consumes the code and makes its
//! family; only where it found nothing a second one judges why (COD-05).

use time::{Duration, OffsetDateTime};

use super::server_error;
use crate::{
    app::App,
    base::{handle::Handle, id::FamilyId},
    flows::{
        consent,
        issue_tokens::{self, PersonGrant, claims::Subject},
    },
    http::{
        error::unavailable,
        extract::{client_call::ClientCall, form::parameter},
    },
    model::{
        audit::{About, AuditEvent, AuditRecord},
        authorization_code,
        client::TokenEndpointAuthMethod,
    },
    protocol::{
        error::OAuthError,
        pkce::CodeVerifier,
        refusals,
        scope::ScopeSet,
        token::{TokenResponse, TokenType},
    },
    store::authorization_codes::{self, Presentation},
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
    let providers: Vec<&'static str> = snapshot
        .identity_providers()
        .iter()
        .filter(|provider| client.accepts(provider))
        .map(|provider| provider.kind.as_str())
        .collect();
    let presented = Presentation {
        id: FamilyId(handle.id),
        secret_hash: handle.hash(),
        client_id: client.id,
        confidential: client.token_endpoint_auth_method != TokenEndpointAuthMethod::None,
        redirect_uri,
        code_challenge: challenge.as_deref(),
        not_before: client.not_before.unwrap_or(OffsetDateTime::UNIX_EPOCH),
        identity_providers: &providers,
    };
    let about = About {
        organisation_id: Some(call.client.organisation.id),
        client_id: Some(client.id),
        family_id: Some(presented.id),
        origin: call.caller.origin.clone(),
        ..About::default()
    };
    let audit = AuditRecord::new(now, about.clone(), AuditEvent::CodeRedeemed);
    let access_token_ttl = Duration::seconds(i64::from(client.access_token_ttl));
    let redeemed =
        authorization_codes::redeem(&app.pool, &presented, now + access_token_ttl, &audit, now).await.map_err(unavailable)?;
    let Some(redeemed) = redeemed else {
        let audit = AuditRecord::new(now, about, AuditEvent::CodeReused);
        if authorization_codes::refuse(&app.pool, &presented, &audit, now).await.map_err(unavailable)? {
            metrics::REUSES.increment(&["code"]);
            tracing::warn!(family = %presented.id, client_id = client.client_id, "a code was used twice; what it gave is revoked");
        }
        return Err((&refusals::CODE_NOT_GOOD).into());
    };
    // Appendix B: a scope that was taken away meanwhile is absent
    let mut scope = ScopeSet::of(redeemed.scope.iter().cloned());
    scope.retain(|name| consent::is_allowed(snapshot, client, name));
    let grant = PersonGrant {
        client: &call.client,
        family_id: redeemed.family_id,
        authentication: &redeemed.authentication,
        subject: Subject { national_id: &redeemed.national_id, name: redeemed.name.as_deref() },
        scope: &scope,
        nonce: redeemed.nonce.as_deref(),
    };
    let (access_token, id_token) = issue_tokens::for_person(app, &grant, now).map_err(server_error)?;
    Ok(TokenResponse {
        access_token,
        token_type: TokenType::Bearer,
        expires_in: u32::try_from(client.access_token_ttl).unwrap_or(0),
        scope,
        id_token: Some(id_token),
    })
}
