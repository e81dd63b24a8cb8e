//! Secrets that authenticate clients and API resources, as the server knows them: hashes (STO-01).

use time::OffsetDateTime;

use crate::base::id::{ApiResourceRowId, ClientRowId};

/// A secret as the server keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretHash {
    /// SHA-256 of the secret's text
    pub sha256: [u8; 32],
    /// when it stops to work
    pub expires_at: Option<OffsetDateTime>,
}

impl SecretHash {
    /// Whether it works at `now`.
    pub fn is_valid(&self, now: OffsetDateTime) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// What can be told of a secret.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SecretState {
    /// which of its owner's secrets
    pub label: String,
    /// when it was made
    pub created_at: OffsetDateTime,
    /// when it stops to work
    pub expires_at: Option<OffsetDateTime>,
    /// its last use, as far as it is written down
    pub last_used_at: Option<OffsetDateTime>,
}

/// Whose secret it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecretOwner {
    /// a client's
    Client(ClientRowId),
    /// an API resource's
    ApiResource(ApiResourceRowId),
}
