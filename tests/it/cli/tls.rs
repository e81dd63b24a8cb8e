//! TLS and the switches for outgoing calls, as an operator meets them.

use super::Stage;
use crate::support::tls::{TlsAuthority, tomorrow};

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_does_not_serve_keeps_the_server_from_starting() {
    let mut stage = Stage::new().await;
    let issuer = |stage: &mut Stage, issuer| stage.set("IAS__SERVER__ISSUER", Some(issuer));
    issuer(&mut stage, "https://localhost:8443");
    stage.set("IAS__SERVER__TLS_CERTIFICATE", Some("tls.pem"));
    stage.run(&["serve"]).await.refuses(&["server.tls_key: is missing"]);
    stage.set("IAS__SERVER__TLS_KEY", Some("tls.key"));
    stage.set("IAS__SERVER__LISTEN", Some("127.0.0.1:0"));
    stage.run(&["serve"]).await.refuses(&["server.tls_certificate", "tls.pem cannot be read"]);
    let authority = TlsAuthority::new("Rót");
    authority.server(&["other.example.is"]).write(stage.directory.path());
    for command in ["serve", "doctor"] {
        stage.run(&[command]).await.refuses(&["tls.pem does not name localhost"]);
    }
    authority.server_until(&["localhost"], tomorrow() - time::Duration::days(2)).write(stage.directory.path());
    stage.run(&["serve"]).await.refuses(&["tls.pem has ended"]);
    issuer(&mut stage, "http://localhost:8443");
    stage.run(&["serve"]).await.refuses(&["server.issuer: `http://localhost:8443` must begin with https://"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_tries_the_certificate_of_the_card_host() {
    let mut stage = Stage::new().await;
    stage.apply_the_demo().await.prints();
    let said = stage.run(&["doctor"]).await.prints();
    assert!(said.contains("its card_host https://localhost:1 is not served here, since server.card_listen is empty"), "{said}");
    for (name, value) in [("LISTEN", "127.0.0.1:0"), ("TLS_CERTIFICATE", "tls.pem"), ("TLS_KEY", "tls.key")] {
        stage.set(&format!("IAS__SERVER__CARD_{name}"), Some(value));
    }
    stage.run(&["doctor"]).await.refuses(&["server.card_tls_certificate", "tls.pem cannot be read"]);
    let authority = TlsAuthority::new("Rót");
    authority.server(&["other.example.is"]).write(stage.directory.path());
    for command in ["serve", "doctor"] {
        stage.run(&[command]).await.refuses(&["server.card_tls_certificate", "tls.pem does not name localhost"]);
    }
    authority.server(&["localhost"]).write(stage.directory.path());
    let said = stage.run(&["doctor"]).await.prints();
    assert!(said.contains("certificate and key of the card host are in order"), "{said}");
    assert!(!said.contains("is not served here"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ssr_02_nothing_is_opened_for_outgoing_calls_outside_development() {
    let mut stage = Stage::new().await;
    let root = stage.write("ca.pem", &TlsAuthority::new("Rót").pem);
    let root = root.to_str().unwrap();
    stage.run(&["serve", "--trust", "nowhere.pem"]).await.refuses(&["--trust: nowhere.pem cannot be read"]);
    let text = stage.write("text.pem", "no certificate");
    stage.run(&["serve", "--trust", text.to_str().unwrap()]).await.refuses(&["--trust: ", "is not made of certificates"]);
    let refused = stage.run(&["serve", "--allow-outbound", "https://localhost"]).await;
    refused.refuses(&["--allow-outbound: `https://localhost` must be a host"]);
    stage.set("IAS__SERVER__ISSUER", Some("https://innskra.example.is"));
    stage.set("IAS__ENVIRONMENT", Some("staging"));
    let outcome = stage.run(&["serve", "--trust", root, "--allow-outbound", "localhost"]).await;
    outcome.refuses(&["--trust: is for development", "SSL_CERT_FILE", "--allow-outbound: is for development", "jwks"]);
    stage.set("IAS__OUTBOUND__TRUSTED_ROOTS_FILE", Some(root));
    stage.set("IAS__OUTBOUND__ALLOWED_HOSTS", Some("localhost"));
    for environment in ["staging", "production"] {
        stage.set("IAS__ENVIRONMENT", Some(environment));
        let outcome = stage.run(&["serve"]).await;
        outcome.refuses(&["outbound.trusted_roots: is for development", "outbound.allowed_hosts: is for development"]);
    }
}
