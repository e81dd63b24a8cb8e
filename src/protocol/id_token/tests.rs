//! Everything that another provider's ID token may not be.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use proptest::prelude::*;
use serde_json::json;
use time::macros::datetime;

use super::*;
use crate::base::digest::{base64url, from_base64url};

const ISSUER: &str = "https://broker.example.is";
const CLIENT: &str = "innskra";
const NONCE: &str = "n-0S6_WzA2Mj";
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
        let message = format!("{}.{}", base64url(header.to_string()), base64url(claims.to_string()));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", base64url(signature))
    }
}

fn header() -> Value {
    json!({ "alg": "ES256", "kid": "k", "typ": "JWT", "x5t": "ignored" })
}

fn claims() -> Value {
    let now = NOW.unix_timestamp();
    json!({
        "iss": ISSUER, "sub": "person-1", "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": NONCE, "auth_time": now - 5,
        "nationalRegisterId": "0101302989",
    })
}

fn expected() -> Expected<'static> {
    Expected {
        issuer: ISSUER,
        client_id: CLIENT,
        nonce: NONCE,
        authenticated_since: NOW - Duration::seconds(30),
        must_tell_when: true,
        access_token: Some("token"),
        now: NOW,
    }
}

/// The judgement of claims with members set, or taken away by null.
fn of_claims(changes: &[(&str, Value)]) -> Result<VerifiedIdToken, IdTokenFault> {
    let (signer, mut claims) = (Signer::new(), claims());
    for (member, value) in changes {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(*member)),
            value => claims[*member] = value.clone(),
        }
    }
    IdToken::parse(&signer.sign(&header(), &claims))?.verify(&signer.jwks(), &expected())
}

fn fault(changes: &[(&str, Value)]) -> Option<IdTokenFault> {
    of_claims(changes).err()
}

#[test]
fn a_right_token_proves_the_person() {
    let verified = of_claims(&[]).unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(verified.subject, "person-1");
    assert_eq!(verified.claims["nationalRegisterId"], "0101302989");
    assert_eq!(fault(&[("aud", json!([CLIENT]))]), None);
    assert_eq!(fault(&[("azp", json!(CLIENT))]), None);
    assert_eq!(fault(&[("aud", json!([CLIENT, "other"])), ("azp", json!(CLIENT))]), None);
    let hash = base64url(&digest::sha256(&[b"token"])[..16]);
    assert_eq!(fault(&[("at_hash", json!(hash))]), None);
}

#[test]
fn eid_08_every_claim_is_needed_and_has_its_type() {
    for (claim, wrong) in [
        ("iss", json!(1)),
        ("sub", json!(["person-1"])),
        ("aud", json!(7)),
        ("exp", json!("300")),
        ("iat", json!("0")),
        ("nonce", json!(true)),
    ] {
        assert_eq!(fault(&[(claim, Value::Null)]), Some(IdTokenFault::Claims), "{claim} missing");
        assert_eq!(fault(&[(claim, wrong)]), Some(IdTokenFault::Claims), "{claim}");
    }
    assert_eq!(fault(&[("sub", json!(""))]), Some(IdTokenFault::Claims));
    assert_eq!(fault(&[("auth_time", json!("now"))]), Some(IdTokenFault::Claims));
}

#[test]
fn eid_08_another_issuer_audience_or_sign_in_proves_nothing() {
    use IdTokenFault::{AccessToken, Audience, Issuer, Nonce};
    let table: [(&[(&str, Value)], IdTokenFault); 10] = [
        (&[("iss", json!("https://broker.example.is/"))], Issuer),
        (&[("iss", json!("https://other.example.is"))], Issuer),
        (&[("aud", json!("other"))], Audience),
        (&[("aud", json!([]))], Audience),
        (&[("aud", json!([CLIENT, "other"]))], Audience),
        (&[("aud", json!([CLIENT, "other"])), ("azp", json!("other"))], Audience),
        (&[("azp", json!("other"))], Audience),
        (&[("nonce", json!("n-0S6_WzA2Mk"))], Nonce),
        (&[("nonce", json!(""))], Nonce),
        (&[("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA"))], AccessToken),
    ];
    for (changes, expected) in table {
        assert_eq!(fault(changes), Some(expected), "{changes:?}");
    }
}

#[test]
fn times_are_judged_with_a_minute_for_clocks() {
    use IdTokenFault::{AuthTime, Expired, NotYetValid};
    let now = NOW.unix_timestamp();
    for (claim, time, expected) in [
        ("exp", now + 1, None),
        ("exp", now, Some(Expired(0))),
        ("exp", i64::MIN, Some(Expired(i64::MAX))),
        ("iat", now + 60, None),
        ("iat", now + 61, Some(NotYetValid(61))),
        ("nbf", now + 60, None),
        ("nbf", now + 61, Some(NotYetValid(61))),
        ("auth_time", now + 61, Some(NotYetValid(61))),
        ("auth_time", now - 90, None),
        ("auth_time", now - 91, Some(AuthTime)),
    ] {
        assert_eq!(fault(&[(claim, json!(time))]), expected, "{claim} {}", time.saturating_sub(now));
    }
    assert_eq!(fault(&[("auth_time", Value::Null)]), Some(AuthTime), "asked for, so it must be there");
}

#[test]
fn x5_04_algorithms_and_keys_are_the_agreed_ones() {
    let (signer, other) = (Signer::new(), Signer::new());
    let judged = |header: &Value| {
        IdToken::parse(&signer.sign(header, &claims())).and_then(|token| token.verify(&signer.jwks(), &expected()))
    };
    for alg in ["none", "HS256", "RS512", "es256"] {
        let refused = judged(&json!({ "alg": alg, "kid": "k" })).err();
        assert_eq!(refused, Some(IdTokenFault::Signed(JwsFault::Header)), "{alg}");
    }
    let refused = |header| judged(&header).err();
    assert_eq!(refused(json!({ "alg": "EdDSA", "kid": "k" })), Some(IdTokenFault::Signed(JwsFault::Algorithm)));
    assert_eq!(refused(json!({ "alg": "RS256", "kid": "k" })), Some(IdTokenFault::Signed(JwsFault::UnknownKey)));
    assert_eq!(refused(json!({ "alg": "ES256", "kid": "other" })), Some(IdTokenFault::Signed(JwsFault::UnknownKey)));
    assert_eq!(refused(json!({ "alg": "ES256", "kid": "k", "typ": "at+jwt" })), Some(IdTokenFault::Type));
    assert_eq!(refused(json!({ "alg": "ES256" })), None, "one key needs no name");
    let token = IdToken::parse(&signer.sign(&header(), &claims())).unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(token.verify(&other.jwks(), &expected()).err(), Some(IdTokenFault::Signed(JwsFault::Signature)));
    let unknown = IdToken::parse(&signer.sign(&json!({ "alg": "ES256", "kid": "new" }), &claims()));
    assert!(token.has_key_in(&signer.jwks()) && !unknown.is_ok_and(|token| token.has_key_in(&signer.jwks())));
}

#[test]
fn an_encrypted_token_is_none() {
    assert_eq!(IdToken::parse("a.b.c.d.e").err(), Some(IdTokenFault::Signed(JwsFault::Segments)));
}

proptest! {
    #[test]
    fn no_changed_token_passes(at in 0_usize..1000, bit in 0_u8..6) {
        let signer = Signer::new();
        let token = signer.sign(&header(), &claims());
        let at = at % token.len();
        let mut bytes = token.clone().into_bytes();
        bytes[at] ^= 1 << bit;
        let changed = String::from_utf8_lossy(&bytes).into_owned();
        // the last letter of base64url may hold bits that mean nothing
        let same = |token: &str| token.split('.').map(from_base64url).collect::<Vec<_>>();
        prop_assume!(same(&changed) != same(&token));
        let passed = IdToken::parse(&changed).and_then(|token| token.verify(&signer.jwks(), &expected()));
        prop_assert!(passed.is_err(), "{changed}");
    }
}
