//! People: to add, change and take away, what their phones do, and the state of their certificates.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{
    super::{
        Shared,
        behaviour::{Behaviour, Method},
        certificate::{Profile, Validity},
        crowd::{self, Crowd},
        key::{KeyKind, PersonKey},
        people::{Person, StoredPerson},
        register::{Reason, Revocation},
        world::World,
    },
    Failure, Outcome, read,
};
use crate::base::digest;

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/control/persons", get(list).post(add))
        .route("/control/persons/load", post(gather))
        .route("/control/persons/{national_id}", get(show).put(change).delete(take_away))
        .route("/control/persons/{national_id}/behaviour", put(prescribe).delete(release))
        .route("/control/persons/{national_id}/revoke", post(revoke))
        .route("/control/persons/{national_id}/unrevoke", post(unrevoke))
        .route("/control/persons/{national_id}/reissue", post(reissue))
        .route("/control/persons/{national_id}/block", post(block))
        .route("/control/persons/{national_id}/unblock", post(unblock))
}

/// The electronic IDs that a new person may be given.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum HeldMethod {
    Sim,
    Card,
    App,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewPerson {
    national_id: String,
    name: String,
    phone: String,
    #[serde(default = "sim_alone")]
    methods: Vec<HeldMethod>,
    #[serde(default)]
    profile: Profile,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Details {
    name: String,
    phone: String,
    #[serde(default = "sim_alone")]
    methods: Vec<HeldMethod>,
    #[serde(default)]
    profile: Profile,
}

fn sim_alone() -> Vec<HeldMethod> {
    vec![HeldMethod::Sim]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokeInput {
    #[serde(default = "every")]
    method: Method,
    #[serde(default)]
    reason: Reason,
    #[serde(default, with = "time::serde::rfc3339::option")]
    at: Option<OffsetDateTime>,
}

fn every() -> Method {
    Method::Every
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReissueInput {
    #[serde(default, with = "time::serde::rfc3339::option")]
    not_before: Option<OffsetDateTime>,
    #[serde(default, with = "time::serde::rfc3339::option")]
    not_after: Option<OffsetDateTime>,
    /// Absent keeps the key.
    #[serde(default)]
    key: Option<KeyKind>,
}

/// How many people there are for load tests, and how many keys they share.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CrowdInput {
    count: u32,
    #[serde(default = "usual_pool")]
    key_pool: usize,
}

fn usual_pool() -> usize {
    64
}

async fn list(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({ "persons": shared.world().people.values().map(view).collect::<Vec<_>>() }))
}

async fn show(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Outcome {
    Ok(Json(view(person(&mut shared.world(), &id, shared.clock.now())?)))
}

async fn add(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Failure> {
    let NewPerson { national_id, name, phone, methods, profile } = read(&body)?;
    let details = Details { name, phone, methods, profile };
    if national_id.len() != 10 || !national_id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Failure::bad("nationalId is 10 digits"));
    }
    let mut world = shared.world();
    if world.people.contains_key(&national_id) || world.crowd.has(&national_id) {
        return Err(Failure::conflict("the person exists"));
    }
    details.check(&world, &national_id)?;
    let key = PersonKey::generate(KeyKind::Ec256)?.store()?;
    let stored = StoredPerson {
        national_id: national_id.clone(),
        name: details.name,
        phone: details.phone,
        profile: details.profile,
        key,
        revocation: None,
        blocked: false,
    };
    world.admit(stored, shared.clock.now())?;
    world.save_people()?;
    Ok((StatusCode::CREATED, Json(view(person(&mut world, &national_id, shared.clock.now())?))).into_response())
}

/// Takes the place of the people for load tests that were there before.
async fn gather(State(shared): State<Arc<Shared>>, body: Bytes) -> Outcome {
    let CrowdInput { count, key_pool } = read(&body)?;
    if count > crowd::MOST_PEOPLE || !(1..=crowd::MOST_KEYS).contains(&key_pool) {
        let (people, keys) = (crowd::MOST_PEOPLE, crowd::MOST_KEYS);
        return Err(Failure::bad(format!("count is at most {people}, keyPool is 1 to {keys}")));
    }
    shared.world().gather(count, key_pool)?;
    let numbers = |index| {
        let (national_id, phone) = Crowd::numbers(index);
        json!({ "nationalId": national_id, "phone": phone })
    };
    let last = count.checked_sub(1);
    Ok(Json(json!({ "count": count, "first": last.map(|_| numbers(0)), "last": last.map(numbers) })))
}

async fn change(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Outcome {
    let mut world = shared.world();
    person(&mut world, &id, shared.clock.now())?;
    let details: Details = read(&body)?;
    details.check(&world, &id)?;
    let person = person(&mut world, &id, shared.clock.now())?;
    (person.name, person.phone, person.profile) = (details.name, details.phone, details.profile);
    let now = shared.clock.now();
    world.reissue(&id, Validity::usual(now))?;
    saved(&world, &id)
}

async fn take_away(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Result<StatusCode, Failure> {
    let mut world = shared.world();
    if world.crowd.has(&id) {
        return Err(Failure::conflict("people for load tests come and go together: /control/persons/load"));
    }
    world.people.remove(&id).ok_or_else(|| Failure::missing("person"))?;
    world.save_people()?;
    Ok(StatusCode::NO_CONTENT)
}

async fn prescribe(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Outcome {
    let mut world = shared.world();
    let person = person(&mut world, &id, shared.clock.now())?;
    let behaviour: Behaviour = read(&body)?;
    if behaviour.times == Some(0) {
        return Err(Failure::bad("times is 1 or more, or absent"));
    }
    person.behaviour = Some(behaviour);
    Ok(Json(view(person)))
}

async fn release(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Result<StatusCode, Failure> {
    person(&mut shared.world(), &id, shared.clock.now())?.behaviour = None;
    Ok(StatusCode::NO_CONTENT)
}

async fn revoke(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Outcome {
    let mut world = shared.world();
    person(&mut world, &id, shared.clock.now())?;
    let input: RevokeInput = read(&body)?;
    let at = input.at.unwrap_or_else(|| shared.clock.now());
    let now = shared.clock.now();
    world.set_revocation(&id, input.method, Some(Revocation { at, reason: input.reason }), now)?;
    saved(&world, &id)
}

async fn unrevoke(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Outcome {
    let mut world = shared.world();
    person(&mut world, &id, shared.clock.now())?;
    let now = shared.clock.now();
    world.set_revocation(&id, Method::Every, None, now)?;
    saved(&world, &id)
}

async fn reissue(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Outcome {
    let mut world = shared.world();
    let person = person(&mut world, &id, shared.clock.now())?;
    let input: ReissueInput = read(&body)?;
    let usual = Validity::usual(shared.clock.now());
    let validity = Validity {
        not_before: input.not_before.unwrap_or(usual.not_before),
        not_after: input.not_after.unwrap_or(usual.not_after),
    };
    if validity.not_after <= validity.not_before {
        return Err(Failure::bad("notAfter is later than notBefore"));
    }
    if let Some(kind) = input.key {
        person.key = PersonKey::generate(kind)?;
        person.first_signature = None;
    }
    world.reissue(&id, validity)?;
    saved(&world, &id)
}

async fn block(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Outcome {
    let mut world = shared.world();
    person(&mut world, &id, shared.clock.now())?.blocked = true;
    saved(&world, &id)
}

async fn unblock(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Outcome {
    let mut world = shared.world();
    let person = person(&mut world, &id, shared.clock.now())?;
    (person.blocked, person.wrong_pins) = (false, 0);
    saved(&world, &id)
}

fn person<'a>(world: &'a mut World, id: &str, now: OffsetDateTime) -> Result<&'a mut Person, Failure> {
    world.meet(id, now)?;
    world.people.get_mut(id).ok_or_else(|| Failure::missing("person"))
}

fn saved(world: &World, id: &str) -> Outcome {
    world.save_people()?;
    world.people.get(id).map(|person| Json(view(person))).ok_or_else(|| Failure::missing("person"))
}

impl Details {
    fn check(&self, world: &World, national_id: &str) -> Result<(), Failure> {
        if self.phone.len() != 7 || !self.phone.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Failure::bad("phone is 7 digits"));
        }
        if self.name.trim().is_empty() || self.name.len() > 200 || self.name.chars().any(char::is_control) {
            return Err(Failure::bad("name is 1 to 200 bytes without control characters"));
        }
        if self.methods.is_empty() {
            return Err(Failure::bad("methods names at least one electronic ID"));
        }
        let holder = world.people.values().find(|person| person.phone == self.phone);
        let one_of_many = world.crowd.national_id_of(&self.phone).is_some_and(|holder| holder != national_id);
        match holder {
            _ if one_of_many => Err(Failure::conflict("the phone number is kept for load tests")),
            Some(holder) if holder.national_id != national_id => Err(Failure::conflict("the phone number is another person's")),
            _ => Ok(()),
        }
    }
}

fn view(person: &Person) -> Value {
    json!({
        "nationalId": person.national_id,
        "name": person.name,
        "phone": person.phone,
        "methods": ["sim", "card", "app"],
        "profile": person.profile,
        "blocked": person.blocked,
        "revocation": person.revocation,
        "behaviour": person.behaviour,
        "certificate": digest::base64(&person.certificate.der),
    })
}
