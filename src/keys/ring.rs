//! The ring: every key that a node needs, opened once and held in memory; a cheap snapshot that is swapped whole.

use std::{collections::HashMap, sync::Arc};

use aws_lc_rs::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use sqlx::PgPool;
use time::OffsetDateTime;

use super::{DATA_KEY, KeyFault, SIGNING_KEY};
use crate::{
    base::{seal::SealingKey, secret::Secret},
    model::{
        refresh_token::RefreshTokenKey,
        signing_key::{KeyTimes, signer},
    },
    protocol::{
        jwk::RsaPublicJwk,
        jwt::{self, Algorithm, Claims, VerifyingKey},
    },
    store::signing_keys::{self, StoredSigningKey},
};

const SEALED_VALUES: &str = "sealed values";
const SUB: &str = "sub";
const CSRF: &str = "csrf";
const REFRESH_TOKENS: &str = "refresh tokens";
const PSEUDONYMS: &str = "pseudonyms";

/// Each purpose has a key of its own (KEY-01).
pub(super) const PURPOSES: [&str; 5] = [SEALED_VALUES, SUB, CSRF, PSEUDONYMS, REFRESH_TOKENS];

/// A signing key in memory.
#[derive(Debug)]
struct RingKey {
    times: KeyTimes,
    pair: Option<KeyPair>,
    public: RsaPublicJwk,
    verifying: VerifyingKey,
}

/// Every key of a node.
#[derive(Debug)]
pub struct KeyRing {
    signing: Vec<RingKey>,
    by_kid: HashMap<String, usize>,
    sealing: SealingKey,
    refresh_tokens: RefreshTokenKey,
    data: HashMap<&'static str, Secret<[u8; 32]>>,
}

impl From<&StoredSigningKey> for KeyTimes {
    fn from(stored: &StoredSigningKey) -> Self {
        Self {
            kid: stored.kid.clone(),
            announced_at: stored.announced_at,
            signs_from: stored.signs_from,
            retires_at: stored.retires_at,
            deleted_at: stored.deleted_at,
            revoked_at: stored.revoked_at,
        }
    }
}

impl KeyRing {
    /// Reads and opens every key.
    pub async fn load(pool: &PgPool, master: &SealingKey) -> Result<Arc<Self>, KeyFault> {
        let mut signing = Vec::new();
        for stored in signing_keys::list(pool).await? {
            signing.push(open_signing_key(&stored, master)?);
        }
        let mut data = HashMap::new();
        let (mut sealing, mut refresh_tokens) = (None, None);
        for stored in signing_keys::list_data_keys(pool).await? {
            let Some(purpose) = PURPOSES.into_iter().find(|purpose| *purpose == stored.purpose) else { continue };
            let plain = open(master, &format!("{DATA_KEY} {purpose}"), &stored.key)?;
            let malformed = || KeyFault::Malformed(format!("the data key `{purpose}`"));
            let key: [u8; 32] = plain.expose().as_slice().try_into().map_err(|_| malformed())?;
            let (id, key) = (u32::try_from(stored.id).map_err(|_| malformed())?, Secret::new(key));
            match purpose {
                SEALED_VALUES => sealing = Some(SealingKey::new(id, key)),
                REFRESH_TOKENS => refresh_tokens = Some(RefreshTokenKey { id, key }),
                _ => drop(data.insert(purpose, key)),
            }
        }
        let missing = || KeyFault::Malformed("the set of data keys".to_owned());
        if [SUB, CSRF, PSEUDONYMS].iter().any(|purpose| !data.contains_key(purpose)) {
            return Err(missing());
        }
        let by_kid = signing.iter().enumerate().map(|(at, key)| (key.times.kid.clone(), at)).collect();
        let (sealing, refresh_tokens) = (sealing.ok_or_else(missing)?, refresh_tokens.ok_or_else(missing)?);
        Ok(Arc::new(Self { signing, by_kid, sealing, refresh_tokens, data }))
    }

    /// Signs claims with the key that signs at `now`; their kind names the header's `typ` (TOK-03).
    pub fn sign(&self, claims: &impl Claims, now: OffsetDateTime) -> Result<String, KeyFault> {
        let key = self.signer(now);
        let (Some(key), Some(pair)) = (key, key.and_then(|key| key.pair.as_ref())) else {
            return Err(KeyFault::Malformed("the set of signing keys".to_owned()));
        };
        let input = jwt::signing_input(Algorithm::Rs256, &key.times.kid, claims);
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature)
            .map_err(|_| KeyFault::Generation)?;
        Ok(jwt::finish(&input, &signature))
    }

    /// Whether there is a key to sign with: asked before anything is consumed (RT-09).
    pub fn can_sign(&self, now: OffsetDateTime) -> bool {
        self.signer(now).is_some()
    }

    fn signer(&self, now: OffsetDateTime) -> Option<&RingKey> {
        let times = signer(self.signing.iter().filter(|key| key.pair.is_some()).map(|key| &key.times), now)?;
        self.by_kid.get(&times.kid).map(|&at| &self.signing[at])
    }

    /// The key that an `id_token_hint` names: hints may be old (OUT-02), but with a revoked key anybody could make them (KEY-04).
    pub fn hint_key(&self, kid: &str) -> Option<&VerifyingKey> {
        let key = self.by_kid.get(kid).map(|&at| &self.signing[at])?;
        key.times.revoked_at.is_none().then_some(&key.verifying)
    }

    /// The key of a token that must hold at `now`: one that has left the JWKS vouches for nothing any more (KEY-04).
    pub fn published_key(&self, kid: &str, now: OffsetDateTime) -> Option<&VerifyingKey> {
        let key = self.by_kid.get(kid).map(|&at| &self.signing[at])?;
        key.times.state(now).is_published().then_some(&key.verifying)
    }

    /// What the JWKS lists at `now`.
    pub fn published(&self, now: OffsetDateTime) -> impl Iterator<Item = &RsaPublicJwk> {
        self.signing.iter().filter(move |key| key.times.state(now).is_published()).map(|key| &key.public)
    }

    /// The times of every key.
    pub fn times(&self) -> impl Iterator<Item = &KeyTimes> {
        self.signing.iter().map(|key| &key.times)
    }

    /// Seals values that travel through browsers or rest in rows.
    pub fn sealing(&self) -> &SealingKey {
        &self.sealing
    }

    /// The key under which refresh tokens are made.
    pub fn refresh_tokens(&self) -> &RefreshTokenKey {
        &self.refresh_tokens
    }

    /// The key of `sub`.
    pub fn sub(&self) -> &Secret<[u8; 32]> {
        &self.data[SUB]
    }

    /// The key of CSRF tokens.
    pub fn csrf(&self) -> &Secret<[u8; 32]> {
        &self.data[CSRF]
    }

    /// The key under which numbers and addresses are counted without being kept.
    pub fn pseudonyms(&self) -> &Secret<[u8; 32]> {
        &self.data[PSEUDONYMS]
    }
}

fn open_signing_key(stored: &StoredSigningKey, master: &SealingKey) -> Result<RingKey, KeyFault> {
    let malformed = || KeyFault::Malformed(format!("the signing key {}", stored.kid));
    let public: RsaPublicJwk = serde_json::from_value(stored.public_key.clone()).map_err(|_| malformed())?;
    let pair = match &stored.private_key {
        Some(sealed) => {
            let private = open(master, &format!("{SIGNING_KEY} {}", stored.kid), sealed)?;
            Some(KeyPair::from_pkcs8(private.expose()).map_err(|_| malformed())?)
        }
        None => None,
    };
    let verifying = public.verifying_key();
    Ok(RingKey { times: stored.into(), pair, public, verifying })
}

/// What is sealed, or which of the keys the master key does not open.
pub(super) fn open(master: &SealingKey, purpose: &str, sealed: &[u8]) -> Result<Secret<Vec<u8>>, KeyFault> {
    master
        .open(purpose, sealed)
        .map(Secret::new)
        .map_err(|_| KeyFault::Sealed { what: format!("the {purpose}"), master_key_id: master.id() })
}
