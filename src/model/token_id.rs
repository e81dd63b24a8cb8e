//! The `jti` of access tokens (TOK-06): it names the row that tells whether the token still holds (decision C).
//!
//! base64url of the family's id (16 bytes; random in a machine's token) ‖ 12 random bytes, and 12 more for each exchange: the id of
//! an exchanged token continues that of the token which was exchanged. So revoking a token alone reaches what came from it (TEX-04).

use std::fmt;

use uuid::Uuid;

use crate::{
    base::{digest, entropy, id::FamilyId},
    protocol::claims::MOST_EARLIER_CLIENTS,
};

const FAMILY: usize = 16;
const STEP: usize = 12;

/// The id of an access token of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenId(Vec<u8>);

impl TokenId {
    /// Of a token of this family.
    pub fn of_family(family: FamilyId) -> Self {
        Self([&family.0.into_bytes()[..], &entropy::bytes::<STEP>()].concat())
    }

    /// Of a machine's token, which has no family.
    pub fn of_machine() -> Self {
        Self(entropy::bytes::<{ FAMILY + STEP }>().to_vec())
    }

    /// Of a token that this one is exchanged for.
    #[must_use]
    pub fn exchanged(&self) -> Self {
        Self([&self.0[..], &entropy::bytes::<STEP>()].concat())
    }

    /// Reads a `jti` that one of ours may have.
    pub fn parse(jti: &str) -> Option<Self> {
        let bytes = digest::from_base64url(jti)?;
        let steps = bytes.len().checked_sub(FAMILY)?;
        (steps.is_multiple_of(STEP) && (1..=1 + MOST_EARLIER_CLIENTS).contains(&(steps / STEP))).then_some(Self(bytes))
    }

    /// The family that it names; of a machine's token it names nothing.
    pub fn family_id(&self) -> FamilyId {
        FamilyId(Uuid::from_slice(&self.0[..FAMILY]).unwrap_or_default())
    }

    /// This token and those that it came from, the oldest first: if one of them is revoked, so is this one.
    pub fn lineage(&self) -> Vec<&[u8]> {
        (FAMILY + STEP..=self.0.len()).step_by(STEP).map(|end| &self.0[..end]).collect()
    }

    /// As the table of revoked tokens keeps it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&digest::base64url(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tok_06_an_id_names_its_family_and_what_it_came_from() {
        let family = FamilyId(Uuid::from_u128(9));
        let mut id = TokenId::of_family(family);
        let mut lineage = vec![id.as_bytes().to_vec()];
        for _ in 0..MOST_EARLIER_CLIENTS {
            assert_eq!(TokenId::parse(&id.to_string()), Some(id.clone()));
            id = id.exchanged();
            lineage.push(id.as_bytes().to_vec());
            assert_eq!((id.family_id(), id.lineage()), (family, lineage.iter().map(Vec::as_slice).collect::<Vec<_>>()));
        }
        assert_eq!(TokenId::parse(&id.exchanged().to_string()), None, "more often than anything is exchanged");
        assert_ne!(TokenId::of_family(family), TokenId::of_family(family));
        assert_eq!(TokenId::parse(&TokenId::of_machine().to_string()).map(|id| id.lineage().len()), Some(1));
    }

    #[test]
    fn other_texts_are_no_ids_of_ours() {
        for bytes in [0, 1, 15, 16, 27, 29, 39, 41] {
            assert_eq!(TokenId::parse(&digest::base64url(vec![7; bytes])), None, "{bytes}");
        }
        assert_eq!(TokenId::parse("not base64url"), None);
    }
}
