//! The parts of a request that are pure or sign: `cargo bench`. What whole requests cost, `ias bench` measures.
#![expect(clippy::unwrap_used, reason = "a bench that cannot begin must say so")]

use std::hint::black_box;

use aws_lc_rs::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use divan::Bencher;
use ias::{
    base::{clock::Clock, digest, entropy, handle::Handle, seal::SealingKey, secret::Secret},
    keys::generate,
    protocol::{
        claims::AccessTokenClaims,
        jwk::RsaPublicJwk,
        jwt::{self, Algorithm, Expiry},
        params::Params,
        pkce::{CodeChallenge, CodeVerifier},
        redirect_uri::{self, MatchRules},
        token,
    },
};
use serde_json::json;
use time::OffsetDateTime;

const ISSUER: &str = "https://innskra.example";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn main() {
    divan::main();
}

/// A key, as the server holds it.
fn key(bits: u16) -> (KeyPair, RsaPublicJwk) {
    let made = generate::rsa(bits).unwrap();
    (KeyPair::from_pkcs8(made.private.expose()).unwrap(), made.public)
}

fn sign(pair: &KeyPair, message: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
    signature
}

fn claims(now: OffsetDateTime) -> AccessTokenClaims {
    let (iat, random) = (now.unix_timestamp(), || digest::base64url(entropy::bytes::<28>()));
    let claims = json!({
        "nbf": iat, "exp": iat + 300, "iat": iat, "auth_time": iat, "iss": ISSUER, "client_id": "@myorg.is/webapp",
        "sub": random(), "idp": "sim", "jti": random(), "sid": random(), "scope": "openid profile @myorg.is/documents:read",
        "amr": ["hwk", "pin", "mfa"], "acr": "eidas-loa-high",
    });
    serde_json::from_value(claims).unwrap()
}

fn issue(pair: &KeyPair, public: &RsaPublicJwk, claims: &AccessTokenClaims) -> String {
    let input = jwt::signing_input(Algorithm::Rs256, public.kid(), claims);
    jwt::finish(&input, &sign(pair, input.as_bytes()))
}

/// S, where `bits` is 2048.
#[divan::bench(args = [2048, 3072])]
fn sign_with_a_parsed_key(bencher: Bencher<'_, '_>, bits: u16) {
    let (pair, _) = key(bits);
    bencher.bench_local(|| sign(&pair, black_box(&[7; 800])));
}

#[divan::bench]
fn issue_an_access_token(bencher: Bencher<'_, '_>) {
    let (pair, public) = key(2048);
    let claims = claims(Clock::System.now());
    bencher.bench_local(|| issue(&pair, &public, black_box(&claims)));
}

#[divan::bench]
fn verify_an_access_token(bencher: Bencher<'_, '_>) {
    let ((pair, public), now) = (key(2048), Clock::System.now());
    let (token, verifying) = (issue(&pair, &public, &claims(now)), public.verifying_key());
    bencher.bench_local(|| {
        jwt::verify::<AccessTokenClaims>(black_box(&token), ISSUER, now, Expiry::Refused, |_| Some(&verifying)).unwrap()
    });
}

/// As long as a sealed authorization request is.
#[divan::bench]
fn seal_a_request(bencher: Bencher<'_, '_>) {
    let key = SealingKey::new(1, Secret::new(entropy::bytes()));
    bencher.bench_local(|| key.seal("authorization request", black_box(&[b'x'; 600])));
}

#[divan::bench]
fn open_a_sealed_request(bencher: Bencher<'_, '_>) {
    let key = SealingKey::new(1, Secret::new(entropy::bytes()));
    let sealed = key.seal("authorization request", &[b'x'; 600]);
    bencher.bench_local(|| key.open("authorization request", black_box(&sealed)).unwrap());
}

#[divan::bench]
fn parse_a_code_and_hash_it(bencher: Bencher<'_, '_>) {
    let text = Handle::new(uuid::Uuid::from_bytes(entropy::bytes())).to_text("ac_");
    bencher.bench_local(|| Handle::parse("ac_", black_box(&text)).unwrap().hash());
}

#[divan::bench]
fn compare_a_verifier_with_its_challenge(bencher: Bencher<'_, '_>) {
    let challenge = CodeChallenge::parse(CHALLENGE).unwrap();
    bencher.bench_local(|| challenge.is_met_by(&CodeVerifier::parse(black_box(VERIFIER)).unwrap()));
}

#[divan::bench]
fn match_a_redirect_uri(bencher: Bencher<'_, '_>) {
    let uri = "https://app.myorg.is/oauth/callback";
    bencher.bench_local(|| redirect_uri::matches(black_box(uri), black_box(uri), MatchRules::default()));
}

#[divan::bench]
fn parse_the_form_of_a_code_exchange(bencher: Bencher<'_, '_>) {
    let form = format!(
        "grant_type=authorization_code&client_id=%40myorg.is%2Fwebapp&client_secret=ias_cs_{VERIFIER}&code=ac_{VERIFIER}{CHALLENGE}\
         &redirect_uri=https%3A%2F%2Fapp.myorg.is%2Foauth%2Fcallback&code_verifier={VERIFIER}"
    );
    bencher.bench_local(|| Params::parse(black_box(form.as_bytes())).unwrap());
}

#[divan::bench]
fn parse_the_credentials_of_a_client(bencher: Bencher<'_, '_>) {
    let header = format!("Basic {}", digest::base64(format!("%40myorg.is%2Fworker:ias_cs_{VERIFIER}")));
    bencher.bench_local(|| token::parse_basic(black_box(&header)).unwrap());
}
