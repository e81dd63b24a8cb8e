//! Sessions: that a person has signed in, and when and how. A session is the SSO session unless its client has single sign-on
//! switched off; then no cookie names it (architecture.md, decision B).

use time::{Duration, OffsetDateTime};

use super::{identity_provider::IdentityProviderKind, person::Person};
use crate::base::{
    handle::Handle,
    id::{IdentityProviderRowId, SessionId},
};

/// The prefix of the session cookie's value.
pub const COOKIE_PREFIX: &str = "se_";

/// How long a session lives.
#[derive(Clone, Copy, Debug)]
pub struct SessionLifetimes {
    /// without use
    pub idle: Duration,
    /// from the authentication
    pub absolute: Duration,
}

/// A session with its person, as it was read.
#[derive(Clone, Debug)]
pub struct Session {
    /// row; its text is the claim `sid`
    pub id: SessionId,
    /// SHA-256 of the cookie's secret
    pub cookie_hash: Vec<u8>,
    /// who signed in
    pub person: Person,
    /// the person's `sub` for themself with this identity provider
    pub sub: String,
    /// with what
    pub identity_provider: IdentityProviderKind,
    /// with which row of that kind; none: made before that was kept
    pub identity_provider_id: Option<IdentityProviderRowId>,
    /// assurance
    pub acr: String,
    /// methods
    pub amr: Vec<String>,
    /// when
    pub auth_time: OffsetDateTime,
    /// whether it is the SSO session of a browser
    pub shared: bool,
    /// last authorization with it
    pub last_used_at: OffsetDateTime,
    /// absolute end
    pub expires_at: OffsetDateTime,
    /// where it has ended
    pub ended_at: Option<OffsetDateTime>,
}

impl Session {
    /// Whether the session is alive: not ended, within both limits, its person neither blocked nor cut off (SES-02).
    pub fn is_alive(&self, lifetimes: SessionLifetimes, now: OffsetDateTime) -> bool {
        self.ended_at.is_none()
            && now < self.expires_at
            && now < self.last_used_at + lifetimes.idle
            && self.person.blocked_at.is_none()
            && self.person.not_before.is_none_or(|not_before| self.auth_time >= not_before)
    }

    /// Whether the browser's cookie is the one that this session gave out last.
    pub fn was_given_to(&self, cookie: &Handle) -> bool {
        self.shared && self.id.0 == cookie.id && crate::base::digest::equal(&self.cookie_hash, &cookie.hash())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::base::id::PersonId;

    /// A session that begins at the epoch.
    pub(crate) fn sample() -> Session {
        let start = OffsetDateTime::UNIX_EPOCH;
        Session {
            id: SessionId::new(start),
            cookie_hash: vec![0; 32],
            person: Person { id: PersonId::new(start), name: None, blocked_at: None, not_before: None },
            sub: "sub".into(),
            identity_provider: IdentityProviderKind::Sim,
            identity_provider_id: Some(IdentityProviderRowId(uuid::Uuid::nil())),
            acr: "eidas-loa-high".into(),
            amr: vec!["hwk".into()],
            auth_time: start,
            shared: true,
            last_used_at: start,
            expires_at: start + Duration::hours(8),
            ended_at: None,
        }
    }

    #[test]
    fn a_session_ends_by_idleness_by_age_by_sign_out_and_with_its_person_ses_02() {
        let lifetimes = SessionLifetimes { idle: Duration::minutes(60), absolute: Duration::hours(8) };
        let at = |minutes| OffsetDateTime::UNIX_EPOCH + Duration::minutes(minutes);
        let session = sample();
        assert!(session.is_alive(lifetimes, at(59)));
        assert!(!session.is_alive(lifetimes, at(60)), "idle");
        let used = Session { last_used_at: at(479), ..session.clone() };
        assert!(used.is_alive(lifetimes, at(479)));
        assert!(!used.is_alive(lifetimes, at(480)), "absolute");
        assert!(!Session { ended_at: Some(at(1)), ..session.clone() }.is_alive(lifetimes, at(2)));
        let mut blocked = session.clone();
        blocked.person.blocked_at = Some(at(1));
        assert!(!blocked.is_alive(lifetimes, at(2)));
        let mut cut_off = session;
        cut_off.person.not_before = Some(at(1));
        assert!(!cut_off.is_alive(lifetimes, at(2)));
    }

    #[test]
    fn a_cookie_of_another_value_or_for_an_unshared_session_names_nothing() {
        let mut session = sample();
        let cookie = Handle::new(session.id.0);
        session.cookie_hash = cookie.hash().to_vec();
        assert!(session.was_given_to(&cookie));
        assert!(!session.was_given_to(&Handle::new(session.id.0)));
        assert!(!Session { shared: false, ..session }.was_given_to(&cookie));
    }
}
