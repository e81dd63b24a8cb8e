//! The discovery document: OpenID Connect Discovery §3, RFC 8414 §2, RFC 9207 §3 (DISC-01…DISC-03).
//!
//! It says what works and nothing else; a later feature adds its members here when it works. Both well-known addresses serve
//! the same bytes.

use serde::Serialize;

use super::{
    authorize::{Prompt, ResponseMode},
    client_keys::AssertionAlgorithm,
    jwt::Algorithm,
};
use crate::base::text::Language;

/// How clients say who they are (RFC 8414 §2).
const CLIENT_METHODS: [&str; 4] = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"];

/// How those say it who must prove it (INS-01).
const CONFIDENTIAL_METHODS: [&str; 3] = ["client_secret_basic", "client_secret_post", "private_key_jwt"];

/// Our addresses, made from the issuer (DISC-01).
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// the issuer itself, byte for byte as in tokens
    pub issuer: String,
    /// OpenID Connect Core §3.1.2
    pub authorization: String,
    /// RFC 6749 §3.2
    pub token: String,
    /// OpenID Connect Core §5.3
    pub userinfo: String,
    /// RFC 7009 §2
    pub revocation: String,
    /// RFC 7662 §2
    pub introspection: String,
    /// RP-Initiated Logout §2
    pub end_session: String,
    /// RFC 7517 §5
    pub jwks: String,
}

/// What depends on the configuration.
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// the identity scopes and those that organisations show
    pub scopes: Vec<String>,
    /// claims about a person that can be had
    pub claims: Vec<String>,
    /// levels of assurance that sign-ins reach
    pub acr_values: Vec<String>,
}

/// The document.
#[derive(Clone, Debug, Serialize)]
pub struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: String,
    revocation_endpoint: String,
    introspection_endpoint: String,
    end_session_endpoint: String,
    jwks_uri: String,
    scopes_supported: Vec<String>,
    claims_supported: Vec<String>,
    acr_values_supported: Vec<String>,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 2],
    grant_types_supported: [&'static str; 4],
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: [&'static str; 1],
    token_endpoint_auth_methods_supported: [&'static str; 4],
    token_endpoint_auth_signing_alg_values_supported: [&'static str; 4],
    revocation_endpoint_auth_methods_supported: [&'static str; 4],
    revocation_endpoint_auth_signing_alg_values_supported: [&'static str; 4],
    introspection_endpoint_auth_methods_supported: [&'static str; 3],
    introspection_endpoint_auth_signing_alg_values_supported: [&'static str; 4],
    code_challenge_methods_supported: [&'static str; 1],
    prompt_values_supported: [&'static str; 4],
    ui_locales_supported: [&'static str; 2],
    claim_types_supported: [&'static str; 1],
    claims_parameter_supported: bool,
    request_parameter_supported: bool,
    request_uri_parameter_supported: bool,
    authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    /// The document for given addresses and configuration.
    pub fn new(endpoints: Endpoints, capabilities: Capabilities) -> Self {
        Self {
            issuer: endpoints.issuer,
            authorization_endpoint: endpoints.authorization,
            token_endpoint: endpoints.token,
            userinfo_endpoint: endpoints.userinfo,
            revocation_endpoint: endpoints.revocation,
            introspection_endpoint: endpoints.introspection,
            end_session_endpoint: endpoints.end_session,
            jwks_uri: endpoints.jwks,
            scopes_supported: capabilities.scopes,
            claims_supported: capabilities.claims,
            acr_values_supported: capabilities.acr_values,
            response_types_supported: ["code"],
            response_modes_supported: ResponseMode::ALL.map(ResponseMode::as_str),
            grant_types_supported: [
                "authorization_code",
                "refresh_token",
                "client_credentials",
                "urn:ietf:params:oauth:grant-type:token-exchange",
            ],
            subject_types_supported: ["public"],
            id_token_signing_alg_values_supported: [Algorithm::Rs256.as_str()],
            token_endpoint_auth_methods_supported: CLIENT_METHODS,
            token_endpoint_auth_signing_alg_values_supported: AssertionAlgorithm::ALL.map(AssertionAlgorithm::as_str),
            revocation_endpoint_auth_methods_supported: CLIENT_METHODS,
            revocation_endpoint_auth_signing_alg_values_supported: AssertionAlgorithm::ALL.map(AssertionAlgorithm::as_str),
            introspection_endpoint_auth_methods_supported: CONFIDENTIAL_METHODS,
            introspection_endpoint_auth_signing_alg_values_supported: AssertionAlgorithm::ALL.map(AssertionAlgorithm::as_str),
            code_challenge_methods_supported: ["S256"],
            prompt_values_supported: Prompt::ALL.map(Prompt::as_str),
            ui_locales_supported: Language::ALL.map(Language::tag),
            claim_types_supported: ["normal"],
            claims_parameter_supported: false,
            request_parameter_supported: false,
            // true where it is left out
            request_uri_parameter_supported: false,
            authorization_response_iss_parameter_supported: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn disc_02_the_document_says_exactly_what_works() {
        let at = |path: &str| format!("https://innskra.island.is{path}");
        let endpoints = Endpoints {
            issuer: at(""),
            authorization: at("/connect/authorize"),
            token: at("/connect/token"),
            userinfo: at("/connect/userinfo"),
            revocation: at("/connect/revocation"),
            introspection: at("/connect/introspect"),
            end_session: at("/connect/endsession"),
            jwks: at("/.well-known/openid-configuration/jwks"),
        };
        let capabilities = Capabilities {
            scopes: vec!["openid".into(), "profile".into()],
            claims: vec!["sub".into(), "name".into()],
            acr_values: vec!["eidas-loa-high".into()],
        };
        assert_eq!(
            serde_json::to_value(Metadata::new(endpoints, capabilities)).unwrap(),
            json!({
                "issuer": "https://innskra.island.is",
                "authorization_endpoint": "https://innskra.island.is/connect/authorize",
                "token_endpoint": "https://innskra.island.is/connect/token",
                "userinfo_endpoint": "https://innskra.island.is/connect/userinfo",
                "revocation_endpoint": "https://innskra.island.is/connect/revocation",
                "introspection_endpoint": "https://innskra.island.is/connect/introspect",
                "end_session_endpoint": "https://innskra.island.is/connect/endsession",
                "jwks_uri": "https://innskra.island.is/.well-known/openid-configuration/jwks",
                "scopes_supported": ["openid", "profile"],
                "claims_supported": ["sub", "name"],
                "acr_values_supported": ["eidas-loa-high"],
                "response_types_supported": ["code"],
                "response_modes_supported": ["query", "form_post"],
                "grant_types_supported": [
                    "authorization_code", "refresh_token", "client_credentials",
                    "urn:ietf:params:oauth:grant-type:token-exchange",
                ],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
                "token_endpoint_auth_signing_alg_values_supported": ["PS256", "ES256", "RS256", "EdDSA"],
                "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
                "revocation_endpoint_auth_signing_alg_values_supported": ["PS256", "ES256", "RS256", "EdDSA"],
                "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
                "introspection_endpoint_auth_signing_alg_values_supported": ["PS256", "ES256", "RS256", "EdDSA"],
                "code_challenge_methods_supported": ["S256"],
                "prompt_values_supported": ["none", "login", "consent", "select_account"],
                "ui_locales_supported": ["is", "en"],
                "claim_types_supported": ["normal"],
                "claims_parameter_supported": false,
                "request_parameter_supported": false,
                "request_uri_parameter_supported": false,
                "authorization_response_iss_parameter_supported": true,
            })
        );
    }
}
