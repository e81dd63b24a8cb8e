//! The example application: `@myorg.is/webapp`, and the documents API that it calls.
//!
//! It is written to be copied. It is a backend-for-frontend: the browser holds one opaque cookie, the tokens stay on the
//! server. It knows the identity provider by its issuer alone and uses none of its code but random bytes, digests, the
//! secret type and the clock.
//!
//! | File | Holds |
//! | --- | --- |
//! | provider.rs | discovery, keys and the OpenID Connect client |
//! | login.rs | the way out to the provider and back: state, nonce, PKCE, issuer |
//! | session.rs | sessions in memory and their cookies |
//! | refresh.rs | keeping the access token alive, and giving the refresh token back |
//! | logout.rs | ending both sessions: ours and the provider's |
//! | documents.rs | the page that calls the API with the person's access token |
//! | api.rs, bearer.rs | the documents API, and how it checks an access token by the published keys |
//! | pages.rs, language.rs, failure.rs | what people see |

mod api;
mod bearer;
mod documents;
mod failure;
mod language;
mod login;
mod logout;
mod pages;
mod provider;
mod refresh;
mod session;

use std::sync::Arc;

use axum::{
    Router, middleware,
    routing::{get, post},
};
use time::Duration;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    base::{clock::Clock, secret::Secret},
    demo::tls::{Listener, with_host},
};
use provider::{Http, Provider};
use session::{PendingLogin, Session, Vault};

/// How long a person may take at the identity provider.
const LOGIN_TTL: Duration = Duration::minutes(15);
/// How long the application's own session lives at most.
const SESSION_TTL: Duration = Duration::hours(8);

/// What the example application has to be told.
#[derive(Clone, Debug)]
pub struct Options {
    /// The identity provider's issuer, as it stands in its discovery document.
    pub issuer: String,
    /// The client that is registered for this application.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret<String>,
    /// Where this application is reached, without a trailing slash: `http://localhost:8070`. The client's redirect URI is
    /// `{base_url}/oauth/callback`, its post-logout redirect URI is `{base_url}/`.
    pub base_url: String,
    /// The scopes that it asks for; `openid` is always among them.
    pub scopes: Vec<String>,
    /// The page of the simulated phone, to tell the visitor where "the phone" is.
    pub phone_url: Option<String>,
    /// Whose time it goes by.
    pub clock: Clock,
    /// PEM of the authority that the provider's certificate comes from; without it the system's authorities are believed.
    pub trusted_roots: Option<String>,
    /// The test persons with whom one can sign in: name and phone number.
    pub persons: Vec<(String, String)>,
}

/// What the handlers share.
struct Webapp {
    options: Options,
    /// The origin of `base_url`: `scheme://host:port`.
    origin: Arc<str>,
    provider: Provider,
    http: Http,
    clock: Clock,
    logins: Vault<PendingLogin>,
    sessions: Vault<Session>,
}

/// The application and its API, as one router.
///
/// # Errors
/// Where an address in the options is no URL, or no HTTP client can be made.
pub fn router(options: Options) -> anyhow::Result<Router> {
    let clock = options.clock.clone();
    let http = Http::new(options.trusted_roots.as_deref())?;
    let origin: Arc<str> = Url::parse(&options.base_url)?.origin().ascii_serialization().into();
    let api = api::router(&options.issuer, http.clone(), clock.clone());
    let headers = pages::SecurityHeaders::new(&Url::parse(&options.issuer)?)?;
    let webapp = Arc::new(Webapp {
        provider: Provider::new(&options, http.clone())?,
        logins: Vault::new(LOGIN_TTL),
        sessions: Vault::new(SESSION_TTL),
        options,
        origin: Arc::clone(&origin),
        http,
        clock,
    });
    let pages = Router::new()
        .route("/", get(pages::home))
        .route("/login", get(login::start).post(login::start))
        .route("/oauth/callback", get(login::callback))
        .route("/refresh", post(refresh::refresh_now))
        .route("/documents", get(documents::list).post(documents::add))
        .route("/logout", post(logout::logout))
        .route("/language", get(language::choose))
        .route("/relying_party.css", get(pages::stylesheet))
        .fallback(pages::not_found)
        .layer(middleware::from_fn_with_state(Arc::clone(&webapp), session::require_same_origin))
        .layer(middleware::map_response_with_state(headers, pages::secure))
        .with_state(webapp);
    // The API stands apart from the pages: it knows no cookie, only the access token.
    Ok(Router::new().nest("/api", api).merge(pages).layer(middleware::from_fn_with_state(origin, session::require_host)))
}

/// Serves the application until `stop` is cancelled.
///
/// # Errors
/// As [`router`]; and where the listener fails.
pub async fn serve(options: Options, listener: impl Into<Listener>, stop: CancellationToken) -> anyhow::Result<()> {
    let router = router(options)?.layer(middleware::map_request(with_host));
    Ok(axum::serve(listener.into(), router).with_graceful_shutdown(stop.cancelled_owned()).await?)
}

#[cfg(test)]
mod tests {
    use axum::{
        body::Body,
        http::{HeaderValue, Request, Response, StatusCode, header::HOST, request::Builder},
    };
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    /// The application without an identity provider.
    async fn answer(request: Builder) -> Response<Body> {
        let options = Options {
            // port 1: nobody listens
            issuer: "http://localhost:1".to_owned(),
            client_id: "@myorg.is/webapp".to_owned(),
            client_secret: Secret::new("secret".to_owned()),
            base_url: "http://localhost:8070".to_owned(),
            scopes: vec!["openid".to_owned(), "profile".to_owned()],
            phone_url: Some("http://localhost:8090/phone".to_owned()),
            clock: Clock::System,
            trusted_roots: None,
            persons: vec![("Gervimaður Afríka".to_owned(), "0103019".to_owned())],
        };
        let mut request = request.body(Body::empty()).unwrap();
        request.headers_mut().entry(HOST).or_insert(HeaderValue::from_static("localhost:8070"));
        router(options).unwrap().oneshot(request).await.unwrap()
    }

    async fn text(response: Response<Body>) -> String {
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn the_front_page_tells_a_visitor_how_to_try_it() {
        let page = answer(Request::get("/")).await;
        assert_eq!(page.status(), StatusCode::OK);
        assert_eq!(page.headers()["x-frame-options"], "DENY");
        let policy = page.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("form-action 'self' http://localhost:1;"), "{policy}");
        let html = text(page).await;
        assert!(html.contains("Skrá inn") && html.contains("0103019") && html.contains("http://localhost:8090/phone"));
        assert!(text(answer(Request::get("/").header("accept-language", "en")).await).await.contains("Sign in"));
    }

    #[tokio::test]
    async fn another_host_than_its_own_is_not_answered() {
        for path in ["/", "/api/documents", "/relying_party.css"] {
            for host in ["evil.example:8070", "localhost", "localhost:8080", ""] {
                assert_eq!(
                    answer(Request::get(path).header(HOST, host)).await.status(),
                    StatusCode::FORBIDDEN,
                    "{path} {host}"
                );
            }
            assert_ne!(answer(Request::get(path)).await.status(), StatusCode::FORBIDDEN, "{path}");
        }
    }

    #[tokio::test]
    async fn a_provider_that_is_not_there_yet_is_told_plainly() {
        let page = answer(Request::get("/login")).await;
        assert_eq!(page.status(), StatusCode::BAD_GATEWAY);
        assert!(text(page).await.contains("Ekki náðist í innskráningarþjónustuna"));
    }

    #[tokio::test]
    async fn a_sign_in_for_another_issuer_is_not_begun() {
        assert_eq!(answer(Request::get("/login?iss=http://localhost:2")).await.status(), StatusCode::BAD_REQUEST);
    }

    #[tokio::test]
    async fn a_form_of_another_site_is_refused() {
        for path in ["/login", "/logout", "/documents", "/refresh"] {
            assert_eq!(answer(Request::post(path)).await.status(), StatusCode::FORBIDDEN);
            let foreign = Request::post(path).header("origin", "http://localhost:8080");
            assert_eq!(answer(foreign).await.status(), StatusCode::FORBIDDEN);
        }
    }

    #[tokio::test]
    async fn a_response_to_no_request_is_refused() {
        let page = answer(Request::get("/oauth/callback?code=c&state=s&iss=http://localhost:1")).await;
        assert_eq!(page.status(), StatusCode::BAD_REQUEST);
        let twice = answer(Request::get("/oauth/callback?code=c&code=d")).await;
        assert_eq!(twice.status(), StatusCode::BAD_REQUEST);
    }

    #[tokio::test]
    async fn an_unknown_session_is_no_session() {
        let page = answer(Request::get("/documents").header("cookie", "myorg_session=invented")).await;
        assert_eq!((page.status(), &page.headers()["location"]), (StatusCode::SEE_OTHER, &"/".parse().unwrap()));
    }
}
