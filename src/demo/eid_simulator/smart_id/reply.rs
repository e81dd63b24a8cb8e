//! What goes back over the wire (eid.md §3.1, §3.2), each answer with a field that no relying party knows.

use axum::{http::StatusCode, response::Response};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    super::{
        behaviour::Outcome,
        fault::{Fault, ReplyLie},
        mobile_id::reply::{bent, ok, stamped},
    },
    session::{AppSession, Decision, Link},
};
use crate::base::digest;

/// The answer to a start by notification.
pub fn notified(id: Uuid, now: OffsetDateTime) -> Response {
    let mut body = stamped(now);
    body["sessionID"] = id.to_string().into();
    ok(StatusCode::OK, &body)
}

/// The answer to a start by device link.
pub fn linked(id: Uuid, link: &Link, base: &str, now: OffsetDateTime) -> Response {
    let mut body = stamped(now);
    body["sessionID"] = id.to_string().into();
    body["sessionToken"] = link.token.clone().into();
    body["sessionSecret"] = digest::base64(link.secret).into();
    body["deviceLinkBase"] = base.into();
    ok(StatusCode::OK, &body)
}

/// The answer to a poll of a session that waits.
pub fn running() -> Response {
    ok(StatusCode::OK, &json!({ "state": "RUNNING", "simulator": "HERMIR" }))
}

/// The answer to a poll of a session that has ended.
pub fn complete(session: &AppSession, decision: &Decision) -> Response {
    let mut body = json!({
        "state": "COMPLETE", "result": { "endResult": end_result(decision.outcome) }, "simulator": "HERMIR",
        "ignoredProperties": [],
    });
    if let Some(Value::Object(answer)) = &decision.answer {
        for (name, value) in answer {
            match name.as_str() {
                "documentNumber" => body["result"]["documentNumber"] = value.clone(),
                name => body[name] = value.clone(),
            }
        }
    }
    match session.fault.and_then(Fault::reply).filter(|_| decision.outcome == Outcome::Ok) {
        None => ok(StatusCode::OK, &body),
        Some(ReplyLie::UnknownResult) => {
            body["result"]["endResult"] = "PERHAPS".into();
            ok(StatusCode::OK, &body)
        }
        Some(lie) => bent(body, lie),
    }
}

/// The provider's word for a result.
pub fn end_result(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "OK",
        Outcome::Timeout | Outcome::PhoneAbsent => "TIMEOUT",
        Outcome::UserCancelled => "USER_REFUSED",
        Outcome::NotMidClient => "ACCOUNT_UNUSABLE",
        Outcome::SimError => "DOCUMENT_UNUSABLE",
        Outcome::SignatureHashMismatch => "PROTOCOL_FAILURE",
        Outcome::DeliveryError => "SERVER_ERROR",
        Outcome::WrongCode => "WRONG_VC",
        Outcome::AppTooOld => "REQUIRED_INTERACTION_NOT_SUPPORTED_BY_APP",
    }
}
