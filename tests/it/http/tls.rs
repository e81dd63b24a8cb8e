//! A listener that speaks TLS: which protocols, which certificate, and whose (PRX-06).

use std::{
    path::Path,
    str::FromStr as _,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Router, http::Extensions, routing::get};
use ias::{
    base::{clock::Clock, secret::Secret},
    config::{Settings, issuer::Issuer, server::Server},
    http::{
        extract::client_certificate::ClientCertificate,
        server::{
            self, Listener,
            tls::{ClientCertificates, Options, Tls, TlsFault},
        },
    },
    telemetry::metrics::Metrics,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, HandshakeKind, ProtocolVersion, SignatureScheme, client::ResolvesClientCert, crypto::aws_lc_rs,
        pki_types::ServerName, sign::CertifiedKey,
    },
};
use tokio_util::sync::CancellationToken;

use crate::support::tls::{Issued, TlsAuthority, tomorrow};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A listener with files of its own, until dropped.
struct Site {
    authority: TlsAuthority,
    directory: TempDir,
    port: u16,
    stop: CancellationToken,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn options(directory: &Path, listener: &'static str, client_certificates: ClientCertificates) -> Options {
    Options {
        listener,
        certificate: directory.join("tls.pem"),
        key: directory.join("tls.key"),
        host: Some("localhost".to_owned()),
        handshake_timeout: Duration::from_millis(400),
        client_certificates,
        clock: Clock::System,
    }
}

fn server_settings() -> Server {
    let issuer = Issuer::from_str("https://localhost").unwrap();
    Settings::development(issuer, Secret::new("postgres://localhost/ias".to_owned()), Secret::new([7; 32])).unwrap().server
}

/// Tells who came, and notes nothing else.
async fn who(extensions: Extensions) -> String {
    extensions.get::<ClientCertificate>().map_or("nobody".to_owned(), |certificate| {
        assert_eq!(certificate.leaf(), certificate.chain()[0]);
        assert_eq!(format!("{certificate:?}"), format!("ClientCertificate({} certificates)", certificate.chain().len()));
        let (_, leaf) = x509_parser::parse_x509_certificate(certificate.leaf()).unwrap();
        format!("{} by {}", leaf.subject(), certificate.chain().len())
    })
}

impl Site {
    async fn open(listener: &'static str, client_certificates: ClientCertificates) -> Self {
        Self::open_with(listener, client_certificates, |_| {}).await
    }

    async fn open_with(listener: &'static str, asked: ClientCertificates, change: impl FnOnce(&mut Server)) -> Self {
        Metrics::install().unwrap();
        let (authority, directory) = (TlsAuthority::new("Rót"), tempfile::tempdir().unwrap());
        authority.server(&["localhost"]).write(directory.path());
        let tls = Tls::open(options(directory.path(), listener, asked)).unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, stop) = (tcp.local_addr().unwrap().port(), CancellationToken::new());
        let mut settings = server_settings();
        change(&mut settings);
        let (listener, router) = (Listener::new(tcp, Some(Arc::new(tls))), Router::new().route("/", get(who)));
        let stopping = stop.clone();
        tokio::spawn(async move { server::serve(listener, router, &settings, stopping).await });
        Self { authority, directory, port, stop }
    }

    async fn tcp(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    /// A client without a certificate.
    fn client(&self) -> ClientConfig {
        self.authority.trusted(false).with_no_client_auth()
    }

    fn client_with(&self, issued: &Issued) -> ClientConfig {
        self.authority.trusted(false).with_client_auth_cert(vec![issued.der()], issued.key()).unwrap()
    }

    async fn connect(&self, config: &Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::clone(config)).connect(name, self.tcp().await).await
    }

    /// What a client is told who it is.
    async fn ask(&self, config: ClientConfig) -> std::io::Result<String> {
        let mut stream = self.connect(&Arc::new(config)).await?;
        ask(&mut stream).await
    }
}

async fn ask(stream: &mut TlsStream<TcpStream>) -> std::io::Result<String> {
    stream.write_all(GET).await?;
    let mut buffer = [0; 4096];
    let read = stream.read(&mut buffer).await?;
    let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    Ok(text.split_once("\r\n\r\n").unwrap().1.to_owned())
}

fn served(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

/// A metric of a listener, as a whole number.
fn metric(name: &str, listener: &str) -> Option<String> {
    let text = Metrics::install().unwrap().render();
    let start = format!("{name}{{listener=\"{listener}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&start)).map(|value| format!("{:.0}", value.parse::<f64>().unwrap()))
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_secs(10), "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A ClientHello without extensions.
fn hello(version: [u8; 2], suite: [u8; 2]) -> Vec<u8> {
    let body = [&version[..], &[7; 32], &[0, 0, 2], &suite, &[1, 0]].concat();
    let message = [&[1, 0, 0, u8::try_from(body.len()).unwrap()], &body[..]].concat();
    [&[22, 3, 1, 0, u8::try_from(message.len()).unwrap()], &message[..]].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn prx_06_tls_1_3_and_1_2_are_spoken_with_http_2_before_http_1_1() {
    let site = Site::open("protocols", ClientCertificates::NotAsked).await;
    for (only_1_2, version) in [(false, ProtocolVersion::TLSv1_3), (true, ProtocolVersion::TLSv1_2)] {
        for (offered, chosen) in [(vec!["http/1.1", "h2"], "h2"), (vec!["http/1.1"], "http/1.1")] {
            let mut config = site.authority.trusted(only_1_2).with_no_client_auth();
            config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
            let stream = site.connect(&Arc::new(config)).await.unwrap();
            let connection = stream.get_ref().1;
            assert_eq!(connection.protocol_version(), Some(version));
            assert_eq!(connection.alpn_protocol(), Some(chosen.as_bytes()));
            let suite = connection.negotiated_cipher_suite().unwrap();
            assert!(version == ProtocolVersion::TLSv1_3 || format!("{:?}", suite.suite()).contains("ECDHE"), "{suite:?}");
        }
    }
    let client =
        reqwest::Client::builder().tls_certs_only([reqwest::Certificate::from_pem(site.authority.pem.as_bytes()).unwrap()]);
    let answer = client.no_proxy().build().unwrap().get(format!("https://localhost:{}/", site.port)).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_2));
}

#[tokio::test(flavor = "multi_thread")]
async fn prx_06_older_protocols_and_key_exchange_without_forward_secrecy_are_refused() {
    let site = Site::open("refused", ClientCertificates::NotAsked).await;
    for (what, version, suite) in [
        ("SSL 3.0", [3, 0], [0xc0, 0x13]),
        ("TLS 1.0", [3, 1], [0xc0, 0x13]),
        ("TLS 1.1", [3, 2], [0xc0, 0x13]),
        ("RSA key exchange", [3, 3], [0, 0x9c]),
        ("CBC", [3, 3], [0xc0, 0x13]),
    ] {
        let mut stream = site.tcp().await;
        stream.write_all(&hello(version, suite)).await.unwrap();
        let mut answer = Vec::new();
        drop(tokio::time::timeout(Duration::from_secs(2), stream.read_to_end(&mut answer)).await.unwrap());
        // a fatal alert and nothing else
        assert!(answer.len() == 7 && answer[0] == 21 && answer[5] == 2, "{what}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prx_07_plain_http_to_the_tls_port_is_refused() {
    let site = Site::open("plain", ClientCertificates::NotAsked).await;
    let mut stream = site.tcp().await;
    stream.write_all(GET).await.unwrap();
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn prx_06_sessions_are_resumed_but_nothing_is_taken_early() {
    let site = Site::open("resumed", ClientCertificates::NotAsked).await;
    let mut config = site.client();
    config.enable_early_data = true;
    let config = Arc::new(config);
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let mut stream = site.connect(&config).await.unwrap();
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(kind));
        assert!(!stream.get_ref().1.is_early_data_accepted(), "PRX-06");
        // the tickets come with the answer
        assert_eq!(ask(&mut stream).await.unwrap(), "nobody");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dos_01_a_slow_handshake_is_given_up_and_nobody_waits_for_it() {
    let site =
        Site::open_with("slow", ClientCertificates::NotAsked, |settings| settings.max_connections_per_address = 30).await;
    let begun = [&b""[..], &hello([3, 3], [0xc0, 0x2f])[..20]];
    let mut slow = Vec::new();
    for _ in 0..10 {
        for bytes in begun {
            let mut stream = site.tcp().await;
            stream.write_all(bytes).await.unwrap();
            slow.push(stream);
        }
    }
    let began = Instant::now();
    assert_eq!(site.ask(site.client()).await.unwrap(), "nobody");
    assert!(began.elapsed() < Duration::from_millis(350), "{:?}", began.elapsed());
    for mut stream in slow {
        drop(tokio::time::timeout(Duration::from_secs(2), stream.read(&mut [0])).await.expect("closed"));
    }
    assert!(began.elapsed() < Duration::from_millis(1900), "{:?}", began.elapsed());
    let text = Metrics::install().unwrap().render();
    assert!(text.contains(r#"ias_tls_handshakes_total{listener="slow",outcome="timed_out"} 20"#), "{text}");
    assert!(text.contains(r#"ias_tls_handshakes_total{listener="slow",outcome="done"} 1"#), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dos_01_the_limits_of_connections_hold_behind_tls() {
    let site = Site::open_with("limits", ClientCertificates::NotAsked, |settings| {
        settings.max_connections_per_address = 2;
        settings.header_timeout = Duration::from_millis(300);
    })
    .await;
    let config = Arc::new(site.client());
    let mut first = site.connect(&config).await.unwrap();
    let _second = site.connect(&config).await.unwrap();
    assert!(site.connect(&config).await.is_err(), "the third is closed at once");
    let began = Instant::now();
    first.write_all(b"GET / HT").await.unwrap();
    drop(first.read(&mut [0; 64]).await);
    assert!(began.elapsed() < Duration::from_millis(1500), "a slow header ends behind the handshake, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn prx_06_a_new_certificate_serves_new_connections_while_old_ones_live_on() {
    let site = Site::open("reload", ClientCertificates::NotAsked).await;
    let config = Arc::new(site.client());
    let mut old = site.connect(&config).await.unwrap();
    let first = served(&old);
    assert_eq!(metric("ias_tls_certificate_days_left", "reload").as_deref(), Some("1"));
    assert_eq!(metric("ias_tls_files_unusable", "reload").as_deref(), Some("0"));

    let next = site.authority.server_until(&["localhost"], tomorrow() + time::Duration::days(9));
    next.write(site.directory.path());
    let fresh = async || served(&site.connect(&Arc::new(site.client())).await.unwrap());
    eventually("the new certificate serves", async || fresh().await == next.der().as_ref()).await;
    assert_ne!(first, next.der().as_ref());
    assert_eq!(ask(&mut old).await.unwrap(), "nobody", "the old connection lives on");
    eventually("its end is seen", async || metric("ias_tls_certificate_days_left", "reload").as_deref() == Some("10")).await;

    for (what, file, text) in [
        ("no certificate", "tls.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned()),
        ("empty", "tls.pem", String::new()),
        ("another's key", "tls.key", site.authority.server(&["localhost"]).key_pem),
        ("another's name", "tls.pem", site.authority.server(&["other.example.is"]).certificate_pem),
    ] {
        std::fs::write(site.directory.path().join(file), text).unwrap();
        eventually(what, async || metric("ias_tls_files_unusable", "reload").as_deref() == Some("1")).await;
        assert_eq!(fresh().await, next.der().as_ref(), "{what}: the one before serves");
        next.write(site.directory.path());
        eventually("put right", async || metric("ias_tls_files_unusable", "reload").as_deref() == Some("0")).await;
    }
}

#[test]
fn files_that_do_not_serve_are_refused_with_the_reason() {
    let (authority, directory) = (TlsAuthority::new("Rót"), tempfile::tempdir().unwrap());
    let good = authority.server(&["localhost"]);
    let open = |change: &dyn Fn(&Path)| {
        good.write(directory.path());
        change(directory.path());
        Tls::open(options(directory.path(), "opened", ClientCertificates::NotAsked)).err()
    };
    assert!(open(&|_| {}).is_none());
    let write = |file: &'static str, text: String| move |path: &Path| std::fs::write(path.join(file), &text).unwrap();
    let past = authority.server_until(&["localhost"], tomorrow() - time::Duration::days(2));
    let fault = open(&|path| std::fs::remove_file(path.join("tls.key")).unwrap()).unwrap();
    assert!(matches!(fault, TlsFault::Unreadable(..)) && fault.to_string().contains("tls.key cannot be read"), "{fault}");
    let fault = open(&write("tls.pem", good.key_pem.clone()));
    assert!(matches!(fault, Some(TlsFault::NoCertificate(_))), "{fault:?}");
    let fault = open(&write("tls.key", good.certificate_pem.clone()));
    assert!(matches!(fault, Some(TlsFault::NoKey(_))), "{fault:?}");
    let fault = open(&write("tls.key", past.key_pem.clone()));
    assert!(matches!(fault, Some(TlsFault::Unusable(..))), "{fault:?}");
    let fault = open(&|path| past.write(path));
    assert!(matches!(fault, Some(TlsFault::Ended(..))), "{fault:?}");
    let fault = open(&|path| authority.server(&["innskra.example.is"]).write(path)).unwrap();
    assert!(fault.to_string().ends_with("does not name localhost"), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn x5_08_a_listener_that_asks_for_certificates_hands_them_on_and_serves_those_who_have_none() {
    let people = TlsAuthority::new("Skilríki");
    let name = people.name();
    let site = Site::open("asked", ClientCertificates::Asked(Box::new(move || vec![name.clone()]))).await;
    assert_eq!(site.ask(site.client()).await.unwrap(), "nobody");
    let person = people.client("Gervimaður Ameríka");
    assert_eq!(site.ask(site.client_with(&person)).await.unwrap(), "CN=Gervimaður Ameríka by 1");
    for only_1_2 in [false, true] {
        let chain = vec![person.der(), people.client("between").der()];
        let config = site.authority.trusted(only_1_2).with_client_auth_cert(chain, person.key()).unwrap();
        assert_eq!(site.ask(config).await.unwrap(), "CN=Gervimaður Ameríka by 2");
    }
    // whoever issued it: that is for the door to say, in words
    let stranger = TlsAuthority::new("Ókunn rót").client("Ókunnur");
    assert_eq!(site.ask(site.client_with(&stranger)).await.unwrap(), "CN=Ókunnur by 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn x5_08_a_certificate_without_its_key_is_no_proof() {
    let people = TlsAuthority::new("Skilríki");
    let site = Site::open("possession", ClientCertificates::Asked(Box::new(Vec::new))).await;
    let (person, thief) = (people.client("Gervimaður Ameríka"), people.client("Þjófur"));
    for only_1_2 in [false, true] {
        let key = aws_lc_rs::default_provider().key_provider.load_private_key(thief.key()).unwrap();
        let stolen = Offers { certified: Arc::new(CertifiedKey::new(vec![person.der()], key)), hints: Mutex::default() };
        let config = site.authority.trusted(only_1_2).with_client_cert_resolver(Arc::new(stolen));
        assert!(site.ask(config).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_told_which_authorities_are_asked_for_as_they_change() {
    let people = TlsAuthority::new("Skilríki");
    let names = Arc::new(Mutex::new(vec![people.name()]));
    let current = Arc::clone(&names);
    let asked = ClientCertificates::Asked(Box::new(move || current.lock().unwrap().clone()));
    let site = Site::open("hints", asked).await;
    let person = people.client("Gervimaður Ameríka");
    let key = aws_lc_rs::default_provider().key_provider.load_private_key(person.key()).unwrap();
    let offers = Offers { certified: Arc::new(CertifiedKey::new(vec![person.der()], key)), hints: Mutex::default() };
    let offers = Arc::new(offers);
    let hinted = async || {
        let config =
            site.authority.trusted(false).with_client_cert_resolver(Arc::clone(&offers) as Arc<dyn ResolvesClientCert>);
        site.ask(config).await.unwrap();
        offers.hints.lock().unwrap().clone()
    };
    assert_eq!(hinted().await, [people.name()]);
    let others = TlsAuthority::new("Ný skilríki").name();
    names.lock().unwrap().push(others.clone());
    eventually("the new name is told", async || hinted().await == [people.name(), others.clone()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn x5_08_behind_a_request_for_certificates_nothing_is_resumed_and_an_answer_can_end_its_connection() {
    let site = Site::open("unresumed", ClientCertificates::Asked(Box::new(Vec::new))).await;
    for only_1_2 in [false, true] {
        let mut config = site.authority.trusted(only_1_2).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let config = Arc::new(config);
        for _ in 0..2 {
            let mut stream = site.connect(&config).await.unwrap();
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
            assert_eq!(ask(&mut stream).await.unwrap(), "nobody");
            assert_eq!(stream.get_ref().1.tls13_tickets_received(), 0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_listener_asks_nobody_for_a_certificate() {
    let people = TlsAuthority::new("Skilríki");
    let site = Site::open("unasked", ClientCertificates::NotAsked).await;
    assert_eq!(site.ask(site.client_with(&people.client("Gervimaður Ameríka"))).await.unwrap(), "nobody");
}

/// A client that offers this, and notes what it is asked for.
#[derive(Debug)]
struct Offers {
    certified: Arc<CertifiedKey>,
    hints: Mutex<Vec<Vec<u8>>>,
}

impl ResolvesClientCert for Offers {
    fn resolve(&self, hints: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        *self.hints.lock().unwrap() = hints.iter().map(|hint| hint.to_vec()).collect();
        Some(Arc::clone(&self.certified))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
