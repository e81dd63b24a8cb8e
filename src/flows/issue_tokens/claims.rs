//! Which claims about a person go where: pure (TOK-05: only what a granted scope asks for).

use crate::{
    model::scope::{OPENID, PROFILE, ScopeClaim},
    protocol::{
        claims::{SubjectType, UserClaims},
        scope::ScopeSet,
    },
};

/// Whom a token is about: a person who acts for themself.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// ten digits
    pub national_id: &'a str,
    /// from the person's row
    pub name: Option<&'a str>,
}

impl std::fmt::Debug for Subject<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Subject")
    }
}

impl Subject<'_> {
    /// The claims of the identity scopes (seed 002): for the ID token and userinfo.
    pub fn for_scope(&self, scope: &ScopeSet) -> UserClaims {
        let mut claims = UserClaims::default();
        if scope.contains(OPENID) {
            claims.national_id = Some(self.national_id.to_owned());
            claims.subject_type = Some(SubjectType::Person);
        }
        if scope.contains(PROFILE) {
            claims.name = self.name.map(ToOwned::to_owned);
        }
        claims
    }

    /// The claims that an API's scopes ask for: for the access token.
    pub fn for_api(&self, wanted: impl IntoIterator<Item = ScopeClaim>) -> UserClaims {
        let mut claims = UserClaims::default();
        for claim in wanted {
            match claim {
                ScopeClaim::NationalId => claims.national_id = Some(self.national_id.to_owned()),
                ScopeClaim::Name => claims.name = self.name.map(ToOwned::to_owned),
                ScopeClaim::SubjectType => claims.subject_type = Some(SubjectType::Person),
                // only where a delegation is active
                ScopeClaim::Actor | ScopeClaim::DelegationType => {}
            }
        }
        claims
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: Subject<'_> = Subject { national_id: "0101302989", name: Some("Gervimaður Ameríka") };

    #[test]
    fn claims_appear_only_where_a_scope_asks_for_them_tok_05() {
        let openid = SUBJECT.for_scope(&"openid".parse().expect("a scope"));
        assert_eq!((openid.national_id.as_deref(), openid.name), (Some("0101302989"), None));
        let both = SUBJECT.for_scope(&"openid profile".parse().expect("a scope"));
        assert_eq!(both.name.as_deref(), Some("Gervimaður Ameríka"));
        assert_eq!(SUBJECT.for_api([]), UserClaims::default());
        let api = SUBJECT.for_api([ScopeClaim::NationalId, ScopeClaim::Actor]);
        assert_eq!((api.national_id.as_deref(), api.name, api.actor), (Some("0101302989"), None, None));
    }
}
