//! Every route on one page, grouped by door.

use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};

use super::{
    assets,
    error::fallback,
    layers,
    oidc::{authorize, discovery, end_session, introspect, revocation, token, userinfo},
    ops,
    signin::{app_return, card, card_host, choose, consent, start, wait, way_back},
};
use crate::{app::App, model::urls::path};

/// The public listener.
pub fn public(app: &App) -> Router {
    let mut oidc = Router::new()
        .route(path::OPENID_CONFIGURATION, get(discovery::metadata))
        .route(path::OAUTH_AUTHORIZATION_SERVER, get(discovery::metadata))
        .route(path::JWKS, get(discovery::jwks))
        .route(path::AUTHORIZE, get(authorize::get).post(authorize::post))
        .route(path::TOKEN, post(token::post))
        .route(path::USERINFO, get(userinfo::userinfo).post(userinfo::userinfo))
        .route(path::REVOCATION, post(revocation::revoke))
        .route(path::INTROSPECT, post(introspect::introspect))
        .route(path::END_SESSION, get(end_session::get).post(end_session::post));
    if app.settings.server.security_contact.is_some() {
        oidc = oidc.route(path::SECURITY_TXT, get(discovery::security_txt));
    }
    let signin = Router::new()
        .route(path::CHOOSE, get(choose::get).post(choose::post))
        .route(path::START, get(start::get).post(start::post))
        .route(path::WAIT, get(wait::get).post(wait::post))
        .route(path::STATUS, get(wait::status))
        .route(path::CARD, get(card::certificate).post(card::post))
        .route(path::CARD_RETURN, get(card::come_back))
        .route(path::RETURN, get(way_back::get))
        .route(path::APP_RETURN, get(app_return::get))
        .route(path::CONSENT, get(consent::get).post(consent::post));
    let routes = Router::new()
        .merge(oidc)
        .merge(signin)
        .merge(assets::routes())
        .fallback(fallback::not_found)
        .method_not_allowed_fallback(fallback::method_not_allowed)
        .layer(DefaultBodyLimit::max(layers::MOST_BODY))
        .layer(middleware::from_fn_with_state(app.clone(), layers::around))
        .with_state(app.clone());
    Router::new().fallback_service(routes).layer(middleware::from_fn(layers::refuse_head))
}

/// The card host: a listener of its own, which asks browsers for certificates (eid.md §4.4). The pages' style is all that is there
/// beside the one address.
pub fn card_host(app: &App) -> Router {
    let routes = Router::new()
        .route(path::CARD_TICKET, get(card_host::get))
        .merge(assets::routes())
        .fallback(fallback::not_found)
        .method_not_allowed_fallback(fallback::method_not_allowed)
        .layer(middleware::from_fn_with_state(app.clone(), layers::around))
        .layer(middleware::from_fn(layers::one_answer))
        .layer(Extension(layers::OnCardHost))
        .with_state(app.clone());
    Router::new().fallback_service(routes).layer(middleware::from_fn(layers::refuse_head))
}

/// The operations listener: never reached from outside (OPS-03).
pub fn operations(app: &App) -> Router {
    Router::new()
        .route("/healthz", get(ops::healthz))
        .route("/readyz", get(ops::readyz))
        .route("/metrics", get(ops::metrics))
        .with_state(app.clone())
}
