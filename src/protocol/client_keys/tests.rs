//! Which keys a client may register, and which one an assertion is verified with.

use super::*;

const N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs\
                 tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5ha\
                 jrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

fn rsa(kid: &str) -> Value {
    json!({ "kty": "RSA", "kid": kid, "n": N, "e": "AQAB" })
}

fn p256(kid: &str) -> Value {
    let (x, y) = ("MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM");
    json!({ "kty": "EC", "crv": "P-256", "kid": kid, "x": x, "y": y })
}

fn ed25519(kid: &str) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" })
}

/// The key with one member set, or taken away by null.
fn with(mut key: Value, member: &str, value: Value) -> Value {
    match value {
        Value::Null => drop(key.as_object_mut().unwrap().remove(member)),
        value => key[member] = value,
    }
    key
}

fn set(keys: &[Value]) -> Result<ClientJwks, KeysFault> {
    ClientJwks::parse(&json!({ "keys": keys }))
}

/// An RSA modulus of so many bits, odd.
fn modulus(bits: usize) -> String {
    let mut bytes = vec![0xff; bits.div_ceil(8)];
    bytes[0] >>= bits.div_ceil(8) * 8 - bits;
    crate::base::digest::base64url(bytes)
}

#[test]
fn a_set_keeps_the_public_members_of_what_can_verify() {
    let keys = [with(rsa("a"), "x5c", json!(["AAAA"])), p256("b"), ed25519("c"), with(rsa("d"), "use", json!("enc"))];
    let jwks = set(&keys).unwrap();
    assert_eq!(serde_json::to_value(&jwks).unwrap(), json!({ "keys": [rsa("a"), p256("b"), ed25519("c")] }));
    assert_eq!(ClientJwks::parse(&serde_json::to_value(&jwks).unwrap()), Ok(jwks));
}

#[test]
fn cau_10_a_private_or_symmetric_key_is_refused_wherever_it_stands() {
    for member in SECRET_MEMBERS {
        assert_eq!(set(&[p256("a"), with(rsa("b"), member, json!("AQAB"))]), Err(KeysFault::Secret(1)), "{member}");
    }
    for key in [json!({ "kty": "oct" }), json!({ "kty": "oct", "k": "AAAA" }), json!({ "kty": "new", "d": 1 })] {
        assert_eq!(set(&[key, rsa("a")]), Err(KeysFault::Secret(0)));
    }
}

#[test]
fn a_kid_stands_once() {
    assert_eq!(set(&[rsa("a"), p256("b"), ed25519("a")]), Err(KeysFault::DuplicateKid(2)));
    assert!(set(&[with(rsa(""), "kid", Value::Null), with(p256(""), "kid", Value::Null)]).is_ok());
}

#[test]
fn dos_04_a_set_has_twenty_keys_at_most() {
    let keys: Vec<Value> = (0..21).map(|kid| ed25519(&kid.to_string())).collect();
    assert!(set(&keys[..20]).is_ok());
    assert_eq!(set(&keys), Err(KeysFault::TooMany));
}

#[test]
fn dos_04_rsa_has_2048_to_8192_bits_and_a_fit_exponent() {
    for bits in [2048, 2049, 3072, 8192] {
        assert!(set(&[with(rsa("a"), "n", json!(modulus(bits)))]).is_ok(), "{bits}");
    }
    for bits in [1024, 2047, 8193, 16_384] {
        assert_eq!(set(&[with(rsa("a"), "n", json!(modulus(bits)))]), Err(KeysFault::Rsa(0)), "{bits}");
    }
    for (e, fits) in
        [("Aw", true), ("AQAB", true), ("_____w", true), ("AQ", false), ("Ag", false), ("AQAAAAE", false), ("AA", false)]
    {
        assert_eq!(set(&[with(rsa("a"), "e", json!(e))]).is_ok(), fits, "{e}");
    }
    let even = crate::base::digest::base64url([vec![0xff; 255], vec![0xfe]].concat());
    assert_eq!(set(&[with(rsa("a"), "n", json!(even))]), Err(KeysFault::Rsa(0)));
}

#[test]
fn what_is_no_key_is_refused_and_what_is_for_others_is_left_out() {
    for malformed in [
        json!(1),
        json!({}),
        with(rsa("a"), "n", Value::Null),
        with(rsa("a"), "n", json!("AQ==")),
        with(rsa("a"), "e", json!(65537)),
        with(rsa("a"), "kid", json!(1)),
        with(rsa("a"), "alg", json!(["RS256"])),
        with(p256("a"), "y", json!("MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4")),
        with(p256("a"), "x", json!("AQ")),
        with(ed25519("a"), "x", json!("AQ")),
    ] {
        assert_eq!(set(&[ed25519("z"), malformed.clone()]), Err(KeysFault::Malformed(1)), "{malformed}");
    }
    for other in [
        with(rsa("a"), "use", json!("enc")),
        with(rsa("a"), "alg", json!("RSA-OAEP")),
        with(rsa("a"), "alg", json!("ES256")),
        with(rsa("a"), "key_ops", json!(["encrypt"])),
        with(rsa("a"), "kid", json!("a".repeat(257))),
        with(p256("a"), "crv", json!("P-384")),
        with(ed25519("a"), "crv", json!("X25519")),
        json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA" }),
    ] {
        assert_eq!(set(std::slice::from_ref(&other)), Err(KeysFault::NothingUsable), "{other}");
        assert!(set(&[other, ed25519("z")]).is_ok());
    }
    assert!(set(&[with(rsa("a"), "key_ops", json!(["verify"]))]).is_ok());
    assert_eq!(set(&[]), Err(KeysFault::NothingUsable));
    for document in [json!(null), json!([]), json!({}), json!({ "keys": {} }), rsa("a")] {
        assert_eq!(ClientJwks::parse(&document), Err(KeysFault::NotASet), "{document}");
    }
}

#[test]
fn cau_10_a_key_is_chosen_by_kid_alg_and_type() {
    use AssertionAlgorithm::{EdDsa, Es256, Ps256, Rs256};
    let jwks = set(&[rsa("a"), with(rsa("b"), "alg", json!("PS256")), p256("c")]).unwrap();
    let found = |kid, algorithm| jwks.find(kid, algorithm).map(|key| key.jwk.kid.clone().unwrap());
    assert_eq!(found(Some("a"), Rs256).as_deref(), Some("a"));
    assert_eq!(found(Some("a"), Ps256).as_deref(), Some("a"), "a key without alg is for all of its type");
    assert_eq!(found(Some("b"), Ps256).as_deref(), Some("b"));
    assert_eq!(found(Some("b"), Rs256), None, "its alg is another");
    assert_eq!(found(Some("c"), Rs256), None, "its type is another");
    assert_eq!(found(Some("c"), EdDsa), None);
    assert_eq!(found(Some("C"), Es256), None, "kid is exact");
    // without a kid only where there is no choice
    assert_eq!(found(None, Es256).as_deref(), Some("c"));
    assert_eq!(found(None, Rs256).as_deref(), Some("a"));
    assert_eq!(found(None, Ps256), None);
    assert!(jwks.has_key_for(Es256) && !jwks.has_key_for(EdDsa));
}

#[test]
fn a_key_verifies_what_the_rfcs_signed() {
    // RFC 8037 A.4
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let message = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let key = ClientJwks::stand_in().find(None, AssertionAlgorithm::EdDsa).unwrap();
    assert!(key.verifies(message, signature, AssertionAlgorithm::EdDsa));
    assert!(!key.verifies("another", signature, AssertionAlgorithm::EdDsa));
    for algorithm in [AssertionAlgorithm::Ps256, AssertionAlgorithm::Es256, AssertionAlgorithm::Rs256] {
        assert!(!key.verifies(message, signature, algorithm), "no other algorithm");
    }
}

#[test]
fn cau_08_there_is_a_stand_in_for_each_algorithm() {
    for algorithm in AssertionAlgorithm::ALL {
        assert!(ClientJwks::stand_in().find(None, algorithm).is_some(), "{algorithm:?}");
        assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
    }
    for other in ["none", "HS256", "RS384", "ES512", "rs256", ""] {
        assert_eq!(other.parse::<AssertionAlgorithm>(), Err(UnknownAlgorithm), "{other}");
    }
}
