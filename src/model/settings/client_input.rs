//! What is said about a client, and what holds where nothing is said: the defaults of a new client by its type
//! (ias-domain 1.3, column "v2"), except where the seeds and the security rules ask for something else.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    base::{
        id::{ClientRowId, OrganisationId},
        text::LocalizedText,
    },
    model::{
        client::{Client, ClientType, DelegationType, GrantType, RefreshTokenExpiration, TokenEndpointAuthMethod},
        family::RefreshTokenRetry,
        identity_provider::IdentityProviderKind,
    },
    protocol::client_keys::AssertionAlgorithm,
};

const MINUTE: i32 = 60;
const HOUR: i32 = 60 * MINUTE;
const DAY: i32 = 24 * HOUR;

/// What is said about a client; see [`Client`] for what each field means. `client_id`, `client_type` and `display_name` are
/// always said, `redirect_uris` where people sign in.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each field is documented at `Client`")]
pub struct ClientInput {
    pub client_id: String,
    pub client_type: Option<ClientType>,
    pub display_name: LocalizedText,
    pub description: Option<String>,
    pub contact_email: Option<String>,
    pub enabled: Option<bool>,
    pub token_endpoint_auth_method: Option<TokenEndpointAuthMethod>,
    pub jwks: Option<Value>,
    pub jwks_uri: Option<String>,
    pub token_endpoint_auth_signing_alg: Option<Vec<AssertionAlgorithm>>,
    pub redirect_uris: Vec<String>,
    pub post_logout_redirect_uris: Vec<String>,
    pub initiate_login_uri: Option<String>,
    pub identity_providers: Vec<IdentityProviderKind>,
    pub allowed_acr: Option<Vec<String>>,
    pub grant_types: Option<Vec<GrantType>>,
    pub scopes: Vec<String>,
    pub supported_delegations: Vec<DelegationType>,
    pub prompt_delegations: bool,
    pub require_api_scopes: bool,
    pub allow_offline_access: Option<bool>,
    pub refresh_token_expiration: Option<RefreshTokenExpiration>,
    pub inactive_refresh_token_ttl: Option<i32>,
    pub absolute_refresh_token_ttl: Option<i32>,
    pub refresh_token_retry: Option<RefreshTokenRetry>,
    pub revoke_refresh_tokens_at_sign_out: bool,
    pub access_token_ttl: Option<i32>,
    pub id_token_ttl: Option<i32>,
    pub authorization_code_ttl: Option<i32>,
    pub require_pkce: Option<bool>,
    pub require_consent: bool,
    pub allow_remember_consent: Option<bool>,
    pub consent_ttl: Option<i32>,
    pub always_include_user_claims_in_id_token: Option<bool>,
    pub update_access_token_claims_on_refresh: Option<bool>,
    pub client_claims: BTreeMap<String, String>,
    pub always_send_client_claims: Option<bool>,
    pub single_session: bool,
    pub sso: Option<bool>,
}

impl ClientInput {
    /// The client with every default filled in; nothing is checked yet. `not_before` is nobody's to say here, and `jwks` is read
    /// by whoever checks it.
    pub(super) fn fill(self, id: ClientRowId, organisation_id: OrganisationId, client_type: ClientType) -> Client {
        let default_method = default_auth_method(client_type, self.jwks.is_some() || self.jwks_uri.is_some());
        let method = self.token_endpoint_auth_method.unwrap_or(default_method);
        let absolute = self.absolute_refresh_token_ttl.unwrap_or(default_absolute_ttl(client_type));
        Client {
            id,
            organisation_id,
            client_id: self.client_id,
            client_type,
            display_name: self.display_name,
            description: self.description,
            contact_email: self.contact_email,
            enabled: self.enabled.unwrap_or(true),
            token_endpoint_auth_method: method,
            jwks: None,
            jwks_uri: self.jwks_uri,
            token_endpoint_auth_signing_alg: self
                .token_endpoint_auth_signing_alg
                .unwrap_or_else(|| default_signing_algorithms(method)),
            redirect_uris: self.redirect_uris,
            post_logout_redirect_uris: self.post_logout_redirect_uris,
            initiate_login_uri: self.initiate_login_uri,
            identity_providers: self.identity_providers,
            allowed_acr: self.allowed_acr.unwrap_or_else(|| vec!["eidas-loa-high".to_owned()]),
            grant_types: self.grant_types.unwrap_or_else(|| vec![own_grant(client_type)]),
            scopes: self.scopes,
            supported_delegations: self.supported_delegations,
            prompt_delegations: self.prompt_delegations,
            require_api_scopes: self.require_api_scopes,
            allow_offline_access: self.allow_offline_access.unwrap_or(client_type != ClientType::Machine),
            // Seed 002: a refresh token ends when it is not used, and all of them end at the absolute lifetime.
            refresh_token_expiration: self.refresh_token_expiration.unwrap_or(RefreshTokenExpiration::Sliding),
            inactive_refresh_token_ttl: self
                .inactive_refresh_token_ttl
                .unwrap_or_else(|| default_inactive_ttl(client_type).min(absolute)),
            absolute_refresh_token_ttl: absolute,
            refresh_token_retry: self.refresh_token_retry.unwrap_or(RefreshTokenRetry::Strict), // D1
            revoke_refresh_tokens_at_sign_out: self.revoke_refresh_tokens_at_sign_out,
            access_token_ttl: self.access_token_ttl.unwrap_or(5 * MINUTE),
            id_token_ttl: self.id_token_ttl.unwrap_or(5 * MINUTE),
            authorization_code_ttl: self.authorization_code_ttl.unwrap_or(MINUTE), // D5
            require_pkce: self.require_pkce.unwrap_or(client_type != ClientType::Machine), // D9
            require_consent: self.require_consent,
            allow_remember_consent: self.allow_remember_consent.unwrap_or(true),
            consent_ttl: self.consent_ttl,
            always_include_user_claims_in_id_token: self.always_include_user_claims_in_id_token.unwrap_or(true),
            update_access_token_claims_on_refresh: self.update_access_token_claims_on_refresh.unwrap_or(true),
            client_claims: self.client_claims.into_iter().collect(),
            always_send_client_claims: self.always_send_client_claims.unwrap_or(true),
            single_session: self.single_session,
            sso: self.sso.unwrap_or(true),
            not_before: None,
        }
    }
}

// CAU-14: who gives keys means to use them; who gives none cannot
const fn default_auth_method(client_type: ClientType, has_keys: bool) -> TokenEndpointAuthMethod {
    match client_type {
        ClientType::Web | ClientType::Machine if has_keys => TokenEndpointAuthMethod::PrivateKeyJwt,
        ClientType::Web | ClientType::Machine => TokenEndpointAuthMethod::ClientSecretBasic, // OIDC Core §9
        ClientType::Native => TokenEndpointAuthMethod::None,
    }
}

fn default_signing_algorithms(method: TokenEndpointAuthMethod) -> Vec<AssertionAlgorithm> {
    match method {
        TokenEndpointAuthMethod::PrivateKeyJwt => {
            vec![AssertionAlgorithm::Ps256, AssertionAlgorithm::Es256, AssertionAlgorithm::Rs256]
        }
        _ => Vec::new(),
    }
}

/// The grant that the type is for (seed 003).
pub(super) const fn own_grant(client_type: ClientType) -> GrantType {
    match client_type {
        ClientType::Web | ClientType::Native => GrantType::AuthorizationCode,
        ClientType::Machine => GrantType::ClientCredentials,
    }
}

const fn default_absolute_ttl(client_type: ClientType) -> i32 {
    match client_type {
        ClientType::Web | ClientType::Machine => 8 * HOUR,
        ClientType::Native => 365 * DAY,
    }
}

const fn default_inactive_ttl(client_type: ClientType) -> i32 {
    match client_type {
        ClientType::Web | ClientType::Machine => 20 * MINUTE,
        ClientType::Native => 90 * DAY,
    }
}
