//! Rules of clients (seed 003, ias-domain 1.3): what a client of each type may and must have, its addresses and lifetimes.

use super::{
    client_input::{ClientInput, own_grant},
    client_keys,
    fields::{
        Faults, FieldError, LONGEST_DESCRIPTION, LONGEST_TITLE, Separators, check_email, check_localized, check_name,
        check_scope_names, check_text, check_unique,
    },
};
use crate::{
    base::id::ClientRowId,
    model::{
        client::{Client, ClientType, GrantType, TokenEndpointAuthMethod},
        environment::Environment,
        family::RefreshTokenRetry,
        organisation::Organisation,
    },
    protocol::redirect_uri::{RegistrationRules, check_registration},
};

const YEAR: i32 = 365 * 24 * 60 * 60;
const MOST_ADDRESSES: usize = 100;

/// Where a client stands, when it is judged.
pub struct Surroundings<'a> {
    /// its owner
    pub organisation: &'a Organisation,
    /// where the server runs
    pub environment: Environment,
    /// whether an API scope of this name exists
    pub scope_exists: &'a dyn Fn(&str) -> bool,
}

/// The client of this organisation under this row id, or what is wrong with the input.
///
/// `not_before` is never taken from input: a file that is applied again must not lift what an administrator set.
pub fn parse(input: ClientInput, id: ClientRowId, around: &Surroundings<'_>) -> Result<Client, Vec<FieldError>> {
    let mut faults = Faults::default();
    let client_type = input.client_type.unwrap_or_else(|| {
        faults.add("client_type", "is required: web, native or machine");
        ClientType::Web
    });
    let typed = input.client_type.is_some();
    let jwks = input.jwks.clone();
    let mut client = input.fill(id, around.organisation.id, client_type);
    client.jwks = jwks.as_ref().and_then(|document| client_keys::parse_jwks(&mut faults, document));
    check_words(&mut faults, &client, around.organisation);
    check_scope_names(&mut faults, &client.scopes, around.scope_exists);
    check_addresses(&mut faults, &client, &around.organisation.domain, around.environment);
    check_lifetimes(&mut faults, &client, around.environment);
    check_lists(&mut faults, &client);
    client_keys::check(&mut faults, &client, jwks.is_some(), around.environment);
    if typed {
        check_type(&mut faults, &client);
    }
    faults.or(client)
}

fn check_words(faults: &mut Faults, client: &Client, owner: &Organisation) {
    check_name(faults, "client_id", &client.client_id, owner, Separators::Client);
    check_localized(faults, "display_name", &client.display_name, LONGEST_TITLE);
    check_text(faults, "description", client.description.as_deref().unwrap_or_default(), LONGEST_DESCRIPTION);
    check_email(faults, "contact_email", client.contact_email.as_ref());
    for (name, value) in &client.client_claims {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let field = format!("client_claims.{name}");
        if !(1..=64).contains(&name.len()) || !name.bytes().all(word) {
            faults.add(&field, "the name of a claim is letters a–z, A–Z, digits and _");
        }
        if value.is_empty() {
            faults.add(&field, "has no value");
        }
        check_text(faults, &field, value, LONGEST_DESCRIPTION);
    }
}

fn check_lists(faults: &mut Faults, client: &Client) {
    check_unique(faults, "identity_providers", &client.identity_providers);
    check_unique(faults, "grant_types", &client.grant_types);
    check_unique(faults, "supported_delegations", &client.supported_delegations);
    check_unique(faults, "allowed_acr", &client.allowed_acr);
    if client.allowed_acr.is_empty() {
        faults.add("allowed_acr", "is empty, so that nobody could sign in; leave it out for eidas-loa-high");
    }
    for (index, acr) in client.allowed_acr.iter().enumerate().filter(|(_, acr)| !is_acr(acr)) {
        faults.add(format!("allowed_acr[{index}]"), format!("`{acr}` is not a level of assurance, such as eidas-loa-high"));
    }
}

/// Whether the text has the form of our `acr` values.
pub(super) fn is_acr(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// RED-04, RED-07: redirect URIs, post-logout redirect URIs and the login address, as the environment allows them.
pub(super) fn check_addresses(faults: &mut Faults, client: &Client, domain: &str, environment: Environment) {
    let production = environment == Environment::Production;
    let rules = RegistrationRules {
        domain,
        native: client.client_type == ClientType::Native,
        // D15
        http_localhost: environment == Environment::Development && client.client_type == ClientType::Web,
        wildcard: !production, // D2
        https_ip_literal: !production,
    };
    // Only redirect URIs may have the wildcard of seed 003.
    let exact = RegistrationRules { wildcard: false, ..rules };
    check_uris(faults, "redirect_uris", &client.redirect_uris, &rules);
    check_uris(faults, "post_logout_redirect_uris", &client.post_logout_redirect_uris, &exact);
    if let Some(uri) = &client.initiate_login_uri
        && let Err(fault) = check_registration(uri, &RegistrationRules { native: false, ..exact })
    {
        faults.add("initiate_login_uri", format!("`{uri}`: {fault}"));
    }
}

fn check_uris(faults: &mut Faults, field: &str, uris: &[String], rules: &RegistrationRules<'_>) {
    check_unique(faults, field, uris);
    if uris.len() > MOST_ADDRESSES {
        faults.add(field, format!("holds more than {MOST_ADDRESSES} addresses"));
    }
    for (index, uri) in uris.iter().enumerate() {
        if let Err(fault) = check_registration(uri, rules) {
            faults.add(format!("{field}[{index}]"), format!("`{uri}`: {fault}"));
        }
    }
}

/// TOK-01, D5: lifetimes in seconds.
pub(super) fn check_lifetimes(faults: &mut Faults, client: &Client, environment: Environment) {
    // Seed 002: an access token cannot be taken back, so it lives five minutes or less.
    let longest_token = if environment == Environment::Production { 300 } else { 3600 };
    let mut within = |field: &str, value: i32, longest: i32| {
        if !(1..=longest).contains(&value) {
            faults.add(field, format!("{value} is not between 1 and {longest} seconds"));
        }
    };
    within("access_token_ttl", client.access_token_ttl, longest_token);
    within("id_token_ttl", client.id_token_ttl, longest_token);
    within("authorization_code_ttl", client.authorization_code_ttl, 60);
    within("absolute_refresh_token_ttl", client.absolute_refresh_token_ttl, YEAR);
    within("inactive_refresh_token_ttl", client.inactive_refresh_token_ttl, client.absolute_refresh_token_ttl.clamp(1, YEAR));
    if let Some(consent_ttl) = client.consent_ttl {
        within("consent_ttl", consent_ttl, 10 * YEAR);
    }
}

fn check_type(faults: &mut Faults, client: &Client) {
    check_grants(faults, client);
    let method = client.token_endpoint_auth_method;
    match client.client_type {
        ClientType::Web | ClientType::Machine if method == TokenEndpointAuthMethod::None => {
            faults.add(
                "token_endpoint_auth_method",
                "a client of this type uses private_key_jwt, client_secret_basic or client_secret_post",
            );
        }
        ClientType::Native if method != TokenEndpointAuthMethod::None => {
            faults.add("token_endpoint_auth_method", "a native client keeps no secret; leave it out, or write none");
        }
        _ => {}
    }
    if client.client_type == ClientType::Native && !client.require_pkce {
        faults.add("require_pkce", "a native client always uses PKCE"); // D9
    }
    // RT-08: whoever stole a public client's token could show it again as well
    if method == TokenEndpointAuthMethod::None && client.refresh_token_retry != RefreshTokenRetry::Strict {
        faults.add("refresh_token_retry", "a client without a secret is always strict");
    }
    match client.client_type {
        ClientType::Machine => check_machine(faults, client),
        _ if client.redirect_uris.is_empty() => faults.add("redirect_uris", "needs at least one address to return to"),
        _ => {}
    }
}

fn check_grants(faults: &mut Faults, client: &Client) {
    let own = own_grant(client.client_type);
    if !client.may_use(own) {
        faults.add("grant_types", format!("a client of this type needs {}", own.as_str()));
    }
    for (index, &grant_type) in client.grant_types.iter().enumerate() {
        // A public client cannot prove that a token was given to it.
        let exchange = grant_type == GrantType::TokenExchange && client.client_type != ClientType::Native;
        if grant_type != own && !exchange {
            faults.add(format!("grant_types[{index}]"), format!("{} is not for clients of this type", grant_type.as_str()));
        }
    }
}

// No person signs in to a machine client.
fn check_machine(faults: &mut Faults, client: &Client) {
    let said = [
        ("redirect_uris", !client.redirect_uris.is_empty()),
        ("post_logout_redirect_uris", !client.post_logout_redirect_uris.is_empty()),
        ("initiate_login_uri", client.initiate_login_uri.is_some()),
        ("identity_providers", !client.identity_providers.is_empty()),
        ("supported_delegations", !client.supported_delegations.is_empty()),
        ("prompt_delegations", client.prompt_delegations),
        ("allow_offline_access", client.allow_offline_access),
        ("refresh_token_retry", client.refresh_token_retry != RefreshTokenRetry::Strict),
        ("revoke_refresh_tokens_at_sign_out", client.revoke_refresh_tokens_at_sign_out),
    ];
    for (field, _) in said.iter().filter(|(_, said)| *said) {
        faults.add(*field, "is not for machine clients: no person signs in to them");
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
