//! GET and POST /connect/userinfo (OpenID Connect Core §5.3): the claims of the granted identity scopes, read anew.

use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};

use crate::{
    flows::issue_tokens::claims::Subject,
    http::{
        error::oauth::{Challenge, Refused},
        extract::bearer::BearerCall,
    },
    model::scope::OPENID,
    protocol::{claims::UserinfoClaims, refusals},
};

/// The claims.
pub async fn userinfo(call: Result<BearerCall, Refused>) -> Result<Response, Refused> {
    let BearerCall(token) = call?;
    // UI-02: a machine's token is of nobody, and `openid` is never in it
    let Some(person) = token.family.filter(|_| token.scope.contains(OPENID)) else {
        return Err(Refused::new(&refusals::TOKEN_WITHOUT_OPENID, Challenge::Bearer));
    };
    let subject = Subject { national_id: &person.national_id, name: person.name.as_deref() };
    let user = subject.for_scope(&token.scope);
    // UI-04: the same `sub` as in the ID token
    let claims = UserinfoClaims { sub: person.sub, user };
    let mut response = axum::Json(claims).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
