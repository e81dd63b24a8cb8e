//! Settings of organisations (seed 003, ias-domain 1.2).

use serde::Deserialize;

use super::fields::{Faults, FieldError, LONGEST_TITLE, check_email, check_localized, is_domain};
use crate::{
    base::{id::OrganisationId, text::LocalizedText},
    model::organisation::Organisation,
};

/// What is said about an organisation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OrganisationInput {
    /// required
    pub domain: String,
    /// required
    pub national_id: String,
    /// required
    pub display_name: LocalizedText,
    /// default: none
    pub contact_email: Option<String>,
    /// default: true
    pub enabled: Option<bool>,
}

/// The organisation under this row id, or what is wrong with the input.
pub fn parse(input: OrganisationInput, id: OrganisationId) -> Result<Organisation, Vec<FieldError>> {
    let mut faults = Faults::default();
    if !is_domain(&input.domain) {
        let message = format!("`{}` is not a domain name in lower case, such as myorg.is", input.domain);
        faults.add("domain", message);
    }
    if !is_legal_entity(&input.national_id) {
        // D14: the number itself is not repeated
        faults.add("national_id", "is not a national id of a legal entity: ten digits without a hyphen, the first 4–7");
    }
    check_localized(&mut faults, "display_name", &input.display_name, LONGEST_TITLE);
    check_email(&mut faults, "contact_email", input.contact_email.as_ref());
    faults.or(Organisation {
        id,
        domain: input.domain,
        national_id: input.national_id,
        display_name: input.display_name,
        contact_email: input.contact_email,
        enabled: input.enabled.unwrap_or(true),
    })
}

// The form alone: check digits are no longer promised (ias-domain §7).
fn is_legal_entity(text: &str) -> bool {
    text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit()) && matches!(text.as_bytes().first(), Some(b'4'..=b'7'))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::model::settings) fn input() -> OrganisationInput {
        OrganisationInput {
            domain: "myorg.is".into(),
            national_id: "4099000019".into(),
            display_name: LocalizedText { is: "Stofnunin mín".into(), en: Some("My Org".into()) },
            contact_email: Some("vefur@myorg.is".into()),
            enabled: None,
        }
    }

    pub(in crate::model::settings) fn myorg() -> Organisation {
        parse(input(), OrganisationId(uuid::Uuid::from_u128(1))).expect("it is valid")
    }

    #[test]
    fn each_faulty_field_is_named() {
        let bad = OrganisationInput {
            domain: "MyOrg".into(),
            national_id: "0101302989".into(),
            display_name: LocalizedText::default(),
            contact_email: Some("nobody".into()),
            enabled: None,
        };
        let faults = parse(bad, OrganisationId(uuid::Uuid::nil())).expect_err("everything is wrong");
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["domain", "national_id", "display_name.is", "contact_email"]);
        assert!(!faults[1].message.contains("0101302989"), "D14");
    }

    #[test]
    fn a_national_id_of_a_person_is_not_one_of_an_organisation() {
        for bad in ["0101302989", "409900-0019", "409900001", "40990000190", "8099000019", ""] {
            assert!(!is_legal_entity(bad), "{bad}");
        }
        assert!(is_legal_entity("4099000019") && is_legal_entity("7199000019"));
    }
}
