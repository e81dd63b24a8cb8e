//! grant_type=…:token-exchange (RFC 8693): an API that was sent a person's access token gets one of its own, to call another API for
//! that person. It is never good for more than the one that was sent, nor longer, and dies with it (TEX-01 … TEX-06).

use super::server_error;
use crate::{
    app::App,
    flows::{
        consent,
        issue_tokens::{
            self, ExchangeGrant,
            claims::{Subject, asked_for, narrowed},
        },
        verify_access_token::{self, LiveToken},
    },
    http::{error::unavailable, extract::client_call::ClientCall},
    model::{
        client::{Client, RegisteredClient},
        scope::{OFFLINE_ACCESS, OPENID, PROFILE},
    },
    protocol::{
        claims::{MOST_EARLIER_CLIENTS, UserClaims},
        error::{OAuthError, Refusal},
        refusals,
        scope::ScopeSet,
        token::{TokenResponse, TokenType},
        token_exchange::{ACCESS_TOKEN, About, ExchangeRequest},
    },
    store::{families::LiveFamily, snapshot::Snapshot},
};

/// Gives the new token.
pub(super) async fn exchange(app: &App, call: &ClientCall) -> Result<TokenResponse, OAuthError> {
    let client = &call.client.client;
    // TEX-01
    if !client.is_confidential() {
        return Err((&refusals::GRANT_TYPE_NOT_ALLOWED).into());
    }
    let request = ExchangeRequest::read(&call.params)?;
    let now = app.clock.now();
    let claims = verify_access_token::read(app, request.subject_token, now)
        .map_err(|fault| refusals::SUBJECT_TOKEN_NOT_GOOD.caused_by(fault))?;
    // TEX-04
    if claims.clients().count() > MOST_EARLIER_CLIENTS {
        return Err((&refusals::EXCHANGED_TOO_OFTEN).into());
    }
    let found = verify_access_token::find_live(app, claims, now).await.map_err(unavailable)?;
    let origin = found.ok_or(&refusals::SUBJECT_TOKEN_NOT_GOOD)?;
    let configuration = app.configuration();
    let snapshot = configuration.snapshot();
    let person = origin.family.as_ref().filter(|person| is_meant_for(snapshot, &call.client, &origin, person));
    let person = person.ok_or(&refusals::SUBJECT_TOKEN_NOT_GOOD)?;
    let scope = narrowed_scope(snapshot, client, &origin.scope, request.scope.as_ref())?;
    let (scope, audience) = narrowed_audience(snapshot, scope, &request.audience)?;
    let (sub, user) = about(snapshot, &origin, person, request.about, &scope).ok_or(&refusals::SUBJECT_TOKEN_NOT_GOOD)?;
    // LOG-02: a line and not a row, for what is given ends with its family, in minutes
    tracing::info!(family = %origin.id.family_id(), client_id = client.client_id, from = origin.claims.client_id, "token exchanged");
    let grant = ExchangeGrant { client, origin: &origin, sub, user, scope: scope.clone(), audience };
    let (access_token, expires_in) = issue_tokens::for_exchange(app, grant, now).map_err(server_error)?;
    Ok(TokenResponse {
        access_token,
        token_type: TokenType::Bearer,
        expires_in,
        scope,
        refresh_token: None,
        id_token: None,
        issued_token_type: Some(ACCESS_TOKEN),
    })
}

/// TEX-02, D11: the client's organisation owns a scope of the token, and so each API resource that is its audience. TEX-06: the client
/// accepts how the person signed in.
fn is_meant_for(snapshot: &Snapshot, asks: &RegisteredClient, token: &LiveToken, person: &LiveFamily) -> bool {
    let mut providers = snapshot.identity_providers().iter();
    token.scope.iter().any(|name| snapshot.owns_scope(asks.organisation.id, name))
        && providers.any(|it| it.kind.as_str() == person.identity_provider && asks.client.accepts(it))
}

/// TEX-03: what the token still has, every client before included, and this one may have too. What is about the person's sign-in
/// (`openid`, `profile`, `offline_access`) stays with the client that they signed in to.
fn narrowed_scope(
    snapshot: &Snapshot,
    client: &Client,
    held: &ScopeSet,
    asked: Option<&ScopeSet>,
) -> Result<ScopeSet, &'static Refusal> {
    let mut scope = held.clone();
    scope.retain(|name| ![OPENID, PROFILE, OFFLINE_ACCESS].contains(&name) && consent::is_allowed(snapshot, client, name));
    if asked.is_some_and(|asked| !asked.is_subset(&scope)) {
        return Err(&refusals::EXCHANGE_SCOPE_NOT_ALLOWED);
    }
    scope.retain(|name| asked.is_none_or(|asked| asked.contains(name)));
    if scope.is_empty() { Err(&refusals::EXCHANGE_SCOPE_NOT_ALLOWED) } else { Ok(scope) }
}

/// The API resources that the token is for (TOK-02). Where the request names some, their scopes alone are left.
fn narrowed_audience(
    snapshot: &Snapshot,
    mut scope: ScopeSet,
    asked: &[&str],
) -> Result<(ScopeSet, Vec<String>), &'static Refusal> {
    if asked.is_empty() {
        let audience = snapshot.resources_of(scope.iter()).into_iter().map(ToOwned::to_owned).collect();
        return Ok((scope, audience));
    }
    let mut owned = Vec::new();
    let mut audience: Vec<String> = Vec::new();
    for &name in asked {
        let resource = snapshot.api_resource(name).map(|registered| &registered.resource);
        let resource = resource.filter(|resource| resource.scopes.iter().any(|name| scope.contains(name)));
        owned.extend(&resource.ok_or(&refusals::EXCHANGE_AUDIENCE_NOT_ALLOWED)?.scopes);
        if audience.iter().all(|known| known != name) {
            audience.push(name.to_owned());
        }
    }
    scope.retain(|name| owned.iter().any(|owned| *owned == name));
    Ok((scope, audience))
}

/// Whom the new token is about, and what its scopes ask for about them. The subject's claims are those of the token that is exchanged,
/// a delegation with them; the actor, for themself, has none.
fn about(
    snapshot: &Snapshot,
    origin: &LiveToken,
    person: &LiveFamily,
    about: About,
    scope: &ScopeSet,
) -> Option<(String, UserClaims)> {
    let wanted = asked_for(snapshot, scope);
    match about {
        About::Subject => Some((origin.claims.sub.clone()?, narrowed(&origin.claims.user, wanted))),
        About::Actor => {
            let actor = Subject { national_id: &person.actor_national_id, name: person.actor_name.as_deref() };
            Some((person.actor_sub.clone()?, actor.for_api(wanted)))
        }
    }
}
