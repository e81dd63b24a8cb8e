//! Settings of the driver `smart_id` (eid.md §3, §8.4).

use super::{
    fields::{Faults, check_text},
    identity_provider::check_base_url,
    trust,
};
use crate::model::{environment::Environment, identity_provider::SmartIdSettings};

/// The page shows the code so long at most before the app asks.
const LONGEST_PUSH_DELAY_MS: u32 = 20_000;

/// Checks every field.
pub(super) fn check(faults: &mut Faults, settings: &SmartIdSettings, environment: Environment) {
    check_base_url(faults, &at("base_url"), &settings.base_url, &settings.tls_roots_pem, environment);
    if uuid::Uuid::try_parse(&settings.relying_party_uuid).is_err() {
        faults.add(at("relying_party_uuid"), "is not a UUID");
    }
    if settings.relying_party_name.is_empty() {
        faults.add(at("relying_party_name"), "is required: the name that the provider knows us by");
    }
    check_text(faults, &at("relying_party_name"), &settings.relying_party_name, 100);
    let is_scheme = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(1..=40).contains(&settings.scheme_name.len()) || !settings.scheme_name.bytes().all(is_scheme) {
        faults.add(at("scheme_name"), "is letters a–z, digits and -, such as smart-id");
    }
    if settings.flows.is_empty() {
        faults.add(at("flows"), "needs at least one of notification, qr, same_device");
    }
    for (index, flow) in settings.flows.iter().enumerate() {
        if settings.flows[..index].contains(flow) {
            faults.add(at(&format!("flows[{index}]")), "stands there twice");
        }
    }
    if settings.push_delay_ms > LONGEST_PUSH_DELAY_MS {
        faults.add(at("push_delay_ms"), format!("is at most {LONGEST_PUSH_DELAY_MS}"));
    }
    if !settings.tls_roots_pem.is_empty() {
        trust::check_certificates(faults, &at("tls_roots_pem"), &settings.tls_roots_pem);
    }
    trust::check(faults, &at("trust"), &settings.trust);
}

fn at(field: &str) -> String {
    format!("driver.smart_id.{field}")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::{
        identity_provider::{DriverSettings, MobileIdSettings, SmartIdFlow},
        settings::production::providers,
    };

    pub(in crate::model::settings) fn settings(environment: Environment) -> SmartIdSettings {
        let MobileIdSettings { base_url, relying_party_uuid, relying_party_name, trust, tls_roots_pem, .. } =
            super::super::identity_provider::tests::settings(environment);
        let settings = serde_json::json!({
            "base_url": base_url, "relying_party_uuid": relying_party_uuid, "relying_party_name": relying_party_name,
            "scheme_name": "smart-id", "flows": ["notification", "qr", "same_device"], "trust": trust,
            "tls_roots_pem": tls_roots_pem,
        });
        serde_json::from_value(settings).expect("every field that is required")
    }

    fn faults_of(change: impl FnOnce(&mut SmartIdSettings), environment: Environment) -> Vec<String> {
        let mut settings = settings(environment);
        change(&mut settings);
        let mut faults = Faults::default();
        check(&mut faults, &settings, environment);
        providers::check_in(&mut faults, &DriverSettings::SmartId(settings), environment);
        faults.into_vec().into_iter().map(|fault| fault.field.replace("driver.smart_id.", "")).collect()
    }

    #[test]
    fn an_app_is_accepted_where_it_belongs() {
        for environment in [Environment::Development, Environment::Staging, Environment::Production] {
            assert_eq!(faults_of(|_| {}, environment), [""; 0], "{environment:?}");
        }
    }

    #[test]
    fn each_faulty_field_of_an_app_is_named() {
        type Change = fn(&mut SmartIdSettings);
        let table: [(Change, &str); 8] = [
            (|s| s.base_url = "smart-id".into(), "base_url"),
            (|s| s.relying_party_uuid = "demo".into(), "relying_party_uuid"),
            (|s| s.relying_party_name = String::new(), "relying_party_name"),
            (|s| s.scheme_name = "a|b".into(), "scheme_name"),
            (|s| s.flows = Vec::new(), "flows"),
            (|s| s.flows = vec![SmartIdFlow::Qr, SmartIdFlow::Qr], "flows[1]"),
            (|s| s.push_delay_ms = 20_001, "push_delay_ms"),
            (|s| s.trust.anchors_pem = "-----BEGIN".into(), "trust.anchors_pem"),
        ];
        for (change, field) in table {
            assert_eq!(faults_of(change, Environment::Development), [field]);
        }
    }

    #[test]
    fn test_apps_are_refused_in_production_ops_02() {
        type Change = fn(&mut SmartIdSettings);
        let table: [(Change, &str); 4] = [
            (|s| s.base_url = "http://app.example.is/v3".into(), "base_url"),
            (|s| s.relying_party_uuid = "00000000-0000-4000-8000-000000000000".into(), "relying_party_uuid"),
            (|s| s.relying_party_name = "DEMO".into(), "relying_party_uuid"),
            (|s| s.scheme_name = "smart-id-demo".into(), "scheme_name"),
        ];
        for (change, field) in table {
            assert_eq!(faults_of(change, Environment::Production), [field]);
        }
    }
}
