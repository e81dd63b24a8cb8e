//! What production refuses of an identity provider, whatever its driver (eid.md §12.2, §12.3, §12.5, §12.6).

use url::Url;

use super::{certificates, hosts};
use crate::{
    config::sign_in::SignIn,
    model::{
        environment::Environment,
        identity_provider::{DriverSettings, ICELAND, RevocationCheck, TrustProfile},
        settings::{fields::Faults, oidc},
    },
};

/// What a driver's settings hold of what the rules look at. Fields are named as the settings name them.
#[derive(Default)]
struct Facts<'a> {
    /// the driver's name
    driver: &'static str,
    /// addresses that are asked over https: field, value
    addresses: Vec<(&'static str, &'a str)>,
    /// roots that the provider's TLS certificate must chain to; none where the system's are right
    tls_roots_pem: Option<&'a str>,
    /// our UUID and name at the provider
    account: Option<(&'a str, &'a str)>,
    /// the provider's scheme
    scheme_name: Option<&'a str>,
    /// whether a script of the simulator stands in our page
    simulator_shim: bool,
    /// the OpenID provider whose word is believed
    issuer: Option<&'a str>,
    /// who is believed; none where another provider verifies certificates
    trust: Option<&'a TrustProfile>,
}

impl<'a> From<&'a DriverSettings> for Facts<'a> {
    fn from(driver: &'a DriverSettings) -> Self {
        match driver {
            DriverSettings::MobileId(settings) => Self {
                driver: "mobile_id",
                addresses: vec![("base_url", &settings.base_url)],
                tls_roots_pem: Some(&settings.tls_roots_pem),
                account: Some((&settings.relying_party_uuid, &settings.relying_party_name)),
                trust: Some(&settings.trust),
                ..Self::default()
            },
            DriverSettings::SmartId(settings) => Self {
                driver: "smart_id",
                addresses: vec![("base_url", &settings.base_url)],
                tls_roots_pem: Some(&settings.tls_roots_pem),
                account: Some((&settings.relying_party_uuid, &settings.relying_party_name)),
                scheme_name: Some(&settings.scheme_name),
                trust: Some(&settings.trust),
                ..Self::default()
            },
            DriverSettings::Card(settings) => Self {
                driver: "card",
                addresses: settings.card_host.iter().map(|host| ("card_host", host.as_str())).collect(),
                simulator_shim: settings.simulator_shim_url.is_some(),
                trust: Some(&settings.trust),
                ..Self::default()
            },
            // who checks certificates is the other provider; its own answers are believed by the keys that it publishes
            DriverSettings::Oidc(settings) => Self {
                driver: "oidc",
                addresses: vec![("issuer", &settings.issuer)],
                issuer: Some(&settings.issuer),
                tls_roots_pem: (!settings.tls_roots_pem.is_empty()).then_some(&settings.tls_roots_pem),
                ..Self::default()
            },
        }
    }
}

/// Notes everything that production refuses. `pinned` are the node's settings, where these are at hand: they name the authorities
/// and the upstream providers that may be believed.
pub(in crate::model::settings) fn check(faults: &mut Faults, driver: &DriverSettings, pinned: Option<&SignIn>) {
    check_identity(faults, driver);
    let facts = Facts::from(driver);
    let at = |field: &str| format!("driver.{}.{field}", facts.driver);
    for (field, address) in &facts.addresses {
        check_address(faults, &at(field), address, facts.tls_roots_pem);
    }
    if facts.account.is_some_and(|(uuid, name)| is_test_account(uuid, name)) {
        faults.add(at("relying_party_uuid"), "is that of a provider's demo service");
    }
    if facts.scheme_name.is_some_and(is_test_scheme) {
        faults.add(at("scheme_name"), "is that of a provider's demo service");
    }
    if facts.simulator_shim {
        faults.add(at("simulator_shim_url"), "is a script of the simulator; leave it out");
    }
    check_certificates(faults, &at("tls_roots_pem"), facts.tls_roots_pem.unwrap_or_default());
    // eid.md §12.3: nor can whoever edits the stored configuration add a provider alone
    if let (Some(issuer), Some(pinned)) = (facts.issuer, pinned)
        && !pinned.upstream_issuers.iter().any(|known| known == issuer)
    {
        faults.add(at("issuer"), format!("`{issuer}` is not among sign_in.upstream_issuers of the settings"));
    }
    if let Some(trust) = facts.trust {
        check_trust(faults, &at("trust"), trust, pinned.map(SignIn::pinned_anchors).as_deref());
    }
}

/// Notes what an environment refuses of a provider that is to be saved there.
pub(in crate::model::settings) fn check_in(faults: &mut Faults, driver: &DriverSettings, environment: Environment) {
    match environment {
        Environment::Production => check(faults, driver, None),
        Environment::Staging | Environment::Development => check_identity(faults, driver),
    }
}

/// What every environment demands: that it can be told whose national ids a provider names, and how somebody signed in.
fn check_identity(faults: &mut Faults, driver: &DriverSettings) {
    let facts = Facts::from(driver);
    // X5-06: ten digits of another country are nobody's kennitala
    if facts.trust.is_some_and(|trust| !trust.countries.iter().any(|country| country == ICELAND)) {
        faults.add(format!("driver.{}.trust.countries", facts.driver), "needs IS: only Iceland's national ids sign anybody in");
    }
    if let DriverSettings::Oidc(settings) = driver {
        oidc::check_proof(faults, settings);
    }
}

/// The accounts of demonstration services and of the simulator (eid.md §12.5).
pub fn is_test_account(uuid: &str, name: &str) -> bool {
    uuid.starts_with("00000000-0000-") || name.split_whitespace().any(|word| word.eq_ignore_ascii_case("demo"))
}

/// `smart-id-demo` and its like (eid.md §12.5).
pub fn is_test_scheme(scheme_name: &str) -> bool {
    scheme_name.split(['-', '_']).any(|word| word.eq_ignore_ascii_case("demo"))
}

/// eid.md §12.2: https to a public host, with pinned roots where the driver pins.
fn check_address(faults: &mut Faults, field: &str, address: &str, tls_roots_pem: Option<&str>) {
    let Ok(url) = Url::parse(address) else {
        faults.add(field, format!("`{address}` is not an address such as https://mid.example.is/mid-api"));
        return;
    };
    if url.scheme() != "https" {
        faults.add(field, "plain http is for development only; use https with tls_roots_pem");
    } else if !hosts::is_public(&url) {
        faults.add(field, format!("`{address}` does not name a public host of a service for real people"));
    } else if tls_roots_pem.is_some_and(|pem| pem.trim().is_empty()) {
        faults.add(field, "https needs tls_roots_pem: the roots that are pinned");
    }
}

fn check_trust(faults: &mut Faults, at: &str, trust: &TrustProfile, pinned: Option<&[[u8; 32]]>) {
    let bundles = [
        ("anchors_pem", &trust.anchors_pem, pinned),
        ("intermediates_pem", &trust.intermediates_pem, None),
        ("ocsp_responders_pem", &trust.ocsp_responders_pem, pinned),
    ];
    for (field, pem, pinned) in bundles {
        check_certificates(faults, &format!("{at}.{field}"), pem);
        // eid.md §12.3: whoever edits the stored configuration cannot add an authority alone
        for name in pinned.map(|pinned| certificates::unpinned_in(pem, pinned)).unwrap_or_default() {
            let why = format!("holds a certificate that sign_in.anchor_fingerprints of the settings does not name: {name}");
            faults.add(format!("{at}.{field}"), why);
        }
    }
    if trust.revocation == RevocationCheck::None {
        faults.add(format!("{at}.revocation"), "is none: whoever has lost a card or phone could not be kept out");
    }
    let reason = trust.accept_empty_policies_reason.as_deref().unwrap_or_default();
    if trust.require_policies.is_empty() && reason.trim().is_empty() {
        let why = "is empty; name the policies of the electronic ID, or say in accept_empty_policies_reason why there are none";
        faults.add(format!("{at}.require_policies"), why);
    }
    // plain http is right for these: what they answer is signed
    let one = trust.ocsp_url.iter().map(|url| ("ocsp_url", url));
    let more = trust.ocsp_fallback_urls.iter().map(|url| ("ocsp_fallback_urls", url));
    let lists = trust.crl_urls.iter().map(|url| ("crl_urls", url));
    for (field, address) in one.chain(more).chain(lists) {
        if !Url::parse(address).is_ok_and(|url| hosts::is_public(&url)) {
            faults
                .add(format!("{at}.{field}"), format!("`{address}` does not name a public host of a service for real people"));
        }
    }
    let hosts_of = [("ocsp_hosts", &trust.ocsp_hosts), ("crl_hosts", &trust.crl_hosts)];
    for (field, host) in hosts_of.into_iter().flat_map(|(field, hosts)| hosts.iter().map(move |host| (field, host))) {
        if !Url::parse(&format!("http://{host}/")).is_ok_and(|url| hosts::is_public(&url)) {
            faults.add(format!("{at}.{field}"), format!("`{host}` is not a public host of a service for real people"));
        }
    }
}

fn check_certificates(faults: &mut Faults, field: &str, pem: &str) {
    for name in certificates::tests_in(pem) {
        faults.add(field, format!("holds a certificate of a test authority: {name}"));
    }
}
