//! Consents: what a person allowed a client, remembered or for one time.

use time::OffsetDateTime;

use crate::base::id::ConsentId;

/// A remembered consent of a person, for a subject, to a client (CON-04).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RememberedConsent {
    /// row
    pub id: ConsentId,
    /// what was allowed
    pub scope: Vec<String>,
    /// when it ends by itself
    pub expires_at: Option<OffsetDateTime>,
}

impl RememberedConsent {
    /// Whether it allows all of `scope` at `now`: one new scope asks again.
    pub fn covers<'a>(&self, scope: impl IntoIterator<Item = &'a str>, now: OffsetDateTime) -> bool {
        self.expires_at.is_none_or(|end| now < end)
            && scope.into_iter().all(|name| self.scope.iter().any(|allowed| allowed == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remembered_consent_covers_no_new_scope_and_ends_con_04() {
        let start = OffsetDateTime::UNIX_EPOCH;
        let consent =
            RememberedConsent { id: ConsentId::new(start), scope: vec!["openid".into(), "a".into()], expires_at: Some(start) };
        let before = start - time::Duration::SECOND;
        assert!(consent.covers(["a"], before));
        assert!(!consent.covers(["a", "b"], before));
        assert!(!consent.covers(["a"], start));
    }
}
