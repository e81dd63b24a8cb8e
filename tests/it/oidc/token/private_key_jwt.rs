//! Clients that sign assertions (RFC 7523; CAU-02, CAU-06, CAU-10, CAU-11, SSR-01 … SSR-06).

use std::{
    net::{IpAddr, Ipv4Addr},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration as Monotonic, Instant},
};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair as RsaPair, KeySize},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    },
};
use axum::{Json, Router, routing::get};
use ias::{
    base::{clock::Clock, digest::base64url},
    demo::tls::Listener,
    flows::authenticate_client::{Credentials as Presented, Proof, authenticate},
    http::server::tls::{ClientCertificates, Options, Tls},
    jobs::sweep,
    protocol::client_assertion::ClientAssertion,
};
use rsa::{pkcs1::DecodeRsaPublicKey as _, traits::PublicKeyParts as _};
use serde_json::{Value, json};
use time::Duration;

use crate::support::{
    server::{SECRET, TestServer, configure, simulator},
    tls::TlsAuthority,
    tokens::{Answer, Credentials, change, form_body, http, in_process, token},
};

const CLIENT: &str = "@myorg.is/signer";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const MACHINE: [(&str, &str); 2] = [("grant_type", "client_credentials"), ("scope", "@myorg.is/documents:read")];

/// A client's private key.
enum Key {
    Rsa(RsaPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Key {
    fn rsa() -> Self {
        Self::Rsa(RsaPair::generate(KeySize::Rsa2048).unwrap())
    }

    fn p256() -> Self {
        Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate().unwrap())
    }

    fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Rsa(pair) => {
                let der = pair.public_key();
                let key = rsa::RsaPublicKey::from_pkcs1_der(der.as_ref()).unwrap();
                json!({ "kty": "RSA", "kid": kid, "n": base64url(key.n().to_bytes_be()), "e": base64url(key.e().to_bytes_be()) })
            }
            Self::P256(pair) => {
                let point = pair.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "kid": kid, "x": base64url(&point[1..33]), "y": base64url(&point[33..]) })
            }
            Self::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": base64url(pair.public_key().as_ref()) })
            }
        }
    }

    fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Rsa(pair) => {
                let padding: &dyn aws_lc_rs::signature::RsaEncoding =
                    if alg == "PS256" { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
            Self::P256(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    fn jws(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", base64url(header.to_string()), base64url(claims.to_string()));
        let signature = self.sign(header["alg"].as_str().unwrap(), message.as_bytes());
        format!("{message}.{}", base64url(signature))
    }

    /// A right assertion of `CLIENT`.
    fn assertion(&self, server: &TestServer, alg: &str, kid: &str, jti: &str) -> String {
        self.jws(&json!({ "alg": alg, "kid": kid }), &claims(server, jti))
    }
}

fn claims(server: &TestServer, jti: &str) -> Value {
    let now = server.app.clock.now().unix_timestamp();
    json!({ "iss": CLIENT, "sub": CLIENT, "aud": server.issuer, "iat": now, "exp": now + 60, "jti": jti })
}

/// Applies a machine client with these lines of keys; the server knows when this returns.
async fn register(server: &TestServer, lines: &str) {
    let folder = tempfile::tempdir().unwrap();
    let scope = "scopes: [\"@myorg.is/documents:read\"]";
    let text = format!(
        "clients:\n  - client_id: \"{CLIENT}\"\n    client_type: machine\n    display_name: {{is: Undirritandi}}\n    {scope}\n{lines}"
    );
    std::fs::write(folder.path().join("client.yaml"), text).unwrap();
    let simulator = simulator().await;
    configure(&server.owner().await, folder.path(), &simulator.url, &simulator.simulator).await;
    server.app.confirm().await.unwrap();
}

/// The same with one key of P-256.
async fn registered(server: &TestServer) -> Key {
    let key = Key::p256();
    register(server, &format!("    jwks: {}\n", json!({ "keys": [key.jwk("k")] }))).await;
    key
}

async fn with_assertion(server: &TestServer, assertion: &str) -> Answer {
    token(server, Credentials::Nothing, &form(assertion)).await
}

fn form(assertion: &str) -> Vec<(&str, &str)> {
    [&MACHINE[..], &[("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion)]].concat()
}

#[tokio::test]
async fn cau_10_every_registered_algorithm_authenticates() {
    let server = TestServer::start().await;
    let keys = [("rsa", Key::rsa()), ("ec", Key::p256()), ("ed", Key::ed25519())];
    let jwks = json!({ "keys": keys.iter().map(|(kid, key)| key.jwk(kid)).collect::<Vec<_>>() });
    let algorithms = "    token_endpoint_auth_signing_alg: [RS256, PS256, ES256, EdDSA]\n";
    register(&server, &format!("    jwks: {jwks}\n{algorithms}")).await;
    for (index, alg) in [(0, "RS256"), (0, "PS256"), (1, "ES256"), (2, "EdDSA")] {
        let (kid, key) = &keys[index];
        let answer = with_assertion(&server, &key.assertion(&server, alg, kid, alg)).await;
        assert_eq!(answer.status, 200, "{alg}: {answer:?}");
    }
    // EdDSA is not among the algorithms that are registered where nothing is said
    register(&server, &format!("    jwks: {jwks}\n")).await;
    let unregistered = keys[2].1.assertion(&server, "EdDSA", "ed", "again");
    with_assertion(&server, &unregistered).await.is_refusal(401, "invalid_client");
    assert_eq!(with_assertion(&server, &keys[1].1.assertion(&server, "ES256", "ec", "again")).await.status, 200);
}

#[tokio::test]
async fn rat_01_an_assertion_costs_one_statement_and_what_is_refused_before_it_none() {
    let server = TestServer::start().await;
    let key = registered(&server).await;
    let ask = async |assertion: &str| {
        let request = axum::http::Request::post("/connect/token").header("content-type", "application/x-www-form-urlencoded");
        let (answer, statements) = in_process(&server, request, form_body(&form(assertion))).await;
        (answer.status, statements.count())
    };
    assert_eq!(ask(&key.assertion(&server, "ES256", "k", "a")).await, (200, 1));
    assert_eq!(ask(&key.assertion(&server, "ES256", "k", "a")).await, (401, 1));
    // DOS-03: nothing is remembered that no key signed
    assert_eq!(ask(&Key::p256().assertion(&server, "ES256", "k", "b")).await, (401, 0));
    assert_eq!(ask(&key.assertion(&server, "ES256", "k", "b")).await, (200, 1));
}

#[tokio::test]
async fn cau_11_an_assertion_is_used_once_on_whatever_node() {
    let server = TestServer::start().await;
    let key = registered(&server).await;
    let other = server.second_node().await;
    let assertion = key.assertion(&server, "ES256", "k", "one");
    assert_eq!(with_assertion(&server, &assertion).await.status, 200);
    with_assertion(&server, &assertion).await.is_refusal(401, "invalid_client");
    with_assertion(&other, &assertion).await.is_refusal(401, "invalid_client");
    // the jti counts, not the text
    with_assertion(&other, &key.assertion(&server, "ES256", "k", "one")).await.is_refusal(401, "invalid_client");
    assert_eq!(with_assertion(&other, &key.assertion(&server, "ES256", "k", "two")).await.status, 200);
    // it is remembered for a minute longer than it is valid
    let remembered = async || {
        sweep::run_once(server.app.clone()).await.unwrap();
        sqlx::query_scalar::<_, i64>("select count(*) from replay").fetch_one(&server.owner().await).await.unwrap()
    };
    server.clock.advance(Duration::seconds(118));
    assert_eq!(remembered().await, 2);
    server.clock.advance(Duration::seconds(2));
    assert_eq!(remembered().await, 0);
    with_assertion(&server, &assertion).await.is_refusal(401, "invalid_client");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cau_11_of_sixty_four_uses_at_once_on_two_nodes_one_wins() {
    let trusting = |settings: &mut ias::config::Settings| {
        settings.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
    };
    let server = TestServer::start_with(trusting).await;
    let key = registered(&server).await;
    let other = server.second_node_with(trusting).await;
    let assertion = key.assertion(&server, "ES256", "k", "raced");
    let uses = (0..64).map(|turn: u32| {
        let node = if turn.is_multiple_of(2) { &server } else { &other };
        // from an address of its own, so that no limit is met
        let request = http().post(format!("{}/connect/token", node.address));
        Answer::to(request.header("x-forwarded-for", format!("192.0.2.{}", turn + 1)).form(&form(&assertion)))
    });
    let answers = futures_util::future::join_all(uses).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 63));
    lost.into_iter().for_each(|answer| answer.is_refusal(401, "invalid_client"));
}

#[tokio::test]
async fn cau_03_every_failure_of_an_assertion_looks_like_a_wrong_secret() {
    let server = TestServer::start().await;
    let key = registered(&server).await;
    let header = json!({ "alg": "ES256", "kid": "k" });
    let right = claims(&server, "x");
    let now = server.app.clock.now().unix_timestamp();
    let claimed = |member: &str, value: Value| {
        let mut claims = right.clone();
        claims[member] = value;
        key.jws(&header, &claims)
    };
    let mut named = right.clone();
    (named["iss"], named["sub"]) = (json!("@myorg.is/nobody"), json!("@myorg.is/nobody"));
    let mut secret = right.clone();
    (secret["iss"], secret["sub"]) = (json!("@myorg.is/worker"), json!("@myorg.is/worker"));
    let failing = [
        "a.b.c".to_owned(),
        "nothing".to_owned(),
        key.jws(&header, &named),
        // CAU-02: registered with a secret
        key.jws(&header, &secret),
        Key::p256().jws(&header, &right),
        key.jws(&json!({ "alg": "ES256", "kid": "other" }), &right),
        // SSR-06: nothing that an assertion brings is asked for
        key.jws(&json!({ "alg": "ES256", "kid": "k", "jku": "http://localhost:1/jwks" }), &right),
        claimed("aud", json!([server.issuer])),
        claimed("aud", json!(format!("{}/connect/token", server.issuer))),
        claimed("exp", json!(now)),
        claimed("exp", json!(now + 301)),
        claimed("nbf", json!("9999999999")),
        claimed("jti", json!("")),
    ];
    let wrong = token(&server, Credentials::Post("@myorg.is/webapp", "wrong"), &MACHINE).await;
    for assertion in &failing {
        let answer = with_assertion(&server, assertion).await;
        answer.is_refusal(401, "invalid_client");
        assert_eq!((answer.wording(), answer.header("www-authenticate")), (wrong.wording(), None), "{assertion}");
    }
    assert_eq!(with_assertion(&server, &key.jws(&header, &right)).await.status, 200, "the same without the fault");
    change(&server, "update clients set enabled = false where client_id = '@myorg.is/signer'").await;
    let disabled = with_assertion(&server, &key.assertion(&server, "ES256", "k", "y")).await;
    assert_eq!((disabled.status, disabled.wording()), (401, wrong.wording()));
}

#[tokio::test]
async fn cau_02_a_client_with_keys_cannot_use_a_secret_or_nothing() {
    let server = TestServer::start().await;
    registered(&server).await;
    sqlx::query(
        "insert into client_secrets (id, client_id, label, sha256, created_at)
         select id, id, 'left over', (select sha256 from client_secrets limit 1), created_at
         from clients where client_id = '@myorg.is/signer'",
    )
    .execute(&server.owner().await)
    .await
    .unwrap();
    change(&server, "update clients set version = version").await;
    for credentials in [Credentials::Basic(CLIENT, SECRET), Credentials::Post(CLIENT, SECRET), Credentials::Public(CLIENT)] {
        token(&server, credentials, &MACHINE).await.is_refusal(401, "invalid_client");
    }
}

#[tokio::test]
async fn cau_06_a_client_id_beside_an_assertion_must_be_its_own() {
    let server = TestServer::start().await;
    let key = registered(&server).await;
    let assertion = key.assertion(&server, "ES256", "k", "a");
    token(&server, Credentials::Public("@myorg.is/worker"), &form(&assertion)).await.is_refusal(400, "invalid_request");
    assert_eq!(token(&server, Credentials::Public(CLIENT), &form(&assertion)).await.status, 200);
}

#[tokio::test]
async fn an_assertion_comes_with_its_type() {
    let server = TestServer::start().await;
    let key = registered(&server).await;
    let assertion = key.assertion(&server, "ES256", "k", "a");
    let saml = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer";
    for half in [
        vec![("client_assertion", assertion.as_str())],
        vec![("client_assertion_type", ASSERTION_TYPE)],
        vec![("client_assertion_type", saml), ("client_assertion", &assertion)],
    ] {
        token(&server, Credentials::Nothing, &[&MACHINE[..], &half].concat()).await.is_refusal(401, "invalid_client");
    }
    assert_eq!(with_assertion(&server, &assertion).await.status, 200, "nothing of that used it up");
}

#[tokio::test]
async fn rat_03_failed_assertions_are_counted_by_client_and_address() {
    let server = TestServer::start().await;
    let key = registered(&server).await;
    for turn in 0..20 {
        let forged = Key::p256().assertion(&server, "ES256", "k", &turn.to_string());
        with_assertion(&server, &forged).await.is_refusal(401, "invalid_client");
    }
    let right = key.assertion(&server, "ES256", "k", "right");
    with_assertion(&server, &right).await.is_refusal(429, "temporarily_unavailable");
    server.clock.advance(Duration::seconds(5));
    assert_eq!(with_assertion(&server, &right).await.status, 200);
}

/// Medians, the two kinds in turn, and the best of some rounds: another process can slow either.
#[tokio::test]
async fn cau_08_an_assertion_of_an_unknown_client_costs_what_a_wrong_signature_costs() {
    let server = TestServer::start().await;
    registered(&server).await;
    let (now, key, header) = (server.app.clock.now(), Key::p256(), json!({ "alg": "ES256", "kid": "k" }));
    let mut unknown = claims(&server, "x");
    (unknown["iss"], unknown["sub"]) = (json!("@myorg.is/nobody"), json!("@myorg.is/nobody"));
    let texts = [key.jws(&header, &claims(&server, "x")), key.jws(&header, &unknown)];
    let failing = async |text: &str, at: u32| {
        let assertion = ClientAssertion::parse(text);
        let client_id = assertion.as_ref().unwrap().client_id().to_owned();
        let credentials = Presented { client_id, proof: Proof::Assertion(assertion.map(Box::new)) };
        let began = Instant::now();
        let outcome = authenticate(&server.app, &credentials, IpAddr::V4(Ipv4Addr::from(at)), now).await;
        let elapsed = began.elapsed();
        assert_eq!(outcome.unwrap_err().refusal.status, 401);
        elapsed
    };
    let median = |mut times: Vec<Monotonic>| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64()
    };
    let mut ratios = Vec::new();
    for round in 0..5u32 {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for turn in 0..100 {
            let address = 0x0a00_0000 + round * 1000 + turn;
            known.push(failing(&texts[0], address).await);
            unknown.push(failing(&texts[1], address).await);
        }
        ratios.push(median(known) / median(unknown));
    }
    assert!(ratios.iter().any(|ratio| (0.6..1.7).contains(ratio)), "{ratios:?}");
}

/// A place on this machine where a client publishes keys; it counts who asks.
async fn publish(keys: Value) -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let handler = move || async move {
        count.fetch_add(1, Ordering::SeqCst);
        Json(json!({ "keys": keys }))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://localhost:{}/jwks", listener.local_addr().unwrap().port());
    tokio::spawn(axum::serve(listener, Router::new().route("/jwks", get(handler))).into_future());
    (uri, asked)
}

#[tokio::test]
async fn ssr_05_keys_are_fetched_from_the_jwks_uri_and_an_edit_of_it_counts_at_once() {
    let server = TestServer::start_with(|settings| settings.outbound.allowed_hosts.push("localhost".into())).await;
    let (old, new) = (Key::p256(), Key::ed25519());
    let (old_uri, asked) = publish(json!([old.jwk("old")])).await;
    register(&server, &format!("    jwks_uri: {old_uri}\n")).await;
    for jti in ["a", "b"] {
        assert_eq!(with_assertion(&server, &old.assertion(&server, "ES256", "old", jti)).await.status, 200);
    }
    // an unknown kid is looked for once a minute
    for jti in ["c", "d"] {
        let unknown = Key::p256().assertion(&server, "ES256", "new", jti);
        with_assertion(&server, &unknown).await.is_refusal(401, "invalid_client");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let (new_uri, _) = publish(json!([new.jwk("new")])).await;
    register(&server, &format!("    jwks_uri: {new_uri}\n    token_endpoint_auth_signing_alg: [EdDSA, ES256]\n")).await;
    with_assertion(&server, &old.assertion(&server, "ES256", "old", "e")).await.is_refusal(401, "invalid_client");
    assert_eq!(with_assertion(&server, &new.assertion(&server, "EdDSA", "new", "f")).await.status, 200);
    assert_eq!(asked.load(Ordering::SeqCst), 1, "the old address is not asked any more");
}

#[tokio::test]
async fn ssr_02_a_jwks_uri_over_https_on_this_machine_needs_its_host_opened_and_its_authority_trusted() {
    let (authority, directory) = (TlsAuthority::new("Rót"), tempfile::tempdir().unwrap());
    let root = directory.path().join("ca.pem");
    std::fs::write(&root, &authority.pem).unwrap();
    authority.server(&["localhost", "127.0.0.1"]).write(directory.path());
    let key = Key::p256();
    for host in ["localhost", "127.0.0.1"] {
        let (hosts, roots) = ([host.to_owned()], [root.clone()]);
        for (hosts, roots, status, expected) in
            [(&[][..], &[][..], 401, 0), (&[], &roots, 401, 0), (&hosts, &[], 401, 0), (&hosts, &roots, 200, 1)]
        {
            let server = TestServer::start_with(|settings| {
                settings.outbound.widen(settings.environment, hosts, roots).unwrap();
            })
            .await;
            let (uri, asked) = publish_over_tls(json!([key.jwk("k")]), host, directory.path()).await;
            register(&server, &format!("    jwks_uri: {uri}\n")).await;
            let answer = with_assertion(&server, &key.assertion(&server, "ES256", "k", "a")).await;
            assert_eq!(answer.status, status, "{host} {hosts:?} {roots:?}");
            assert_eq!(asked.load(Ordering::SeqCst), expected, "{host} {hosts:?} {roots:?}");
        }
    }
}

/// The same behind TLS, at a host of this machine.
async fn publish_over_tls(keys: Value, host: &str, directory: &Path) -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let handler = move || async move {
        count.fetch_add(1, Ordering::SeqCst);
        Json(json!({ "keys": keys }))
    };
    let tls = Tls::open(Options {
        listener: "jwks",
        certificate: directory.join("tls.pem"),
        key: directory.join("tls.key"),
        host: Some(host.to_owned()),
        handshake_timeout: Monotonic::from_secs(5),
        client_certificates: ClientCertificates::NotAsked,
        clock: Clock::System,
    });
    let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("https://{host}:{}/jwks", tcp.local_addr().unwrap().port());
    let listener = Listener::tls(tcp, Arc::new(tls.unwrap())).unwrap();
    tokio::spawn(axum::serve(listener, Router::new().route("/jwks", get(handler))).into_future());
    (uri, asked)
}

#[tokio::test]
async fn ssr_02_ssr_04_without_a_setting_a_jwks_uri_on_this_machine_is_never_asked() {
    let server = TestServer::start().await;
    let key = Key::p256();
    let (uri, asked) = publish(json!([key.jwk("k")])).await;
    register(&server, &format!("    jwks_uri: {uri}\n")).await;
    let wrong = token(&server, Credentials::Post("@myorg.is/webapp", "wrong"), &MACHINE).await;
    let answer = with_assertion(&server, &key.assertion(&server, "ES256", "k", "a")).await;
    // SSR-04: and nothing tells the caller why
    assert_eq!((answer.status, answer.wording()), (401, wrong.wording()));
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}
