//! What a browser or client presents for a row: the row's id and a secret of 256 bits.
//!
//! The id leads to the row (and, in a partitioned table, to its partition: architecture.md, decision H); the row keeps only
//! the SHA-256 of the secret, so that a stolen database holds nothing usable (STO-01).

use uuid::Uuid;

use super::{digest, entropy, secret::Secret};

/// An id with its secret, as text: prefix, then base64url of 16 bytes of id and 32 bytes of secret.
#[derive(Clone, Debug)]
pub struct Handle {
    /// The row's id.
    pub id: Uuid,
    secret: Secret<[u8; 32]>,
}

impl Handle {
    /// A new secret for the row `id`.
    pub fn new(id: Uuid) -> Self {
        Self { id, secret: Secret::new(entropy::bytes()) }
    }

    /// What the row keeps.
    pub fn hash(&self) -> [u8; 32] {
        digest::sha256(&[self.secret.expose()])
    }

    /// The text that the browser or client keeps; `prefix` names its kind (COD-10).
    pub fn to_text(&self, prefix: &str) -> String {
        let mut bytes = [0; 48];
        bytes[..16].copy_from_slice(self.id.as_bytes());
        bytes[16..].copy_from_slice(self.secret.expose());
        format!("{prefix}{}", digest::base64url(bytes))
    }

    /// Reads what [`Self::to_text`] wrote; `None` for anything else.
    pub fn parse(prefix: &str, text: &str) -> Option<Self> {
        let bytes: [u8; 48] = digest::from_base64url(text.strip_prefix(prefix)?)?.try_into().ok()?;
        let (id, secret) = bytes.split_at(16);
        Some(Self { id: Uuid::from_slice(id).ok()?, secret: Secret::new(secret.try_into().ok()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_read_back_and_another_kind_is_not() {
        let handle = Handle::new(Uuid::from_u128(7));
        let text = handle.to_text("ac_");
        let read = Handle::parse("ac_", &text).expect("our own text");
        assert_eq!((read.id, read.hash()), (handle.id, handle.hash()));
        assert!(Handle::parse("se_", &text).is_none());
        assert!(Handle::parse("ac_", &text[..text.len() - 1]).is_none());
    }
}
