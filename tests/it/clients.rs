//! Outside clients: they know the server by its issuer alone, and complete the example of the documentation against it.

use std::{collections::HashMap, path::Path, process::Stdio};

use openidconnect::{
    AccessTokenHash, AuthorizationCode, AuthorizationRequest, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl, LogoutRequest, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, PostLogoutRedirectUrl, ProviderMetadataWithLogout, RedirectUrl, Scope, TokenResponse as _,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreResponseType, CoreTokenResponse,
        CoreTokenType, CoreUserInfoClaims,
    },
};
use url::Url;

use crate::support::person::{Arrival, Person};

/// The client of the example, as it is registered, and the person who signs in.
#[derive(Clone, Debug)]
pub struct Example {
    /// The address of the server, which is its issuer.
    pub issuer: String,
    pub client_id: String,
    pub client_secret: String,
    /// Nobody needs to listen there.
    pub redirect_uri: String,
    /// Nobody needs to listen there, either.
    pub post_logout_redirect_uri: String,
    /// `openid` is asked for in any case.
    pub scopes: Vec<String>,
    /// A person whose simulated phone approves by itself.
    pub phone_number: String,
}

/// The crate's client with the endpoints that discovery has found.
type DiscoveredClient =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// The `openidconnect` crate signs a person in, checks all that it checks, and signs the person out.
pub async fn the_openidconnect_crate_completes(example: &Example) {
    let outside = Outside::discover(example).await;
    let mut person = Person::new().stopping_at(&example.redirect_uri);
    let (tokens, nonce) = outside.sign_in(&mut person).await;
    outside.check(&tokens, &nonce).await;
    // signed in already: no page is shown
    assert!(outside.ask_silently(&mut person).await.contains_key("code"));
    outside.sign_out(&mut person, &tokens).await;
    // and out it is
    assert_eq!(outside.ask_silently(&mut person).await["error"], "login_required");
}

/// A client that has found the server by discovery.
struct Outside<'a> {
    example: &'a Example,
    http: reqwest::Client,
    metadata: ProviderMetadataWithLogout,
    client: DiscoveredClient,
}

impl<'a> Outside<'a> {
    async fn discover(example: &'a Example) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
        let issuer = IssuerUrl::new(example.issuer.clone()).unwrap();
        let send = |request| send(&http, request);
        let metadata = ProviderMetadataWithLogout::discover_async(issuer, &send).await.unwrap();
        let secret = ClientSecret::new(example.client_secret.clone());
        let id = ClientId::new(example.client_id.clone());
        let client = CoreClient::from_provider_metadata(metadata.clone(), id, Some(secret))
            .set_redirect_uri(RedirectUrl::new(example.redirect_uri.clone()).unwrap());
        Self { example, http, metadata, client }
    }

    fn authorization_request(&self) -> AuthorizationRequest<'_, CoreAuthDisplay, CoreAuthPrompt, CoreResponseType> {
        let scopes = self.example.scopes.iter().filter(|scope| *scope != "openid").cloned().map(Scope::new);
        self.client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
            .add_scopes(scopes)
            .add_extra_param("response_mode", "query")
    }

    /// Out, back, and the code for tokens.
    async fn sign_in(&self, person: &mut Person) -> (CoreTokenResponse, Nonce) {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = self.authorization_request().set_pkce_challenge(challenge).url();
        let response = parameters(&person.sign_in(&url, &self.example.phone_number).await);
        assert_eq!(response.get("error"), None, "{response:?}");
        assert_eq!(response["state"], *state.secret());
        assert_eq!(response["iss"], self.example.issuer, "RFC 9207");
        let exchange = self.client.exchange_code(AuthorizationCode::new(response["code"].clone())).unwrap();
        let send = |request| send(&self.http, request);
        (exchange.set_pkce_verifier(verifier).request_async(&send).await.unwrap(), nonce)
    }

    /// The ID token by OpenID Connect Core §3.1.3.7, and what userinfo says about the same subject.
    async fn check(&self, tokens: &CoreTokenResponse, nonce: &Nonce) {
        assert_eq!(*tokens.token_type(), CoreTokenType::Bearer);
        assert!(tokens.expires_in().is_some_and(|ttl| !ttl.is_zero() && ttl.as_secs() <= 300));
        let verifier = self.client.id_token_verifier();
        let id_token = tokens.id_token().unwrap();
        let claims = id_token.claims(&verifier, nonce).unwrap();
        let (algorithm, key) = (id_token.signing_alg().unwrap(), id_token.signing_key(&verifier).unwrap());
        let at_hash = AccessTokenHash::from_token(tokens.access_token(), algorithm, key).unwrap();
        assert_eq!(claims.access_token_hash(), Some(&at_hash));

        let request = self.client.user_info(tokens.access_token().clone(), Some(claims.subject().clone())).unwrap();
        let send = |request| send(&self.http, request);
        let userinfo: CoreUserInfoClaims = request.request_async(&send).await.unwrap();
        let asked_for_the_name = self.example.scopes.iter().any(|scope| scope == "profile");
        assert_eq!(userinfo.name().is_some(), asked_for_the_name);
    }

    /// What a request that may show no page is answered.
    async fn ask_silently(&self, person: &mut Person) -> HashMap<String, String> {
        let (challenge, _) = PkceCodeChallenge::new_random_sha256();
        let (url, ..) = self.authorization_request().add_prompt(CoreAuthPrompt::None).set_pkce_challenge(challenge).url();
        parameters(&person.get(url).await.stopped())
    }

    async fn sign_out(&self, person: &mut Person, tokens: &CoreTokenResponse) {
        let home = &self.example.post_logout_redirect_uri;
        let state = CsrfToken::new_random();
        let url = LogoutRequest::from(self.metadata.additional_metadata().end_session_endpoint.clone().unwrap())
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
        person.stop_at(&self.example.redirect_uri);
        assert_eq!(parameters(&back), HashMap::from([("state".to_owned(), state.into_secret())]));
    }
}

/// The Node script with `openid-client` does the same; `false` where node or the package is not there.
pub async fn openid_client_completes(example: &Example, client_auth: &str) -> bool {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    if !folder.join("node_modules/openid-client").exists() {
        return false;
    }
    let run = tokio::process::Command::new("node")
        .arg(folder.join("openid_client.mjs"))
        .env("ISSUER", &example.issuer)
        .env("CLIENT_ID", &example.client_id)
        .env("CLIENT_SECRET", &example.client_secret)
        .env("CLIENT_AUTH", client_auth)
        .env("REDIRECT_URI", &example.redirect_uri)
        .env("POST_LOGOUT_REDIRECT_URI", &example.post_logout_redirect_uri)
        .env("SCOPES", example.scopes.join(" "))
        .env("PHONE_NUMBER", &example.phone_number)
        .stdin(Stdio::null())
        .output()
        .await;
    let Ok(run) = run else {
        return false;
    };
    let (out, error) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{out}{error}");
    true
}

/// A person uses the example application: signs in, sees who is signed in, reads and adds a document, signs out.
pub async fn the_example_application_is_used(base_url: &str, phone_number: &str, name: &str) {
    let mut person = Person::new();
    let host = Url::parse(base_url).unwrap().host_str().unwrap().to_owned();
    person.get(format!("{base_url}/")).await;
    let arrival = person.submit_to("/login", &[]).await;
    person.walk_through_sign_in(arrival, phone_number).await;
    assert_eq!(person.page().url.as_str(), format!("{base_url}/"), "{}", person.page());
    assert_eq!(person.page().text_of("h1").as_deref(), Some(name));
    assert!(person.cookie(&host, "myorg_session").is_some());
    assert!(!person.page().html.contains("eyJ"), "no token reaches the browser");

    person.submit_to("/documents", &[]).await;
    assert_eq!(person.page().status, 200, "{}", person.page());
    person.submit_to("/documents", &[("title", "Bréf til sýslumanns")]).await;
    assert!(person.page().text_of(".documents").unwrap().contains("Bréf til sýslumanns"), "{}", person.page());

    person.get(format!("{base_url}/")).await;
    if let Arrival::Page = person.submit_to("/logout", &[]).await
        && person.page().forms().iter().any(|form| form.has_button("decision", "logout"))
    {
        person.submit(&[("decision", "logout")]).await;
    }
    assert!(person.page().url.as_str().starts_with(&format!("{base_url}/?state=")), "{}", person.page());
    assert!(person.page().text_of(".notice").is_some(), "{}", person.page());
    assert!(person.cookie(&host, "myorg_session").is_none());
}

fn parameters(url: &Url) -> HashMap<String, String> {
    url.query_pairs().into_owned().collect()
}

/// The crate's requests over reqwest.
async fn send(http: &reqwest::Client, request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let answer = http.execute(request.try_into()?).await?;
    let mut response = HttpResponse::default();
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    *response.body_mut() = answer.bytes().await?.to_vec();
    Ok(response)
}
