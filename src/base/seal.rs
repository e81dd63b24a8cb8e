//! Authenticated encryption with named keys (architecture.md, decision K).
//!
//! Each value is sealed with AES-256-GCM under a key of its own, derived by HKDF-SHA-256 from the named key and 32 fresh random
//! bytes that travel with the value; its purpose is the associated data, so that a value sealed for one purpose does not open
//! for another.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf,
};

use super::{entropy, secret::Secret};

const VERSION: u8 = 1;
const SALT: usize = 32;
const HEADER: usize = 1 + 4 + SALT;

/// A key that seals, with the id that its sealed values carry; and, while one key takes another's place, the one before.
#[derive(Clone, Debug)]
pub struct SealingKey {
    id: u32,
    key: Secret<[u8; 32]>,
    previous: Option<Box<SealingKey>>,
}

/// A value did not open: another key, another purpose, or changed on the way.
#[derive(Debug, thiserror::Error)]
#[error("the sealed value does not open with this key and purpose")]
pub struct Unsealable;

impl SealingKey {
    /// A key of 32 bytes under its id.
    pub fn new(id: u32, key: Secret<[u8; 32]>) -> Self {
        Self { id, key, previous: None }
    }

    /// The same, opening what `previous` sealed as well.
    #[must_use]
    pub fn following(self, previous: Self) -> Self {
        Self { previous: Some(Box::new(previous)), ..self }
    }

    /// The id that values sealed by this key carry.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Seals `plain` for `purpose`: version, key id, salt, then ciphertext and tag (53 bytes more than `plain`).
    ///
    /// # Panics
    /// For values beyond 64 GiB, which nothing here is.
    #[expect(clippy::expect_used, reason = "AES-GCM with a fresh key fails only for lengths beyond 64 GiB")]
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Vec<u8> {
        let salt: [u8; SALT] = entropy::bytes();
        let mut body = plain.to_vec();
        self.key_for(&salt)
            .seal_in_place_append_tag(zero_nonce(), Aad::from(purpose.as_bytes()), &mut body)
            .expect("the value is short");
        let mut sealed = Vec::with_capacity(HEADER + body.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.id.to_be_bytes());
        sealed.extend_from_slice(&salt);
        sealed.append(&mut body);
        sealed
    }

    /// Opens what [`Self::seal`] made for the same purpose, by this key or the one before.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, Unsealable> {
        if key_id(sealed) != Some(self.id) {
            return self.previous.as_ref().ok_or(Unsealable)?.open(purpose, sealed);
        }
        let (header, body) = sealed.split_at_checked(HEADER).ok_or(Unsealable)?;
        let salt: &[u8; SALT] = header[5..].try_into().map_err(|_| Unsealable)?;
        let mut body = body.to_vec();
        let plain =
            self.key_for(salt).open_in_place(zero_nonce(), Aad::from(purpose.as_bytes()), &mut body).map_err(|_| Unsealable)?;
        Ok(plain.to_vec())
    }

    #[expect(clippy::expect_used, reason = "both lengths are constants that the algorithms accept")]
    fn key_for(&self, salt: &[u8; SALT]) -> LessSafeKey {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(self.key.expose());
        let key = prk.expand(&[b"ias seal v1"], &AES_256_GCM).expect("32 bytes are within HKDF's length");
        LessSafeKey::new(UnboundKey::from(key))
    }
}

/// The id of the key that sealed this value.
pub fn key_id(sealed: &[u8]) -> Option<u32> {
    let (&version, rest) = sealed.split_first()?;
    let id = rest.first_chunk::<4>()?;
    (version == VERSION).then(|| u32::from_be_bytes(*id))
}

// Each key seals exactly one value, so the nonce may be constant.
fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_for_its_key_and_purpose_only() {
        let key = SealingKey::new(3, Secret::new([7; 32]));
        let sealed = key.seal("request", b"hello");
        assert_eq!(key.open("request", &sealed).expect("opens"), b"hello");
        assert_eq!(key_id(&sealed), Some(3));
        assert!(key.open("other", &sealed).is_err());
        assert!(SealingKey::new(3, Secret::new([8; 32])).open("request", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open("request", &changed).is_err(), "byte {at} may not change");
            assert!(key.open("request", &sealed[..at]).is_err(), "no shorter value opens");
        }
    }

    #[test]
    fn the_same_value_is_sealed_differently_each_time() {
        let key = SealingKey::new(1, Secret::new([7; 32]));
        assert_ne!(key.seal("p", b"x"), key.seal("p", b"x"));
    }
}
