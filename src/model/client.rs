//! Clients: the applications that people sign in to, and the machines that call APIs (seed 003).

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{
    family::RefreshTokenRetry,
    identity_provider::{IdentityProvider, IdentityProviderKind},
    organisation::Organisation,
    secret::SecretHash,
};
use crate::{
    base::{
        id::{ClientRowId, OrganisationId},
        text::LocalizedText,
    },
    protocol::{
        client_keys::{AssertionAlgorithm, ClientJwks},
        redirect_uri,
    },
};

/// What kind of application it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum ClientType {
    /// a web application with a backend that keeps a secret
    Web,
    /// an application on a phone or desktop; keeps no secret
    Native,
    /// a machine that acts for itself
    Machine,
}

/// How a client authenticates at the token endpoint (OIDC Core §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum TokenEndpointAuthMethod {
    /// HTTP Basic
    ClientSecretBasic,
    /// in the form body
    ClientSecretPost,
    /// an assertion that a key of the client signed (RFC 7523)
    PrivateKeyJwt,
    /// public client: PKCE alone
    None,
}

impl TokenEndpointAuthMethod {
    /// The registered word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::None => "none",
        }
    }
}

/// The grants that a client may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "text")]
pub enum GrantType {
    /// RFC 6749 §4.1
    #[serde(rename = "authorization_code")]
    #[sqlx(rename = "authorization_code")]
    AuthorizationCode,
    /// RFC 6749 §4.4
    #[serde(rename = "client_credentials")]
    #[sqlx(rename = "client_credentials")]
    ClientCredentials,
    /// RFC 8693
    #[serde(rename = "urn:ietf:params:oauth:grant-type:token-exchange")]
    #[sqlx(rename = "urn:ietf:params:oauth:grant-type:token-exchange")]
    TokenExchange,
}

impl GrantType {
    /// The registered word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::ClientCredentials => "client_credentials",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
        }
    }
}

/// Kinds of delegation (ias-domain 1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "text")]
pub enum DelegationType {
    /// parent of a child
    LegalGuardian,
    /// parent of a child under 16
    LegalGuardianMinor,
    /// procuring holder of a company
    ProcurationHolder,
    /// personal representative of a disabled person
    PersonalRepresentative,
    /// appointed by the district commissioner
    LegalRepresentative,
    /// a mandate on paper, for everything
    GeneralMandate,
    /// granted in the portal, for chosen scopes
    Custom,
}

/// Whether the refresh tokens' end slides with their use (ias-domain 1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum RefreshTokenExpiration {
    /// each use renews by the inactive lifetime, never past the absolute one
    Sliding,
    /// one fixed end
    Absolute,
}

/// A client with every field of seed 003, and those of ias-domain 1.3 that decide something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Client {
    /// row
    #[serde(skip)]
    pub id: ClientRowId,
    /// owner
    #[serde(skip)]
    pub organisation_id: OrganisationId,
    /// `@domain/name`
    pub client_id: String,
    /// web, native or machine
    pub client_type: ClientType,
    /// what people see when they sign in
    pub display_name: LocalizedText,
    /// for administrators
    pub description: Option<String>,
    /// e-mail address of those who look after it
    pub contact_email: Option<String>,
    /// a disabled client is as if absent
    pub enabled: bool,
    /// the one registered method
    pub token_endpoint_auth_method: TokenEndpointAuthMethod,
    /// its public keys; with `private_key_jwt` it has either these or `jwks_uri`
    pub jwks: Option<ClientJwks>,
    /// where it publishes its public keys
    pub jwks_uri: Option<String>,
    /// how it may sign its assertions
    pub token_endpoint_auth_signing_alg: Vec<AssertionAlgorithm>,
    /// exact, or with a staging wildcard
    pub redirect_uris: Vec<String>,
    /// exact
    pub post_logout_redirect_uris: Vec<String>,
    /// where a sign-in that has ended can begin again (OIDC third-party initiated login)
    pub initiate_login_uri: Option<String>,
    /// the accepted ways to sign in; empty: all
    pub identity_providers: Vec<IdentityProviderKind>,
    /// the accepted `acr` values
    pub allowed_acr: Vec<String>,
    /// the grants it may use
    pub grant_types: Vec<GrantType>,
    /// names of the API scopes it may ask for
    pub scopes: Vec<String>,
    /// kinds of delegation that it supports
    pub supported_delegations: Vec<DelegationType>,
    /// whether people are always asked whom they act for
    pub prompt_delegations: bool,
    /// hide delegations that would give no API scope
    pub require_api_scopes: bool,
    /// whether it may get refresh tokens
    pub allow_offline_access: bool,
    /// how refresh tokens end
    pub refresh_token_expiration: RefreshTokenExpiration,
    /// seconds without use after which a refresh token ends
    pub inactive_refresh_token_ttl: i32,
    /// seconds from the authentication after which all refresh tokens end
    pub absolute_refresh_token_ttl: i32,
    /// what a refresh token that was used already means
    pub refresh_token_retry: RefreshTokenRetry,
    /// whether signing out ends refresh tokens as well (D12)
    pub revoke_refresh_tokens_at_sign_out: bool,
    /// seconds, ≤ 300 in production
    pub access_token_ttl: i32,
    /// seconds
    pub id_token_ttl: i32,
    /// seconds, ≤ 60 (D5)
    pub authorization_code_ttl: i32,
    /// whether PKCE is demanded (D9)
    pub require_pkce: bool,
    /// whether people are asked for consent
    pub require_consent: bool,
    /// whether a consent may be remembered
    pub allow_remember_consent: bool,
    /// seconds that a consent is remembered; none: until withdrawn
    pub consent_ttl: Option<i32>,
    /// whether the ID token carries the claims of openid and profile
    pub always_include_user_claims_in_id_token: bool,
    /// whether claims are read anew at refresh
    pub update_access_token_claims_on_refresh: bool,
    /// fixed claims of machine tokens: (type, value), sent as `client_<type>`; sorted by type
    pub client_claims: Vec<(String, String)>,
    /// whether `client_claims` are sent in people's tokens too
    pub always_send_client_claims: bool,
    /// whether a new sign-in ends the person's earlier refresh tokens
    pub single_session: bool,
    /// whether it may reuse and begin the shared session
    pub sso: bool,
    /// tokens and codes issued before are refused
    #[serde(skip)]
    pub not_before: Option<OffsetDateTime>,
}

impl Client {
    /// Whether the client can prove who it is.
    pub fn is_confidential(&self) -> bool {
        self.token_endpoint_auth_method != TokenEndpointAuthMethod::None
    }

    /// Whether the client may use `grant_type`.
    pub fn may_use(&self, grant_type: GrantType) -> bool {
        self.grant_types.contains(&grant_type)
    }

    /// Seconds without use after which its refresh tokens end, where their end slides.
    pub fn inactive_ttl(&self) -> Option<i32> {
        (self.refresh_token_expiration == RefreshTokenExpiration::Sliding).then_some(self.inactive_refresh_token_ttl)
    }

    /// Where a sign-in that has ended can begin again: the client's own address for that, else its origin.
    pub fn way_back(&self, redirect_uri: &str) -> Option<String> {
        self.initiate_login_uri.clone().or_else(|| redirect_uri::origin(redirect_uri).filter(|origin| origin.contains("://")))
    }

    /// Whether people may sign in to it with this provider: its kind is accepted, and it is everybody's or of the client's own
    /// organisation (EID-10).
    pub fn accepts(&self, provider: &IdentityProvider) -> bool {
        (self.identity_providers.is_empty() || self.identity_providers.contains(&provider.kind))
            && provider.organisation_id.is_none_or(|organisation_id| organisation_id == self.organisation_id)
    }
}

/// A client with what is needed to judge its requests.
#[derive(Clone, Debug)]
pub struct RegisteredClient {
    /// its settings
    pub client: Client,
    /// its owner
    pub organisation: Organisation,
    /// its secrets
    pub secrets: Vec<SecretHash>,
}
