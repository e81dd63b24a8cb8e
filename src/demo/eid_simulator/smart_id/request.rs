//! Reading a relying party's requests as strictly as the real service does (eid.md §3.1, §11.1).

use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::Value;

use super::{
    super::{
        AppOptions, RelyingParty,
        key::HashType,
        mobile_id::{reply::Refusal, request::json},
    },
    session::{CODE_CHOICE, Interaction, Request},
};
use crate::base::digest;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    #[serde(rename = "relyingPartyUUID")]
    relying_party_uuid: String,
    relying_party_name: String,
    #[serde(default)]
    certificate_level: Option<String>,
    signature_protocol: String,
    signature_protocol_parameters: Parameters,
    interactions: String,
    #[serde(default)]
    request_properties: Option<Value>,
    #[serde(default)]
    capabilities: Option<Vec<String>>,
    #[serde(default)]
    vc_type: Option<String>,
    #[serde(default)]
    initial_callback_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    rp_challenge: String,
    signature_algorithm: String,
    signature_algorithm_parameters: AlgorithmParameters,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AlgorithmParameters {
    hash_algorithm: String,
}

/// Who is told of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// the app of a person, by the operator
    Notification,
    /// whoever opens the link
    DeviceLink,
}

/// Reads the body of a start.
pub fn start(
    headers: &HeaderMap,
    body: &[u8],
    start: Start,
    known: &RelyingParty,
    options: AppOptions,
) -> Result<Request, Refusal> {
    let body: Body = json(headers, body)?;
    let bad = Refusal::bad;
    if body.signature_protocol != "ACSP_V2" {
        return Err(bad("signatureProtocol is ACSP_V2"));
    }
    let level = body.certificate_level.unwrap_or_else(|| "QUALIFIED".to_owned());
    if !["QUALIFIED", "ADVANCED"].contains(&level.as_str()) {
        return Err(bad("certificateLevel is QUALIFIED or ADVANCED"));
    }
    let parameters = body.signature_protocol_parameters;
    let challenge = digest::from_base64(&parameters.rp_challenge).ok_or_else(|| bad("rpChallenge is base64"))?;
    if !(32..=64).contains(&challenge.len()) {
        return Err(bad("rpChallenge is 32 to 64 bytes"));
    }
    if parameters.signature_algorithm != "rsassa-pss" {
        return Err(bad("signatureAlgorithm is rsassa-pss"));
    }
    let hash = match parameters.signature_algorithm_parameters.hash_algorithm.as_str() {
        "SHA-256" => HashType::Sha256,
        "SHA-384" => HashType::Sha384,
        "SHA-512" => HashType::Sha512,
        _ => return Err(bad("hashAlgorithm is SHA-256, SHA-384 or SHA-512; the simulator signs no SHA3")),
    };
    let shown = interactions(&body.interactions, start)?;
    if body.request_properties.is_some_and(|properties| !properties.is_object()) {
        return Err(bad("requestProperties is an object"));
    }
    if body.capabilities.is_some_and(|capabilities| !capabilities.is_empty()) {
        return Err(bad("capabilities is an empty list"));
    }
    match (start, body.vc_type.as_deref()) {
        (Start::Notification, Some("numeric4")) | (Start::DeviceLink, None) => {}
        (Start::Notification, _) => return Err(bad("vcType is numeric4")),
        (Start::DeviceLink, Some(_)) => return Err(bad("vcType is for notifications")),
    }
    if let Some(url) = &body.initial_callback_url {
        if start == Start::Notification {
            return Err(bad("initialCallbackUrl is for device links"));
        }
        if !is_callback(url, options) {
            return Err(bad("initialCallbackUrl matches ^https://[^|]+$"));
        }
    }
    if body.relying_party_uuid != known.uuid || body.relying_party_name != known.name {
        return Err(Refusal::unauthorized());
    }
    Ok(Request {
        relying_party: body.relying_party_name,
        level,
        challenge: parameters.rp_challenge,
        hash,
        interactions: body.interactions,
        shown,
        callback: body.initial_callback_url,
    })
}

/// The first interaction; each in the list must be one that there is, with a text that fits.
fn interactions(encoded: &str, start: Start) -> Result<Interaction, Refusal> {
    let json = digest::from_base64(encoded).ok_or_else(|| Refusal::bad("interactions is base64"))?;
    let list: Vec<Interaction> =
        serde_json::from_slice(&json).map_err(|error| Refusal::bad(format!("interactions does not fit: {error}")))?;
    let fits = |interaction: &Interaction| {
        let (short, long) = (interaction.display_text60.as_deref(), interaction.display_text200.as_deref());
        let within = |text: Option<&str>, most| text.is_some_and(|text| (1..=most).contains(&text.chars().count()));
        match interaction.kind.as_str() {
            "displayTextAndPIN" => within(short, 60) && long.is_none(),
            "confirmationMessage" => within(long, 200) && short.is_none(),
            CODE_CHOICE => within(long, 200) && short.is_none() && start == Start::Notification,
            _ => false,
        }
    };
    if list.iter().enumerate().any(|(at, one)| !fits(one) || list[..at].iter().any(|other| other.kind == one.kind)) {
        return Err(Refusal::bad("an interaction is unknown, stands there twice or has a text that does not fit"));
    }
    list.into_iter().next().ok_or_else(|| Refusal::bad("interactions is not empty"))
}

fn is_callback(url: &str, options: AppOptions) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| {
        let rest = url.strip_prefix("http://").filter(|_| options.http_callbacks)?;
        let host = rest.split(['/', ':', '?']).next().unwrap_or_default();
        ["localhost", "127.0.0.1"].contains(&host).then_some(rest)
    });
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains('|'))
}

/// The national id in `PNOIS-0101302989`, as it stands in a path or in a document number.
pub fn national_id(identifier: &str) -> Result<&str, Refusal> {
    let number = identifier.strip_prefix("PNOIS-").map(|number| number.split('-').next().unwrap_or_default());
    number
        .filter(|number| number.len() == 10 && number.bytes().all(|byte| byte.is_ascii_digit()))
        .ok_or_else(|| Refusal::bad("the identifier is PNOIS- and ten digits"))
}
