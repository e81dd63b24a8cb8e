//! Refresh tokens: derived, never stored (architecture.md, decision C).
//!
//! `rt_` and base64url of: id of the data key (4 bytes, big-endian) ‖ family id (16) ‖ family secret (32) ‖ generation (4,
//! big-endian) ‖ HMAC-SHA-256 of all that under the data key (32). The HMAC tells a forged token before any SQL; the row keeps
//! only the SHA-256 of the secret, so that neither a stolen database nor one stolen with its keys holds a usable token (RT-01).

use uuid::Uuid;

use crate::base::{digest, entropy, id::FamilyId, secret::Secret};

/// The prefix of a refresh token's text (COD-10).
pub const PREFIX: &str = "rt_";

const BODY: usize = 4 + 16 + 32 + 4;
const WHOLE: usize = BODY + 32;

/// The key under which refresh tokens are made, with the id that they carry.
#[derive(Debug)]
pub struct RefreshTokenKey {
    /// of the data key
    pub id: u32,
    /// the key
    pub key: Secret<[u8; 32]>,
}

/// One link of a family's chain.
#[derive(Clone, Debug)]
pub struct RefreshToken {
    /// the family's row
    pub family_id: FamilyId,
    /// how many refreshes came before
    pub generation: u32,
    secret: Secret<[u8; 32]>,
}

impl RefreshToken {
    /// The first token of a family.
    pub fn first(family_id: FamilyId) -> Self {
        Self { family_id, generation: 0, secret: Secret::new(entropy::bytes()) }
    }

    /// The one that follows: the same whenever it is made, so that a chain never forks (decision D).
    #[must_use]
    pub fn successor(&self) -> Self {
        Self { generation: self.generation.saturating_add(1), ..self.clone() }
    }

    /// What the row keeps.
    pub fn secret_hash(&self) -> [u8; 32] {
        digest::sha256(&[self.secret.expose()])
    }

    /// The text that the client keeps.
    pub fn to_text(&self, key: &RefreshTokenKey) -> String {
        let mut bytes = Vec::with_capacity(WHOLE);
        bytes.extend_from_slice(&key.id.to_be_bytes());
        bytes.extend_from_slice(self.family_id.0.as_bytes());
        bytes.extend_from_slice(self.secret.expose());
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        let tag = digest::hmac_sha256(key.key.expose(), &[&bytes]);
        bytes.extend_from_slice(&tag);
        format!("{PREFIX}{}", digest::base64url(bytes))
    }

    /// Reads what [`Self::to_text`] wrote under this key; `None` for anything else.
    pub fn parse(text: &str, key: &RefreshTokenKey) -> Option<Self> {
        let bytes = digest::from_base64url(text.strip_prefix(PREFIX)?).filter(|bytes| bytes.len() == WHOLE)?;
        let (body, tag) = bytes.split_at(BODY);
        let (key_id, rest) = body.split_first_chunk::<4>()?;
        let genuine = digest::equal(&digest::hmac_sha256(key.key.expose(), &[body]), tag);
        if u32::from_be_bytes(*key_id) != key.id || !genuine {
            return None;
        }
        let (family, rest) = rest.split_first_chunk::<16>()?;
        let (secret, generation) = rest.split_first_chunk::<32>()?;
        Some(Self {
            family_id: FamilyId(Uuid::from_bytes(*family)),
            generation: u32::from_be_bytes(generation.try_into().ok()?),
            secret: Secret::new(*secret),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(id: u32) -> RefreshTokenKey {
        RefreshTokenKey { id, key: Secret::new([u8::try_from(id).unwrap(); 32]) }
    }

    #[test]
    fn rt_01_a_token_is_read_back_and_its_successor_is_always_the_same() {
        let key = key(7);
        let first = RefreshToken::first(FamilyId(Uuid::from_u128(3)));
        let text = first.to_text(&key);
        assert!(text.len() >= 43 && text.starts_with("rt_"));
        let read = RefreshToken::parse(&text, &key).expect("our own token");
        assert_eq!((read.family_id, read.generation, read.secret_hash()), (first.family_id, 0, first.secret_hash()));
        assert_eq!(read.successor().to_text(&key), first.successor().to_text(&key));
        assert_ne!(first.successor().to_text(&key), text);
        assert_ne!(RefreshToken::first(first.family_id).to_text(&key), text, "each family has its own secret");
        assert!(!format!("{first:?}").contains(&digest::base64url(first.secret.expose())));
    }

    #[test]
    fn a_token_of_another_key_or_kind_is_none_of_ours() {
        let text = RefreshToken::first(FamilyId(Uuid::nil())).to_text(&key(1));
        assert!(RefreshToken::parse(&text, &key(2)).is_none(), "unknown key id");
        let other = RefreshTokenKey { id: 1, key: Secret::new([9; 32]) };
        assert!(RefreshToken::parse(&text, &other).is_none(), "another key under the same id");
        assert!(RefreshToken::parse(&text.replace("rt_", "ac_"), &key(1)).is_none(), "cod_10");
        assert!(RefreshToken::parse(&format!("{text}A"), &key(1)).is_none());
        assert!(RefreshToken::parse("", &key(1)).is_none());
    }

    proptest! {
        #[test]
        fn a_token_with_any_bit_changed_is_refused(bit in 0..WHOLE * 8) {
            let key = key(1);
            let text = RefreshToken::first(FamilyId(Uuid::from_u128(5))).to_text(&key);
            let mut bytes = digest::from_base64url(&text[PREFIX.len()..]).unwrap();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let forged = format!("{PREFIX}{}", digest::base64url(bytes));
            prop_assert!(RefreshToken::parse(&forged, &key).is_none());
        }
    }
}
