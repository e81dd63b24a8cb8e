//! Settings of the driver `oidc`: another OpenID provider, as which we are a client (eid.md §8.5).

use super::{
    brokers,
    client::is_acr,
    fields::{Faults, check_text, check_unique},
    trust,
};
use crate::model::{
    environment::Environment,
    identity_provider::{ClaimMapping, ICELAND, OidcSettings},
};

/// What the driver itself says; a row that said it too would be ignored.
const OURS: [&str; 9] = [
    "response_type",
    "response_mode",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
];

fn at(field: &str) -> String {
    format!("driver.oidc.{field}")
}

/// Checks every field.
pub(super) fn check(faults: &mut Faults, settings: &OidcSettings, environment: Environment) {
    check_issuer(faults, settings, environment);
    let required = [
        ("client_id", &settings.client_id),
        ("client_authentication.secret", &settings.client_authentication.secret().to_owned()),
    ];
    for (field, text) in required {
        if text.is_empty() {
            faults.add(at(field), "is required");
        }
        check_text(faults, &at(field), text, 255);
    }
    if !is_file_name(settings.client_authentication.secret()) {
        faults.add(
            at("client_authentication.secret"),
            "is the name of a file in sign_in.secrets_dir: letters, digits, -, _ and .",
        );
    }
    check_unique(faults, &at("scopes"), &settings.scopes);
    for (index, scope) in settings.scopes.iter().enumerate().filter(|(_, scope)| !is_token(scope) || *scope == "openid") {
        faults.add(at(&format!("scopes[{index}]")), format!("`{scope}` is no scope, or is sent always"));
    }
    let names = settings.parameters.keys().map(|name| (format!("parameters.{name}"), name));
    for (field, name) in
        names.chain(settings.related_party_parameter.iter().map(|name| ("related_party_parameter".into(), name)))
    {
        if !is_token(name) || OURS.contains(&name.as_str()) {
            faults.add(at(&field), format!("`{name}` is not a parameter that can be added"));
        }
    }
    check_claims(faults, &settings.claims);
    if !settings.tls_roots_pem.is_empty() {
        trust::check_certificates(faults, &at("tls_roots_pem"), &settings.tls_roots_pem);
    }
}

/// What the claims must prove, whatever the environment: whose national id it is, and how somebody signed in, where the browser
/// carries what the provider is asked for.
pub(super) fn check_proof(faults: &mut Faults, settings: &OidcSettings) {
    // X5-06: ten digits of another country are nobody's kennitala
    if !settings.claims.tells_country() {
        let why = "must name Iceland, as in nin_issuing_country: IS; where the provider knows no other national ids and names no \
                   country, say sole_country: IS";
        faults.add(at("claims.require"), why);
    }
    // EID-09: whoever signs in can change the parameters, or leave them out
    if !settings.parameters.is_empty() && !brokers::names_method(&settings.claims) {
        let why = "is needed beside parameters, which the person can change on the way: name the broker's acr for this way to \
                   sign in, or in claims.require another claim that tells it";
        faults.add(at("claims.acr_accept"), why);
    }
}

fn check_issuer(faults: &mut Faults, settings: &OidcSettings, environment: Environment) {
    let Ok(url) = url::Url::parse(&settings.issuer) else {
        faults.add(at("issuer"), format!("`{}` is not an address such as https://broker.example.is", settings.issuer));
        return;
    };
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    if !plain || url.host_str().is_none() {
        faults.add(at("issuer"), "is a scheme, a host and perhaps a path, without user, query or fragment");
    }
    match url.scheme() {
        "https" => {}
        // what production refuses is said by its own rules
        "http" if environment != Environment::Staging => {}
        _ => faults.add(at("issuer"), "begins with https://; plain http is for development only"),
    }
}

fn check_claims(faults: &mut Faults, claims: &ClaimMapping) {
    if claims.national_id.is_empty() {
        faults.add(at("claims.national_id"), "needs at least one claim, such as nationalRegisterId");
    }
    for (field, names) in [("claims.national_id", &claims.national_id), ("claims.name", &claims.name)] {
        check_unique(faults, &at(field), names);
        for (index, name) in names.iter().enumerate().filter(|(_, name)| name.is_empty()) {
            faults.add(at(&format!("{field}[{index}]")), format!("`{name}` is not the name of a claim"));
        }
    }
    if claims.sole_country.as_deref().is_some_and(|country| country != ICELAND) {
        faults.add(at("claims.sole_country"), "is IS or left out: only Iceland's national ids sign anybody in");
    }
    for (theirs, ours) in claims.acr_accept.iter().filter(|(_, ours)| !is_acr(ours)) {
        let message = format!("`{ours}` is not a level of assurance, such as eidas-loa-high");
        faults.add(at(&format!("claims.acr_accept.{theirs}")), message);
    }
    for (theirs, ours) in &claims.amr_map {
        let method = |text: &String| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
        };
        if ours.is_empty() || !ours.iter().all(method) {
            faults.add(at(&format!("claims.amr_map.{theirs}")), "needs methods of RFC 8176, such as hwk");
        }
    }
}

/// A name in the folder, never a way out of it.
fn is_file_name(text: &str) -> bool {
    !text.starts_with('.') && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

// RFC 6749 appendix A: what scopes and names of parameters are made of
fn is_token(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::{identity_provider::DriverSettings, settings::production::providers};

    const TEST_ANCHOR: &str = include_str!("../../../tests/data/simulator_anchor.pem");

    pub(in crate::model::settings) fn settings() -> OidcSettings {
        let settings = serde_json::json!({
            "issuer": "https://broker.example.is/sso",
            "client_id": "innskra",
            "client_authentication": { "method": "private_key_jwt", "secret": "broker.pem" },
            "parameters": { "acr_values": "sim-auth" },
            "related_party_parameter": "related_party",
            "claims": {
                "national_id": ["nationalRegisterId", "nin"],
                "name": ["name"],
                "require": { "nin_issuing_country": "IS" },
                "acr_accept": { "urn:loa4": "eidas-loa-high" },
                "amr_map": { "sim": ["hwk", "pin"] },
            },
        });
        serde_json::from_value(settings).expect("every field that is required")
    }

    fn faults_of(change: impl FnOnce(&mut OidcSettings), environment: Environment) -> Vec<String> {
        let mut settings = settings();
        change(&mut settings);
        let mut faults = Faults::default();
        check(&mut faults, &settings, environment);
        providers::check_in(&mut faults, &DriverSettings::Oidc(settings), environment);
        faults.into_vec().into_iter().map(|fault| fault.field.replace("driver.oidc.", "")).collect()
    }

    #[test]
    fn a_provider_is_accepted_everywhere() {
        for environment in [Environment::Development, Environment::Staging, Environment::Production] {
            assert_eq!(faults_of(|_| {}, environment), [""; 0], "{environment:?}");
        }
        assert_eq!(faults_of(|s| s.issuer = "http://localhost:8090/op/signicat".into(), Environment::Development), [""; 0]);
    }

    #[test]
    fn each_faulty_field_is_named() {
        type Change = fn(&mut OidcSettings);
        let secret = |s: &mut OidcSettings, name: &str| {
            s.client_authentication =
                serde_json::from_value(serde_json::json!({ "method": "client_secret_basic", "secret": name }))
                    .expect("a method");
        };
        let table: [(Change, &str); 16] = [
            (|s| s.issuer = "broker".into(), "issuer"),
            (|s| s.issuer = "http://broker.example.is".into(), "issuer"),
            (|s| s.issuer = "https://a:b@broker.example.is".into(), "issuer"),
            (|s| s.issuer = "https://broker.example.is/?a=b".into(), "issuer"),
            (|s| s.client_id = String::new(), "client_id"),
            (|s| s.scopes = vec!["openid".into()], "scopes[0]"),
            (|s| s.scopes = vec!["two words".into()], "scopes[0]"),
            (|s| drop(s.parameters.insert("redirect_uri".into(), "https://evil.example".into())), "parameters.redirect_uri"),
            (|s| s.related_party_parameter = Some("state".into()), "related_party_parameter"),
            (|s| s.claims.national_id = Vec::new(), "claims.national_id"),
            (|s| drop(s.claims.acr_accept.insert("loa3".into(), "Very high".into())), "claims.acr_accept.loa3"),
            (|s| drop(s.claims.amr_map.insert("app".into(), Vec::new())), "claims.amr_map.app"),
            (|s| s.claims.sole_country = Some("DK".into()), "claims.sole_country"),
            (|s| s.claims.require.clear(), "claims.require"),
            (|s| s.claims.acr_accept.clear(), "claims.acr_accept"),
            (|s| s.tls_roots_pem = "-----BEGIN".into(), "tls_roots_pem"),
        ];
        for (change, field) in table {
            assert_eq!(faults_of(change, Environment::Staging), [field]);
        }
        for name in ["../master_key", "a/b", ".hidden", "a b"] {
            assert_eq!(faults_of(|s| secret(s, name), Environment::Staging), ["client_authentication.secret"], "{name}");
        }
    }

    #[test]
    fn test_systems_are_refused_in_production_ops_02() {
        let faults = faults_of(|s| s.issuer = "http://localhost:8090/op/signicat".into(), Environment::Production);
        assert!(faults.contains(&"issuer".to_owned()), "{faults:?}");
        let faults = faults_of(|s| s.tls_roots_pem = TEST_ANCHOR.into(), Environment::Production);
        assert_eq!(faults, ["tls_roots_pem"]);
    }
}
