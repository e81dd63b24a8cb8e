//! Reading a relying party's requests as strictly as a real service does (eid.md §2.1, §11.1).

use axum::http::{HeaderMap, header};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    super::{
        RelyingParty,
        key::HashType,
        session::{Authentication, TextFormat},
    },
    display_text,
    reply::Refusal,
};
use crate::base::digest;

const LANGUAGES: [&str; 4] = ["EST", "ENG", "RUS", "LIT"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AuthenticationBody {
    #[serde(rename = "relyingPartyUUID")]
    relying_party_uuid: String,
    relying_party_name: String,
    phone_number: String,
    #[serde(default)]
    national_identity_number: Option<String>,
    hash: String,
    hash_type: HashType,
    language: String,
    #[serde(default)]
    display_text: Option<String>,
    #[serde(default)]
    display_text_format: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CertificateBody {
    #[serde(rename = "relyingPartyUUID")]
    relying_party_uuid: String,
    relying_party_name: String,
    phone_number: String,
    #[serde(default)]
    national_identity_number: Option<String>,
}

/// Whose certificate is asked for.
#[derive(Debug)]
pub struct CertificateChoice {
    /// E.164, as sent
    pub phone: String,
    /// absent in phone-only addressing
    pub national_id: Option<String>,
}

/// Reads the body of `POST /authentication`.
pub fn authentication(headers: &HeaderMap, body: &[u8], known: &RelyingParty) -> Result<Authentication, Refusal> {
    let body: AuthenticationBody = json(headers, body)?;
    let format = match body.display_text_format.as_deref() {
        None | Some("GSM-7") => TextFormat::Gsm7,
        Some("UCS-2") => TextFormat::Ucs2,
        Some(_) => return Err(Refusal::bad("displayTextFormat is GSM-7 or UCS-2")),
    };
    let hash = digest::from_base64(&body.hash).ok_or_else(|| Refusal::bad("hash is not base64"))?;
    if hash.len() != body.hash_type.length() {
        return Err(Refusal::bad("hash does not have the length of hashType"));
    }
    if !LANGUAGES.contains(&body.language.as_str()) {
        return Err(Refusal::bad("language is EST, ENG, RUS or LIT"));
    }
    if let Some(text) = &body.display_text {
        display_text::check(text, format).map_err(Refusal::bad)?;
    }
    addressee(&body.phone_number, body.national_identity_number.as_deref())?;
    let relying_party = authenticate(&body.relying_party_uuid, &body.relying_party_name, known)?;
    Ok(Authentication {
        relying_party,
        phone: body.phone_number,
        national_id: body.national_identity_number,
        hash,
        hash_type: body.hash_type,
        language: body.language,
        text: body.display_text,
        format,
    })
}

/// Reads the body of `POST /certificate`.
pub fn certificate(headers: &HeaderMap, body: &[u8], known: &RelyingParty) -> Result<CertificateChoice, Refusal> {
    let body: CertificateBody = json(headers, body)?;
    addressee(&body.phone_number, body.national_identity_number.as_deref())?;
    authenticate(&body.relying_party_uuid, &body.relying_party_name, known)?;
    Ok(CertificateChoice { phone: body.phone_number, national_id: body.national_identity_number })
}

/// Reads a body that says to be JSON.
pub fn json<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type.split(';').next().map(str::trim) != Some("application/json") {
        return Err(Refusal::bad("Content-Type is application/json"));
    }
    serde_json::from_slice(body).map_err(|error| Refusal::bad(format!("the body does not fit: {error}")))
}

fn addressee(phone: &str, national_id: Option<&str>) -> Result<(), Refusal> {
    let digits = phone.strip_prefix('+').unwrap_or_default();
    if !(7..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::bad("phoneNumber is + and 7 to 15 digits"));
    }
    let is_national_id = |id: &str| id.len() == 10 && id.bytes().all(|byte| byte.is_ascii_digit());
    if national_id.is_some_and(|id| !is_national_id(id)) {
        return Err(Refusal::bad("nationalIdentityNumber is 10 digits"));
    }
    Ok(())
}

/// The name of the relying party, which must be the one that is known; the UUID is case-sensitive.
fn authenticate(uuid: &str, name: &str, known: &RelyingParty) -> Result<String, Refusal> {
    if uuid != known.uuid || name != known.name {
        return Err(Refusal::unauthorized());
    }
    Ok(known.name.clone())
}
