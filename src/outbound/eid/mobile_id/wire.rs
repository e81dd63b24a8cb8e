//! The messages of Mobile-ID REST and what their results mean (eid.md §2.1).

use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use crate::{
    base::digest::from_base64,
    outbound::{
        client::Answer,
        eid::{EidError, EidErrorKind, display_text::Format},
    },
};

/// `POST /authentication`, without `nationalIdentityNumber` (eid.md §2.4).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StartRequest<'a> {
    #[serde(rename = "relyingPartyUUID")]
    pub(super) relying_party_uuid: &'a str,
    pub(super) relying_party_name: &'a str,
    pub(super) phone_number: String,
    pub(super) hash: &'a str,
    pub(super) hash_type: &'static str,
    pub(super) language: &'static str,
    pub(super) display_text: &'a str,
    pub(super) display_text_format: Format,
}

/// What `GET /authentication/session/{id}` says.
#[derive(Debug)]
pub(super) enum Outcome {
    Running,
    Signed {
        algorithm: String,
        signature: Vec<u8>,
        /// DER
        certificate: Vec<u8>,
    },
}

// Unknown fields are ignored: providers add them.
#[derive(Deserialize)]
struct Started {
    #[serde(rename = "sessionID")]
    session_id: String,
}

#[derive(Deserialize)]
struct Status {
    state: String,
    result: Option<String>,
    signature: Option<Signature>,
    cert: Option<String>,
}

#[derive(Deserialize)]
struct Signature {
    value: Option<String>,
    algorithm: Option<String>,
}

/// The session that a start request made.
pub(super) fn started(answer: &Answer) -> Result<String, EidError> {
    accepted(answer.status, EidErrorKind::ProviderConfig)?;
    let Started { session_id } = read(answer)?;
    // It goes into a path: nothing but what a UUID or an opaque id has.
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if session_id.is_empty() || session_id.len() > 128 || !session_id.bytes().all(safe) {
        return Err(EidErrorKind::ProviderProtocol.said("session_id"));
    }
    Ok(session_id)
}

/// What a poll found.
pub(super) fn status(answer: &Answer) -> Result<Outcome, EidError> {
    // A session that the provider no longer knows has run out.
    accepted(answer.status, EidErrorKind::Timeout)?;
    let status: Status = read(answer)?;
    match (status.state.as_str(), status.result.as_deref()) {
        ("RUNNING", _) => Ok(Outcome::Running),
        ("COMPLETE", Some("OK")) => signed(status),
        ("COMPLETE", Some(result)) => Err(failure(result).said(result)),
        ("COMPLETE", None) => Err(EidErrorKind::ProviderProtocol.said("no_result")),
        (state, _) => Err(EidErrorKind::ProviderProtocol.said(state)),
    }
}

/// Whether the provider has no time for us and may have some soon.
pub(super) fn is_busy(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}

fn signed(status: Status) -> Result<Outcome, EidError> {
    let missing = |name: &str| EidErrorKind::ProviderProtocol.said(name);
    let signature = status.signature.ok_or_else(|| missing("no_signature"))?;
    let value = signature.value.ok_or_else(|| missing("no_signature"))?;
    let cert = status.cert.ok_or_else(|| missing("no_cert"))?;
    Ok(Outcome::Signed {
        algorithm: signature.algorithm.ok_or_else(|| missing("no_algorithm"))?,
        signature: from_base64(&value).ok_or_else(|| missing("signature_not_base64"))?,
        certificate: from_base64(&cert).ok_or_else(|| missing("cert_not_base64"))?,
    })
}

/// A word that is not in the table is never taken for success.
fn failure(result: &str) -> EidErrorKind {
    match result {
        "TIMEOUT" => EidErrorKind::Timeout,
        "NOT_MID_CLIENT" => EidErrorKind::NotAvailableForUser,
        "USER_CANCELLED" => EidErrorKind::UserCancelled,
        "SIGNATURE_HASH_MISMATCH" | "SIM_ERROR" => EidErrorKind::CredentialBroken,
        "PHONE_ABSENT" | "DELIVERY_ERROR" => EidErrorKind::DeviceUnreachable,
        _ => EidErrorKind::ProviderProtocol,
    }
}

/// Success, or what the HTTP status means.
fn accepted(status: StatusCode, not_found: EidErrorKind) -> Result<(), EidError> {
    let kind = match status {
        StatusCode::OK => return Ok(()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => EidErrorKind::ProviderConfig,
        StatusCode::NOT_FOUND => not_found,
        status if is_busy(status) => EidErrorKind::ProviderUnavailable,
        _ => EidErrorKind::ProviderProtocol,
    };
    Err(kind.said(&format!("http_{}", status.as_u16())))
}

fn read<'a, T: Deserialize<'a>>(answer: &'a Answer) -> Result<T, EidError> {
    // serde's message may quote the body, which is not for the log.
    serde_json::from_slice(&answer.body).map_err(|_| EidErrorKind::ProviderProtocol.said("malformed_json"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::{super::super::mutation::answers, *};

    fn answer(status: u16, body: &serde_json::Value) -> Answer {
        Answer { status: StatusCode::from_u16(status).expect("a status"), is_json: true, body: body.to_string().into_bytes() }
    }

    fn kind_of(result: &str) -> EidErrorKind {
        status(&answer(200, &json!({"state": "COMPLETE", "result": result}))).expect_err("not signed").kind
    }

    #[test]
    fn results_mean_what_the_table_says() {
        for (result, kind) in [
            ("TIMEOUT", EidErrorKind::Timeout),
            ("NOT_MID_CLIENT", EidErrorKind::NotAvailableForUser),
            ("USER_CANCELLED", EidErrorKind::UserCancelled),
            ("SIGNATURE_HASH_MISMATCH", EidErrorKind::CredentialBroken),
            ("PHONE_ABSENT", EidErrorKind::DeviceUnreachable),
            ("DELIVERY_ERROR", EidErrorKind::DeviceUnreachable),
            ("SIM_ERROR", EidErrorKind::CredentialBroken),
        ] {
            assert_eq!(kind_of(result), kind, "{result}");
        }
    }

    #[test]
    fn an_unknown_result_is_never_success() {
        for result in ["", "ok", "OK ", "SUCCESS", "EXPIRED_TRANSACTION"] {
            assert_eq!(kind_of(result), EidErrorKind::ProviderProtocol, "{result}");
        }
        for state in ["", "complete", "DONE"] {
            let body =
                json!({"state": state, "result": "OK", "signature": {"value": "AA==", "algorithm": "x"}, "cert": "AA=="});
            assert!(status(&answer(200, &body)).is_err(), "{state}");
        }
    }

    #[test]
    fn ok_needs_signature_algorithm_and_certificate() {
        let whole = json!({"state": "COMPLETE", "result": "OK", "more": 1,
            "signature": {"value": "AQ==", "algorithm": "SHA256WithECEncryption", "more": {}}, "cert": "Ag=="});
        assert!(matches!(status(&answer(200, &whole)), Ok(Outcome::Signed { .. })));
        for path in ["/signature", "/signature/value", "/signature/algorithm", "/cert"] {
            let mut body = whole.clone();
            *body.pointer_mut(path).expect("there") = serde_json::Value::Null;
            assert_eq!(status(&answer(200, &body)).expect_err(path).kind, EidErrorKind::ProviderProtocol);
        }
    }

    #[test]
    fn http_statuses_mean_what_the_protocol_says() {
        let nothing = json!({});
        for (code, at_start, at_poll) in [
            (400, EidErrorKind::ProviderProtocol, EidErrorKind::ProviderProtocol),
            (401, EidErrorKind::ProviderConfig, EidErrorKind::ProviderConfig),
            (403, EidErrorKind::ProviderConfig, EidErrorKind::ProviderConfig),
            (404, EidErrorKind::ProviderConfig, EidErrorKind::Timeout),
            (405, EidErrorKind::ProviderProtocol, EidErrorKind::ProviderProtocol),
            (302, EidErrorKind::ProviderProtocol, EidErrorKind::ProviderProtocol),
            (429, EidErrorKind::ProviderUnavailable, EidErrorKind::ProviderUnavailable),
            (500, EidErrorKind::ProviderUnavailable, EidErrorKind::ProviderUnavailable),
            (503, EidErrorKind::ProviderUnavailable, EidErrorKind::ProviderUnavailable),
            (580, EidErrorKind::ProviderUnavailable, EidErrorKind::ProviderUnavailable),
        ] {
            let error = started(&answer(code, &nothing)).expect_err("refused");
            assert_eq!((error.kind, error.provider_code), (at_start, Some(format!("http_{code}"))));
            assert_eq!(status(&answer(code, &nothing)).expect_err("refused").kind, at_poll, "{code}");
        }
    }

    #[test]
    fn a_session_id_cannot_leave_its_path_segment() {
        assert!(started(&answer(200, &json!({"sessionID": "97f5058e-e308-4c83-ac14-7712b0eb9d86", "more": 1}))).is_ok());
        for id in ["", "../admin", "a/b", "a?b", "a%2fb", "é"] {
            assert!(started(&answer(200, &json!({"sessionID": id}))).is_err(), "{id}");
        }
    }

    fn said(body: Vec<u8>) -> Answer {
        Answer { status: StatusCode::OK, is_json: true, body }
    }

    const STARTED: &[u8] = include_bytes!("../../../../tests/corpus/eid/mobile_id_started.json");
    const STATUS: &[u8] = include_bytes!("../../../../tests/corpus/eid/mobile_id_status.json");

    proptest! {
        #[test]
        fn x5_07_no_answer_makes_the_readers_panic_or_leaves_its_path(start in answers(STARTED), poll in answers(STATUS)) {
            if let Ok(id) = started(&said(start)) {
                prop_assert!(!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
            }
            if let Err(error) = status(&said(poll)) {
                // INJ-04: the provider's word cannot forge a line of the log
                let word = error.provider_code.unwrap_or_default();
                prop_assert!(word.len() <= 64 && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)));
            }
        }
    }
}
