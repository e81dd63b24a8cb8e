//! What goes back over the wire: results, refusals, and the lies that an answer itself can tell.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde_json::{Value, json};
use time::{OffsetDateTime, macros::format_description};

use super::super::{
    behaviour::Outcome,
    fault::ReplyLie,
    session::{Decision, Session},
};
use crate::base::{digest, entropy};

/// A refusal with the body of the real service: `{error, time, traceId}`.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    error: String,
}

impl Refusal {
    /// 400: a field does not fit.
    pub fn bad(error: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: error.into() }
    }

    /// 401: the relying party is unknown.
    pub fn unauthorized() -> Self {
        Self { status: StatusCode::UNAUTHORIZED, error: "the relying party is unknown".into() }
    }

    /// 404: no such session, or not any more.
    pub fn no_session() -> Self {
        Self { status: StatusCode::NOT_FOUND, error: "SessionID not found".into() }
    }

    /// 429: another poll of the session is waiting.
    pub fn polled_already() -> Self {
        Self { status: StatusCode::TOO_MANY_REQUESTS, error: "another request for this session is waiting".into() }
    }

    /// 500.
    pub fn internal() -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, error: "internal error".into() }
    }

    /// 503.
    pub fn busy() -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, error: "the service is busy".into() }
    }

    /// The answer at `now`.
    pub fn answer(self, now: OffsetDateTime) -> Response {
        let mut body = stamped(now);
        body["error"] = self.error.into();
        ok(self.status, &body)
    }
}

/// A JSON answer with the time, a trace id and a field that no relying party knows.
pub fn stamped(now: OffsetDateTime) -> Value {
    let time = now.format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]")).unwrap_or_default();
    json!({ "time": time, "traceId": digest::base64url(entropy::bytes::<12>()), "simulator": "HERMIR" })
}

/// An answer in JSON.
pub fn ok(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json;charset=UTF-8")], body.to_string()).into_response()
}

/// The answer to a poll of a session that waits.
pub fn running(now: OffsetDateTime) -> Response {
    let mut body = stamped(now);
    body["state"] = "RUNNING".into();
    body["result"] = "".into();
    ok(StatusCode::OK, &body)
}

/// The answer to a poll of a session that has ended.
pub fn complete(session: &Session, decision: &Decision, now: OffsetDateTime) -> Response {
    let mut body = stamped(now);
    body["state"] = "COMPLETE".into();
    body["result"] = json!(decision.outcome);
    if let Some(answer) = &decision.answer {
        body["signature"] = json!({ "value": answer.signature, "algorithm": answer.algorithm });
        body["cert"] = answer.certificate.clone().into();
    }
    match session.fault.and_then(super::super::fault::Fault::reply).filter(|_| decision.outcome == Outcome::Ok) {
        None => ok(StatusCode::OK, &body),
        Some(lie) => bent(body, lie),
    }
}

/// The answer with a lie of its own.
pub fn bent(mut body: Value, lie: ReplyLie) -> Response {
    match lie {
        ReplyLie::UnknownState => body["state"] = "PENDING".into(),
        ReplyLie::UnknownResult => body["result"] = "PERHAPS".into(),
        ReplyLie::ExtraFields => {
            body["nationalId"] = "0099000019".into();
            body["signature"]["salt"] = 32.into();
            body["user"] = json!({ "verified": true, "roles": ["a", { "b": null }] });
        }
        ReplyLie::MalformedJson => {
            let text = body.to_string();
            // The text is cut in ASCII: its last part is base64 or a brace.
            let half = text.get(..text.len() - 20).unwrap_or_default().to_owned();
            return (StatusCode::OK, [(header::CONTENT_TYPE, "application/json;charset=UTF-8")], half).into_response();
        }
        ReplyLie::HugeBody => body["padding"] = "x".repeat(4 << 20).into(),
        ReplyLie::SlowBody => return slow(&body),
    }
    ok(StatusCode::OK, &body)
}

/// One byte each second.
fn slow(body: &Value) -> Response {
    let bytes = Bytes::from(body.to_string());
    let drops = stream::unfold(bytes, |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let first = rest.split_to(1);
        Some((Ok::<_, std::io::Error>(first), rest))
    });
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/json;charset=UTF-8")], Body::from_stream(drops)).into_response()
}

/// An answer whose connection breaks before it is whole.
pub fn dropped() -> Response {
    let pieces = stream::iter([Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("the simulated service hangs up"))]);
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/json;charset=UTF-8")], Body::from_stream(pieces)).into_response()
}
