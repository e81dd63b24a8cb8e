//! The `openidconnect` crate, with all its checks on.

use std::collections::HashMap;

use openidconnect::{
    AccessToken, AccessTokenHash, AdditionalProviderMetadata, AuthorizationCode, AuthorizationRequest, ClientId, ClientSecret,
    CsrfToken, EndSessionUrl, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IntrospectionUrl,
    IssuerUrl, LogoutRequest, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PostLogoutRedirectUrl, ProviderMetadata,
    RedirectUrl, RefreshToken, RequestTokenError, RevocationUrl, Scope, TokenIntrospectionResponse as _, TokenResponse as _,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClaimName, CoreClaimType, CoreClient,
        CoreClientAuthMethod, CoreErrorResponseType, CoreGrantType, CoreIdTokenClaims, CoreJsonWebKey,
        CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType,
        CoreRevocableToken, CoreSubjectIdentifierType, CoreTokenIntrospectionResponse, CoreTokenResponse, CoreTokenType,
        CoreUserInfoClaims,
    },
};
use serde::{Deserialize, Serialize};
use url::Url;

use super::Registered;
use crate::support::{
    person::{Arrival, Person},
    server::TestServer,
};

/// The endpoints that the crate does not read of the provider's metadata.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct MoreEndpoints {
    end_session_endpoint: EndSessionUrl,
    introspection_endpoint: IntrospectionUrl,
    revocation_endpoint: Url,
}

impl AdditionalProviderMetadata for MoreEndpoints {}

type Metadata = ProviderMetadata<
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

/// The crate's client with the endpoints that discovery has found.
type DiscoveredClient = CoreClient<EndpointSet, EndpointNotSet, EndpointSet, EndpointSet, EndpointMaybeSet, EndpointMaybeSet>;

#[tokio::test(flavor = "multi_thread")]
async fn the_openidconnect_crate_signs_in_refreshes_introspects_and_revokes() {
    let server = TestServer::start().await;
    let outside = Outside::discover(Registered::at(&server, "@myorg.is/delegations")).await;
    let mut person = Person::new().stopping_at(&outside.registered.redirect_uri);
    let (tokens, nonce) = outside.sign_in(&mut person).await;
    let claims = outside.check(&tokens, Some(&nonce));
    outside.userinfo_tells(&tokens, &claims).await;

    let second = outside.refresh_well(&tokens, &claims).await;
    let third = outside.refresh_well(&second, &claims).await;
    outside.introspection_tells(&third, &claims).await;
    outside.revokes(third, &claims).await;

    // signed in already: no page is shown
    assert!(outside.ask_silently(&mut person).await.contains_key("code"));
    outside.sign_out(&mut person, &tokens).await;
    // and out it is
    assert_eq!(outside.ask_silently(&mut person).await["error"], "login_required");
}

/// A client that has found the server by discovery.
struct Outside {
    registered: Registered,
    http: reqwest::Client,
    metadata: Metadata,
    client: DiscoveredClient,
}

impl Outside {
    async fn discover(registered: Registered) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
        let issuer = IssuerUrl::new(registered.issuer.clone()).unwrap();
        let send = |request| send(&http, request);
        let metadata = Metadata::discover_async(issuer, &send).await.unwrap();
        let secret = ClientSecret::new(registered.client_secret.clone());
        let id = ClientId::new(registered.client_id.clone());
        let endpoints = metadata.additional_metadata();
        // The crate gives no token back over plain http (RFC 7009 §2); `send` is the proxy that ends TLS.
        let revocation = endpoints.revocation_endpoint.as_str().replacen("http:", "https:", 1);
        let client = CoreClient::from_provider_metadata(metadata.clone(), id, Some(secret))
            .set_redirect_uri(RedirectUrl::new(registered.redirect_uri.clone()).unwrap())
            .set_introspection_url(endpoints.introspection_endpoint.clone())
            .set_revocation_url(RevocationUrl::new(revocation).unwrap());
        Self { registered, http, metadata, client }
    }

    fn authorization_request(&self) -> AuthorizationRequest<'_, CoreAuthDisplay, CoreAuthPrompt, CoreResponseType> {
        let scopes =
            self.registered.scopes.split(' ').filter(|scope| *scope != "openid").map(|scope| Scope::new(scope.to_owned()));
        self.client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
            .add_scopes(scopes)
            .add_extra_param("response_mode", "query")
    }

    /// Out, back, and the code for tokens.
    async fn sign_in(&self, person: &mut Person) -> (CoreTokenResponse, Nonce) {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = self.authorization_request().set_pkce_challenge(challenge).url();
        let response = parameters(&person.sign_in(&url, &self.registered.phone_number).await);
        assert_eq!(response.get("error"), None, "{response:?}");
        assert_eq!(response["state"], *state.secret());
        assert_eq!(response["iss"], self.registered.issuer, "RFC 9207");
        let exchange = self.client.exchange_code(AuthorizationCode::new(response["code"].clone())).unwrap();
        let send = |request| send(&self.http, request);
        (exchange.set_pkce_verifier(verifier).request_async(&send).await.unwrap(), nonce)
    }

    /// The token response, and its ID token by OpenID Connect Core §3.1.3.7: signature, issuer, audience, times, nonce, `at_hash`. One of a
    /// refresh has no nonce (§12.2).
    fn check(&self, tokens: &CoreTokenResponse, nonce: Option<&Nonce>) -> CoreIdTokenClaims {
        assert_eq!(*tokens.token_type(), CoreTokenType::Bearer);
        assert!(tokens.expires_in().is_some_and(|ttl| !ttl.is_zero() && ttl.as_secs() <= 300));
        assert!(tokens.refresh_token().is_some());
        let verifier = self.client.id_token_verifier();
        let id_token = tokens.id_token().unwrap();
        let is_expected = |found: Option<&Nonce>| {
            if found.map(Nonce::secret) == nonce.map(Nonce::secret) { Ok(()) } else { Err("another nonce".to_owned()) }
        };
        let claims = id_token.claims(&verifier, is_expected).unwrap();
        let (algorithm, key) = (id_token.signing_alg().unwrap(), id_token.signing_key(&verifier).unwrap());
        let at_hash = AccessTokenHash::from_token(tokens.access_token(), algorithm, key).unwrap();
        assert_eq!(claims.access_token_hash(), Some(&at_hash));
        claims.clone()
    }

    async fn userinfo_tells(&self, tokens: &CoreTokenResponse, claims: &CoreIdTokenClaims) {
        let request = self.client.user_info(tokens.access_token().clone(), Some(claims.subject().clone())).unwrap();
        let send = |request| send(&self.http, request);
        let userinfo: CoreUserInfoClaims = request.request_async(&send).await.unwrap();
        assert!(userinfo.name().is_some());
    }

    async fn refresh(&self, token: &RefreshToken) -> Result<CoreTokenResponse, CoreErrorResponseType> {
        let send = |request| send(&self.http, request);
        let answer = self.client.exchange_refresh_token(token).unwrap().request_async(&send).await;
        answer.map_err(|error| match error {
            RequestTokenError::ServerResponse(refusal) => refusal.error().clone(),
            other => panic!("{other}"),
        })
    }

    async fn introspect(&self, token: &str, hint: &str) -> CoreTokenIntrospectionResponse {
        let send = |request| send(&self.http, request);
        // the crate knows one kind of token to ask about
        let token = AccessToken::new(token.to_owned());
        self.client.introspect(&token).set_token_type_hint(hint.to_owned()).request_async(&send).await.unwrap()
    }

    async fn introspection_tells(&self, tokens: &CoreTokenResponse, claims: &CoreIdTokenClaims) {
        let refresh_token = tokens.refresh_token().unwrap().secret();
        for (token, hint) in [(tokens.access_token().secret(), "access_token"), (refresh_token, "refresh_token")] {
            let told = self.introspect(token, hint).await;
            assert!(told.active(), "{hint}");
            assert_eq!(told.client_id().map(|id| id.as_str()), Some(self.registered.client_id.as_str()), "{hint}");
            assert_eq!((told.iss(), told.sub()), (Some(&*self.registered.issuer), Some(claims.subject().as_str())), "{hint}");
            let scopes: Vec<&str> = told.scopes().unwrap().iter().map(|scope| scope.as_str()).collect();
            assert_eq!(scopes.join(" "), self.registered.scopes, "{hint}");
            assert!(told.exp() > told.iat(), "{hint}");
        }
    }

    /// The access token alone, then the refresh token and with it all the rest.
    async fn revokes(&self, tokens: CoreTokenResponse, claims: &CoreIdTokenClaims) {
        self.revoke(tokens.access_token().clone().into()).await;
        assert!(!self.introspect(tokens.access_token().secret(), "access_token").await.active());
        let last = self.refresh_well(&tokens, claims).await;
        let refresh_token = last.refresh_token().unwrap();
        self.revoke(refresh_token.clone().into()).await;
        assert_eq!(self.refresh(refresh_token).await.unwrap_err(), CoreErrorResponseType::InvalidGrant);
        for (token, hint) in [(last.access_token().secret(), "access_token"), (refresh_token.secret(), "refresh_token")] {
            assert!(!self.introspect(token, hint).await.active(), "{hint}");
        }
    }

    async fn revoke(&self, token: CoreRevocableToken) {
        let send = |request| send(&self.http, request);
        self.client.revoke_token(token).unwrap().request_async(&send).await.unwrap();
    }

    /// OpenID Connect Core §12.2: an ID token of the same sign-in.
    async fn refresh_well(&self, tokens: &CoreTokenResponse, signed_in: &CoreIdTokenClaims) -> CoreTokenResponse {
        let newer = self.refresh(tokens.refresh_token().unwrap()).await.unwrap();
        let claims = self.check(&newer, None);
        assert_eq!(claims.issuer(), signed_in.issuer());
        assert_eq!(claims.subject(), signed_in.subject());
        assert_eq!(claims.audiences(), signed_in.audiences());
        assert_eq!(claims.auth_time(), signed_in.auth_time());
        assert_ne!(newer.access_token().secret(), tokens.access_token().secret());
        assert_ne!(newer.refresh_token().unwrap().secret(), tokens.refresh_token().unwrap().secret());
        newer
    }

    /// What a request that may show no page is answered.
    async fn ask_silently(&self, person: &mut Person) -> HashMap<String, String> {
        let (challenge, _) = PkceCodeChallenge::new_random_sha256();
        let (url, ..) = self.authorization_request().add_prompt(CoreAuthPrompt::None).set_pkce_challenge(challenge).url();
        parameters(&person.get(url).await.stopped())
    }

    async fn sign_out(&self, person: &mut Person, tokens: &CoreTokenResponse) {
        let home = &self.registered.post_logout_redirect_uri;
        let state = CsrfToken::new_random();
        let url = LogoutRequest::from(self.metadata.additional_metadata().end_session_endpoint.clone())
            .set_id_token_hint(tokens.id_token().unwrap())
            .set_post_logout_redirect_uri(PostLogoutRedirectUrl::new(home.clone()).unwrap())
            .set_state(state.clone())
            .http_get_url();
        person.stop_at(home);
        let back = match person.get(url).await {
            Arrival::Stopped(back) => back,
            // the server asks first
            Arrival::Page => person.submit(&[("decision", "logout")]).await.stopped(),
        };
        person.stop_at(&self.registered.redirect_uri);
        assert_eq!(parameters(&back), HashMap::from([("state".to_owned(), state.into_secret())]));
    }
}

fn parameters(url: &Url) -> HashMap<String, String> {
    url.query_pairs().into_owned().collect()
}

/// The crate's requests over reqwest, and where they are https over the plain http that stands behind a proxy.
async fn send(http: &reqwest::Client, request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let mut request = reqwest::Request::try_from(request)?;
    request.url_mut().set_scheme("http").unwrap();
    let answer = http.execute(request).await?;
    let mut response = HttpResponse::default();
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    *response.body_mut() = answer.bytes().await?.to_vec();
    Ok(response)
}
