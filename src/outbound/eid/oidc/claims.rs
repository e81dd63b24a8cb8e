//! What a provider's claims say about a person, by the row's mapping (eid.md §8.5).

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization as _;

use crate::{model::identity_provider::ClaimMapping, outbound::eid::subject::MOST_NAME_CHARACTERS};

/// Why the claims name nobody whom we let in. For the log: it holds nothing of the claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ClaimFault {
    #[error("no claim holds a national id")]
    NoNationalId,
    #[error("a claim with a national id is not text")]
    Malformed,
    #[error("two claims hold different national ids")]
    Contradiction,
    #[error("a required claim is missing or has another value")]
    Required,
    #[error("the acr is none of those that are accepted")]
    Assurance,
}

/// Who signed in and how, as the provider tells it.
pub(super) struct Told {
    /// ten digits, if it is one
    pub(super) national_id: String,
    /// for display
    pub(super) name: Option<String>,
    /// our level of assurance; none: the row's
    pub(super) acr: Option<String>,
    /// our methods; none: the row's
    pub(super) amr: Option<Vec<String>>,
}

/// Whether a claim that the mapping may need is missing.
pub(super) fn is_incomplete(claims: &Map<String, Value>, mapping: &ClaimMapping) -> bool {
    let lacks = |names: &[String]| !names.is_empty() && !names.iter().any(|name| claims.contains_key(name));
    lacks(&mapping.national_id) || lacks(&mapping.name) || mapping.require.keys().any(|name| !claims.contains_key(name))
}

/// Reads the claims.
pub(super) fn read(claims: &Map<String, Value>, mapping: &ClaimMapping) -> Result<Told, ClaimFault> {
    let required = |(name, value): (&String, &String)| claims.get(name).and_then(Value::as_str) == Some(value);
    if !mapping.require.iter().all(required) {
        return Err(ClaimFault::Required);
    }
    Ok(Told {
        national_id: national_id(claims, &mapping.national_id)?.to_owned(),
        name: mapping.name.iter().find_map(|name| claims.get(name)?.as_str()).and_then(display_name),
        acr: assurance(claims, &mapping.acr_accept)?,
        amr: methods(claims, &mapping.amr_map),
    })
}

/// The first that is there; where several are, they agree (X5-06: exactly one).
fn national_id<'a>(claims: &'a Map<String, Value>, names: &[String]) -> Result<&'a str, ClaimFault> {
    let mut found = None;
    for value in names.iter().filter_map(|name| claims.get(name)) {
        let text = value.as_str().ok_or(ClaimFault::Malformed)?;
        if *found.get_or_insert(text) != text {
            return Err(ClaimFault::Contradiction);
        }
    }
    found.ok_or(ClaimFault::NoNationalId)
}

/// The provider's level is one that the mapping names (OpenID Connect Core §3.1.3.7 (12)). The row's own counts only for a provider
/// that tells none: whoever signs in may have asked it for another than we did (EID-09).
fn assurance(claims: &Map<String, Value>, accept: &BTreeMap<String, String>) -> Result<Option<String>, ClaimFault> {
    let told = claims.get("acr");
    if accept.is_empty() && told.is_none() {
        return Ok(None);
    }
    let acr = told.and_then(Value::as_str).and_then(|acr| accept.get(acr));
    acr.cloned().map(Some).ok_or(ClaimFault::Assurance)
}

/// What the mapping makes of the provider's methods, each once; what it does not know says nothing.
fn methods(claims: &Map<String, Value>, map: &BTreeMap<String, Vec<String>>) -> Option<Vec<String>> {
    let told: Vec<&str> = match claims.get("amr") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let mut methods: Vec<String> = Vec::new();
    for method in told.into_iter().filter_map(|method| map.get(method)).flatten() {
        if !methods.contains(method) {
            methods.push(method.clone());
        }
    }
    (!methods.is_empty()).then_some(methods)
}

fn display_name(text: &str) -> Option<String> {
    let name: String = text.trim().nfc().filter(|character| !character.is_control()).take(MOST_NAME_CHARACTERS).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::{super::super::mutation::answers, *};

    fn mapping(changes: &Value) -> ClaimMapping {
        let mut mapping = json!({ "national_id": ["nationalRegisterId", "nin"], "name": ["name", "audkenni_name"] });
        for (name, value) in changes.as_object().expect("an object") {
            mapping[name] = value.clone();
        }
        serde_json::from_value(mapping).expect("a mapping")
    }

    fn told(claims: &Value, changes: &Value) -> Result<Told, ClaimFault> {
        read(claims.as_object().expect("an object"), &mapping(changes))
    }

    fn fault(claims: &Value, changes: &Value) -> Option<ClaimFault> {
        told(claims, changes).err()
    }

    #[test]
    fn the_first_national_id_counts_and_another_must_agree() {
        let number = |claims| told(&claims, &json!({})).map(|told| told.national_id);
        assert_eq!(number(json!({ "nin": "0101302989" })), Ok("0101302989".into()));
        assert_eq!(number(json!({ "nin": "0101302989", "nationalRegisterId": "0101302989" })), Ok("0101302989".into()));
        assert_eq!(number(json!({ "nin": "0101302399", "nationalRegisterId": "0101302989" })), Err(ClaimFault::Contradiction));
        assert_eq!(number(json!({ "sub": "0101302989" })), Err(ClaimFault::NoNationalId));
        for odd in [json!(101_302_989), json!(["0101302989"]), Value::Null] {
            assert_eq!(number(json!({ "nin": odd })), Err(ClaimFault::Malformed), "X5-06");
        }
    }

    #[test]
    fn required_claims_have_their_value() {
        let require = json!({ "require": { "nin_issuing_country": "IS" } });
        assert_eq!(fault(&json!({ "nin": "0101302989", "nin_issuing_country": "IS" }), &require), None);
        assert_eq!(fault(&json!({ "nin": "0101302989" }), &require), Some(ClaimFault::Required));
        for other in [json!("NO"), json!(["IS"]), json!(true)] {
            let claims = json!({ "nin": "0101302989", "nin_issuing_country": other });
            assert_eq!(fault(&claims, &require), Some(ClaimFault::Required));
        }
    }

    #[test]
    fn an_assurance_counts_by_the_table_alone() {
        let accept = json!({ "acr_accept": { "loa4": "eidas-loa-high", "loa3": "eidas-loa-substantial" } });
        let acr = |acr: Value, accept: &Value| told(&json!({ "nin": "0101302989", "acr": acr }), accept).map(|told| told.acr);
        assert_eq!(acr(json!("loa3"), &accept), Ok(Some("eidas-loa-substantial".into())));
        for other in [json!("loa2"), json!("LOA4"), json!(4), Value::Null] {
            assert_eq!(acr(other, &accept), Err(ClaimFault::Assurance));
        }
        assert_eq!(
            acr(json!("loa2"), &json!({})),
            Err(ClaimFault::Assurance),
            "EID-09: told, and nobody says what it is worth"
        );
        let silent = told(&json!({ "nin": "0101302989" }), &json!({})).map(|told| told.acr);
        assert_eq!(silent, Ok(None), "a provider that tells none: the row's counts");
    }

    #[test]
    fn methods_are_translated_each_once() {
        let map = json!({ "amr_map": { "sim": ["hwk", "pin"], "pin": ["pin"] } });
        let amr = |amr: Value| told(&json!({ "nin": "0101302989", "amr": amr }), &map).ok().and_then(|told| told.amr);
        assert_eq!(amr(json!(["sim", "pin", "other"])), Some(vec!["hwk".into(), "pin".into()]));
        assert_eq!(amr(json!("sim")), Some(vec!["hwk".into(), "pin".into()]));
        assert_eq!((amr(json!(["other"])), amr(Value::Null)), (None, None));
    }

    #[test]
    fn a_name_is_for_display() {
        let name = |claims| told(&claims, &json!({})).ok().and_then(|told| told.name);
        let claims = json!({ "nin": "0101302989", "audkenni_name": " Gervimaður\u{0} Ameri\u{301}ka " });
        assert_eq!(name(claims).as_deref(), Some("Gervimaður Ameríka"));
        assert_eq!(name(json!({ "nin": "0101302989", "name": "" })), None);
    }

    #[test]
    fn what_is_missing_is_asked_of_userinfo() {
        let Value::Object(claims) = json!({ "nin": "0101302989", "name": "Gervimaður" }) else { panic!("an object") };
        assert!(!is_incomplete(&claims, &mapping(&json!({}))));
        assert!(is_incomplete(&claims, &mapping(&json!({ "require": { "nin_issuing_country": "IS" } }))));
        assert!(is_incomplete(&claims, &mapping(&json!({ "national_id": ["national_id"] }))));
    }

    const CLAIMS: &[u8] = include_bytes!("../../../../tests/corpus/eid/oidc_claims.json");

    proptest! {
        #[test]
        fn eid_08_nobody_is_named_but_by_the_claims_that_the_mapping_names(body in answers(CLAIMS)) {
            if let Ok(Value::Object(claims)) = serde_json::from_slice(&body)
                && let Ok(told) = read(&claims, &mapping(&json!({})))
            {
                let named = ["nationalRegisterId", "nin"].map(|name| claims.get(name).and_then(Value::as_str));
                prop_assert!(named.contains(&Some(told.national_id.as_str())));
                prop_assert!(told.name.is_none_or(|name| !name.chars().any(char::is_control)));
            }
        }
    }
}
