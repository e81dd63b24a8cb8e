//! Settings of scopes (seed 003, ias-domain 1.4).

use serde::Deserialize;

use super::fields::{
    Faults, FieldError, LONGEST_DESCRIPTION, LONGEST_TITLE, Separators, check_localized, check_name, check_unique,
};
use crate::{
    base::{id::ScopeRowId, text::LocalizedText},
    model::{
        client::DelegationType,
        organisation::Organisation,
        scope::{Scope, ScopeClaim},
    },
};

/// What is said about a scope.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScopeInput {
    /// required
    pub name: String,
    /// required
    pub display_name: LocalizedText,
    /// required
    pub description: LocalizedText,
    /// default: none
    pub supported_delegations: Vec<DelegationType>,
    /// default: none
    pub personal_representative_permissions: Vec<String>,
    /// default: nationalId
    pub claims: Option<Vec<ScopeClaim>>,
    /// default: true
    pub enabled: Option<bool>,
    /// default: true
    pub show_in_discovery: Option<bool>,
    /// default: false
    pub required: bool,
    /// default: false
    pub emphasize: bool,
    /// default: true
    pub grant_to_authenticated_user: Option<bool>,
    /// default: false
    pub automatic_delegation_grant: bool,
    /// default: false
    pub also_for_delegated_user: bool,
    /// default: 0
    pub display_order: i16,
}

/// The scope of this organisation under this row id, or what is wrong with the input.
pub fn parse(input: ScopeInput, id: ScopeRowId, owner: &Organisation) -> Result<Scope, Vec<FieldError>> {
    let mut faults = Faults::default();
    let claims = input.claims.unwrap_or_else(|| vec![ScopeClaim::NationalId]);
    check_name(&mut faults, "name", &input.name, owner, Separators::Scope);
    check_localized(&mut faults, "display_name", &input.display_name, LONGEST_TITLE);
    check_localized(&mut faults, "description", &input.description, LONGEST_DESCRIPTION);
    check_unique(&mut faults, "claims", &claims);
    check_unique(&mut faults, "supported_delegations", &input.supported_delegations);
    check_permissions(&mut faults, &input.personal_representative_permissions, &input.supported_delegations);
    if !(0..=999).contains(&input.display_order) {
        faults.add("display_order", "is not between 0 and 999");
    }
    faults.or(Scope {
        id,
        organisation_id: owner.id,
        name: input.name,
        display_name: input.display_name,
        description: input.description,
        supported_delegations: with_general_mandate(input.supported_delegations),
        personal_representative_permissions: input.personal_representative_permissions,
        claims,
        enabled: input.enabled.unwrap_or(true),
        show_in_discovery: input.show_in_discovery.unwrap_or(true),
        required: input.required,
        emphasize: input.emphasize,
        grant_to_authenticated_user: input.grant_to_authenticated_user.unwrap_or(true),
        automatic_delegation_grant: input.automatic_delegation_grant,
        also_for_delegated_user: input.also_for_delegated_user,
        display_order: input.display_order,
    })
}

// ias-domain 1.4: a mandate for everything opens whatever can be granted in the portal.
fn with_general_mandate(mut kinds: Vec<DelegationType>) -> Vec<DelegationType> {
    if kinds.contains(&DelegationType::Custom) && !kinds.contains(&DelegationType::GeneralMandate) {
        kinds.push(DelegationType::GeneralMandate);
    }
    kinds
}

fn check_permissions(faults: &mut Faults, permissions: &[String], kinds: &[DelegationType]) {
    let field = "personal_representative_permissions";
    check_unique(faults, field, permissions);
    if !permissions.is_empty() && !kinds.contains(&DelegationType::PersonalRepresentative) {
        faults.add(field, "needs PersonalRepresentative in supported_delegations");
    }
    let fits = |code: &str| {
        (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    for (index, code) in permissions.iter().enumerate().filter(|(_, code)| !fits(code)) {
        faults.add(format!("{field}[{index}]"), format!("`{code}` is not the code of a right, such as postholf"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::settings::organisation::tests::myorg;

    fn input() -> ScopeInput {
        let text = |is: &str| LocalizedText { is: is.into(), en: None };
        ScopeInput {
            name: "@myorg.is/documents:read".into(),
            display_name: text("Lesa skjöl"),
            description: text("Lesaðgangur að skjölum notanda."),
            ..ScopeInput::default()
        }
    }

    fn parsed(input: ScopeInput) -> Result<Scope, Vec<FieldError>> {
        parse(input, ScopeRowId(uuid::Uuid::nil()), &myorg())
    }

    #[test]
    fn a_new_scope_asks_for_the_national_id_and_is_for_the_person_themself() {
        let scope = parsed(input()).expect("it is valid");
        assert_eq!(scope.claims, [ScopeClaim::NationalId]);
        assert!(scope.enabled && scope.show_in_discovery && scope.grant_to_authenticated_user);
        assert!(!scope.required && !scope.emphasize && !scope.automatic_delegation_grant && !scope.also_for_delegated_user);
    }

    #[test]
    fn a_general_mandate_goes_with_custom_delegations() {
        let with = |kinds: &[DelegationType]| {
            parsed(ScopeInput { supported_delegations: kinds.to_vec(), ..input() }).expect("it is valid").supported_delegations
        };
        assert_eq!(with(&[DelegationType::Custom]), [DelegationType::Custom, DelegationType::GeneralMandate]);
        assert_eq!(with(&[DelegationType::LegalGuardian]), [DelegationType::LegalGuardian]);
    }

    #[test]
    fn each_faulty_field_is_named() {
        let bad = ScopeInput {
            name: "documents".into(),
            description: LocalizedText::default(),
            claims: Some(vec![ScopeClaim::Name, ScopeClaim::Name]),
            personal_representative_permissions: vec!["post hólf".into()],
            display_order: 1000,
            ..input()
        };
        let faults = parsed(bad).expect_err("much is wrong");
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        let permissions = "personal_representative_permissions";
        let first = format!("{permissions}[0]");
        assert_eq!(fields, ["name", "description.is", "claims[1]", permissions, &first, "display_order"]);
    }
}
