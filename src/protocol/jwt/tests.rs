//! Forgeries and faults that a verifier must refuse.

use aws_lc_rs::{
    encoding::AsDer as _,
    hmac,
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize, PublicKeyComponents},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::protocol::claims::{AccessTokenClaims, IdTokenClaims};

const ISSUER: &str = "https://innskra.island.is";
const NOW: i64 = 1_800_000_000;

struct Signer {
    pair: RsaKeyPair,
    key: VerifyingKey,
}

impl Signer {
    fn new(size: KeySize) -> Self {
        let pair = RsaKeyPair::generate(size).unwrap();
        let public: PublicKeyComponents<Vec<u8>> = pair.public_key().into();
        let key = VerifyingKey::from_rsa(&public.n, &public.e);
        Self { pair, key }
    }

    fn sign(&self, input: &str) -> String {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature).unwrap();
        finish(input, &signature)
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        self.sign(&format!("{}.{}", base64url(header.to_string()), base64url(claims.to_string())))
    }

    fn access(&self, token: &str) -> Result<AccessTokenClaims, JwtFault> {
        verify(token, ISSUER, now(), Expiry::Refused, |kid| (kid == "k1").then_some(&self.key))
    }
}

fn signer() -> &'static Signer {
    static SIGNER: std::sync::LazyLock<Signer> = std::sync::LazyLock::new(|| Signer::new(KeySize::Rsa2048));
    &SIGNER
}

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(NOW).unwrap()
}

fn header() -> Value {
    json!({ "alg": "RS256", "typ": "at+jwt", "kid": "k1" })
}

fn claims() -> Value {
    json!({
        "nbf": NOW, "exp": NOW + 300, "iat": NOW, "iss": ISSUER, "client_id": "@myorg.is/webapp", "jti": "j",
        "scope": "openid", "sub": "s", "sid": "d", "auth_time": NOW - 5, "idp": "sim", "amr": ["pop"], "acr": "high",
    })
}

fn with(mut value: Value, name: &str, member: Value) -> Value {
    value[name] = member;
    value
}

#[test]
fn what_is_signed_is_verified() {
    let claims: AccessTokenClaims = serde_json::from_value(claims()).unwrap();
    let token = signer().sign(&signing_input(Algorithm::Rs256, "k1", &claims));
    assert_eq!(signer().access(&token), Ok(claims));
    let header = from_base64url(token.split('.').next().unwrap()).unwrap();
    assert_eq!(String::from_utf8(header).unwrap(), r#"{"alg":"RS256","typ":"at+jwt","kid":"k1"}"#);
}

#[test]
fn ui_03_headers_that_are_not_ours_are_refused() {
    let refuse =
        |header: Value, fault| assert_eq!(signer().access(&signer().token(&header, &claims())), Err(fault), "{header}");
    for alg in ["none", "None", "NONE", "nOnE", "HS256", "RS512", "PS256", "ES256", "rs256", ""] {
        refuse(with(header(), "alg", json!(alg)), JwtFault::Header);
    }
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("jku", json!("https://evil.is/jwks")),
        ("jwk", json!({ "kty": "RSA" })),
        ("x5u", json!("https://evil.is/")),
        ("x5c", json!([])),
        ("x5t", json!("a")),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A128GCM")),
        ("cty", json!("JWT")),
        ("kid", json!(1)),
        ("kid", Value::Null),
        ("typ", json!(["at+jwt"])),
        ("alg", json!(["RS256"])),
    ] {
        refuse(with(header(), name, value), JwtFault::Header);
    }
    refuse(json!([]), JwtFault::Header);
    refuse(json!({ "alg": "RS256", "typ": "at+jwt" }), JwtFault::Header);
    for kid in ["k2", "", "../../etc/passwd", "' or 1=1 --", "K1", "k1 "] {
        refuse(with(header(), "kid", json!(kid)), JwtFault::UnknownKey);
    }
}

#[test]
fn a_member_that_stands_twice_is_refused() {
    for header in [
        r#"{"alg":"RS256","alg":"RS256","typ":"at+jwt","kid":"k1"}"#,
        r#"{"alg":"RS256","typ":"at+jwt","kid":"k2","kid":"k1"}"#,
        r#"{"alg":"RS256","typ":"at+jwt","kid":"k1"} x"#,
    ] {
        let token = signer().sign(&format!("{}.{}", base64url(header), base64url(claims().to_string())));
        assert_eq!(signer().access(&token), Err(JwtFault::Header), "{header}");
    }
    let twice = claims().to_string().replacen("\"exp\":", "\"exp\":9999999999,\"exp\":", 1);
    let token = signer().sign(&format!("{}.{}", base64url(header().to_string()), base64url(twice)));
    assert_eq!(signer().access(&token), Err(JwtFault::Claims));
}

#[test]
fn tok_03_one_kind_never_passes_as_another() {
    for typ in ["JWT", "jwt", "AT+JWT", "application/at+jwt", "logout+jwt", "token-introspection+jwt", ""] {
        let token = signer().token(&with(header(), "typ", json!(typ)), &claims());
        assert_eq!(signer().access(&token), Err(JwtFault::Type), "{typ}");
    }
    let access = signer().token(&header(), &claims());
    let as_id: Result<IdTokenClaims, _> = verify(&access, ISSUER, now(), Expiry::Allowed, |_| Some(&signer().key));
    assert_eq!(as_id, Err(JwtFault::Type));
}

#[test]
fn signatures_of_others_are_refused() {
    let other = Signer::new(KeySize::Rsa2048);
    assert_eq!(signer().access(&other.token(&header(), &claims())), Err(JwtFault::Signature));
    // HS256 keyed with the public key, under a header that says RS256
    let input = format!("{}.{}", base64url(header().to_string()), base64url(claims().to_string()));
    let public = signer().pair.public_key().as_der().unwrap();
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, public.as_ref()), input.as_bytes());
    assert_eq!(signer().access(&finish(&input, mac.as_ref())), Err(JwtFault::Signature));
    assert_eq!(signer().access(&finish(&input, &[])), Err(JwtFault::Signature));
    assert_eq!(signer().access(&finish(&input, &[0; 256])), Err(JwtFault::Signature));
    // claims changed after signing
    let token = signer().token(&header(), &claims());
    let changed = with(claims(), "sub", json!("t"));
    let parts: Vec<_> = token.split('.').collect();
    let forged = format!("{}.{}.{}", parts[0], base64url(changed.to_string()), parts[2]);
    assert_eq!(signer().access(&forged), Err(JwtFault::Signature));
}

#[test]
fn the_compact_form_is_strict() {
    let token = signer().token(&header(), &claims());
    let (input, signature) = token.rsplit_once('.').unwrap();
    for (bad, fault) in [
        (String::new(), JwtFault::Segments),
        ("a".into(), JwtFault::Segments),
        (input.into(), JwtFault::Segments),
        (format!("{token}.a"), JwtFault::Segments),
        (format!("a.{token}.b.c"), JwtFault::Segments),
        (format!("{input}."), JwtFault::Signature),
        (format!("{token}="), JwtFault::Signature),
        (format!("{token} "), JwtFault::Signature),
        (format!(" {token}"), JwtFault::Encoding),
        (format!("{input}=.{signature}"), JwtFault::Signature),
        (format!("{token}{}", "a".repeat(MAX_JWT)), JwtFault::TooLong),
    ] {
        assert_eq!(signer().access(&bad), Err(fault), "{bad}");
    }
}

#[test]
fn times_hold_at_their_boundary() {
    let times = |nbf: i64, iat: i64, exp: i64| {
        let claims = with(with(with(claims(), "nbf", json!(nbf)), "iat", json!(iat)), "exp", json!(exp));
        signer().access(&signer().token(&header(), &claims)).map(|_| ())
    };
    assert_eq!(times(NOW + 10, NOW + 10, NOW + 1), Ok(()));
    assert_eq!(times(NOW + 11, NOW, NOW + 300), Err(JwtFault::NotYetValid));
    assert_eq!(times(NOW, NOW + 11, NOW + 300), Err(JwtFault::NotYetValid));
    assert_eq!(times(i64::MAX, i64::MIN, NOW + 1), Err(JwtFault::NotYetValid));
    assert_eq!(times(NOW - 300, NOW - 300, NOW), Err(JwtFault::Expired));
    assert_eq!(times(NOW - 300, NOW - 300, i64::MIN), Err(JwtFault::Expired));
}

#[test]
fn key_07_claims_of_a_wrong_type_are_refused() {
    for (name, value) in [
        ("nbf", json!("1799999999")),
        ("exp", json!("9999999999")),
        ("exp", json!(9_999_999_999.5)),
        ("exp", Value::Null),
        ("iat", json!([NOW])),
        ("iss", json!([ISSUER])),
        ("sub", json!(1)),
        ("auth_time", json!("0")),
    ] {
        let token = signer().token(&header(), &with(claims(), name, value));
        assert_eq!(signer().access(&token), Err(JwtFault::Claims), "{name}");
    }
    for issuer in ["https://innskra.island.is/", "https://evil.is", ""] {
        let token = signer().token(&header(), &with(claims(), "iss", json!(issuer)));
        assert_eq!(signer().access(&token), Err(JwtFault::Issuer), "{issuer}");
    }
}

#[test]
fn out_02_a_hint_may_have_expired_but_not_be_forged() {
    let claims = json!({
        "iss": ISSUER, "sub": "s", "aud": "@myorg.is/webapp", "exp": NOW - 86_400, "iat": NOW - 86_700,
        "auth_time": NOW - 86_700, "acr": "high", "amr": ["pop"], "sid": "d",
    });
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": "k1" });
    let token = signer().token(&header, &claims);
    let hint = |expiry| verify::<IdTokenClaims>(&token, ISSUER, now(), expiry, |_| Some(&signer().key));
    assert_eq!(hint(Expiry::Allowed).unwrap().aud, "@myorg.is/webapp");
    assert_eq!(hint(Expiry::Refused), Err(JwtFault::Expired));
    let forged = Signer::new(KeySize::Rsa2048).token(&header, &claims);
    let read = verify::<IdTokenClaims>(&forged, ISSUER, now(), Expiry::Allowed, |_| Some(&signer().key));
    assert_eq!(read, Err(JwtFault::Signature));
}

#[test]
fn debug_of_a_key_shows_no_key() {
    assert_eq!(format!("{:?}", signer().key), "VerifyingKey { algorithm: Rs256, .. }");
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(token in "[A-Za-z0-9_.=-]{0,200}|.*") {
        prop_assert!(signer().access(&token).is_err());
    }

    #[test]
    fn a_changed_byte_is_seen(at in 0_usize..200, byte in "[A-Za-z0-9_-]") {
        let token = signer().token(&header(), &claims());
        let mut changed = token.clone();
        changed.replace_range(at..=at, &byte);
        prop_assume!(changed != token);
        prop_assert!(signer().access(&changed).is_err());
    }
}
