//! Settings of the driver for identity cards (eid.md §4, §12).

use url::Url;

use super::{
    fields::{Faults, check_unique},
    trust,
};
use crate::model::{
    environment::Environment,
    identity_provider::{CardPath, CardSettings},
};

fn at(field: &str) -> String {
    format!("driver.card.{field}")
}

pub(super) fn check(faults: &mut Faults, settings: &CardSettings, environment: Environment) {
    if settings.paths.is_empty() {
        faults.add(at("paths"), "needs web_eid, mtls or both");
    }
    check_unique(faults, &at("paths"), &settings.paths);
    if settings.paths.contains(&CardPath::WebEid) && settings.algorithms.is_empty() {
        faults.add(at("algorithms"), "needs at least one, such as ES384; leave it out for every one");
    }
    match &settings.card_host {
        Some(text) => check_host(faults, text, environment),
        None if settings.paths.contains(&CardPath::Mtls) => {
            faults.add(at("card_host"), "is required for mtls: where browsers are asked for certificates");
        }
        None => {}
    }
    let is_web = |text: &String| Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if settings.simulator_shim_url.as_ref().is_some_and(|text| !is_web(text)) {
        faults.add(at("simulator_shim_url"), "is not an address such as http://localhost:8090/card/shim.js");
    }
    trust::check(faults, &at("trust"), &settings.trust);
}

/// A scheme, a host and perhaps a port, as browsers write an origin; plain http only on a developer's machine, where a proxy of
/// the test speaks TLS.
fn check_host(faults: &mut Faults, text: &str, environment: Environment) {
    let is_origin = |url: &Url| url.origin().ascii_serialization() == text && matches!(url.scheme(), "http" | "https");
    match Url::parse(text).ok().filter(is_origin) {
        None => faults.add(at("card_host"), format!("`{text}` is not an address such as https://card.example.is")),
        // what production refuses is said by its own rules
        Some(url) if url.scheme() == "http" && environment == Environment::Staging => {
            faults.add(at("card_host"), "begins with https://: the certificate is shown in a TLS handshake");
        }
        Some(_) => {}
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::{identity_provider::DriverSettings, settings::production::providers};

    const ANCHOR: &str = include_str!("../../../tests/data/anchor.pem");
    const TEST_ANCHOR: &str = include_str!("../../../tests/data/simulator_anchor.pem");

    pub(in crate::model::settings) fn settings() -> CardSettings {
        let settings = serde_json::json!({
            "paths": ["web_eid", "mtls"],
            "card_host": "https://card.innskra.is",
            "trust": {
                "anchors_pem": ANCHOR, "national_id_formats": ["etsi"], "countries": ["IS"],
                "require_policies": ["1.2.352.1.2.1"], "ocsp_url": "http://ocsp.example.is/",
            },
        });
        serde_json::from_value(settings).expect("every field that is required")
    }

    fn faults_of(change: impl FnOnce(&mut CardSettings), environment: Environment) -> Vec<String> {
        let (mut settings, mut faults) = (settings(), Faults::default());
        change(&mut settings);
        check(&mut faults, &settings, environment);
        providers::check_in(&mut faults, &DriverSettings::Card(settings), environment);
        faults.into_vec().into_iter().map(|fault| fault.field.replace("driver.card.", "")).collect()
    }

    #[test]
    fn each_faulty_field_is_named() {
        type Change = fn(&mut CardSettings);
        assert_eq!(faults_of(|_| {}, Environment::Production), [""; 0]);
        let table: [(Change, &str); 9] = [
            (|s| s.paths = Vec::new(), "paths"),
            (|s| s.paths = vec![CardPath::Mtls, CardPath::Mtls], "paths[1]"),
            (|s| s.algorithms = Vec::new(), "algorithms"),
            (|s| s.card_host = None, "card_host"),
            (|s| s.card_host = Some("https://card.innskra.is/".into()), "card_host"),
            (|s| s.card_host = Some("https://card.innskra.is:443".into()), "card_host"),
            (|s| s.card_host = Some("card.innskra.is".into()), "card_host"),
            (|s| s.simulator_shim_url = Some("shim.js".into()), "simulator_shim_url"),
            (|s| s.trust.forbid_policies = vec!["NCP".into()], "trust.forbid_policies[0]"),
        ];
        for (change, field) in table {
            assert_eq!(faults_of(change, Environment::Development), [field]);
        }
    }

    #[test]
    fn test_systems_are_refused_in_production_ops_02() {
        type Change = fn(&mut CardSettings);
        let table: [(Change, &str); 3] = [
            (|s| s.simulator_shim_url = Some("http://localhost:8090/card/shim.js".into()), "simulator_shim_url"),
            (|s| s.trust.anchors_pem = TEST_ANCHOR.into(), "trust.anchors_pem"),
            (|s| s.card_host = Some("http://card.innskra.is".into()), "card_host"),
        ];
        for (change, field) in table {
            assert!(faults_of(change, Environment::Development).is_empty(), "{field}");
            assert!(faults_of(change, Environment::Production).contains(&field.to_owned()), "{field}");
        }
    }
}
