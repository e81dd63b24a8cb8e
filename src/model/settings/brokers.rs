//! Rows on one broker: which of them a sign-in belongs to is told by what the broker signs, never by what the browser carried
//! there, which whoever signs in can change (EID-09).

use crate::model::identity_provider::{ClaimMapping, DriverSettings, IdentityProvider, OidcSettings};

/// Whether the claims must say more than whose people they are of: the broker's word for how somebody signed in.
pub(super) fn names_method(claims: &ClaimMapping) -> bool {
    !claims.acr_accept.is_empty() || claims.require.values().any(|value| !ClaimMapping::is_iceland(value))
}

/// Why a sign-in that was asked for by one of two rows could pass for one by the other; none where it cannot.
pub(crate) fn confusion(one: &IdentityProvider, other: &IdentityProvider) -> Option<String> {
    let (DriverSettings::Oidc(mine), DriverSettings::Oidc(theirs)) = (&one.driver, &other.driver) else { return None };
    let both_count = one.enabled && other.enabled;
    // a token for another client of the broker is refused by its audience
    let share_tokens = mine.issuer == theirs.issuer && mine.client_id == theirs.client_id;
    let same_outcome = one.kind == other.kind && one.acr == other.acr && one.amr == other.amr && mine.claims == theirs.claims;
    (both_count && share_tokens && !same_outcome && !are_told_apart(mine, theirs)).then(|| {
        format!(
            "is the broker and client of the provider {} too, and nothing tells their sign-ins apart: give each an acr_accept \
             with levels of its own, or in require another value of the same claim",
            other.name
        )
    })
}

/// Whether no claims pass for both.
fn are_told_apart(one: &OidcSettings, other: &OidcSettings) -> bool {
    let (one, other) = (&one.claims, &other.claims);
    let by_acr = !one.acr_accept.is_empty()
        && !other.acr_accept.is_empty()
        && one.acr_accept.keys().all(|acr| !other.acr_accept.contains_key(acr));
    by_acr || one.require.iter().any(|(name, value)| other.require.get(name).is_some_and(|theirs| theirs != value))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        base::id::IdentityProviderRowId,
        model::{identity_provider::IdentityProviderKind, settings::oidc::tests::settings},
    };

    fn row(kind: IdentityProviderKind, change: impl FnOnce(&mut OidcSettings)) -> IdentityProvider {
        let mut settings = settings();
        change(&mut settings);
        IdentityProvider {
            id: IdentityProviderRowId(uuid::Uuid::nil()),
            organisation_id: None,
            name: kind.as_str().into(),
            kind,
            driver: DriverSettings::Oidc(settings),
            acr: "eidas-loa-high".into(),
            amr: vec!["hwk".into()],
            enabled: true,
            display_order: 0,
            display_name: None,
        }
    }

    #[test]
    fn eid_09_rows_on_one_broker_are_told_apart_by_what_it_signs() {
        type Change = fn(&mut OidcSettings);
        let accept = |settings: &mut OidcSettings, acr: &str| {
            settings.claims.acr_accept = BTreeMap::from([(acr.to_owned(), "eidas-loa-high".to_owned())]);
        };
        let sim = row(IdentityProviderKind::Sim, |s| accept(s, "sim-auth"));
        let table: [(Change, bool); 6] = [
            (|s| drop(s.parameters.insert("acr_values".into(), "card-auth".into())), true),
            (|s| s.claims.acr_accept = BTreeMap::from([("card-auth".into(), "eidas-loa-high".into())]), false),
            (|s| s.claims.acr_accept.clear(), true),
            (|s| drop(s.claims.require.insert("nin_issuing_country".into(), "ISL".into())), false),
            (|s| s.client_id = "innskra-card".into(), false),
            (|s| s.issuer = "https://another.example.is".into(), false),
        ];
        for (index, (change, expected)) in table.into_iter().enumerate() {
            let card = row(IdentityProviderKind::Card, |s| {
                accept(s, "sim-auth");
                change(s);
            });
            assert_eq!(confusion(&sim, &card).is_some(), expected, "{index}");
            assert_eq!(confusion(&card, &sim).is_some(), expected, "{index}");
        }
        assert_eq!(confusion(&sim, &sim), None, "either way the same is said of the person");
        let weaker = IdentityProvider { acr: "eidas-loa-low".into(), ..sim.clone() };
        assert!(confusion(&sim, &weaker).is_some());
        assert_eq!(confusion(&sim, &IdentityProvider { enabled: false, ..weaker }), None, "nobody signs in with it");
    }
}
