//! The messages of Smart-ID RP API v3 and what their results mean (eid.md §3.1, §3.2).

use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use super::{
    payload::PROTOCOL,
    pss::{self, Parameters},
};
use crate::{
    base::digest::{from_base64, from_base64url},
    outbound::{
        client::Answer,
        eid::{EidError, EidErrorKind},
    },
};

/// `POST authentication/…`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StartRequest<'a> {
    #[serde(rename = "relyingPartyUUID")]
    pub(super) relying_party_uuid: &'a str,
    pub(super) relying_party_name: &'a str,
    pub(super) certificate_level: &'static str,
    signature_protocol: &'static str,
    signature_protocol_parameters: ProtocolParameters<'a>,
    pub(super) interactions: &'a str,
    /// for notifications alone
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vc_type: Option<&'static str>,
    /// for the same device alone
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) initial_callback_url: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProtocolParameters<'a> {
    rp_challenge: &'a str,
    signature_algorithm: &'static str,
    signature_algorithm_parameters: AlgorithmParameters,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AlgorithmParameters {
    hash_algorithm: &'static str,
}

/// What is asked of the relying party's part of every start.
pub(super) struct Start<'a> {
    pub(super) relying_party_uuid: &'a str,
    pub(super) relying_party_name: &'a str,
    pub(super) certificate_level: &'static str,
    pub(super) rp_challenge: &'a str,
    pub(super) hash_algorithm: &'static str,
    pub(super) interactions: &'a str,
    /// for the same device alone
    pub(super) callback_url: Option<&'a str>,
    pub(super) is_notification: bool,
}

impl<'a> From<Start<'a>> for StartRequest<'a> {
    fn from(start: Start<'a>) -> Self {
        Self {
            relying_party_uuid: start.relying_party_uuid,
            relying_party_name: start.relying_party_name,
            certificate_level: start.certificate_level,
            signature_protocol: PROTOCOL,
            signature_protocol_parameters: ProtocolParameters {
                rp_challenge: start.rp_challenge,
                signature_algorithm: pss::ALGORITHM,
                signature_algorithm_parameters: AlgorithmParameters { hash_algorithm: start.hash_algorithm },
            },
            interactions: start.interactions,
            vc_type: start.is_notification.then_some("numeric4"),
            initial_callback_url: start.callback_url,
        }
    }
}

/// What a start gave.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) session_id: String,
    pub(super) link: Option<StartedLink>,
}

/// What a start by device link gave besides.
pub(super) struct StartedLink {
    pub(super) token: String,
    /// base64
    pub(super) secret: String,
    pub(super) base: String,
}

impl std::fmt::Debug for StartedLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StartedLink").field("base", &self.base).finish_non_exhaustive()
    }
}

/// What `GET session/{id}` says.
#[derive(Debug)]
pub(super) enum Outcome {
    Running,
    Signed(Box<Signed>),
}

/// A signed answer whose fields are there and have their form; nothing of it is believed yet.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) server_random: String,
    pub(super) user_challenge: String,
    pub(super) flow: String,
    pub(super) interaction: String,
    pub(super) certificate_level: String,
    pub(super) algorithm: String,
    pub(super) parameters: Parameters,
    pub(super) signature: Vec<u8>,
    /// DER
    pub(super) certificate: Vec<u8>,
}

// Unknown fields are ignored: providers add them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StartedBody {
    #[serde(rename = "sessionID")]
    session_id: String,
    session_token: Option<String>,
    session_secret: Option<String>,
    device_link_base: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusBody {
    state: String,
    result: Option<ResultBody>,
    signature_protocol: Option<String>,
    signature: Option<SignatureBody>,
    cert: Option<CertificateBody>,
    interaction_type_used: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResultBody {
    end_result: Option<String>,
    document_number: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignatureBody {
    value: Option<String>,
    server_random: Option<String>,
    user_challenge: Option<String>,
    flow_type: Option<String>,
    signature_algorithm: Option<String>,
    signature_algorithm_parameters: Option<Parameters>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CertificateBody {
    value: Option<String>,
    certificate_level: Option<String>,
}

/// The session that a start by notification made.
pub(super) fn notified(answer: &Answer) -> Result<Started, EidError> {
    // 404, 471 and 472 tell who has an account, of which level, and that the app waits for its owner: one neutral text for all
    // (EID-07).
    accepted(answer.status, EidErrorKind::NotAvailableForUser)?;
    let body: StartedBody = read(answer)?;
    Ok(Started { session_id: session_id(body.session_id)?, link: None })
}

/// The session that a start by device link made.
pub(super) fn linked(answer: &Answer) -> Result<Started, EidError> {
    // nobody was named: that nothing is found means the account of ours
    accepted(answer.status, EidErrorKind::ProviderConfig)?;
    let body: StartedBody = read(answer)?;
    let present = |value: Option<String>, name| value.ok_or_else(|| EidErrorKind::ProviderProtocol.said(name));
    let token = present(body.session_token, "no_session_token")?;
    let secret = present(body.session_secret, "no_session_secret")?;
    let base = present(body.device_link_base, "no_device_link_base")?;
    if !is_opaque(&token) || from_base64(&secret).is_none_or(|secret| secret.len() < 16) {
        return Err(EidErrorKind::ProviderProtocol.said("session_token"));
    }
    Ok(Started { session_id: session_id(body.session_id)?, link: Some(StartedLink { token, secret, base }) })
}

/// What a poll found (eid.md §3.5, steps 1 to 3).
pub(super) fn status(answer: &Answer) -> Result<Outcome, EidError> {
    // A session that the provider no longer knows has run out.
    accepted(answer.status, EidErrorKind::Timeout)?;
    let status: StatusBody = read(answer)?;
    let end = status.result.as_ref().and_then(|result| result.end_result.as_deref());
    match (status.state.as_str(), end) {
        ("RUNNING", _) => Ok(Outcome::Running),
        ("COMPLETE", Some("OK")) => signed(status).map(|signed| Outcome::Signed(Box::new(signed))),
        ("COMPLETE", Some(end)) => Err(failure(end).said(end)),
        ("COMPLETE", None) => Err(EidErrorKind::ProviderProtocol.said("no_result")),
        (state, _) => Err(EidErrorKind::ProviderProtocol.said(state)),
    }
}

/// Whether the provider has no time for us and may have some soon.
pub(super) fn is_busy(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}

fn signed(status: StatusBody) -> Result<Signed, EidError> {
    let missing = |name: &str| EidErrorKind::ProviderProtocol.said(name);
    status.result.and_then(|result| result.document_number).ok_or_else(|| missing("no_document_number"))?;
    if status.signature_protocol.as_deref() != Some(PROTOCOL) {
        return Err(missing("signature_protocol"));
    }
    let signature = status.signature.ok_or_else(|| missing("no_signature"))?;
    let value = signature.value.ok_or_else(|| missing("no_signature"))?;
    let cert = status.cert.ok_or_else(|| missing("no_cert"))?;
    let certificate = cert.value.ok_or_else(|| missing("no_cert"))?;
    let server_random = signature.server_random.filter(|text| text.len() >= 24 && is_base64_text(text));
    let user_challenge = signature.user_challenge.filter(|text| text.len() == 43 && from_base64url(text).is_some());
    Ok(Signed {
        server_random: server_random.ok_or_else(|| missing("server_random"))?,
        user_challenge: user_challenge.ok_or_else(|| missing("user_challenge"))?,
        flow: signature.flow_type.ok_or_else(|| missing("no_flow_type"))?,
        interaction: status.interaction_type_used.ok_or_else(|| missing("no_interaction"))?,
        certificate_level: cert.certificate_level.ok_or_else(|| missing("no_certificate_level"))?,
        algorithm: signature.signature_algorithm.ok_or_else(|| missing("no_algorithm"))?,
        parameters: signature.signature_algorithm_parameters.ok_or_else(|| missing("no_algorithm_parameters"))?,
        signature: from_base64(&value).ok_or_else(|| missing("signature_not_base64"))?,
        certificate: from_base64(&certificate).ok_or_else(|| missing("cert_not_base64"))?,
    })
}

/// A word that is not in the table is never taken for success.
fn failure(end: &str) -> EidErrorKind {
    match end {
        "USER_REFUSED" | "USER_REFUSED_INTERACTION" | "USER_REFUSED_CERT_CHOICE" => EidErrorKind::UserCancelled,
        "TIMEOUT" => EidErrorKind::Timeout,
        "WRONG_VC" => EidErrorKind::WrongCodeChosen,
        "DOCUMENT_UNUSABLE" | "ACCOUNT_UNUSABLE" => EidErrorKind::CredentialBlocked,
        "REQUIRED_INTERACTION_NOT_SUPPORTED_BY_APP" => EidErrorKind::AppTooOld,
        "SERVER_ERROR" => EidErrorKind::ProviderUnavailable,
        _ => EidErrorKind::ProviderProtocol,
    }
}

/// Success, or what the HTTP status means.
fn accepted(status: StatusCode, not_found: EidErrorKind) -> Result<(), EidError> {
    let kind = match status.as_u16() {
        200 => return Ok(()),
        // 480: the provider finds our client too old
        401 | 403 | 480 => EidErrorKind::ProviderConfig,
        404 => not_found,
        471 | 472 => EidErrorKind::NotAvailableForUser,
        // 580 among them: maintenance
        _ if is_busy(status) => EidErrorKind::ProviderUnavailable,
        _ => EidErrorKind::ProviderProtocol,
    };
    Err(kind.said(&format!("http_{}", status.as_u16())))
}

/// It goes into a path: nothing but what a UUID or an opaque id has.
fn session_id(id: String) -> Result<String, EidError> {
    if is_opaque(&id) { Ok(id) } else { Err(EidErrorKind::ProviderProtocol.said("session_id")) }
}

fn is_opaque(text: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=128).contains(&text.len()) && text.bytes().all(safe)
}

/// The alphabet of base64: above all without the mark that parts the signed text.
fn is_base64_text(text: &str) -> bool {
    text.len() <= 256 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte))
}

fn read<'a, T: Deserialize<'a>>(answer: &'a Answer) -> Result<T, EidError> {
    // serde's message may quote the body, which is not for the log.
    serde_json::from_slice(&answer.body).map_err(|_| EidErrorKind::ProviderProtocol.said("malformed_json"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{super::super::mutation::answers, *};

    fn answer(status: u16, body: &Value) -> Answer {
        Answer { status: StatusCode::from_u16(status).expect("a status"), is_json: true, body: body.to_string().into_bytes() }
    }

    fn whole() -> Value {
        json!({
            "state": "COMPLETE", "result": {"endResult": "OK", "documentNumber": "PNOIS-0101302989-MOCK-Q", "more": 1},
            "signatureProtocol": "ACSP_V2",
            "signature": {
                "value": "AQ==", "serverRandom": "MTlop6EXCrQ6FOErcKjxUhbV", "flowType": "QR",
                "userChallenge": "GnsWXXEjTCKR89fj9uo5u5ReBZ9JR7_pezLAI5jMS00", "signatureAlgorithm": "rsassa-pss",
                "signatureAlgorithmParameters": {"hashAlgorithm": "SHA-512", "saltLength": 64, "trailerField": "0xbc",
                    "maskGenAlgorithm": {"algorithm": "id-mgf1", "parameters": {"hashAlgorithm": "SHA-512"}}},
            },
            "cert": {"value": "Ag==", "certificateLevel": "QUALIFIED"}, "interactionTypeUsed": "displayTextAndPIN",
            "ignoredProperties": [], "deviceIpAddress": "192.0.2.1",
        })
    }

    fn kind_of(body: &Value) -> EidErrorKind {
        status(&answer(200, body)).expect_err("not signed").kind
    }

    #[test]
    fn end_results_mean_what_the_table_says() {
        for (end, kind) in [
            ("USER_REFUSED", EidErrorKind::UserCancelled),
            ("USER_REFUSED_INTERACTION", EidErrorKind::UserCancelled),
            ("USER_REFUSED_CERT_CHOICE", EidErrorKind::UserCancelled),
            ("TIMEOUT", EidErrorKind::Timeout),
            ("WRONG_VC", EidErrorKind::WrongCodeChosen),
            ("DOCUMENT_UNUSABLE", EidErrorKind::CredentialBlocked),
            ("ACCOUNT_UNUSABLE", EidErrorKind::CredentialBlocked),
            ("REQUIRED_INTERACTION_NOT_SUPPORTED_BY_APP", EidErrorKind::AppTooOld),
            ("PROTOCOL_FAILURE", EidErrorKind::ProviderProtocol),
            ("EXPECTED_LINKED_SESSION", EidErrorKind::ProviderProtocol),
            ("SERVER_ERROR", EidErrorKind::ProviderUnavailable),
            ("", EidErrorKind::ProviderProtocol),
            ("ok", EidErrorKind::ProviderProtocol),
            ("OK ", EidErrorKind::ProviderProtocol),
        ] {
            assert_eq!(kind_of(&json!({"state": "COMPLETE", "result": {"endResult": end}})), kind, "{end}");
        }
        for state in ["", "complete", "DONE"] {
            let mut body = whole();
            body["state"] = state.into();
            assert_eq!(kind_of(&body), EidErrorKind::ProviderProtocol, "{state}");
        }
    }

    #[test]
    fn a_signed_answer_has_every_field_in_its_form() {
        assert!(matches!(status(&answer(200, &whole())), Ok(Outcome::Signed(_))));
        for path in [
            "/result/documentNumber",
            "/signatureProtocol",
            "/signature",
            "/signature/value",
            "/signature/serverRandom",
            "/signature/userChallenge",
            "/signature/flowType",
            "/signature/signatureAlgorithm",
            "/signature/signatureAlgorithmParameters",
            "/cert",
            "/cert/value",
            "/cert/certificateLevel",
            "/interactionTypeUsed",
        ] {
            let mut body = whole();
            *body.pointer_mut(path).expect("there") = Value::Null;
            assert_eq!(kind_of(&body), EidErrorKind::ProviderProtocol, "{path}");
        }
        for (path, value) in [
            ("/signatureProtocol", "ACSP_V1"),
            ("/signature/serverRandom", "short"),
            ("/signature/serverRandom", "MTlop6EXCrQ6FOErcKj|UhbV"),
            ("/signature/userChallenge", "GnsWXXEjTCKR89fj9uo5u5ReBZ9JR7_pezLAI5jMS0"),
            ("/signature/userChallenge", "GnsWXXEjTCKR89fj9uo5u5ReBZ9JR7|pezLAI5jMS00"),
            ("/signature/value", "!"),
            ("/cert/value", "!"),
        ] {
            let mut body = whole();
            *body.pointer_mut(path).expect("there") = value.into();
            assert_eq!(kind_of(&body), EidErrorKind::ProviderProtocol, "{path} {value}");
        }
    }

    #[test]
    fn http_statuses_mean_what_the_protocol_says() {
        use EidErrorKind::{NotAvailableForUser, ProviderConfig, ProviderProtocol, ProviderUnavailable, Timeout};
        for (code, notified_kind, linked_kind, at_poll) in [
            (400, ProviderProtocol, ProviderProtocol, ProviderProtocol),
            (401, ProviderConfig, ProviderConfig, ProviderConfig),
            (403, ProviderConfig, ProviderConfig, ProviderConfig),
            (404, NotAvailableForUser, ProviderConfig, Timeout),
            (471, NotAvailableForUser, NotAvailableForUser, NotAvailableForUser),
            (472, NotAvailableForUser, NotAvailableForUser, NotAvailableForUser),
            (480, ProviderConfig, ProviderConfig, ProviderConfig),
            (302, ProviderProtocol, ProviderProtocol, ProviderProtocol),
            (429, ProviderUnavailable, ProviderUnavailable, ProviderUnavailable),
            (500, ProviderUnavailable, ProviderUnavailable, ProviderUnavailable),
            (580, ProviderUnavailable, ProviderUnavailable, ProviderUnavailable),
        ] {
            let answer = answer(code, &json!({}));
            assert_eq!(notified(&answer).expect_err("refused").kind, notified_kind, "{code}");
            assert_eq!(linked(&answer).expect_err("refused").kind, linked_kind, "{code}");
            assert_eq!(status(&answer).expect_err("refused").kind, at_poll, "{code}");
        }
    }

    #[test]
    fn a_device_link_has_all_that_a_code_is_made_of() {
        let whole = json!({
            "sessionID": "97f5058e-e308-4c83-ac14-7712b0eb9d86", "sessionToken": "wGIrqveE6AuGDATZKmR1mtAZ",
            "sessionSecret": "B98ODiVCebRedSwdTk51zFSaGYyHtY1H2A0ocAi3/Ps=",
            "deviceLinkBase": "https://smart-id.com/device-link", "more": 1,
        });
        assert!(linked(&answer(200, &whole)).expect("started").link.is_some());
        for (path, value) in [
            ("/sessionToken", Value::Null),
            ("/sessionSecret", Value::Null),
            ("/deviceLinkBase", Value::Null),
            ("/sessionToken", "a&b=c".into()),
            ("/sessionToken", "".into()),
            ("/sessionSecret", "!".into()),
            ("/sessionSecret", "AQ==".into()),
            ("/sessionID", "../admin".into()),
        ] {
            let mut body = whole.clone();
            *body.pointer_mut(path).expect("there") = value.clone();
            assert_eq!(linked(&answer(200, &body)).expect_err(path).kind, EidErrorKind::ProviderProtocol, "{path} {value}");
        }
    }

    const STARTED: &[u8] = include_bytes!("../../../../tests/corpus/eid/smart_id_started.json");
    const STATUS: &[u8] = include_bytes!("../../../../tests/corpus/eid/smart_id_status.json");

    proptest! {
        #[test]
        fn x5_07_no_answer_makes_the_readers_panic(start in answers(STARTED), poll in answers(STATUS)) {
            let said = |body: &Vec<u8>| Answer { status: StatusCode::OK, is_json: true, body: body.clone() };
            for read in [notified(&said(&start)), linked(&said(&start))] {
                prop_assert!(read.is_err() || read.is_ok_and(|started| is_opaque(&started.session_id)));
            }
            match status(&said(&poll)) {
                Ok(Outcome::Signed(signed)) => {
                    prop_assert!(signed.server_random.len() >= 24 && signed.user_challenge.len() == 43, "eid.md §3.5 (3)");
                }
                Ok(Outcome::Running) => {}
                Err(error) => prop_assert!(error.provider_code.unwrap_or_default().len() <= 64, "INJ-04"),
            }
        }
    }
}
