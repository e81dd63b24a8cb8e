//! Sessions: what waits on phones, and a hand to answer it.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use super::{
    super::{Shared, behaviour::Outcome as SessionResult, people::PIN, play::PinVerdict, session::Session, world::World},
    Failure, Outcome, apps, read,
};

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/control/sessions", get(list))
        .route("/control/sessions/{id}", get(show))
        .route("/control/sessions/{id}/approve", post(approve))
        .route("/control/sessions/{id}/refuse", post(refuse))
        .route("/control/sessions/{id}/timeout", post(timeout))
        .route("/control/sessions/{id}/fail", post(fail))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StateFilter {
    Pending,
    Complete,
}

#[derive(Default)]
struct Filter {
    state: Option<StateFilter>,
    person: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApproveInput {
    #[serde(default = "usual_pin")]
    pin: String,
    /// in an app that lets the person choose; absent chooses the right one
    #[serde(default, rename = "chosenCode")]
    chosen_code: Option<String>,
}

fn usual_pin() -> String {
    PIN.to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FailInput {
    result: SessionResult,
}

async fn list(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Outcome {
    let filter = Filter::read(query.as_deref().unwrap_or_default())?;
    let now = shared.clock.now();
    let mut world = shared.world();
    world.settle(now);
    world.settle_apps(now);
    let of_sims = world.sessions.values().filter(|session| filter.lets(session.decision.is_some(), session.person.as_deref()));
    let of_sims = of_sims.map(|session| (session.created_at, session.id, view(session)));
    let of_apps = world.apps.sessions.values();
    let of_apps = of_apps.filter(|session| filter.lets(session.decision.is_some(), session.person.as_deref()));
    let of_apps = of_apps.map(|session| (session.created_at, session.id, apps::view(session)));
    let mut sessions: Vec<(OffsetDateTime, Uuid, Value)> = of_sims.chain(of_apps).collect();
    sessions.sort_by_key(|(created_at, id, _)| (*created_at, *id));
    Ok(Json(json!({ "sessions": sessions.into_iter().map(|(_, _, view)| view).collect::<Vec<_>>() })))
}

async fn show(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Outcome {
    let id = parse(&id)?;
    shown(&mut shared.world(), id, shared.clock.now())
}

async fn approve(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Outcome {
    let (id, now) = (parse(&id)?, shared.clock.now());
    let input: ApproveInput = read(&body)?;
    let mut world = shared.world();
    let answered = if world.app_session(id, now).is_some() {
        world.approve_in_app(id, &input.pin, input.chosen_code.as_deref(), now)?
    } else {
        known(&mut world, id, now)?;
        world.approve(id, &input.pin, now)?
    };
    match answered {
        PinVerdict::Right => shown(&mut world, id, now),
        PinVerdict::Wrong { left } => Err(Failure(StatusCode::UNPROCESSABLE_ENTITY, format!("the PIN is wrong; {left} left"))),
        PinVerdict::Blocked => {
            Err(Failure(StatusCode::UNPROCESSABLE_ENTITY, "the PIN is wrong; the electronic ID is blocked".into()))
        }
        PinVerdict::Over | PinVerdict::NotTheirs => Err(Failure::conflict("the session has ended")),
    }
}

async fn refuse(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Outcome {
    end(&shared, &id, SessionResult::UserCancelled)
}

async fn timeout(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Outcome {
    end(&shared, &id, SessionResult::Timeout)
}

async fn fail(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Outcome {
    let input: FailInput = read(&body)?;
    if input.result == SessionResult::Ok {
        return Err(Failure::bad("result is a failure; approve is the way to OK"));
    }
    end(&shared, &id, input.result)
}

fn end(shared: &Shared, id: &str, result: SessionResult) -> Outcome {
    let (id, now) = (parse(id)?, shared.clock.now());
    let mut world = shared.world();
    let has_ended = if world.app_session(id, now).is_some() {
        world.decide_app(id, result, now)
    } else {
        known(&mut world, id, now)?;
        world.decide(id, result, now)
    };
    if !has_ended {
        return Err(Failure::conflict("the session has ended"));
    }
    shown(&mut world, id, now)
}

fn parse(id: &str) -> Result<Uuid, Failure> {
    id.parse().map_err(|_| Failure::missing("session"))
}

fn known(world: &mut World, id: Uuid, now: OffsetDateTime) -> Result<&Session, Failure> {
    world.session(id, now).map(|session| &*session).ok_or_else(|| Failure::missing("session"))
}

fn shown(world: &mut World, id: Uuid, now: OffsetDateTime) -> Outcome {
    if let Some(session) = world.app_session(id, now) {
        return Ok(Json(apps::view(session)));
    }
    known(world, id, now).map(|session| Json(view(session)))
}

impl Filter {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut filter = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match (&*name, &*value) {
                ("state", "pending") => filter.state = Some(StateFilter::Pending),
                ("state", "complete") => filter.state = Some(StateFilter::Complete),
                ("state", _) => return Err(Failure::bad("state is pending or complete")),
                ("person", _) => filter.person = Some(value.into_owned()),
                _ => return Err(Failure::bad("the parameters are state and person")),
            }
        }
        Ok(filter)
    }

    fn lets(&self, has_ended: bool, person: Option<&str>) -> bool {
        let state = if has_ended { StateFilter::Complete } else { StateFilter::Pending };
        self.state.is_none_or(|wanted| wanted == state) && (self.person.is_none() || self.person.as_deref() == person)
    }
}

fn view(session: &Session) -> Value {
    let decision = session.decision.as_ref();
    json!({
        "id": session.id,
        "flow": "sim",
        "person": session.person,
        "phone": session.request.phone,
        "relyingParty": session.request.relying_party,
        "text": session.request.text,
        "textFormat": session.request.format,
        "language": session.request.language,
        "verificationCode": session.verification_code(),
        "createdAt": session.created_at.format(&Rfc3339).ok(),
        "state": if decision.is_some() { "complete" } else { "pending" },
        "endedAt": decision.and_then(|decision| decision.at.format(&Rfc3339).ok()),
        "result": decision.map(|decision| decision.outcome),
        "fault": session.fault,
    })
}
