//! `ias demo --tls`: the same over https, with an authority of its own.

use std::{fs, os::unix::fs::PermissionsExt as _};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::{
    command::{Running, demo_json, free_port, ias},
    directory::Dir,
};
use crate::{
    clients::example_application::the_example_application_is_used,
    support::{person::Person, tls::TlsAuthority},
};

const PERSON: (&str, &str) = ("0102989", "Gervimaður Ameríka");

fn trusting(authority: &str) -> reqwest::Client {
    let authority = reqwest::Certificate::from_pem(authority.as_bytes()).unwrap();
    reqwest::Client::builder().tls_certs_only([authority]).no_proxy().build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn over_https_everything_works_with_an_authority_that_stays() {
    let (dir, port) = (Dir::new(), free_port());
    let other = dir.path().with_extension("other.pem");
    fs::write(&other, TlsAuthority::new("Önnur rót").pem).unwrap();
    let switches = ["--tls", "--auto-approve", "--allow-outbound", "localhost", "--trust", other.to_str().unwrap()];
    let running = Running::demo(dir.path(), port, &switches).await;
    fs::remove_file(&other).unwrap();
    assert_eq!(running.address(), format!("https://localhost:{port}"));

    let file = demo_json(dir.path());
    let ca_file = fs::canonicalize(dir.path()).unwrap().join("ca.pem");
    assert_eq!(fs::canonicalize(file["ca_file"].as_str().unwrap()).unwrap(), ca_file);
    assert_eq!(fs::metadata(dir.path().join("ca.key")).unwrap().permissions().mode() & 0o777, 0o600);
    let authority = fs::read_to_string(&ca_file).unwrap();
    let http = trusting(&authority);
    let webapp = file["webapp"].as_str().unwrap().to_owned();
    assert_eq!(webapp, format!("https://localhost:{}", port - 10));
    for url in [file["issuer"].as_str().unwrap(), &webapp, file["simulator"]["phone"].as_str().unwrap()] {
        assert!(url.starts_with("https://localhost:"), "{url}");
        assert!(http.get(url).send().await.is_ok(), "{url}");
        assert!(http.get(url.replace("https://localhost", "https://127.0.0.1")).send().await.is_ok(), "{url}");
        assert!(http.get(url.replace("https://", "http://")).send().await.is_err(), "PRX-07: {url}");
    }
    let answer = http.get(format!("{}/.well-known/openid-configuration", running.address())).send().await.unwrap();
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=60", "a minute: it holds for every port of localhost");
    let document: Value = answer.json().await.unwrap();
    for field in ["issuer", "token_endpoint", "jwks_uri"] {
        assert!(document[field].as_str().unwrap().starts_with(running.address()), "{document}");
    }
    the_example_application_is_used(Person::trusting(&authority), &webapp, PERSON.0, PERSON.1).await;
    let mut person = Person::trusting(&authority);
    person.get(&webapp).await;
    person.submit_to("/login", &[]).await;
    assert!(person.cookie("localhost", "__Host-ias_browser").is_some(), "COO-01");

    let mut command = ias();
    command.args(["serve", "--listen", "127.0.0.1:0", "--demo-dir"]).arg(dir.path());
    let second = Running::of(command).await;
    assert!(second.address().starts_with("https://127.0.0.1:"), "{}", second.address());
    let theirs = http.get(format!("{}/.well-known/openid-configuration", second.address())).send().await.unwrap();
    assert_eq!(theirs.json::<Value>().await.unwrap()["issuer"], running.address());
    assert!(second.end_by(Signal::SIGTERM).await.status.success());
    assert!(running.end_by(Signal::SIGINT).await.status.success());

    // the authority stays, and so does the directory a demo's; without the switch it is plain again
    let again = Running::demo(dir.path(), port, &["--tls"]).await;
    assert_eq!(fs::read_to_string(&ca_file).unwrap(), authority);
    assert!(http.get(again.address()).send().await.is_ok());
    assert!(again.end_by(Signal::SIGINT).await.status.success());
    let fresh = Running::demo(dir.path(), port, &["--fresh"]).await;
    assert_eq!(fresh.address(), format!("http://localhost:{port}"));
    assert_ne!(fs::read_to_string(&ca_file).unwrap(), authority);
    assert!(fresh.end_by(Signal::SIGINT).await.status.success());
}
