//! POST /connect/introspect (RFC 7662): whether a token holds at this moment, and what it says.
//!
//! Who may know of a token (INS-02, D11): the client that it was issued to; of an access token also an API resource in its audience that
//! owns one of its scopes, and, for a scope that belongs to no API resource, the machine clients of the organisation that owns the
//! scope, since an API without a resource of its own asks as one of those. A web or native client is nobody's API: it learns about
//! its own tokens alone. To everybody else every token is the same: not active.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use time::OffsetDateTime;

use super::token::person::accepted_identity_providers;
use crate::{
    app::App,
    flows::{
        authenticate_client::Introspector,
        consent,
        issue_tokens::claims::{asked_for, narrowed},
        verify_access_token::{self, LiveToken},
    },
    http::{
        error::{oauth::Refused, unavailable},
        extract::{form::parameter, introspection_call::IntrospectionCall},
    },
    model::{
        client::{Client, ClientType, GrantType},
        refresh_token::RefreshToken,
        secret::SecretOwner,
    },
    protocol::{
        introspection::{ActiveToken, Introspection, RefreshTokenClaims},
        refusals,
        scope::ScopeSet,
        token::TokenType,
    },
    store::{
        families::{self, Presentation},
        snapshot::Snapshot,
    },
    telemetry::metrics,
};

/// Tells. `token_type_hint` is not looked at: the token says what it is (INS-05).
pub async fn introspect(State(app): State<App>, call: Result<IntrospectionCall, Refused>) -> Result<Response, Refused> {
    let call = call?;
    let text = parameter(&call.params, "token")?.ok_or(&refusals::TOKEN_PARAMETER_MISSING)?;
    let now = app.clock.now();
    let active = match RefreshToken::parse(text, app.keys().refresh_tokens()) {
        Some(token) => refresh_token(&app, &call, &token, now).await,
        None => access_token(&app, &call.introspector, text, now).await,
    }
    .map_err(unavailable)?;
    // INS-06: who tries tokens waits. A token that holds is answered all the same, or strangers could keep an API from working by
    // sending it tokens that are none.
    if active.is_none() && !app.vain_introspections.take(owner(&call.introspector), now) {
        metrics::RATE_LIMITED.increment(&["introspection"]);
        return Err((&refusals::RATE_LIMITED).into());
    }
    let mut response = Json(Introspection::from(active)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn access_token(app: &App, asks: &Introspector, text: &str, now: OffsetDateTime) -> sqlx::Result<Option<ActiveToken>> {
    let Ok(claims) = verify_access_token::read(app, text, now) else { return Ok(None) };
    let token = verify_access_token::find_live(app, claims, now).await?;
    let configuration = app.configuration();
    let snapshot = configuration.snapshot();
    Ok(token.filter(|token| may_know(snapshot, asks, token)).and_then(|token| as_it_holds(snapshot, token)))
}

fn may_know(snapshot: &Snapshot, asks: &Introspector, token: &LiveToken) -> bool {
    match asks {
        Introspector::Client(asks) => {
            let owns = |name: &str| {
                snapshot.owns_scope(asks.organisation.id, name) && snapshot.resources_of(std::iter::once(name)).is_empty()
            };
            asks.client.client_id == token.claims.client_id
                || (asks.client.client_type == ClientType::Machine && token.scope.iter().any(owns))
        }
        Introspector::ApiResource(asks) => {
            let resource = &asks.resource;
            token.claims.may_be_for(&resource.name) && resource.scopes.iter().any(|name| token.scope.contains(name))
        }
    }
}

/// What a token says, less what was taken away since (Appendix B). One whose API resources have all gone is for nobody.
fn as_it_holds(snapshot: &Snapshot, token: LiveToken) -> Option<ActiveToken> {
    let mut claims = token.claims;
    if let Some(audience) = claims.aud.take() {
        claims.aud = Some(audience.retain(|name| snapshot.api_resource(name).is_some())?);
    }
    claims.user = narrowed(&claims.user, asked_for(snapshot, &token.scope));
    claims.scope = token.scope;
    Some(ActiveToken::Access { token_type: TokenType::Bearer, claims: Box::new(claims) })
}

/// To its own client alone. A token that was used is not active; to ask about it uses nothing and revokes nothing.
async fn refresh_token(
    app: &App,
    call: &IntrospectionCall,
    token: &RefreshToken,
    now: OffsetDateTime,
) -> sqlx::Result<Option<ActiveToken>> {
    let Introspector::Client(asks) = &call.introspector else { return Ok(None) };
    let client = &asks.client;
    if !client.allow_offline_access || !client.may_use(GrantType::AuthorizationCode) {
        return Ok(None);
    }
    let configuration = app.configuration();
    let snapshot = configuration.snapshot();
    let presented = Presentation {
        token,
        client_id: client.id,
        scope: &[],
        absolute_ttl: client.absolute_refresh_token_ttl,
        inactive_ttl: client.inactive_ttl(),
        not_before: snapshot.not_before(client),
        identity_providers: &accepted_identity_providers(snapshot, client),
        origin: &call.caller.origin,
    };
    let Some(current) = families::find_current(&app.pool, &presented, now).await? else { return Ok(None) };
    Ok(Some(ActiveToken::Refresh(Box::new(RefreshTokenClaims {
        scope: still_granted(snapshot, client, current.scope),
        client_id: client.client_id.clone(),
        exp: current.expires_at.unix_timestamp(),
        iat: current.issued_at.unix_timestamp(),
        iss: app.urls.issuer().to_owned(),
        sub: current.sub,
        sid: current.session_id.to_string(),
        auth_time: current.auth_time.unix_timestamp(),
        idp: current.identity_provider,
        acr: current.acr,
        amr: current.amr,
    }))))
}

fn still_granted(snapshot: &Snapshot, client: &Client, granted: Vec<String>) -> ScopeSet {
    let mut scope = ScopeSet::of(granted);
    scope.retain(|name| consent::is_allowed(snapshot, client, name));
    scope
}

fn owner(asks: &Introspector) -> SecretOwner {
    match asks {
        Introspector::Client(client) => SecretOwner::Client(client.client.id),
        Introspector::ApiResource(resource) => SecretOwner::ApiResource(resource.resource.id),
    }
}
