//! Everything that an assertion may not be.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use time::macros::datetime;

use super::*;
use crate::base::digest::base64url;

const ISSUER: &str = "https://innskra.island.is";
const CLIENT: &str = "@myorg.is/worker";
const NOW: OffsetDateTime = datetime!(2026-11-22 10:00 UTC);

struct Signer {
    pair: EcdsaKeyPair,
}

impl Signer {
    fn new() -> Self {
        Self { pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap() }
    }

    fn jwks(&self) -> ClientJwks {
        let point = self.pair.public_key().as_ref();
        let (x, y) = (base64url(&point[1..33]), base64url(&point[33..]));
        let key = json!({ "kty": "EC", "crv": "P-256", "kid": "k", "x": x, "y": y });
        ClientJwks::parse(&json!({ "keys": [key] })).unwrap()
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    fn sign_text(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", base64url(header), base64url(claims));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", base64url(signature))
    }
}

fn header() -> Value {
    json!({ "alg": "ES256", "kid": "k", "typ": "JWT" })
}

fn claims() -> Value {
    let now = NOW.unix_timestamp();
    json!({ "iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "exp": now + 60, "iat": now, "jti": "one" })
}

/// The object with members set, or taken away by null; `"null"` as a text sets null.
fn with(mut object: Value, changes: &[(&str, Value)]) -> Value {
    for (member, value) in changes {
        match value {
            Value::Null => drop(object.as_object_mut().unwrap().remove(*member)),
            Value::String(null) if null == "null" => object[*member] = Value::Null,
            value => object[*member] = value.clone(),
        }
    }
    object
}

/// The whole judgement of a text.
fn judge(text: &str, keys: &ClientJwks) -> Result<String, AssertionFault> {
    let assertion = ClientAssertion::parse(text)?;
    assertion.judge(ISSUER, NOW)?;
    assertion.verify(assertion.key(keys, &[AssertionAlgorithm::Es256])?)?;
    Ok(assertion.client_id().to_owned())
}

fn of(header: &Value, claims: &Value) -> Result<String, AssertionFault> {
    let signer = Signer::new();
    judge(&signer.sign(header, claims), &signer.jwks())
}

fn of_claims(changes: &[(&str, Value)]) -> Result<String, AssertionFault> {
    of(&header(), &with(claims(), changes))
}

fn of_header(changes: &[(&str, Value)]) -> Result<String, AssertionFault> {
    of(&with(header(), changes), &claims())
}

#[test]
fn cau_10_a_right_assertion_proves_its_client() {
    assert_eq!(of(&header(), &claims()), Ok(CLIENT.to_owned()));
    assert_eq!(of_claims(&[("iat", Value::Null)]), Ok(CLIENT.to_owned()), "iat may be left out");
    assert_eq!(of_claims(&[("other", json!({}))]), Ok(CLIENT.to_owned()), "others are ignored");
    for typ in [Value::Null, json!("jwt"), json!("application/JWT"), json!("client-authentication+jwt")] {
        assert_eq!(of_header(&[("typ", typ)]), Ok(CLIENT.to_owned()));
    }
    assert_eq!(of_header(&[("kid", Value::Null), ("x5t", json!("AA"))]), Ok(CLIENT.to_owned()));
}

#[test]
fn cau_10_headers_that_bring_keys_or_change_the_rules_are_refused() {
    for member in ["crit", "b64", "jku", "jwk", "x5u", "x5c"] {
        for value in [json!("https://evil.example/"), json!(["exp"]), json!(false), json!({}), json!("null")] {
            assert_eq!(
                of_header(&[(member, value.clone())]),
                Err(AssertionFault::Signed(JwsFault::Header)),
                "{member} {value}"
            );
        }
    }
    for alg in
        [json!("none"), json!("None"), json!("HS256"), json!("RS512"), json!("es256"), json!(1), json!(["ES256"]), Value::Null]
    {
        assert_eq!(of_header(&[("alg", alg.clone())]), Err(AssertionFault::Signed(JwsFault::Header)), "{alg}");
    }
    assert_eq!(of_header(&[("kid", json!(1))]), Err(AssertionFault::Signed(JwsFault::Header)));
    for typ in ["at+jwt", "dpop+jwt", "logout+jwt", "id_token", "application/at+jwt", "jwt ", ""] {
        assert_eq!(of_header(&[("typ", json!(typ))]), Err(AssertionFault::Type), "{typ}");
    }
}

#[test]
fn cau_10_every_claim_is_needed_and_has_its_type() {
    for (claim, wrong) in [
        ("iss", json!(1)),
        ("sub", json!([CLIENT])),
        ("exp", json!("9999999999")),
        ("exp", json!(1.5e9)),
        ("exp", json!("null")),
        ("iat", json!("1")),
        ("iat", json!("null")),
        ("nbf", json!("9999999999")),
        ("nbf", json!({})),
        ("jti", json!(1)),
        ("jti", json!("null")),
    ] {
        assert_eq!(of_claims(&[(claim, wrong.clone())]), Err(AssertionFault::Claims), "{claim} {wrong}");
    }
    for claim in ["iss", "sub", "aud", "exp", "jti"] {
        assert_eq!(of_claims(&[(claim, Value::Null)]), Err(AssertionFault::Claims), "{claim}");
    }
    let signer = Signer::new();
    let twice = claims().to_string().replace("\"jti\"", "\"jti\":\"two\",\"jti\"");
    assert_eq!(judge(&signer.sign_text(&header().to_string(), &twice), &signer.jwks()), Err(AssertionFault::Claims));
}

#[test]
fn cau_10_the_audience_is_the_issuer_as_one_string_d6() {
    for aud in [
        json!([ISSUER]),
        json!([ISSUER, "https://other.example"]),
        json!(format!("{ISSUER}/")),
        json!(format!("{ISSUER}/connect/token")),
        json!("https://INNSKRA.island.is"),
        json!(""),
        json!(1),
        json!("null"),
    ] {
        assert_eq!(of_claims(&[("aud", aud.clone())]), Err(AssertionFault::Audience), "{aud}");
    }
    assert_eq!(of_claims(&[("iss", json!("@myorg.is/other"))]), Err(AssertionFault::Issuer));
}

#[test]
fn cau_10_times_are_judged_at_their_boundaries() {
    let now = NOW.unix_timestamp();
    let exp = |ahead: i64| of_claims(&[("exp", json!(now.saturating_add(ahead)))]);
    assert!(exp(1).is_ok() && exp(300).is_ok());
    assert_eq!(exp(0), Err(AssertionFault::Expired(0)));
    assert_eq!(exp(-5), Err(AssertionFault::Expired(5)));
    assert_eq!(exp(301), Err(AssertionFault::TooFarAhead(1)));
    assert!(matches!(exp(i64::MAX), Err(AssertionFault::TooFarAhead(_))));
    assert!(matches!(of_claims(&[("exp", json!(i64::MIN))]), Err(AssertionFault::Expired(_))));
    for claim in ["iat", "nbf"] {
        assert!(of_claims(&[(claim, json!(now + 60))]).is_ok(), "{claim}");
        assert_eq!(of_claims(&[(claim, json!(now + 61))]), Err(AssertionFault::NotYetValid(61)), "{claim}");
        assert!(of_claims(&[(claim, json!(i64::MIN))]).is_ok(), "{claim}");
    }
}

#[test]
fn cau_11_the_jti_has_1_to_256_bytes() {
    assert!(of_claims(&[("jti", json!("j".repeat(256)))]).is_ok());
    assert_eq!(of_claims(&[("jti", json!("j".repeat(257)))]), Err(AssertionFault::Jti));
    assert_eq!(of_claims(&[("jti", json!("ð".repeat(129)))]), Err(AssertionFault::Jti), "bytes, not characters");
    assert_eq!(of_claims(&[("jti", json!(""))]), Err(AssertionFault::Jti));
}

#[test]
fn cau_10_only_a_key_of_the_client_and_a_registered_algorithm_count() {
    let signer = Signer::new();
    let text = signer.sign(&header(), &claims());
    assert_eq!(
        judge(&text, &Signer::new().jwks()),
        Err(AssertionFault::Signed(JwsFault::Signature)),
        "another's key under the same kid"
    );
    assert_eq!(of_header(&[("kid", json!("other"))]), Err(AssertionFault::Signed(JwsFault::UnknownKey)));
    assert_eq!(of_header(&[("alg", json!("RS256"))]), Err(AssertionFault::Signed(JwsFault::Algorithm)), "not registered");
    let assertion = ClientAssertion::parse(&text).unwrap();
    let all = AssertionAlgorithm::ALL;
    assert_eq!(
        assertion.key(ClientJwks::stand_in(), &all).err(),
        Some(AssertionFault::Signed(JwsFault::UnknownKey)),
        "it names a kid"
    );
    let rsa = ClientAssertion::parse(&signer.sign(&with(header(), &[("alg", json!("PS256"))]), &claims())).unwrap();
    assert_eq!(
        rsa.key(&signer.jwks(), &all).err(),
        Some(AssertionFault::Signed(JwsFault::UnknownKey)),
        "the key is of another type"
    );
    // one changed character anywhere
    for at in [5, text.find('.').unwrap() + 9, text.len() - 10] {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        assert!(judge(&String::from_utf8(bytes).unwrap(), &signer.jwks()).is_err(), "{at}");
    }
}

#[test]
fn what_is_no_jws_is_refused() {
    let signer = Signer::new();
    let text = signer.sign(&header(), &claims());
    let cut: Vec<&str> = text.split('.').collect();
    for (bad, fault) in [
        (String::new(), AssertionFault::Signed(JwsFault::Segments)),
        ("a.b".to_owned(), AssertionFault::Signed(JwsFault::Segments)),
        (format!("{text}."), AssertionFault::Signed(JwsFault::Segments)),
        (format!("{text}.a.b"), AssertionFault::Signed(JwsFault::Segments)),
        (format!("{text}="), AssertionFault::Signed(JwsFault::Segments)),
        (format!("{}..{}", cut[0], cut[2]), AssertionFault::Claims),
        (format!("{}.{}.", cut[0], cut[1]), AssertionFault::Signed(JwsFault::Signature)),
        ("a".repeat(16 * 1024 + 1), AssertionFault::Signed(JwsFault::TooLong)),
    ] {
        assert_eq!(judge(&bad, &signer.jwks()), Err(fault), "{bad}");
    }
    assert_eq!(
        judge(&signer.sign_text("[]", &claims().to_string()), &signer.jwks()),
        Err(AssertionFault::Signed(JwsFault::Header))
    );
    assert_eq!(judge(&signer.sign_text(&header().to_string(), "[]"), &signer.jwks()), Err(AssertionFault::Claims));
}

#[test]
fn nothing_of_the_assertion_but_its_client_is_shown() {
    let text = Signer::new().sign(&header(), &claims());
    let shown = format!("{:?}", ClientAssertion::parse(&text).unwrap());
    assert!(shown.contains(CLIENT) && !shown.contains(text.rsplit_once('.').unwrap().1), "{shown}");
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in "[A-Za-z0-9_-]{0,60}(\\.[A-Za-z0-9_-]{0,60}){0,3}|.*") {
        if let Ok(assertion) = ClientAssertion::parse(&text) {
            let _ = assertion.judge(ISSUER, NOW);
            assertion.verify_in_vain();
        }
    }

    #[test]
    fn any_claims_are_judged_without_a_panic(exp in any::<i64>(), iat in any::<i64>(), nbf in any::<i64>(), jti in ".*") {
        let outcome = of_claims(&[("exp", json!(exp)), ("iat", json!(iat)), ("nbf", json!(nbf)), ("jti", json!(jti))]);
        let now = NOW.unix_timestamp();
        prop_assert!(outcome.is_err() || (exp > now && exp - now <= 300));
    }
}
