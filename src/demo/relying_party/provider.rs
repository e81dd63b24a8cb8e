//! The identity provider as this application sees it: found by discovery, kept in memory, asked again when its keys change.

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use openidconnect::{
    AdditionalClaims, AdditionalProviderMetadata, AsyncHttpClient, AuthType, Client, ClientId, ClientSecret,
    EmptyExtraTokenFields, EndSessionUrl, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpClientError, HttpRequest,
    HttpResponse, IdToken, IdTokenFields, IssuerUrl, ProviderMetadata, RedirectUrl, RevocationUrl, StandardErrorResponse,
    StandardTokenResponse, UserInfoClaims,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreErrorResponseType,
        CoreGenderClaim, CoreGrantType, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
        CoreJwsSigningAlgorithm, CoreResponseMode, CoreResponseType, CoreRevocableToken, CoreRevocationErrorResponse,
        CoreSubjectIdentifierType, CoreTokenIntrospectionResponse, CoreTokenType,
    },
    http,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::RwLock;

use super::{Options, failure::Failure};
use crate::base::secret::Secret;

/// The claims that this identity provider adds to the standard ones.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct PersonClaims {
    /// The national id of the subject: the person, or the one for whom the person acts.
    #[serde(rename = "nationalId", skip_serializing_if = "Option::is_none")]
    pub(super) national_id: Option<String>,
    /// Whatever else the token says; shown to developers.
    #[serde(flatten)]
    pub(super) rest: BTreeMap<String, Value>,
}

impl AdditionalClaims for PersonClaims {}

/// The endpoints that the crate does not read of the provider's metadata.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct MoreEndpoints {
    pub(super) end_session_endpoint: Option<EndSessionUrl>,
    pub(super) revocation_endpoint: Option<RevocationUrl>,
}

impl AdditionalProviderMetadata for MoreEndpoints {}

/// The provider's metadata.
pub(super) type Metadata = ProviderMetadata<
    MoreEndpoints,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;
/// An ID token with our claims.
pub(super) type PersonIdToken =
    IdToken<PersonClaims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
/// What userinfo answers.
pub(super) type PersonUserInfo = UserInfoClaims<PersonClaims, CoreGenderClaim>;
/// What the token endpoint answers.
pub(super) type Tokens = StandardTokenResponse<
    IdTokenFields<
        PersonClaims,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;
/// The crate's client, with our claims and with the endpoints that discovery fills in.
pub(super) type OidcClient = Client<
    PersonClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The provider's published description and keys, fetched when they are first needed.
pub(super) struct Provider {
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: Secret<String>,
    redirect_uri: RedirectUrl,
    http: Http,
    metadata: RwLock<Option<Arc<Metadata>>>,
}

impl Provider {
    /// Nothing is fetched yet: the provider may start after this application.
    pub(super) fn new(options: &Options, http: Http) -> anyhow::Result<Self> {
        Ok(Self {
            issuer: IssuerUrl::new(options.issuer.clone())?,
            client_id: ClientId::new(options.client_id.clone()),
            client_secret: options.client_secret.clone(),
            redirect_uri: RedirectUrl::new(format!("{}/oauth/callback", options.base_url))?,
            http,
            metadata: RwLock::new(None),
        })
    }

    /// The issuer, as configured.
    pub(super) fn issuer(&self) -> &str {
        self.issuer.as_str()
    }

    /// The provider's metadata: from memory, or fetched where no earlier attempt has succeeded.
    pub(super) async fn metadata(&self) -> Result<Arc<Metadata>, Failure> {
        if let Some(metadata) = self.metadata.read().await.as_ref() {
            return Ok(Arc::clone(metadata));
        }
        self.discover().await
    }

    /// Fetches metadata and keys anew: at first, and when a token names a key that we don't know.
    pub(super) async fn discover(&self) -> Result<Arc<Metadata>, Failure> {
        let metadata = Metadata::discover_async(self.issuer.clone(), &self.http)
            .await
            .map_err(|error| Failure::provider_unreachable(&error))?;
        let metadata = Arc::new(metadata);
        *self.metadata.write().await = Some(Arc::clone(&metadata));
        Ok(metadata)
    }

    /// The client, ready to build requests and to check what comes back.
    pub(super) fn client(&self, metadata: &Metadata) -> OidcClient {
        let secret = ClientSecret::new(self.client_secret.expose().clone());
        Client::from_provider_metadata(metadata.clone(), self.client_id.clone(), Some(secret))
            .set_redirect_uri(self.redirect_uri.clone())
            // As the client is registered: `client_secret_post`.
            .set_auth_type(AuthType::RequestBody)
    }
}

/// The HTTP client of the application, in the shape that the `openidconnect` crate asks for.
#[derive(Clone)]
pub(super) struct Http(pub(super) reqwest::Client);

impl Http {
    pub(super) fn new(trusted_roots: Option<&str>) -> reqwest::Result<Self> {
        let builder = match trusted_roots {
            Some(pem) => reqwest::Client::builder().tls_certs_only(reqwest::Certificate::from_pem_bundle(pem.as_bytes())?),
            None => reqwest::Client::builder(),
        };
        builder
            // A redirect would let the provider's answers come from an address that we did not choose.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(3))
            .timeout(Duration::from_secs(10))
            // Everything here is on this machine; a proxy of the surroundings has no part in it.
            .no_proxy()
            .build()
            .map(Self)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpClientError<reqwest::Error>;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Self::Error>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let request = request.try_into().map_err(Box::new)?;
            let response = self.0.execute(request).await.map_err(Box::new)?;
            let mut answer = http::Response::builder().status(response.status());
            for (name, value) in response.headers() {
                answer = answer.header(name, value);
            }
            answer.body(response.bytes().await.map_err(Box::new)?.to_vec()).map_err(HttpClientError::Http)
        })
    }
}
