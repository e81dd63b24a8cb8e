//! The scene: who answers, how services feel, what was asked, what happens, and everything back to the beginning.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{RawQuery, State},
    http::StatusCode,
    response::sse::{self, KeepAlive, Sse},
    routing::{get, post},
};
use futures_util::{Stream, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

use super::{
    super::{
        Shared,
        mode::{Mode, ModeName, Settings},
        record::Record,
        services::Services,
    },
    Failure, Outcome, read,
};

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/control/mode", get(mode).put(set_mode))
        .route("/control/services", get(services).put(set_services))
        .route("/control/requests", get(requests).delete(forget_requests))
        .route("/control/reset", post(reset))
        .route("/control/events", get(events))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ModeInput {
    mode: ModeName,
    #[serde(default)]
    delay_ms: Option<(u64, u64)>,
    #[serde(default)]
    seed: Option<u64>,
    #[serde(default = "all")]
    approve_percent: u8,
    #[serde(default = "yes")]
    scenario_numbers: bool,
}

fn all() -> u8 {
    100
}

fn yes() -> bool {
    true
}

async fn mode(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(mode_view(&shared.world().settings))
}

async fn set_mode(State(shared): State<Arc<Shared>>, body: Bytes) -> Outcome {
    let input: ModeInput = read(&body)?;
    if input.approve_percent > 100 {
        return Err(Failure::bad("approvePercent is 0 to 100"));
    }
    let mode = match (input.mode, input.delay_ms) {
        (ModeName::Manual, None) => Mode::Manual,
        (ModeName::Manual, Some(_)) => return Err(Failure::bad("delayMs belongs to the mode auto")),
        (ModeName::Auto, Some((from, to))) if from > to => return Err(Failure::bad("delayMs is the least and the most")),
        (ModeName::Auto, delay) => {
            let (from, to) = delay.unwrap_or_default();
            Mode::Auto { delay_ms: from..=to }
        }
    };
    let mut settings = Settings::new(mode, input.seed);
    settings.approve_percent = input.approve_percent;
    settings.scenario_numbers = input.scenario_numbers;
    let view = mode_view(&settings);
    shared.world().settings = settings;
    Ok(Json(view))
}

fn mode_view(settings: &Settings) -> Value {
    let (name, delay) = match &settings.mode {
        Mode::Manual => ("manual", None),
        Mode::Auto { delay_ms } => ("auto", Some([*delay_ms.start(), *delay_ms.end()])),
    };
    json!({
        "mode": name,
        "delayMs": delay,
        "approvePercent": settings.approve_percent,
        "scenarioNumbers": settings.scenario_numbers,
    })
}

async fn services(State(shared): State<Arc<Shared>>) -> Json<Services> {
    Json(shared.world().services)
}

/// A service that is not named is well.
async fn set_services(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Json<Services>, Failure> {
    let services: Services = read(&body)?;
    shared.world().services = services;
    Ok(Json(services))
}

async fn requests(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Outcome {
    let mut since = 0;
    for (name, value) in form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes()) {
        since = match (&*name, value.parse()) {
            ("since", Ok(number)) => number,
            _ => return Err(Failure::bad("the only parameter is since, the number of the last request that is known")),
        };
    }
    let world = shared.world();
    let records: Vec<&Record> = world.records.iter().filter(|record| record.number > since).collect();
    Ok(Json(json!({ "requests": records })))
}

async fn forget_requests(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.world().records.clear();
    StatusCode::NO_CONTENT
}

async fn reset(State(shared): State<Arc<Shared>>) -> Result<StatusCode, Failure> {
    let now = shared.clock.now();
    shared.world().reset(shared.first_mode.clone(), now)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Server-sent events; a listener that is too slow misses some.
async fn events(State(shared): State<Arc<Shared>>) -> Sse<impl Stream<Item = Result<sse::Event, Infallible>>> {
    let listening = (shared.world().events.subscribe(), shared.closing.clone());
    let events = stream::unfold(listening, |(mut receiver, closing)| async move {
        loop {
            let event = tokio::select! {
                () = closing.cancelled() => return None,
                received = receiver.recv() => match received {
                    Ok(event) => event,
                    Err(RecvError::Lagged(_)) => continue,
                    Err(RecvError::Closed) => return None,
                },
            };
            let data = serde_json::to_string(&event).unwrap_or_default();
            return Some((Ok(sse::Event::default().data(data)), (receiver, closing)));
        }
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}
