//! The layers and the rules of production, from outside.

use std::fs;

use super::*;

const KEY: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";
const RANDOM_KEY: &str = "3q2+7wEjRWeJq83vECBAgGC/n38/HwcDAREhMUFRYXE=";

fn load(variables: &[(&str, &str)], purpose: Purpose) -> Result<Settings, Vec<String>> {
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
    Settings::load(&Sources { variables, file: None, purpose }).map_err(|fault| fault.0)
}

fn load_file(text: &str, variables: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("ias.toml");
    fs::write(&file, text).expect("written");
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
    Settings::load(&Sources { variables, file: Some(file), purpose: Purpose::Inspect }).map_err(|fault| fault.0)
}

#[test]
fn development_needs_its_name_only() {
    let settings = load(&[("IAS__ENVIRONMENT", "development")], Purpose::Inspect).expect("defaults");
    assert_eq!(settings.environment, Environment::Development);
    assert_eq!(settings.server.issuer.as_str(), "http://localhost:8080");
    assert_eq!(settings.server.allowed_hosts, ["localhost:8080"]);
    assert_eq!(settings.session.absolute_ttl, time::Duration::hours(8));
    assert_eq!(settings.telemetry.log_format, telemetry::LogFormat::Text);
}

#[test]
fn the_environment_has_no_default() {
    let faults = load(&[], Purpose::Inspect).expect_err("refused");
    assert_eq!(faults.len(), 1);
    assert!(faults[0].contains("set IAS__ENVIRONMENT to production, staging or development"), "{faults:?}");
    let faults = load(&[("IAS__ENVIRONMENT", "prod")], Purpose::Inspect).expect_err("refused");
    assert!(faults[0].contains("`prod` is none"), "{faults:?}");
}

#[test]
fn ops_05_a_security_contact_is_an_address() {
    let load =
        |contact| load(&[("IAS__ENVIRONMENT", "development"), ("IAS__SERVER__SECURITY_CONTACT", contact)], Purpose::Inspect);
    for contact in ["mailto:oryggi@example.is", "https://example.is/security", "tel:+3540000000", ""] {
        assert!(load(contact).is_ok(), "{contact}");
    }
    for contact in ["oryggi@example.is", "mailto:", "http://example.is", "mailto:a@b.is\nExpires: never"] {
        let faults = load(contact).expect_err("refused");
        assert!(faults.len() == 1 && faults[0].starts_with("server.security_contact: "), "{faults:?}");
    }
}

#[test]
fn a_later_layer_wins() {
    let file = "environment = \"development\"\n[session]\nidle_ttl = \"20m\"\nabsolute_ttl = \"4h\"\n";
    let settings = load_file(file, &[("IAS__SESSION__IDLE_TTL", "10m"), ("IAS__SESSION__ABSOLUTE_TTL", "")]).expect("loads");
    assert_eq!(settings.session.idle_ttl, time::Duration::minutes(10), "the variable wins over the file");
    assert_eq!(settings.session.absolute_ttl, time::Duration::hours(4), "an empty variable sets nothing");
    assert_eq!(settings.telemetry.log_format, telemetry::LogFormat::Text, "the profile wins over the base");
}

#[test]
fn every_fault_is_listed_with_its_key_and_source() {
    let faults = load_file(
        "environment = \"staging\"\n[sever]\nlisten = \"x\"\n[server]\nissuer = \"https://a.is/\"\nisuer = 1\nlisten = \"no\"\n",
        &[
            ("IAS__SESSION__IDEL_TTL", "10m"),
            ("IAS__SERVER__MAX_CONNECTIONS", "many"),
            ("IAS__SERVER__TRUSTED_PROXIES", "10.0.0.0/8,proxy"),
            ("IAS__KEYS__ANNOUNCE_TTL", "24"),
            ("IAS_SESSION_IDLE_TTL", "10m"),
        ],
    )
    .expect_err("refused");
    let expect = [
        ("sever.listen (from ", "is unknown; sections are database, keys, outbound, retention, server"),
        ("server.isuer (from ", "is unknown; [server] has allowed_hosts"),
        ("server.issuer (from ", "no slash at the end"),
        ("server.listen (from ", "invalid socket address"),
        ("session.idel_ttl (from IAS__SESSION__IDEL_TTL)", "is unknown; [session] has absolute_ttl, idle_ttl"),
        ("server.max_connections (from IAS__SERVER__MAX_CONNECTIONS)", "is of the wrong kind"),
        ("server.trusted_proxies (from IAS__SERVER__TRUSTED_PROXIES)", "`proxy`"),
        ("keys.announce_ttl (from IAS__KEYS__ANNOUNCE_TTL)", "is not a duration"),
        ("IAS_SESSION_IDLE_TTL:", "is not read; write IAS__SESSION__IDLE_TTL"),
    ];
    for (key, text) in expect {
        assert!(faults.iter().any(|fault| fault.starts_with(key) && fault.contains(text)), "{key} {text}: {faults:#?}");
    }
    assert_eq!(faults.len(), expect.len(), "{faults:#?}");
}

#[test]
fn a_listener_of_ones_own_tls_needs_both_files_and_an_https_issuer() {
    let load = |more: &[(&str, &str)]| {
        let own = [("IAS__ENVIRONMENT", "development"), ("IAS__SERVER__ISSUER", "https://localhost:8443")];
        load(&[&own, more].concat(), Purpose::Inspect)
    };
    let (certificate, key) = (("IAS__SERVER__TLS_CERTIFICATE", "/run/tls.pem"), ("IAS__SERVER__TLS_KEY", "/run/tls.key"));
    assert!(load(&[]).expect("loads").server.tls_files().is_none());
    let settings = load(&[certificate, key]).expect("loads");
    let files = settings.server.tls_files().map(|(certificate, key)| (certificate.to_str(), key.to_str()));
    assert_eq!(files, Some((Some("/run/tls.pem"), Some("/run/tls.key"))));
    for (given, missing) in [(certificate, "server.tls_key: "), (key, "server.tls_certificate: ")] {
        let faults = load(&[given]).expect_err("refused");
        assert!(faults.len() == 1 && faults[0].starts_with(missing), "{faults:?}");
    }
    let faults = load(&[certificate, key, ("IAS__SERVER__ISSUER", "http://localhost:8443")]).expect_err("refused");
    assert!(faults.len() == 1 && faults[0].starts_with("server.issuer: "), "{faults:?}");
}

#[test]
fn what_is_missing_depends_on_the_purpose() {
    let staging = [("IAS__ENVIRONMENT", "staging"), ("IAS__SERVER__ISSUER", "https://ias.example.is")];
    assert!(load(&staging, Purpose::Inspect).is_ok());
    let faults = load(&staging, Purpose::Serve).expect_err("refused");
    assert!(
        faults[0].starts_with("database.url: is missing") && faults[1].starts_with("keys.master_key: is missing"),
        "{faults:?}"
    );
    let faults = load(&staging, Purpose::Migrate).expect_err("refused");
    assert!(faults.len() == 1 && faults[0].starts_with("database.migrate_url: is missing"), "{faults:?}");
}

#[test]
fn a_secret_file_wins_over_the_value() {
    let directory = tempfile::tempdir().expect("a directory");
    let [key, url, empty] = ["key", "url", "empty"].map(|name| directory.path().join(name).display().to_string());
    fs::write(&key, format!("{KEY}\n")).expect("written");
    fs::write(&url, "postgres://ias_serving:hush@db/ias\n").expect("written");
    fs::write(&empty, "\n").expect("written");
    let variables = [
        ("IAS__ENVIRONMENT", "development"),
        ("IAS__DATABASE__URL", "postgres://other"),
        ("IAS__DATABASE__URL_FILE", &url),
        ("IAS__KEYS__MASTER_KEY_FILE", &key),
        ("IAS__KEYS__MASTER_KEY_ID", "7"),
    ];
    let settings = load(&variables, Purpose::Serve).expect("loads");
    assert_eq!(settings.database.url().expect("given").expose(), "postgres://ias_serving:hush@db/ias");
    assert_eq!(settings.keys.master_key().expect("given").id(), 7);
    let faults = load(&[("IAS__ENVIRONMENT", "development"), ("IAS__DATABASE__URL_FILE", &empty)], Purpose::Inspect);
    assert!(faults.expect_err("refused")[0].contains("is empty"));
    let faults = load(&[("IAS__ENVIRONMENT", "development"), ("IAS__DATABASE__URL_FILE", "/nowhere")], Purpose::Inspect);
    assert!(faults.expect_err("refused")[0].starts_with("database.url_file: the file /nowhere cannot be read"));
}

#[test]
fn no_fault_and_no_debug_shows_a_secret_log_01() {
    let variables = [
        ("IAS__ENVIRONMENT", "development"),
        ("IAS__DATABASE__URL", "mysql://ias:hushhush@db/ias"),
        ("IAS__KEYS__MASTER_KEY", "hushhush"),
    ];
    let faults = load(&variables, Purpose::Serve).expect_err("refused").join("\n");
    assert!(
        faults.contains("database.url: must be a URL")
            && faults.contains("keys.master_key (from IAS__KEYS__MASTER_KEY): must be 32")
    );
    assert!(!faults.contains("hush") && !faults.contains("missing"), "{faults}");

    let issuer = "http://localhost:8080".parse().expect("an issuer");
    let settings = Settings::development(
        issuer,
        Secret::new("postgres://ias:hushhush@db/ias".into()),
        Secret::new(*b"hushhushhushhushhushhushhushhush"),
    );
    let shown = format!("{:?}", settings.expect("settings"));
    assert!(!shown.contains("hush") && !shown.contains("104, 117"), "{shown}");
    let broken =
        load_file("environment = \"development\"\n[database]\nurl = \"postgres://hushhush\n", &[]).expect_err("refused");
    assert!(!broken.join("\n").contains("hush"), "{broken:?}");
}

#[test]
fn a_list_in_a_variable_is_separated_by_commas_and_a_section_is_no_value() {
    let refused = load(&[("IAS__ENVIRONMENT", "development"), ("IAS__SERVER", "x")], Purpose::Inspect).expect_err("refused");
    assert!(refused[0].contains("is unknown"), "{refused:?}");
    let both = [("IAS__ENVIRONMENT", "development"), ("IAS__SERVER__ALLOWED_HOSTS", "localhost:8080, 127.0.0.1:8080")];
    assert_eq!(load(&both, Purpose::Inspect).expect("loads").server.allowed_hosts, ["localhost:8080", "127.0.0.1:8080"]);
}

#[test]
fn each_section_refuses_what_contradicts_itself() {
    for (name, value, fault) in [
        ("IAS__SERVER__OPERATIONS_LISTEN", "127.0.0.1:8080", "server.operations_listen: must differ"),
        ("IAS__SERVER__MAX_CONNECTIONS", "0", "server.max_connections: must be at least 1"),
        ("IAS__SERVER__REQUEST_TIMEOUT", "0s", "server.request_timeout: must be longer"),
        ("IAS__SERVER__ALLOWED_HOSTS", "https://a.is", "server.allowed_hosts: `https://a.is`"),
        ("IAS__DATABASE__SERVING_ROLE", "ias; drop", "database.serving_role: must be"),
        ("IAS__DATABASE__MAX_CONNECTIONS", "1", "database.max_connections: must be at least 1"),
        ("IAS__OUTBOUND__ALLOWED_HOSTS", "localhost:8080", "outbound.allowed_hosts: `localhost:8080` must be a host"),
        ("IAS__OUTBOUND__TRUSTED_ROOTS", "x", "outbound.trusted_roots: is not made of certificates"),
        ("IAS__KEYS__RSA_BITS", "1024", "keys.rsa_bits: 1024 is not offered"),
        ("IAS__KEYS__SIGNING_TTL", "1h", "keys.signing_ttl: must be longer"),
        ("IAS__KEYS__RETIRED_TTL", "1m", "keys.retired_ttl: must be at least 10m"),
        ("IAS__SESSION__IDLE_TTL", "9h", "session.idle_ttl: must be"),
        ("IAS__SIGN_IN__ATTEMPTS_PER_NUMBER", "0", "sign_in.attempts_per_number: must be at least 1"),
        ("IAS__SIGN_IN__REQUEST_TTL", "1m", "sign_in.request_ttl: must be longer"),
        ("IAS__TELEMETRY__LOG_FILTER", "ias=loud", "telemetry.log_filter (from IAS__TELEMETRY__LOG_FILTER): `ias=loud`"),
    ] {
        let faults = load(&[("IAS__ENVIRONMENT", "development"), (name, value)], Purpose::Inspect).expect_err(name);
        assert!(faults.len() == 1 && faults[0].starts_with(fault), "{name}: {faults:?}");
    }
}

fn production_like() -> Settings {
    let mut settings = load(
        &[
            ("IAS__ENVIRONMENT", "staging"),
            ("IAS__SERVER__ISSUER", "https://innskra.example.is"),
            ("IAS__SERVER__TRUSTED_PROXIES", "10.0.3.0/28"),
            ("IAS__DATABASE__URL", "postgres://ias_serving:hush@db.inside/ias?sslmode=verify-full&sslrootcert=/etc/ias/db.pem"),
            ("IAS__DATABASE__MIGRATE_URL", "postgres://ias_owner:hush@%2Fvar%2Frun%2Fpostgresql/ias"),
            ("IAS__KEYS__MASTER_KEY", RANDOM_KEY),
        ],
        Purpose::Serve,
    )
    .expect("loads");
    settings.environment = Environment::Production;
    settings
}

type Change = fn(&mut Settings);

#[test]
fn production_refuses_each_unsafe_setting_ops_02() {
    assert_eq!(production::check(&production_like()), Vec::<String>::new());
    let table: &[(&str, Change)] = &[
        ("must begin with https://", |s| s.server.issuer = "http://innskra.example.is".parse().expect("an issuer")),
        ("must have a public host name", |s| s.server.issuer = "https://localhost".parse().expect("an issuer")),
        ("must have a public host name", |s| s.server.issuer = "https://10.1.2.3".parse().expect("an issuer")),
        ("must have a public host name", |s| s.server.issuer = "https://ias.test".parse().expect("an issuer")),
        ("must have a public host name", |s| s.server.issuer = "https://ias.local".parse().expect("an issuer")),
        ("server.trusted_proxies: is empty", |s| s.server.trusted_proxies.clear()),
        ("trusts everybody", |s| s.server.trusted_proxies.push("0.0.0.0/0".parse().expect("a network"))),
        ("database.url: must say sslmode=verify-full", |s| s.database.url = Some(Secret::new("postgres://a@db/ias".into()))),
        ("database.url: must say sslmode=verify-full", |s| {
            s.database.url = Some(Secret::new("postgres://a@db/ias?sslmode=verify-full&sslmode=prefer".into()));
        }),
        ("database.migrate_url: must say sslmode=verify-full", |s| {
            s.database.migrate_url = Some(Secret::new("postgres://a@db/ias?sslmode=require".into()));
        }),
        ("keys.master_key: was not made at random", |s| s.keys.master_key = Some(Secret::new([0; 32]))),
        ("keys.master_key: was not made at random", |s| {
            s.keys.master_key = Some(Secret::new(*b"correct-horse-battery-staple-123"));
        }),
        ("keys.announce_ttl: must be at least 24h", |s| s.keys.announce_ttl = time::Duration::hours(1)),
        ("session.idle_ttl: must be at most 60 minutes", |s| s.session.idle_ttl = time::Duration::hours(2)),
        ("session.absolute_ttl: must be at most 480 minutes", |s| s.session.absolute_ttl = time::Duration::hours(24)),
        ("outbound.allowed_hosts: is for development", |s| s.outbound.allowed_hosts.push("localhost".into())),
        ("outbound.trusted_roots: is for development", |s| s.outbound.trusted_roots.push('x')),
        ("server.card_listen: `10.0.3.4:8444` would take certificates by a header", |s| {
            s.server.card_listen = Some("10.0.3.4:8444".parse().expect("an address"));
        }),
        ("server.card_listen: `0.0.0.0:8444` would take certificates by a header", |s| {
            s.server.card_listen = Some("0.0.0.0:8444".parse().expect("an address"));
            s.server.card_tls_certificate = Some("/run/card.pem".into());
        }),
        ("sign_in.request_ttl: must be at most 15 minutes", |s| s.sign_in.request_ttl = time::Duration::hours(1)),
    ];
    for (fault, change) in table {
        let mut settings = production_like();
        change(&mut settings);
        let faults = production::check(&settings);
        assert!(faults.iter().any(|found| found.contains(fault)), "{fault}: {faults:?}");
    }
}

#[test]
fn prx_06_production_needs_a_proxy_or_tls_of_its_own() {
    let mut settings = production_like();
    settings.server.trusted_proxies.clear();
    settings.server.tls_certificate = Some("/run/tls.pem".into());
    assert_eq!(production::check(&settings).len(), 1, "the key is missing");
    settings.server.tls_key = Some("/run/tls.key".into());
    assert_eq!(production::check(&settings), Vec::<String>::new());
}

#[test]
fn x5_08_production_takes_certificates_in_its_own_handshake_or_from_its_own_machine() {
    let at = |listen: &str| {
        let mut settings = production_like();
        settings.server.card_listen = Some(listen.parse().expect("an address"));
        settings
    };
    for listen in ["127.0.0.1:8444", "[::1]:8444", "[::ffff:127.0.0.1]:8444"] {
        assert_eq!(production::check(&at(listen)), Vec::<String>::new(), "{listen}");
    }
    let mut settings = at("0.0.0.0:8444");
    (settings.server.card_tls_certificate, settings.server.card_tls_key) =
        (Some("/run/c.pem".into()), Some("/run/c.key".into()));
    assert_eq!(production::check(&settings), Vec::<String>::new());
}

#[test]
fn production_refuses_a_binary_with_the_demo() {
    assert!(production::check_build(true).expect("refused").contains("--no-default-features"));
    assert_eq!(production::check_build(false), None);
    let faults = load(&[("IAS__ENVIRONMENT", "production"), ("IAS__SERVER__ISSUER", "http://localhost:8080")], Purpose::Serve);
    let faults = faults.expect_err("refused").join("\n");
    assert_eq!(faults.contains("built with the simulator"), cfg!(feature = "demo"), "{faults}");
    for expected in
        ["database.url: is missing", "keys.master_key: is missing", "https://", "public host", "server.trusted_proxies"]
    {
        assert!(faults.contains(expected), "{expected}: {faults}");
    }
}
