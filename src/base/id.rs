//! Identifiers of rows: UUIDv7 newtypes, made from the time and fresh randomness.
//!
//! An id is never a secret (KEY-08); what must not be guessed is a [`crate::base::handle::Handle`].

use time::OffsetDateTime;
use uuid::Uuid;

use super::entropy;

/// A UUIDv7: 48 bits of milliseconds, then 74 random bits.
pub fn uuid_v7(now: OffsetDateTime) -> Uuid {
    let milliseconds = u64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &entropy::bytes()).into_uuid()
}

/// Makes newtypes over a UUIDv7, one for each kind of row.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, sqlx::Type)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id for a row that is made at `now`.
            pub fn new(now: OffsetDateTime) -> Self {
                Self(uuid_v7(now))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

ids! {
    /// An organisation.
    OrganisationId;
    /// A client's row; its `client_id` is another thing.
    ClientRowId;
    /// A scope's row.
    ScopeRowId;
    /// An API resource's row.
    ApiResourceRowId;
    /// An identity provider's row.
    IdentityProviderRowId;
    /// A person.
    PersonId;
    /// A subject: the person, or the company of a register, that is acted for.
    SubjectId;
    /// An SSO session; its text is the claim `sid`.
    SessionId;
    /// One try at signing in with an electronic ID.
    AttemptId;
    /// An authorization code, and the family that its exchange makes.
    FamilyId;
    /// A consent.
    ConsentId;
    /// A node, from its start to its end.
    NodeId;
}

impl From<PersonId> for SubjectId {
    /// A person who acts for themself.
    fn from(person: PersonId) -> Self {
        Self(person.0)
    }
}
