//! Which claims about a person go where: pure (TOK-05: only what a granted scope asks for).

use crate::{
    model::scope::{OPENID, PROFILE, ScopeClaim},
    protocol::{
        claims::{SubjectType, UserClaims},
        scope::ScopeSet,
    },
    store::snapshot::Snapshot,
};

/// What the API scopes among these ask for about the person.
pub fn asked_for<'a>(snapshot: &'a Snapshot, scope: &'a ScopeSet) -> impl Iterator<Item = ScopeClaim> + 'a {
    scope.iter().filter_map(|name| snapshot.scope(name)).flat_map(|scope| scope.claims.iter().copied())
}

/// Of the claims of an access token, those that are asked for: by a narrower scope, or by what is left of its own.
pub fn narrowed(claims: &UserClaims, wanted: impl IntoIterator<Item = ScopeClaim>) -> UserClaims {
    let mut kept = UserClaims::default();
    for claim in wanted {
        match claim {
            ScopeClaim::NationalId => kept.national_id.clone_from(&claims.national_id),
            ScopeClaim::Name => kept.name.clone_from(&claims.name),
            ScopeClaim::SubjectType => kept.subject_type = claims.subject_type,
            ScopeClaim::Actor => kept.actor.clone_from(&claims.actor),
            ScopeClaim::DelegationType => kept.delegation_type.clone_from(&claims.delegation_type),
        }
    }
    kept
}

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
    use crate::protocol::claims::Actor;

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

    #[test]
    fn a_narrower_token_keeps_what_its_scopes_ask_for_and_the_delegation_with_it_tex_04() {
        let whole = UserClaims {
            national_id: Some("4099000019".into()),
            subject_type: Some(SubjectType::LegalEntity),
            name: Some("Stofnunin mín".into()),
            delegation_type: vec!["ProcurationHolder".into()],
            actor: Some(Actor { national_id: "0101302989".into(), name: "Gervimaður Ameríka".into() }),
        };
        let all =
            [ScopeClaim::NationalId, ScopeClaim::Name, ScopeClaim::SubjectType, ScopeClaim::Actor, ScopeClaim::DelegationType];
        assert_eq!(narrowed(&whole, all), whole);
        assert_eq!(narrowed(&whole, []), UserClaims::default());
        for claim in all {
            let one = serde_json::to_value(narrowed(&whole, [claim])).expect("JSON");
            assert_eq!(one.as_object().expect("members").len(), 1, "{claim:?}");
        }
    }
}
