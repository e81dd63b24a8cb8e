//! Persons: the people who sign in. Their row is the one place, beside organisations and registers, where a national id stands
//! in clear (security D14).

use time::OffsetDateTime;

use crate::base::id::PersonId;

/// A person as the sign-in and the tokens need them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// row
    pub id: PersonId,
    /// full name: from the electronic ID until registers exist
    pub name: Option<String>,
    /// a blocked person signs in nowhere and holds no live token
    pub blocked_at: Option<OffsetDateTime>,
    /// whatever was issued before is refused
    pub not_before: Option<OffsetDateTime>,
}
