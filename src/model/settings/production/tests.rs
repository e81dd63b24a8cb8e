//! Each rule of eid.md §12 has one installation that breaks it and no other.

use super::*;
use crate::{
    base::{
        id::{ClientRowId, IdentityProviderRowId},
        secret::Secret,
        text::LocalizedText,
    },
    model::{
        client::ClientType,
        environment::Environment,
        identity_provider::{
            CardSettings, DriverSettings, IdentityProviderKind, MobileIdSettings, OidcSettings, RevocationCheck,
            SmartIdSettings,
        },
        settings::{
            card,
            client::{Surroundings, parse},
            client_input::ClientInput,
            identity_provider::tests::settings,
            oidc,
            organisation::tests::myorg,
            smart_id,
        },
    },
};

fn client(change: impl FnOnce(&mut ClientInput)) -> RegisteredClient {
    let mut input = ClientInput {
        client_id: "@myorg.is/webapp".into(),
        client_type: Some(ClientType::Web),
        display_name: LocalizedText { is: "Vefurinn minn".into(), en: None },
        redirect_uris: vec!["https://app.myorg.is/cb".into()],
        ..ClientInput::default()
    };
    change(&mut input);
    let organisation = myorg();
    let around = Surroundings { organisation: &organisation, environment: Environment::Development, scope_exists: &|_| true };
    let client = parse(input, ClientRowId(uuid::Uuid::nil()), &around).expect("development allows it");
    RegisteredClient { client, organisation, secrets: Vec::new() }
}

fn provider(settings: MobileIdSettings) -> IdentityProvider {
    row("sim", IdentityProviderKind::Sim, DriverSettings::MobileId(settings))
}

fn app(change: impl FnOnce(&mut SmartIdSettings)) -> IdentityProvider {
    let mut settings = smart_id::tests::settings(Production);
    change(&mut settings);
    row("app", IdentityProviderKind::App, DriverSettings::SmartId(settings))
}

fn card(change: impl FnOnce(&mut CardSettings)) -> IdentityProvider {
    let mut settings = card::tests::settings();
    change(&mut settings);
    row("card", IdentityProviderKind::Card, DriverSettings::Card(settings))
}

fn broker(change: impl FnOnce(&mut OidcSettings)) -> IdentityProvider {
    let mut settings = oidc::tests::settings();
    change(&mut settings);
    row("broker", IdentityProviderKind::Sim, DriverSettings::Oidc(settings))
}

fn row(name: &str, kind: IdentityProviderKind, driver: DriverSettings) -> IdentityProvider {
    IdentityProvider {
        id: IdentityProviderRowId(uuid::Uuid::nil()),
        organisation_id: None,
        name: name.into(),
        kind,
        driver,
        acr: "eidas-loa-high".into(),
        amr: vec!["hwk".into()],
        enabled: true,
        display_order: 0,
        display_name: None,
    }
}

const ANCHOR_SHA256: &str = "78:8b:98:cd:e0:f3:51:22:f6:5c:d7:69:19:6f:aa:bc:cd:df:25:19:30:be:ca:e3:61:06:bd:26:79:f4:17:54";

/// What an installation is made of; each test changes one thing.
struct Parts {
    settings: Settings,
    has_demo: bool,
    database: Option<Environment>,
    client: RegisteredClient,
    driver: MobileIdSettings,
    /// providers of other drivers
    others: Vec<IdentityProvider>,
}

impl Parts {
    fn good() -> Self {
        let issuer = "https://innskra.island.is".parse().expect("an issuer");
        let url = Secret::new("postgres://ias@db.island.is/ias?sslmode=verify-full".to_owned());
        let key = Secret::new(std::array::from_fn(|at| u8::try_from(at * 7).unwrap_or(200)));
        let mut node = Settings::development(issuer, url, key).expect("settings");
        node.environment = Production;
        node.server.trusted_proxies = vec!["10.0.3.0/28".parse().expect("a network")];
        node.sign_in.anchor_fingerprints = vec![ANCHOR_SHA256.parse().expect("a fingerprint")];
        node.sign_in.upstream_issuers = vec!["https://broker.example.is/sso".into()];
        node.outbound.allowed_hosts.clear();
        let (client, driver) = (client(|_| {}), settings(Production));
        Self { settings: node, has_demo: false, database: None, client, driver, others: Vec::new() }
    }

    fn violations(&self) -> Vec<String> {
        let provider = provider(self.driver.clone());
        violations(&Installation {
            settings: &self.settings,
            has_demo: self.has_demo,
            database: self.database,
            clients: vec![&self.client],
            providers: [&provider].into_iter().chain(&self.others).collect(),
        })
    }
}

#[test]
fn production_accepts_an_installation_that_breaks_no_rule() {
    assert_eq!(Parts::good().violations(), [""; 0]);
    let mut parts = Parts::good();
    parts.database = Some(Production);
    parts.driver.trust.require_policies.clear();
    parts.driver.trust.accept_empty_policies_reason = Some("the profile is not public".into());
    parts.driver.trust.ocsp_url = Some("http://ocsp.audkenni.is/".into());
    parts.others = vec![app(|_| {}), card(|_| {}), broker(|_| {})];
    assert_eq!(parts.violations(), [""; 0]);
}

/// The rule's number in eid.md §12, what breaks it, and what is said.
type Case = (&'static str, fn(&mut Parts), &'static str);

const SMART_ID_TEST_ANCHOR: &str =
    include_str!("../../../../tests/vectors/third_party/smart-id-java-client/TEST_of_SK_ID_Solutions_EID-Q_2024E.pem.crt");

/// A broker at another address, which the settings name as well.
fn issue(parts: &mut Parts, issuer: &str) {
    parts.settings.sign_in.upstream_issuers = vec![issuer.into()];
    parts.others = vec![broker(|settings| settings.issuer = issuer.into())];
}

const TEST_ANCHOR: &str = include_str!("../../../../tests/data/simulator_anchor.pem");
const PUBLIC_TEST_ANCHOR: &str =
    include_str!("../../../../tests/vectors/third_party/mid-rest-java-client/TEST_of_ESTEID-SK_2015.pem.crt");

#[rustfmt::skip]
const CASES: [Case; 58] = [
    ("§12.1", |p| p.settings.server.issuer = "http://innskra.island.is".parse().expect("an issuer"), "server.issuer: "),
    ("§12.1", |p| p.settings.server.issuer = "https://innskra.test".parse().expect("an issuer"), "server.issuer: "),
    ("§12.2", |p| p.driver.base_url = "http://mid.example.is/mid-api".into(), "driver.mobile_id.base_url: plain http"),
    ("§12.2", |p| p.driver.base_url = "https://10.0.0.1/mid-api".into(), "driver.mobile_id.base_url: "),
    ("§12.2", |p| p.driver.base_url = "https://simulator/mid-api".into(), "driver.mobile_id.base_url: "),
    ("§12.2", |p| p.driver.base_url = "https://mid.example.is:8090/mid-api".into(), "driver.mobile_id.base_url: "),
    ("§12.2", |p| p.driver.base_url = "https://tsp.demo.sk.ee/mid-api".into(), "driver.mobile_id.base_url: "),
    ("§12.2", |p| p.driver.tls_roots_pem.clear(), "driver.mobile_id.base_url: https needs tls_roots_pem"),
    ("§12.2", |p| p.driver.trust.ocsp_url = Some("http://localhost:8090/ocsp/sim".into()), "driver.mobile_id.trust.ocsp_url: "),
    ("§12.2", |p| p.driver.trust.crl_urls = vec!["http://192.168.0.1/ca.crl".into()], "driver.mobile_id.trust.crl_urls: "),
    ("§12.2", |p| p.driver.trust.ocsp_hosts = vec!["localhost".into()], "driver.mobile_id.trust.ocsp_hosts: "),
    ("§12.2", |p| p.driver.trust.crl_hosts = vec!["simulator".into()], "driver.mobile_id.trust.crl_hosts: "),
    ("§12.2", |p| p.settings.outbound.allowed_hosts = vec!["localhost".into()], "outbound.allowed_hosts: "),
    ("§12.3", |p| p.driver.trust.intermediates_pem = TEST_ANCHOR.into(), "driver.mobile_id.trust.intermediates_pem: holds a certificate of a test"),
    ("§12.3", |p| p.driver.trust.intermediates_pem = PUBLIC_TEST_ANCHOR.into(), "driver.mobile_id.trust.intermediates_pem: holds a certificate of a test"),
    ("§12.3", |p| p.driver.tls_roots_pem = TEST_ANCHOR.into(), "driver.mobile_id.tls_roots_pem: holds a certificate of a test"),
    ("§12.3", |p| p.settings.sign_in.anchor_fingerprints.clear(), "driver.mobile_id.trust.anchors_pem: holds a certificate that sign_in.anchor_fingerprints"),
    ("§12.5", |p| p.driver.relying_party_uuid = "00000000-0000-0000-0000-000000000000".into(), "driver.mobile_id.relying_party_uuid: "),
    ("§12.5", |p| p.driver.relying_party_uuid = "00000000-0000-4000-8000-000000000000".into(), "driver.mobile_id.relying_party_uuid: "),
    ("§12.5", |p| p.driver.relying_party_name = "DEMO".into(), "driver.mobile_id.relying_party_uuid: "),
    ("§12.6", |p| p.driver.trust.revocation = RevocationCheck::None, "driver.mobile_id.trust.revocation: "),
    ("§12.6", |p| p.driver.trust.require_policies.clear(), "driver.mobile_id.trust.require_policies: "),
    ("§12.6", |p| { p.driver.trust.require_policies.clear(); p.driver.trust.accept_empty_policies_reason = Some(" ".into()); }, "driver.mobile_id.trust.require_policies: "),
    ("X5-06", |p| p.driver.trust.countries.clear(), "driver.mobile_id.trust.countries: "),
    ("§12.2", |p| p.others = vec![app(|s| s.base_url = "http://app.example.is/v3".into())], "driver.smart_id.base_url: plain http"),
    ("§12.2", |p| p.others = vec![app(|s| s.base_url = "https://sid.demo.sk.ee/smart-id-rp/v3".into())], "driver.smart_id.base_url: "),
    ("§12.2", |p| p.others = vec![app(|s| s.tls_roots_pem.clear())], "driver.smart_id.base_url: https needs tls_roots_pem"),
    ("§12.3", |p| p.others = vec![app(|s| s.trust.intermediates_pem = TEST_ANCHOR.into())], "driver.smart_id.trust.intermediates_pem: "),
    ("§12.3", |p| p.others = vec![app(|s| s.trust.intermediates_pem = SMART_ID_TEST_ANCHOR.into())], "driver.smart_id.trust.intermediates_pem: "),
    ("§12.5", |p| p.others = vec![app(|s| s.scheme_name = "smart-id-demo".into())], "driver.smart_id.scheme_name: "),
    ("§12.5", |p| p.others = vec![app(|s| s.relying_party_name = "DEMO".into())], "driver.smart_id.relying_party_uuid: "),
    ("§12.6", |p| p.others = vec![app(|s| s.trust.revocation = RevocationCheck::None)], "driver.smart_id.trust.revocation: "),
    ("X5-06", |p| p.others = vec![app(|s| s.trust.countries.clear())], "driver.smart_id.trust.countries: "),
    ("§12.2", |p| p.others = vec![card(|s| s.card_host = Some("http://card.innskra.is".into()))], "driver.card.card_host: plain http"),
    ("§12.2", |p| p.others = vec![card(|s| s.card_host = Some("https://localhost:8443".into()))], "driver.card.card_host: "),
    ("§12.2", |p| p.others = vec![card(|s| s.trust.ocsp_url = Some("http://10.0.0.1/".into()))], "driver.card.trust.ocsp_url: "),
    ("§12.3", |p| p.others = vec![card(|s| s.trust.intermediates_pem = TEST_ANCHOR.into())], "driver.card.trust.intermediates_pem: "),
    ("§12.6", |p| p.others = vec![card(|s| s.simulator_shim_url = Some("http://localhost:8090/card/shim.js".into()))], "driver.card.simulator_shim_url: "),
    ("§12.6", |p| p.others = vec![card(|s| s.trust.require_policies.clear())], "driver.card.trust.require_policies: "),
    ("X5-06", |p| p.others = vec![card(|s| s.trust.countries = vec!["DK".into()])], "driver.card.trust.countries: "),
    ("§12.2", |p| issue(p, "http://broker.example.is"), "driver.oidc.issuer: plain http"),
    ("§12.2", |p| issue(p, "https://localhost/op"), "driver.oidc.issuer: "),
    ("SSR-02", |p| issue(p, "https://100.64.0.1"), "driver.oidc.issuer: "),
    ("§12.2", |p| issue(p, "https://broker.example.is:8090"), "driver.oidc.issuer: "),
    ("§12.3", |p| p.others = vec![broker(|s| s.tls_roots_pem = TEST_ANCHOR.into())], "driver.oidc.tls_roots_pem: "),
    ("§12.3", |p| p.others = vec![broker(|s| s.issuer.push('/'))], "driver.oidc.issuer: `https://broker.example.is/sso/` is not among sign_in.upstream_issuers"),
    ("§12.3", |p| { p.others = vec![broker(|_| {})]; p.settings.sign_in.upstream_issuers.clear(); }, "driver.oidc.issuer: "),
    ("X5-06", |p| p.others = vec![broker(|s| s.claims.require.clear())], "driver.oidc.claims.require: "),
    ("EID-09", |p| p.others = vec![broker(|s| s.claims.acr_accept.clear())], "driver.oidc.claims.acr_accept: "),
    ("EID-09", |p| { let one = broker(|_| {}); p.others = vec![IdentityProvider { kind: IdentityProviderKind::Card, ..one.clone() }, one]; }, "identity provider broker: driver: is the broker and client of the provider broker too"),
    ("§12.6", |p| p.client = client(|i| i.redirect_uris.push("https://*.dev.myorg.is/cb".into())), "redirect_uris[1]: "),
    ("§12.6", |p| p.client = client(|i| i.redirect_uris.push("http://localhost:8072/cb".into())), "redirect_uris[1]: "),
    ("§12.8", |p| p.has_demo = true, "environment: this binary"),
    ("§12.10", |p| p.database = Some(Environment::Staging), "the database belongs to the environment staging"),
    ("OPS-02", |p| p.settings.server.trusted_proxies.clear(), "server.trusted_proxies: "),
    ("STO-11", |p| p.settings.database.url = Some(Secret::new("postgres://ias@db.island.is/ias".into())), "database.url: "),
    ("KEY-04", |p| p.settings.keys.announce_ttl = time::Duration::HOUR, "keys.announce_ttl: "),
    ("OPS-02", |p| p.settings.session.absolute_ttl = time::Duration::hours(9), "session.absolute_ttl: "),
];

#[test]
fn each_rule_has_an_installation_that_breaks_it_alone() {
    for (rule, change, expected) in CASES {
        let mut parts = Parts::good();
        change(&mut parts);
        let found = parts.violations();
        assert!(found.len() == 1 && found[0].contains(expected), "{rule}: {expected}: {found:#?}");
    }
}

#[test]
fn all_rules_that_are_broken_are_told_at_once() {
    let mut parts = Parts::good();
    for (_, change, _) in CASES.into_iter().filter(|(rule, ..)| ["§12.1", "§12.3", "§12.5", "§12.8", "§12.10"].contains(rule))
    {
        change(&mut parts);
    }
    let found = parts.violations().join("\n");
    for part in ["server.issuer", "tls_roots_pem", "anchors_pem", "relying_party_uuid", "this binary", "database belongs"] {
        assert!(found.contains(part), "{part}: {found}");
    }
}

#[test]
fn an_authority_that_two_people_did_not_name_is_not_believed_in_production() {
    let mut parts = Parts::good();
    parts.driver.trust.ocsp_responders_pem = parts.driver.trust.anchors_pem.clone();
    assert_eq!(parts.violations(), [""; 0]);
    parts.settings.sign_in.anchor_fingerprints = vec!["00".repeat(32).parse().expect("a fingerprint")];
    let found = parts.violations();
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found.iter().all(|line| line.contains(ANCHOR_SHA256)), "what to write is told: {found:#?}");
}

#[test]
fn production_does_not_start_with_what_only_development_may_serve_ops_02() {
    type Change = fn(&mut ClientInput);
    let table: [(Change, &str); 4] = [
        (|i| i.initiate_login_uri = Some("http://localhost/login".into()), "client @myorg.is/webapp: initiate_login_uri: "),
        (|i| i.access_token_ttl = Some(301), "client @myorg.is/webapp: access_token_ttl: "),
        (|i| i.id_token_ttl = Some(301), "client @myorg.is/webapp: id_token_ttl: "),
        (|i| i.jwks_uri = Some("http://localhost:8443/jwks".into()), "client @myorg.is/webapp: jwks_uri: "),
    ];
    let pinned = Parts::good().settings.sign_in;
    for (change, expected) in table {
        let found = faults(&[client(change)], &[], &pinned);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}");
    }
    let found = faults(&[], &[provider(settings(Environment::Development))], &pinned);
    assert!(found.iter().any(|line| line.starts_with("identity provider sim: driver.mobile_id.base_url: ")), "{found:?}");
    assert!(found.iter().any(|line| line.contains("test authority") && line.contains("HERMIR")), "{found:?}");
}
