//! GET and POST /connect/userinfo (OpenID Connect Core §5.3): the claims of the granted identity scopes, read anew.

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};

use crate::{
    app::App,
    flows::{consent, issue_tokens::claims::Subject},
    http::{
        error::oauth::{Challenge, Refused},
        extract::bearer::BearerCall,
    },
    model::scope::OPENID,
    protocol::{claims::UserinfoClaims, refusals, scope::ScopeSet},
};

/// The claims.
pub async fn userinfo(State(app): State<App>, call: Result<BearerCall, Refused>) -> Result<Response, Refused> {
    let BearerCall(verified) = call?;
    // UI-02; the token may be narrower than its family, never wider
    let mut scope = ScopeSet::of(verified.family.scope.iter().cloned());
    scope.retain(|name| verified.claims.scope.contains(name));
    let configuration = app.configuration();
    if let Some(client) = configuration.snapshot().client_by_row(verified.family.client_id) {
        scope.retain(|name| consent::is_allowed(configuration.snapshot(), &client.client, name));
    }
    if !scope.contains(OPENID) {
        return Err(Refused::new(&refusals::TOKEN_WITHOUT_OPENID, Challenge::Bearer));
    }
    let subject = Subject { national_id: &verified.family.national_id, name: verified.family.name.as_deref() };
    // UI-04: the same `sub` as in the ID token
    let claims = UserinfoClaims { sub: verified.family.sub, user: subject.for_scope(&scope) };
    let mut response = axum::Json(claims).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
