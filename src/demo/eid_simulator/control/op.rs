//! The simulated brokers: their clients, and what they lie about a person.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    routing::put,
};
use serde::Deserialize;
use serde_json::json;

use super::{
    super::{
        Shared,
        op::{Client, OpFault},
    },
    Failure, Outcome, read,
};

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/control/op/clients/{client_id}", put(register))
        .route("/control/op/persons/{national_id}", put(prescribe).delete(release))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Prescription {
    fault: OpFault,
}

/// `{"secret": …}` or `{"jwks": …}`
async fn register(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Result<StatusCode, Failure> {
    let client: Client = read(&body)?;
    shared.world().op.clients.insert(id, client);
    Ok(StatusCode::NO_CONTENT)
}

/// `{"fault": …}`, until it is taken back.
async fn prescribe(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Outcome {
    let Prescription { fault } = read(&body)?;
    let mut world = shared.world();
    world.meet(&id, shared.clock.now())?;
    if !world.people.contains_key(&id) {
        return Err(Failure::missing("person"));
    }
    world.op.faults.insert(id, fault);
    Ok(Json(json!({ "fault": fault })))
}

async fn release(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> StatusCode {
    shared.world().op.faults.remove(&id);
    StatusCode::NO_CONTENT
}
