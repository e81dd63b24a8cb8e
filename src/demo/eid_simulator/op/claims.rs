//! What a broker says about a person, honest or bent by one lie.

use serde_json::{Value, json};

use super::{OpFault, Style, register::Grant};
use crate::base::digest::{base64url, sha256};

const HOUR: i64 = 3600;
const COMPANY: &str = "5099000019";
const SOMEBODY_ELSE: &str = "0101302399";

/// The person's name at a broker: one for each, so that nobody learns the national id from it.
pub(super) fn subject(grant: &Grant) -> String {
    base64url(sha256(&[grant.style.as_str().as_bytes(), b"/", grant.national_id.as_bytes()]))
}

/// The claims of the ID token.
pub(super) fn id_token(grant: &Grant, issuer: &str, access_token: &str) -> Value {
    let (fault, now) = (grant.fault, grant.at.unix_timestamp());
    let lies = |about| fault == Some(about);
    let shift = if lies(OpFault::Expired) {
        -2 * HOUR
    } else if lies(OpFault::NotYetValid) {
        HOUR
    } else {
        0
    };
    let hashed = if lies(OpFault::WrongAccessTokenHash) { "another" } else { access_token };
    let mut claims = json!({
        "iss": if lies(OpFault::WrongIssuer) { "https://another.example.is" } else { issuer },
        "sub": subject(grant),
        "aud": if lies(OpFault::WrongAudience) { "another-client" } else { &grant.client_id },
        "iat": now + shift,
        "exp": now + shift + HOUR,
        "auth_time": if lies(OpFault::StaleAuthTime) { now - HOUR } else { now },
        "nonce": if lies(OpFault::WrongNonce) { "of-another-sign-in" } else { &grant.nonce },
        "at_hash": base64url(&sha256(&[hashed.as_bytes()])[..16]),
    });
    if lies(OpFault::NoAuthTime)
        && let Some(members) = claims.as_object_mut()
    {
        members.remove("auth_time");
    }
    add_assurance(&mut claims, grant);
    match grant.style {
        Style::Audkenni => {}
        Style::Signicat => {
            add_national_id(&mut claims, "nin", grant);
            claims["nin_issuing_country"] = if lies(OpFault::ForeignCountry) { "NO" } else { "IS" }.into();
            claims["name"] = grant.name.clone().into();
        }
        Style::Kenni => {
            add_national_id(&mut claims, "national_id", grant);
            claims["audkenni_name"] = grant.name.clone().into();
            claims["audkenni_phone_number"] = grant.phone.clone().into();
        }
    }
    claims
}

/// The claims of userinfo.
pub(super) fn userinfo(grant: &Grant) -> Value {
    let sub = if grant.fault == Some(OpFault::WrongSubject) { "somebody-else".to_owned() } else { subject(grant) };
    let mut claims = json!({ "sub": sub, "name": grant.name });
    if grant.style == Style::Audkenni {
        add_national_id(&mut claims, "nationalRegisterId", grant);
    }
    claims
}

/// Auðkenni answers with what it was asked for, the others with words of their own or none.
fn add_assurance(claims: &mut Value, grant: &Grant) {
    let asked = grant.acr_values.as_deref().and_then(|values| values.split(' ').next());
    let lower = grant.fault == Some(OpFault::AcrLower);
    match grant.style {
        Style::Audkenni => {
            let method = asked.unwrap_or("sim-auth");
            claims["acr"] = if lower { "password" } else { method }.into();
            claims["amr"] = json!([method.trim_end_matches("-auth")]);
        }
        Style::Signicat => {
            claims["acr"] = if lower { "urn:simulator:loa:3" } else { "urn:simulator:loa:4" }.into();
            claims["amr"] = json!(["audkenni"]);
        }
        Style::Kenni if lower => claims["acr"] = "password".into(),
        Style::Kenni => {}
    }
}

fn add_national_id(claims: &mut Value, name: &str, grant: &Grant) {
    match grant.fault {
        Some(OpFault::NoNationalId) => {}
        Some(OpFault::CompanyId) => claims[name] = COMPANY.into(),
        Some(OpFault::ShortNationalId) => claims[name] = grant.national_id.get(..9).unwrap_or_default().into(),
        Some(OpFault::TwoNationalIds) => claims[name] = json!([grant.national_id, SOMEBODY_ELSE]),
        _ => claims[name] = grant.national_id.clone().into(),
    }
}
