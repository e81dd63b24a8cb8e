//! Every route on one page, grouped by door.

use axum::{Router, extract::DefaultBodyLimit, http::StatusCode, middleware, response::IntoResponse as _, routing::get};
use tower_http::{catch_panic::CatchPanicLayer, timeout::TimeoutLayer};

use super::{
    assets, error, layers,
    oidc::{authorize, discovery, end_session, token, userinfo},
    ops,
    signin::{choose, consent, start, wait},
};
use crate::{app::App, model::urls::path};

/// Forms hold no more (§0.2).
const MOST_BODY: usize = 64 * 1024;

/// The public listener.
pub fn public(app: &App) -> Router {
    let oidc = Router::new()
        .route(path::OPENID_CONFIGURATION, get(discovery::metadata))
        .route(path::OAUTH_AUTHORIZATION_SERVER, get(discovery::metadata))
        .route(path::JWKS, get(discovery::jwks))
        .route(path::AUTHORIZE, get(authorize::get).post(authorize::post))
        .route(path::TOKEN, axum::routing::post(token::post))
        .route(path::USERINFO, get(userinfo::userinfo).post(userinfo::userinfo))
        .route(path::END_SESSION, get(end_session::get).post(end_session::post));
    let signin = Router::new()
        .route(path::CHOOSE, get(choose::get).post(choose::post))
        .route(path::START, get(start::get).post(start::post))
        .route(path::WAIT, get(wait::get).post(wait::post))
        .route(path::STATUS, get(wait::status))
        .route(path::CONSENT, get(consent::get).post(consent::post));
    let files = Router::new().route(assets::ROUTE, get(assets::asset));
    Router::new()
        .merge(oidc)
        .merge(signin)
        .merge(files)
        .fallback(error::fallback::not_found)
        .layer(DefaultBodyLimit::max(MOST_BODY))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, app.settings.server.request_timeout))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(app.clone(), layers::around))
        .with_state(app.clone())
}

/// The operations listener: never reached from outside (OPS-03).
pub fn operations(app: &App) -> Router {
    Router::new()
        .route("/healthz", get(ops::healthz))
        .route("/readyz", get(ops::readyz))
        .route("/metrics", get(ops::metrics))
        .with_state(app.clone())
}

// HTTP-10: logged, answered, and the process lives on; the outer layer makes the answer ours
#[expect(clippy::needless_pass_by_value, reason = "the signature that the layer asks for")]
fn panicked(panic: Box<dyn std::any::Any + Send + 'static>) -> axum::response::Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message");
    tracing::error!(message, "a handler panicked");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
