//! Settings of API resources (D11; ias-domain 1.5).

use serde::Deserialize;

use super::fields::{Faults, FieldError, LONGEST_TITLE, Separators, check_localized, check_name, check_scope_names, domain_of};
use crate::{
    base::{id::ApiResourceRowId, text::LocalizedText},
    model::{api_resource::ApiResource, organisation::Organisation},
};

/// What is said about an API resource.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiResourceInput {
    /// required
    pub name: String,
    /// required
    pub display_name: LocalizedText,
    /// names of scopes of the same organisation; at least one
    pub scopes: Vec<String>,
    /// default: true
    pub enabled: Option<bool>,
}

/// The API resource of this organisation under this row id, or what is wrong with the input.
pub fn parse(
    input: ApiResourceInput,
    id: ApiResourceRowId,
    owner: &Organisation,
    scope_exists: &dyn Fn(&str) -> bool,
) -> Result<ApiResource, Vec<FieldError>> {
    let mut faults = Faults::default();
    check_name(&mut faults, "name", &input.name, owner, Separators::Scope);
    check_localized(&mut faults, "display_name", &input.display_name, LONGEST_TITLE);
    check_scope_names(&mut faults, &input.scopes, scope_exists);
    if input.scopes.is_empty() {
        faults.add("scopes", "an API resource needs at least one scope");
    }
    // A resource becomes the `aud` of its scopes' tokens: nobody may claim another's.
    for (index, name) in input.scopes.iter().enumerate() {
        if domain_of(name).is_some_and(|domain| domain != owner.domain) {
            faults.add(format!("scopes[{index}]"), format!("`{name}` belongs to another organisation"));
        }
    }
    faults.or(ApiResource {
        id,
        organisation_id: owner.id,
        name: input.name,
        display_name: input.display_name,
        scopes: input.scopes,
        enabled: input.enabled.unwrap_or(true),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::settings::organisation::tests::myorg;

    fn faults_of(scopes: &[&str]) -> Vec<String> {
        let input = ApiResourceInput {
            name: "@myorg.is/documents-api".into(),
            display_name: LocalizedText { is: "Skjöl".into(), en: None },
            scopes: scopes.iter().map(ToString::to_string).collect(),
            enabled: None,
        };
        let known = |name: &str| name.ends_with(":read");
        let faults = parse(input, ApiResourceRowId(uuid::Uuid::nil()), &myorg(), &known).err().unwrap_or_default();
        faults.into_iter().map(|fault| fault.field).collect()
    }

    #[test]
    fn a_resource_holds_known_scopes_of_its_own_organisation() {
        assert!(faults_of(&["@myorg.is/documents:read"]).is_empty());
        assert_eq!(faults_of(&[]), ["scopes"]);
        assert_eq!(
            faults_of(&["@myorg.is/documents:read", "@other.is/x:read", "@myorg.is/x:write"]),
            ["scopes[2]", "scopes[1]"]
        );
        assert_eq!(faults_of(&["openid"]), ["scopes[0]"]);
    }
}
