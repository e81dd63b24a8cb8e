//! The control API (eid.md §11.3): tests and the demo prescribe what people, phones and services do. `/control/*`
//!
//! JSON with the bearer token; strict about what it is sent. Called by tests and scripts, never by the server.

mod apps;
mod op;
mod people;
mod scene;
mod sessions;

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Shared;
use crate::base::digest;

/// The routes of the control API.
pub fn router(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    Router::new()
        .route("/control/health", get(health))
        .merge(people::router())
        .merge(sessions::router())
        .merge(apps::router())
        .merge(scene::router())
        .merge(op::router())
        .layer(middleware::from_fn_with_state(Arc::clone(shared), with_token))
}

/// A refusal, as `{"error": …}`.
#[derive(Debug)]
struct Failure(StatusCode, String);

/// JSON, or a refusal.
type Outcome = Result<Json<Value>, Failure>;

impl Failure {
    fn bad(error: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, error.into())
    }

    fn missing(what: &str) -> Self {
        Self(StatusCode::NOT_FOUND, format!("no such {what}"))
    }

    fn conflict(error: &str) -> Self {
        Self(StatusCode::CONFLICT, error.to_owned())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}"))
    }
}

/// Reads a body; an empty one is an object without fields.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Failure> {
    let text: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(text).map_err(|error| Failure::bad(format!("the body does not fit: {error}")))
}

async fn with_token(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let sent = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    // An empty token in the options opens nothing.
    let known = shared.control_token.expose().as_bytes();
    if known.is_empty() || !sent.is_some_and(|sent| digest::equal(sent.as_bytes(), known)) {
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
        return (challenge, Failure(StatusCode::UNAUTHORIZED, "the control token is missing or wrong".into())).into_response();
    }
    next.run(request).await
}

async fn health(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let world = shared.world();
    Json(json!({ "status": "ok", "persons": world.people.len(), "sessions": world.sessions.len() }))
}
