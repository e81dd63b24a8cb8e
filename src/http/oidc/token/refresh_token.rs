//! grant_type=refresh_token (RFC 6749 §6): one guarded update consumes the token and makes room for its successor; only where it
//! took nothing the row is locked and judged (architecture.md, decisions C, D, E).

use time::OffsetDateTime;

use super::person::{about, accepted_identity_providers, answer, granted};
use crate::{
    app::App,
    flows::consent,
    http::{
        error::unavailable,
        extract::{client_call::ClientCall, form::parameter},
    },
    model::{
        audit::{AuditEvent, AuditRecord},
        client::GrantType,
        family::{self, FamilyGrant, Verdict},
        refresh_token::RefreshToken,
    },
    protocol::{
        error::{OAuthError, Refusal},
        refusals,
        scope::ScopeSet,
        token::TokenResponse,
    },
    store::{
        audit_log,
        families::{self, LockedFamily, Presentation},
    },
    telemetry::metrics,
};

/// The value of `grant_type`. It is no grant that a client is given: it follows from allow_offline_access.
pub(super) const GRANT_TYPE: &str = "refresh_token";

/// Gives new tokens for a refresh token.
pub(super) async fn refresh(app: &App, call: &ClientCall) -> Result<TokenResponse, OAuthError> {
    let client = &call.client.client;
    if !client.may_use(GrantType::AuthorizationCode) {
        return Err((&refusals::GRANT_TYPE_NOT_ALLOWED).into());
    }
    let text = parameter(&call.params, "refresh_token")?.ok_or(&refusals::REFRESH_TOKEN_MISSING)?;
    let asked = parameter(&call.params, "scope")?
        .map(|scope| scope.parse::<ScopeSet>().map_err(|fault| refusals::TOKEN_SCOPE_SYNTAX.caused_by(fault)))
        .transpose()?;
    // no SQL for what we never made (RT-01), nor for a client that may not refresh any more (RT-12)
    let token = RefreshToken::parse(text, app.keys().refresh_tokens())
        .filter(|_| client.allow_offline_access)
        .ok_or(&refusals::REFRESH_TOKEN_NOT_GOOD)?;
    let now = app.clock.now();
    let configuration = app.configuration();
    let snapshot = configuration.snapshot();
    // RT-09: everything that can be judged before is, so that a mistake consumes nothing
    if asked.iter().flat_map(ScopeSet::iter).any(|name| !consent::is_allowed(snapshot, client, name)) {
        return Err((&refusals::REFRESH_SCOPE_TOO_WIDE).into());
    }
    let names: Vec<String> = asked.iter().flat_map(ScopeSet::iter).map(ToOwned::to_owned).collect();
    let providers = accepted_identity_providers(snapshot, client);
    let presented = Presentation {
        token: &token,
        client_id: client.id,
        scope: &names,
        absolute_ttl: client.absolute_refresh_token_ttl,
        inactive_ttl: client.inactive_ttl(),
        not_before: snapshot.not_before(client),
        identity_providers: &providers,
        origin: &call.caller.origin,
    };
    let grant = match families::rotate(&app.pool, &presented, now).await.map_err(unavailable)? {
        Some(grant) => grant,
        None => judge(app, call, &presented, now).await?,
    };
    let mut scope = granted(snapshot, client, &grant);
    // RT-10: a narrower token, not a narrower chain
    if let Some(asked) = asked {
        scope.retain(|name| asked.contains(name));
    }
    let tokens = answer(app, call, &grant, scope, Some(token.successor()), now)?;
    metrics::TOKENS_ISSUED.increment(&[GRANT_TYPE]);
    Ok(tokens)
}

/// Judges a token that the rotation did not take. Also a refusal commits: reuse revokes, then is refused (RT-05).
async fn judge(
    app: &App,
    call: &ClientCall,
    presented: &Presentation<'_>,
    now: OffsetDateTime,
) -> Result<FamilyGrant, OAuthError> {
    let client = &call.client.client;
    let mut transaction = app.pool.begin().await.map_err(unavailable)?;
    let Some(locked) = families::lock(&mut transaction, presented, now).await.map_err(unavailable)? else {
        return Err((&refusals::REFRESH_TOKEN_NOT_GOOD).into());
    };
    let verdict = family::judge(&locked.presented(presented.token), client.refresh_token_retry, now);
    let outcome: Result<(), &'static Refusal> = match verdict {
        Verdict::Repeat => {
            let event = AuditEvent::RefreshRetried { generation: presented.token.generation };
            let audit = record(call, &locked, event, now);
            audit_log::insert(&mut *transaction, &audit).await.map_err(unavailable)?;
            Ok(())
        }
        Verdict::Reused | Verdict::Ahead => {
            let ahead = verdict == Verdict::Ahead;
            let (generation, first) = (presented.token.generation, locked.first_redemption(presented.token));
            let audit = record(call, &locked, AuditEvent::RefreshTokenReused { generation, ahead, first }, now);
            let reason = if ahead { "refresh_token_ahead" } else { "refresh_token_reused" };
            families::revoke(&mut *transaction, presented.token.family_id, reason, &audit, now).await.map_err(unavailable)?;
            Err(if ahead { &refusals::REFRESH_TOKEN_NOT_GOOD } else { &refusals::REFRESH_TOKEN_REUSED })
        }
        Verdict::TooWide => Err(&refusals::REFRESH_SCOPE_TOO_WIDE),
        Verdict::Ended => Err(&refusals::REFRESH_TOKEN_NOT_GOOD),
        // what hindered the rotation was taken back in between: nothing is consumed, the next try is taken
        Verdict::Rotate => Err(&refusals::UNAVAILABLE),
    };
    transaction.commit().await.map_err(unavailable)?;
    tell(call, presented, verdict);
    outcome.map(|()| locked.grant).map_err(Into::into)
}

fn record(call: &ClientCall, locked: &LockedFamily, event: AuditEvent, now: OffsetDateTime) -> AuditRecord {
    let authentication = &locked.grant.authentication;
    let mut about = about(call, locked.grant.family_id);
    about.actor_id = Some(authentication.actor_id);
    about.subject_id = Some(authentication.subject_id);
    about.session_id = Some(authentication.session_id);
    AuditRecord::new(now, about, event)
}

/// After the commit: what happened has happened.
fn tell(call: &ClientCall, presented: &Presentation<'_>, verdict: Verdict) {
    let (family, client_id) = (presented.token.family_id, &call.client.client.client_id);
    match verdict {
        Verdict::Reused => {
            metrics::REUSES.increment(&["refresh_token"]);
            tracing::warn!(%family, client_id, "a refresh token was used twice; its chain is revoked");
        }
        Verdict::Ahead => {
            metrics::REUSES.increment(&["ahead"]);
            tracing::error!(%family, client_id, "a refresh token is newer than its family: a commit was lost (decision E)");
        }
        _ => {}
    }
}
