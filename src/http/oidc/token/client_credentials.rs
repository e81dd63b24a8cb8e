//! grant_type=client_credentials (RFC 6749 §4.4): a machine acts for itself. No statement is sent (decision F).

use super::server_error;
use crate::{
    app::App,
    flows::{consent, issue_tokens},
    http::extract::{client_call::ClientCall, form::parameter},
    model::scope::{OFFLINE_ACCESS, OPENID, PROFILE},
    protocol::{
        error::OAuthError,
        refusals,
        scope::ScopeSet,
        token::{TokenResponse, TokenType},
    },
};

/// Gives a machine its token.
pub(super) fn grant(app: &App, call: &ClientCall) -> Result<TokenResponse, OAuthError> {
    let client = &call.client.client;
    let sent = parameter(&call.params, "scope")?.ok_or(&refusals::MACHINE_SCOPE_MISSING)?;
    let scope: ScopeSet = sent.parse().map_err(|fault| refusals::TOKEN_SCOPE_SYNTAX.caused_by(fault))?;
    // CC-01
    if [OPENID, PROFILE, OFFLINE_ACCESS].into_iter().any(|personal| scope.contains(personal)) {
        return Err((&refusals::MACHINE_SCOPE_PERSONAL).into());
    }
    let configuration = app.configuration();
    if !scope.iter().all(|name| consent::is_allowed_to_machine(configuration.snapshot(), client, name)) {
        return Err((&refusals::TOKEN_SCOPE_NOT_ALLOWED).into());
    }
    let access_token = issue_tokens::for_machine(app, client, &scope, app.clock.now()).map_err(server_error)?;
    Ok(TokenResponse {
        access_token,
        token_type: TokenType::Bearer,
        expires_in: u32::try_from(client.access_token_ttl).unwrap_or(0),
        scope,
        refresh_token: None,
        id_token: None,
        issued_token_type: None,
    })
}
