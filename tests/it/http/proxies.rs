//! What names us and what names the caller: Host and forwarded headers (PRX-01 … PRX-04), and whose scripts may read (HTTP-15).

use ias::model::urls::path;

use super::{FORM, HTML, PAGES, TOKEN_PARAMETERS, answer, authorize, call, exchange, get, host, open, send};
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn prx_01_only_our_own_host_is_answered() {
    let server = TestServer::start().await;
    let ours = host(&server).to_owned();
    let port = ours.split_once(':').unwrap().1;
    let ask = async |lines: &str, target: &str| {
        let bytes = exchange(&server, format!("GET {target} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n")).await;
        answer(&bytes)
    };
    let jwks = path::JWKS;
    assert_eq!(ask(&format!("Host: {ours}\r\n"), jwks).await.status, 200);
    assert_eq!(ask(&format!("Host: {}\r\n", ours.to_ascii_uppercase()), jwks).await.status, 200, "hosts have no case");
    for wrong in [
        "evil.example",
        &format!("evil.example:{port}"),
        "localhost",
        &format!("127.0.0.1:{port}"),
        &format!("{ours}.evil"),
        "",
    ] {
        ask(&format!("Host: {wrong}\r\n"), jwks).await.is_json(421, "invalid_request");
    }
    for lines in [String::new(), format!("Host: {ours}\r\nHost: {ours}\r\n"), format!("Host: {ours}\r\nHost: evil.example\r\n")]
    {
        ask(&lines, jwks).await.is_json(400, "invalid_request");
    }
    // RFC 9112 §3.2.2: the target is what counts
    let absolute = |host: &str| format!("http://{host}{jwks}");
    assert_eq!(ask(&format!("Host: {ours}\r\n"), &absolute(&ours)).await.status, 200);
    ask(&format!("Host: {ours}\r\n"), &absolute("evil.example")).await.is_json(421, "invalid_request");
    ask("Host: evil.example\r\n", &absolute(&ours)).await.is_json(421, "invalid_request");
    let page =
        exchange(&server, "GET / HTTP/1.1\r\nHost: evil.example\r\nAccept: text/html\r\nConnection: close\r\n\r\n").await;
    answer(&page).is_page(421);
}

#[tokio::test(flavor = "multi_thread")]
async fn disc_01_prx_02_and_prx_03_what_a_stranger_says_of_proxies_has_no_effect() {
    let server = TestServer::start().await;
    let plain = get(&server, path::OPENID_CONFIGURATION).await;
    let page = open(&server, &authorize("&prompt=none")).await;
    let missing = open(&server, "/nothing").await;
    for header in [
        ("forwarded", "for=203.0.113.9;host=evil.example;proto=https"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-prefix", "/evil"),
        ("x-forwarded-for", "203.0.113.9"),
        ("x-original-url", path::TOKEN),
        ("x-rewrite-url", path::JWKS),
        ("x-user-id", "0101302989"),
        // PRX-04: nobody is trusted to have checked a certificate
        ("client-cert", ":MIIB:"),
        ("x-forwarded-client-cert", "Subject=\"CN=admin\""),
    ] {
        let again = send(&server, "GET", path::OPENID_CONFIGURATION, &[header], b"").await;
        assert_eq!(again.body, plain.body, "{header:?}");
        let again = send(&server, "GET", &authorize("&prompt=none"), &[HTML, header], b"").await;
        assert_eq!((again.status, again.header("location")), (page.status, page.header("location")), "{header:?}");
        assert_eq!(send(&server, "GET", "/nothing", &[HTML, header], b"").await.status, missing.status, "{header:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_15_scripts_of_other_origins_read_public_documents_alone() {
    let server = TestServer::start().await;
    for origin in ["https://evil.example", "null", "https://app.myorg.is", &server.issuer] {
        let from = ("origin", origin);
        for target in [path::OPENID_CONFIGURATION, path::JWKS, path::OAUTH_AUTHORIZATION_SERVER] {
            let answer = send(&server, "GET", target, &[from], b"").await;
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{target}");
            assert_eq!(answer.header("access-control-allow-credentials"), None, "{target}");
        }
        for target in PAGES {
            for method in ["GET", "OPTIONS", "POST"] {
                let answer = send(&server, method, target, &[from, FORM, HTML], b"").await;
                assert_eq!(answer.header("access-control-allow-origin"), None, "{method} {target} from {origin}");
            }
        }
        let token = call(&server, path::TOKEN, &[from, FORM], TOKEN_PARAMETERS).await;
        assert_eq!(
            (token.status, token.header("access-control-allow-origin")),
            (200, None),
            "no browser client has this origin"
        );
        assert_eq!(send(&server, "GET", path::USERINFO, &[from], b"").await.header("access-control-allow-origin"), None);
    }
}
