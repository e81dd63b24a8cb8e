//! Apps: what is asked of them, and a hand to open a link and answer it, as whoever scans a QR code or follows a link.

use std::sync::Arc;

use axum::{Json, Router, body::Bytes, extract::State, routing::post};
use serde::Deserialize;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::{
    super::{
        Shared,
        people::PIN,
        play::PinVerdict,
        smart_id::{AppSession, end_result},
    },
    Failure, Outcome, read,
};

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/control/device-link", post(answer))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Approve,
    Refuse,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkInput {
    /// as it stands in the QR code or behind the button
    link: String,
    /// whose device it is
    person: String,
    action: Answer,
    #[serde(default = "usual_pin")]
    pin: String,
}

fn usual_pin() -> String {
    PIN.to_owned()
}

/// Opens a link and answers it; on the same device `redirect` says where the browser goes.
async fn answer(State(shared): State<Arc<Shared>>, body: Bytes) -> Outcome {
    let input: LinkInput = read(&body)?;
    let query = input.link.split_once('?').map_or("", |(_, query)| query);
    let id = shared.find_link(query, true).map_err(|(_, reason)| Failure::conflict(reason))?;
    let now = shared.clock.now();
    let mut world = shared.world();
    world.meet(&input.person, now)?;
    if !world.people.contains_key(&input.person) {
        return Err(Failure::missing("person"));
    }
    match world.answer_link(id, &input.person, (&input.pin, input.action == Answer::Approve), now)? {
        PinVerdict::Right => {}
        PinVerdict::Wrong { .. } | PinVerdict::Blocked => return Err(Failure::conflict("the PIN is wrong")),
        PinVerdict::Over => return Err(Failure::conflict("the session has ended")),
        PinVerdict::NotTheirs => return Err(Failure::conflict("the request is for another person")),
    }
    let session = world.app_session(id, now).ok_or_else(|| Failure::missing("session"))?;
    let redirect = session.decision.as_ref().and_then(|decision| decision.redirect.clone());
    Ok(Json(json!({ "session": view(session), "redirect": redirect })))
}

/// A session as the API shows it.
pub(super) fn view(session: &AppSession) -> Value {
    let decision = session.decision.as_ref();
    json!({
        "id": session.id,
        "flow": session.flow.name(),
        "person": session.person,
        "relyingParty": session.request.relying_party,
        "text": session.request.shown.text(),
        "interaction": session.request.shown.kind,
        "verificationCode": session.verification_code(),
        "codes": session.choices(),
        "callbackUrl": session.request.callback,
        "createdAt": session.created_at.format(&Rfc3339).ok(),
        "state": if decision.is_some() { "complete" } else { "pending" },
        "endedAt": decision.and_then(|decision| decision.at.format(&Rfc3339).ok()),
        "result": decision.map(|decision| end_result(decision.outcome)),
        "fault": session.fault,
    })
}
