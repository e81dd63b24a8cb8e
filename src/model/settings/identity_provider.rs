//! Settings of identity providers (seed 003, eid.md §8.4).

use serde::Deserialize;

use super::{
    card,
    client::is_acr,
    fields::{Faults, FieldError, LONGEST_TITLE, check_localized, check_text, check_unique},
    oidc,
    production::providers,
    smart_id, trust,
};
use crate::{
    base::{
        id::{IdentityProviderRowId, OrganisationId},
        text::LocalizedText,
    },
    model::{
        environment::Environment,
        identity_provider::{
            CardSettings, DriverSettings, IdentityProvider, IdentityProviderKind, MobileIdSettings, OidcSettings,
            SmartIdSettings,
        },
    },
};

/// What is said about an identity provider.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdentityProviderInput {
    /// required
    pub name: String,
    /// domain of the organisation whose clients alone may use it; default: everybody's
    pub organisation: Option<String>,
    /// required
    pub kind: Option<IdentityProviderKind>,
    /// required
    pub driver: Option<DriverInput>,
    /// required
    pub acr: String,
    /// required
    pub amr: Vec<String>,
    /// default: true
    pub enabled: Option<bool>,
    /// default: 0
    pub display_order: i16,
    /// default: that of its kind
    pub display_name: Option<LocalizedText>,
}

/// The driver's name, and below it its settings; so that each fault has a path of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriverInput {
    /// Mobile-ID REST (eid.md §2)
    MobileId(MobileIdSettings),
    /// identity cards (eid.md §4)
    Card(CardSettings),
    /// another OpenID provider (eid.md §8.5)
    Oidc(OidcSettings),
    /// Smart-ID RP API v3 (eid.md §3)
    SmartId(SmartIdSettings),
}

impl DriverInput {
    fn check(&self, faults: &mut Faults, environment: Environment) {
        match self {
            Self::MobileId(settings) => check_mobile_id(faults, settings, environment),
            Self::SmartId(settings) => smart_id::check(faults, settings, environment),
            Self::Card(settings) => card::check(faults, settings, environment),
            Self::Oidc(settings) => oidc::check(faults, settings, environment),
        }
    }

    fn into_settings(self) -> DriverSettings {
        match self {
            Self::MobileId(settings) => DriverSettings::MobileId(settings),
            Self::SmartId(settings) => DriverSettings::SmartId(settings),
            Self::Card(settings) => DriverSettings::Card(settings),
            Self::Oidc(settings) => DriverSettings::Oidc(settings),
        }
    }
}

/// The identity provider under this row id, or what is wrong with the input. `organisation_id` is that of the input's organisation.
pub fn parse(
    input: IdentityProviderInput,
    id: IdentityProviderRowId,
    organisation_id: Option<OrganisationId>,
    environment: Environment,
) -> Result<IdentityProvider, Vec<FieldError>> {
    let mut faults = Faults::default();
    check_words(&mut faults, &input);
    if input.kind.is_none() {
        faults.add("kind", "is required: sim, app or card");
    }
    match &input.driver {
        Some(driver) => driver.check(&mut faults, environment),
        None => faults.add("driver", "is required: mobile_id, smart_id, card or oidc, with its settings below it"),
    }
    let (Some(kind), Some(driver)) = (input.kind, input.driver) else {
        return Err(faults.into_vec());
    };
    let driver = driver.into_settings();
    providers::check_in(&mut faults, &driver, environment);
    faults.or(IdentityProvider {
        id,
        organisation_id,
        name: input.name,
        kind,
        driver,
        acr: input.acr,
        amr: input.amr,
        enabled: input.enabled.unwrap_or(true),
        display_order: input.display_order,
        display_name: input.display_name,
    })
}

fn check_words(faults: &mut Faults, input: &IdentityProviderInput) {
    let word = |text: &str| {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        (1..=40).contains(&text.len()) && text.bytes().all(fits)
    };
    if !word(&input.name) {
        faults.add("name", format!("`{}` is not a name of letters a–z, digits, - and _, such as sim", input.name));
    }
    if !is_acr(&input.acr) {
        faults.add("acr", format!("`{}` is not a level of assurance, such as eidas-loa-high", input.acr));
    }
    if input.amr.is_empty() {
        faults.add("amr", "needs at least one method, such as hwk (RFC 8176)");
    }
    check_unique(faults, "amr", &input.amr);
    for (index, method) in input.amr.iter().enumerate().filter(|(_, method)| !word(method)) {
        faults.add(format!("amr[{index}]"), format!("`{method}` is not a method of RFC 8176, such as hwk"));
    }
    if !(0..=999).contains(&input.display_order) {
        faults.add("display_order", "is not between 0 and 999");
    }
    if let Some(name) = &input.display_name {
        check_localized(faults, "display_name", name, LONGEST_TITLE);
    }
}

fn check_mobile_id(faults: &mut Faults, settings: &MobileIdSettings, environment: Environment) {
    let at = |field: &str| format!("driver.mobile_id.{field}");
    check_base_url(faults, &at("base_url"), &settings.base_url, &settings.tls_roots_pem, environment);
    if uuid::Uuid::try_parse(&settings.relying_party_uuid).is_err() {
        faults.add(at("relying_party_uuid"), "is not a UUID");
    }
    if settings.relying_party_name.is_empty() {
        faults.add(at("relying_party_name"), "is required: the name that the provider knows us by");
    }
    check_text(faults, &at("relying_party_name"), &settings.relying_party_name, 100);
    if !settings.tls_roots_pem.is_empty() {
        trust::check_certificates(faults, &at("tls_roots_pem"), &settings.tls_roots_pem);
    }
    trust::check(faults, &at("trust"), &settings.trust);
}

/// The provider's address: https with pinned roots; plain http only on a developer's machine (eid.md §12.2).
pub(super) fn check_base_url(faults: &mut Faults, field: &str, base_url: &str, tls_roots_pem: &str, environment: Environment) {
    let Ok(url) = url::Url::parse(base_url) else {
        faults.add(field, format!("`{base_url}` is not an address such as https://mid.example.is/mid-api"));
        return;
    };
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    if !plain || url.host_str().is_none() || base_url.ends_with('/') {
        faults.add(field, "is a scheme, a host and perhaps a path, without user, query, fragment or a slash at the end");
    }
    match url.scheme() {
        "https" if tls_roots_pem.is_empty() && environment != Environment::Production => {
            faults.add(field, "https needs tls_roots_pem: the roots that are pinned");
        }
        "https" => {}
        // what production refuses is said by its own rules
        "http" if environment != Environment::Staging => {}
        "http" => faults.add(field, "plain http is for development only; use https with tls_roots_pem"),
        _ => faults.add(field, "begins with https://"),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::identity_provider::RevocationCheck;

    const ANCHOR: &str = include_str!("../../../tests/data/anchor.pem");
    const TEST_ANCHOR: &str = include_str!("../../../tests/data/simulator_anchor.pem");

    pub(in crate::model::settings) fn settings(environment: Environment) -> MobileIdSettings {
        let development = environment == Environment::Development;
        let settings = serde_json::json!({
            "base_url": if development { "http://localhost:8090/mid-api" } else { "https://mid.example.is/mid-api" },
            "relying_party_uuid": "6a1f4c2e-8b1d-4f3a-9a57-0d5a2c9f7e11",
            "relying_party_name": "Innskráning",
            "trust": {
                "anchors_pem": if development { TEST_ANCHOR } else { ANCHOR },
                "require_policies": ["1.2.352.1.2.1"],
                "national_id_formats": ["etsi"],
                "countries": ["IS"],
                "ocsp_hosts": [if development { "localhost:8091" } else { "ocsp.example.is" }],
            },
            "tls_roots_pem": if development { "" } else { ANCHOR },
        });
        serde_json::from_value(settings).expect("every field that is required")
    }

    fn faults_of(change: impl FnOnce(&mut MobileIdSettings), environment: Environment) -> Vec<String> {
        let mut settings = settings(environment);
        change(&mut settings);
        let input = IdentityProviderInput {
            name: "sim".into(),
            kind: Some(IdentityProviderKind::Sim),
            driver: Some(DriverInput::MobileId(settings)),
            acr: "eidas-loa-high".into(),
            amr: vec!["hwk".into(), "pin".into(), "mfa".into()],
            ..IdentityProviderInput::default()
        };
        let faults = parse(input, IdentityProviderRowId(uuid::Uuid::nil()), None, environment).err().unwrap_or_default();
        faults.into_iter().map(|fault| fault.field.replace("driver.mobile_id.", "")).collect()
    }

    #[test]
    fn a_provider_is_accepted_where_it_belongs() {
        for environment in [Environment::Development, Environment::Staging, Environment::Production] {
            assert_eq!(faults_of(|_| {}, environment), [""; 0], "{environment:?}");
        }
    }

    #[test]
    fn each_faulty_field_is_named() {
        type Change = fn(&mut MobileIdSettings);
        let table: [(Change, &str); 20] = [
            (|s| s.base_url = "mid-api".into(), "base_url"),
            (|s| s.base_url = "http://localhost:8090/".into(), "base_url"),
            (|s| s.base_url = "http://a:b@localhost:8090".into(), "base_url"),
            (|s| s.base_url = "https://localhost:8090".into(), "base_url"),
            (|s| s.relying_party_uuid = "demo".into(), "relying_party_uuid"),
            (|s| s.relying_party_name = String::new(), "relying_party_name"),
            (|s| s.trust.anchors_pem = "-----BEGIN".into(), "trust.anchors_pem"),
            (|s| s.trust.require_policies = vec!["policy".into()], "trust.require_policies[0]"),
            (|s| s.trust.countries = vec!["IS".into(), "is".into()], "trust.countries[1]"),
            (|s| s.trust.countries.clear(), "trust.countries"),
            (|s| s.trust.countries = vec!["DK".into()], "trust.countries"),
            (|s| s.trust.ocsp_hosts = vec!["http://ocsp".into()], "trust.ocsp_hosts[0]"),
            (|s| s.trust.national_id_formats = Vec::new(), "trust.national_id_formats"),
            (|s| s.trust.forbid_policies = vec!["policy".into()], "trust.forbid_policies[0]"),
            (|s| s.trust.max_chain = Some(4), "trust.max_chain"),
            (|s| s.trust.ocsp_hosts = Vec::new(), "trust.ocsp_url"),
            (|s| s.trust.ocsp_fallback_urls = vec!["http://ocsp".into()], "trust.ocsp_fallback_urls"),
            (|s| s.trust.ocsp_responders_pem = "none".into(), "trust.ocsp_responders_pem"),
            (|s| s.trust.revocation = RevocationCheck::OcspThenCrl, "trust.crl_urls"),
            (|s| s.trust.crl_urls = vec!["ldap://crl".into()], "trust.crl_urls[0]"),
        ];
        for (change, field) in table {
            assert_eq!(faults_of(change, Environment::Development), [field]);
        }
    }

    #[test]
    fn test_systems_are_refused_in_production_ops_02() {
        type Change = fn(&mut MobileIdSettings);
        let table: [(Change, &str); 4] = [
            (|s| s.base_url = "http://mid.example.is/mid-api".into(), "base_url"),
            (|s| s.relying_party_uuid = "00000000-0000-4000-8000-000000000000".into(), "relying_party_uuid"),
            (|s| s.relying_party_name = "DEMO".into(), "relying_party_uuid"),
            (|s| s.tls_roots_pem = TEST_ANCHOR.into(), "tls_roots_pem"),
        ];
        for (change, field) in table {
            assert!(faults_of(change, Environment::Production).contains(&field.to_owned()), "{field}");
        }
        assert_eq!(faults_of(|s| s.base_url = "http://mid.example.is".into(), Environment::Staging), ["base_url"]);
    }
}
