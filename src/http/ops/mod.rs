//! The operations listener: is the process alive, may it be given requests, and its metrics (OPS-03).

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::app::App;

/// The process runs, and where it believes to be (eid.md §12.9).
pub async fn healthz(State(app): State<App>) -> String {
    format!("ok\nenvironment: {}\n", app.settings.environment.as_str())
}

/// The node may be given requests: it is not stopping, its configuration is confirmed and its clock is right.
pub async fn readyz(State(app): State<App>) -> Response {
    let impediment = if app.stopping.is_cancelled() { Some("stopping") } else { app.impediment() };
    match impediment {
        None => "ready\n".into_response(),
        Some(impediment) => (StatusCode::SERVICE_UNAVAILABLE, format!("{impediment}\n")).into_response(),
    }
}

/// Prometheus text.
pub async fn metrics(State(app): State<App>) -> Response {
    app.measure();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.render()).into_response()
}
