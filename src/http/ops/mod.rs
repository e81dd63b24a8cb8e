//! The operations listener: is the process alive, may it be given requests, and its metrics (OPS-03).

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::app::App;

/// The process runs.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// The node may be given requests: its configuration is confirmed and it is not stopping.
pub async fn readyz(State(app): State<App>) -> Response {
    if app.stopping.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response()
    } else if app.is_confirmed() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the configuration could not be confirmed with the database\n").into_response()
    }
}

/// Prometheus text.
pub async fn metrics(State(app): State<App>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.render()).into_response()
}
