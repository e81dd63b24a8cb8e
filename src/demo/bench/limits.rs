//! What the machine can do at best, so that figures of different machines can be compared: signatures, verifications, and one row
//! changed and committed.

use std::{
    num::NonZero,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::Context as _;
use aws_lc_rs::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use serde::Serialize;
use serde_json::json;
use sqlx::{ConnectOptions as _, PgConnection};
use time::OffsetDateTime;

use super::{
    http::Failure,
    load::{self, Work},
    process::cpu_of_thread,
    target::Target,
};
use crate::{
    base::{clock::Clock, digest, entropy, id::FamilyId},
    keys::generate::{self, NewKey},
    protocol::{
        claims::AccessTokenClaims,
        jwk::RsaPublicJwk,
        jwt::{self, Algorithm, Expiry},
    },
    store::bench,
};

const ISSUER: &str = "http://localhost:8080";
const SCOPE: &str = "openid profile @myorg.is/documents:read";

/// Keys to measure with.
pub struct Cryptography {
    small: KeyPair,
    large: KeyPair,
    public: RsaPublicJwk,
    claims: AccessTokenClaims,
    token: String,
    now: OffsetDateTime,
}

/// How long one takes on one processor while all others sign as well, in milliseconds of its time. Processors that share a core
/// are slower when all are busy, as they are under load: what is compared with the load must be measured as it is.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CryptographyCost {
    /// S: an RSA signature of 2048 bits with a parsed key, by aws-lc-rs
    pub sign_2048: f64,
    /// the same while the other processors idle
    pub sign_2048_alone: f64,
    /// the same of 3072 bits
    pub sign_3072: f64,
    /// an access token as the server makes them: claims to JSON, encoded, signed (2048 bits)
    pub issue_token: f64,
    /// an access token as the server verifies them (2048 bits)
    pub verify_token: f64,
}

impl Cryptography {
    /// Makes the keys, and parses them once, as the server does.
    pub fn new() -> anyhow::Result<Self> {
        let parsed = |key: &NewKey| KeyPair::from_pkcs8(key.private.expose()).context("a key cannot be read");
        let (small, large) = (generate::rsa(2048)?, generate::rsa(3072)?);
        let now = Clock::System.now();
        let mut cryptography = Self {
            small: parsed(&small)?,
            large: parsed(&large)?,
            public: small.public,
            claims: claims(now.unix_timestamp())?,
            token: String::new(),
            now,
        };
        cryptography.token = cryptography.issue()?;
        Ok(cryptography)
    }

    fn issue(&self) -> anyhow::Result<String> {
        let input = jwt::signing_input(Algorithm::Rs256, self.public.kid(), &self.claims);
        Ok(jwt::finish(&input, &sign(&self.small, input.as_bytes())?))
    }

    /// Measures each for a while, on this thread.
    pub fn measure(&self, time: Duration) -> anyhow::Result<CryptographyCost> {
        let message = self.token.rsplit_once('.').map_or(&*self.token, |(message, _)| message).as_bytes();
        let key = self.public.verifying_key();
        let verify = || -> anyhow::Result<()> {
            let claims: AccessTokenClaims = jwt::verify(&self.token, ISSUER, self.now, Expiry::Refused, |_| Some(&key))?;
            anyhow::ensure!(claims.client_id == self.claims.client_id);
            Ok(())
        };
        let sign_small = || sign(&self.small, message).map(drop);
        let sign_2048_alone = cost(time, sign_small)?;
        while_others_are_busy(sign_small, || {
            Ok(CryptographyCost {
                sign_2048: cost(time, sign_small)?,
                sign_2048_alone,
                sign_3072: cost(time, || sign(&self.large, message).map(drop))?,
                issue_token: cost(time, || self.issue().map(drop))?,
                verify_token: cost(time, verify)?,
            })
        })
    }
}

/// Keeps every other processor busy with `work` while something is measured.
fn while_others_are_busy<T>(work: impl Fn() -> anyhow::Result<()> + Sync, measure: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    let others = thread::available_parallelism().map_or(1, NonZero::get) - 1;
    thread::scope(|scope| {
        for _ in 0..others {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    if work().is_err() {
                        break;
                    }
                }
            });
        }
        let measured = measure();
        over.store(true, Ordering::Relaxed);
        measured
    })
}

fn sign(pair: &KeyPair, message: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).context("a signature cannot be made")?;
    Ok(signature)
}

/// Milliseconds of this thread's processor time that one takes.
fn cost(time: Duration, mut once: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let began = cpu_of_thread()?;
    let mut count = 0_u32;
    loop {
        for _ in 0..10 {
            once()?;
        }
        count += 10;
        let used = cpu_of_thread()?.saturating_sub(began);
        if used >= time {
            return Ok(used.as_secs_f64() * 1000.0 / f64::from(count));
        }
    }
}

/// The claims of a person's token, as long as they are in life.
fn claims(iat: i64) -> serde_json::Result<AccessTokenClaims> {
    let random = || digest::base64url(entropy::bytes::<28>());
    serde_json::from_value(json!({
        "nbf": iat, "exp": iat + 300, "iat": iat, "auth_time": iat, "iss": ISSUER, "client_id": "@myorg.is/webapp",
        "sub": random(), "idp": "sim", "jti": random(), "sid": random(), "scope": SCOPE,
        "amr": ["hwk", "pin", "mfa"], "acr": "eidas-loa-high", "nationalId": "0000000000",
    }))
}

/// Changes one row and commits, again and again, each connection rows of its own, in the manner of pgbench: what the cluster can
/// do at best with durable rotations. A family's refresh tokens are void after it.
pub async fn rotate(target: &Target, families: &[FamilyId], connections: usize, time: Duration) -> anyhow::Result<Work> {
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(target.owner.connect().await?);
    }
    let rotators = open.into_iter().enumerate().map(|(number, mut connection)| async move {
        let mut own = families.iter().skip(number).step_by(connections).cycle();
        load::repeat(time, async || match own.next() {
            Some(id) => one_rotation(&mut connection, *id).await,
            None => Err(Failure("fewer families than connections".to_owned())),
        })
        .await
    });
    Ok(load::together(rotators).await)
}

async fn one_rotation(connection: &mut PgConnection, id: FamilyId) -> Result<(), Failure> {
    match bench::rotate(connection, id, Clock::System.now()).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure("no such family".to_owned())),
        Err(error) => Err(Failure(error.to_string())),
    }
}
