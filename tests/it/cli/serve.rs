//! `ias serve` as a process: what its log and its addresses hold, and how it stops.

use std::time::Duration;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use url::Url;

use super::{Node, Stage};
use crate::support::{
    person::Person,
    server::{NATIONAL_ID, PHONE, SECRET},
};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const CALLBACK: &str = "https://app.myorg.is/oauth/callback";

fn authorize(node: &Node, more: &[(&str, &str)]) -> Url {
    let parameters = [
        ("client_id", "@myorg.is/webapp"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid profile @myorg.is/documents:read"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("state", "the-state-of-the-client"),
        ("nonce", "the-nonce-of-the-client"),
    ];
    Url::parse_with_params(&format!("{}/connect/authorize", node.issuer), parameters.iter().chain(more)).unwrap()
}

async fn exchange(node: &Node, code: &str) -> Value {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "@myorg.is/webapp"),
        ("client_secret", SECRET),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("code", code),
    ];
    let sent = reqwest::Client::new().post(format!("{}/connect/token", node.issuer)).form(&form).send();
    sent.await.unwrap().json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn log_01_and_prv_01_neither_log_nor_address_holds_what_is_secret_or_personal() {
    let mut stage = Stage::new().await;
    stage.apply_the_demo().await.prints();
    stage.set("IAS__TELEMETRY__LOG_FILTER", Some("info,ias=trace"));
    let node = stage.serve().await;
    let mut secrets: Vec<String> =
        [NATIONAL_ID, PHONE, SECRET, VERIFIER, CHALLENGE, "the-state-of", "the-nonce-of"].map(Into::into).into();

    // a whole sign-in, and every way in which its secrets come back to us
    let mut person = Person::new().stopping_at(CALLBACK);
    let callback = person.sign_in(authorize(&node, &[("login_hint", PHONE)]), PHONE).await;
    let code = callback.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let tokens = exchange(&node, &code).await;
    let access_token = tokens["access_token"].as_str().unwrap();
    let claims: Value = reqwest::Client::new()
        .get(format!("{}/connect/userinfo", node.issuer))
        .bearer_auth(access_token)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(claims["nationalId"], NATIONAL_ID, "{claims}");
    assert_eq!(exchange(&node, &code).await["error"], "invalid_grant");
    // one that fails, one with a number that is none, and what strangers put into addresses
    let mut other = Person::new().stopping_at(CALLBACK);
    other.get(authorize(&node, &[("prompt", "login")])).await;
    other.submit(&[("identity_provider", "sim")]).await;
    other.submit(&[("phone_number", "not-a-number-0102989")]).await;
    other.submit(&[("phone_number", "0100266")]).await;
    let client = reqwest::Client::new();
    for target in ["/connect/userinfo?access_token=token-in-a-url", "/nothing-personal-0101302989?q=query-of-a-stranger"] {
        client.get(format!("{}{target}", node.issuer)).header("cookie", "c=cookie-of-a-stranger").send().await.unwrap();
    }
    client.get(format!("{}/connect/userinfo", node.issuer)).bearer_auth("bearer-of-a-stranger").send().await.unwrap();
    person.get(format!("{}/connect/endsession", node.issuer)).await;

    let metrics = reqwest::get(format!("{}/metrics", node.operations)).await.unwrap().text().await.unwrap();
    for series in [
        r#"ias_sign_in_attempts_total{outcome="started"} 2"#,
        r#"ias_sign_in_attempts_total{outcome="signed_in"} 1"#,
        r#"ias_tokens_issued_total{grant_type="authorization_code"} 1"#,
        r#"ias_reuses_total{kind="code"} 1"#,
        r#"ias_outbound_request_duration_seconds_count{system="sim",outcome="answered"}"#,
        r#"ias_outbound_request_duration_seconds_count{system="ocsp",outcome="answered"}"#,
    ] {
        assert!(metrics.contains(series), "{series}: {metrics}");
    }
    assert!(secrets.iter().all(|secret| !metrics.contains(secret.as_str())), "{metrics}");

    for name in ["ias_session", "ias_browser"] {
        secrets.push(person.cookie("localhost", name).unwrap().to_owned());
    }
    secrets.extend([code, access_token.to_owned(), tokens["id_token"].as_str().unwrap().to_owned()]);
    secrets.extend([claims["name"].as_str().unwrap().to_owned(), person.verification_code.clone().unwrap()]);
    secrets.extend(["token-in-a-url", "query-of-a-stranger", "cookie-of-a-stranger", "bearer-of-a-stranger"].map(Into::into));
    // sealed requests and progress are parameters of our own addresses
    let visited: Vec<Url> = person.visited.iter().chain(&other.visited).cloned().collect();
    let sealed = visited.iter().flat_map(Url::query_pairs).filter(|(name, _)| ["request", "progress"].contains(&&**name));
    secrets.extend(sealed.map(|(_, value)| value.into_owned()));

    // PRV-01: of a person, no address and no cookie holds anything, but for what the client itself wrote into its own
    for url in visited.iter().filter(|url| url.path() != "/connect/authorize" || !url.as_str().contains("login_hint")) {
        for personal in [NATIONAL_ID, PHONE] {
            assert!(!url.as_str().contains(personal), "{url}");
        }
    }
    node.terminate();
    let (status, log) = node.end().await;
    assert_eq!(status, Some(0));
    assert!(log.len() > 20, "{log:#?}");
    for line in &log {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no record: {line}"));
        assert!(record["timestamp"].is_string() && record["level"].is_string(), "{line}");
        assert!(!line.contains('?'), "PRV-02, a query: {line}");
        for secret in &secrets {
            // the verification code has four digits, which other numbers have, too
            let found =
                if secret.len() == 4 { line.contains(&format!("\"{secret}\"")) } else { line.contains(secret.as_str()) };
            assert!(!found, "{secret} in {line}");
        }
    }
    let answered = log.iter().filter(|line| line.contains("\"answered\"")).count();
    assert!(answered > 10, "a record for each request: {log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_found_in_the_log_by_its_id_and_its_callers_trace() {
    let mut stage = Stage::new().await;
    let node = stage.serve().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let sent = reqwest::Client::new()
        .get(format!("{}/connect/userinfo", node.issuer))
        .header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"))
        .header("x-request-id", "the-callers")
        .send();
    let answer = sent.await.unwrap();
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    node.terminate();
    let (_, log) = node.end().await;
    let records: Vec<Value> = log.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_request: Vec<&Value> = records.iter().filter(|record| record["span"]["request_id"] == id.as_str()).collect();
    // refused, and answered
    assert_eq!(of_request.len(), 2, "{log:#?}");
    assert!(of_request.iter().all(|record| record["span"]["trace_id"] == trace), "{of_request:#?}");
    assert!(of_request.iter().any(|record| record["refusal"] == "IAS-4001"), "{of_request:#?}");
    assert!(!log.iter().any(|line| line.contains("the-callers")), "HTTP-19");
}

#[tokio::test(flavor = "multi_thread")]
async fn ops_03_health_and_metrics_are_on_their_own_listener() {
    let mut stage = Stage::new().await;
    stage.apply_the_demo().await.prints();
    let node = stage.serve().await;
    let ask = async |path: &str| {
        let answer = reqwest::get(format!("{}{path}", node.operations)).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(ask("/healthz").await, (200, "ok\nenvironment: development\n".to_owned()), "eid.md §12.9");
    assert_eq!(ask("/readyz").await, (200, "ready\n".to_owned()));
    assert_eq!(ask("/connect/token").await.0, 404);
    assert_eq!(reqwest::get(format!("{}/nothing", node.issuer)).await.unwrap().status(), 404);
    let (_, metrics) = ask("/metrics").await;
    for series in [
        r#"ias_http_requests_total{method="GET",route="other",status="404"} 1"#,
        r#"ias_refusals_total{route="none",error="invalid_request"} 1"#,
        "ias_http_requests_open 0",
        "ias_snapshot_age_seconds ",
        "ias_clock_offset_seconds 0",
        r#"ias_database_connections{state="in_use"}"#,
    ] {
        assert!(metrics.contains(series), "{series}: {metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_announces_itself_finishes_what_is_under_way_and_exits_with_0() {
    let mut stage = Stage::new().await;
    stage.apply_the_demo().await.prints();
    stage.set("IAS__SERVER__DRAIN_DELAY", Some("1500ms"));
    let node = stage.serve().await;
    let body = "grant_type=client_credentials&scope=openid";
    let mut slow = TcpStream::connect(("127.0.0.1", node.port)).await.unwrap();
    let head = format!(
        "POST /connect/token HTTP/1.1\r\nHost: localhost:{}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n",
        node.port,
        body.len()
    );
    slow.write_all(format!("{head}{}", &body[..10]).as_bytes()).await.unwrap();
    node.terminate();
    // readiness goes first, while requests are still taken
    let ready = async || reqwest::get(format!("{}/readyz", node.operations)).await.map(|answer| answer.status().as_u16());
    for _ in 0..50 {
        if ready().await.unwrap() == 503 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(ready().await.unwrap(), 503);
    let jwks = format!("{}/.well-known/openid-configuration/jwks", node.issuer);
    assert_eq!(reqwest::get(&jwks).await.unwrap().status(), 200);
    // then nothing new is taken
    for _ in 0..100 {
        if TcpStream::connect(("127.0.0.1", node.port)).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(TcpStream::connect(("127.0.0.1", node.port)).await.is_err(), "the listener is closed");
    // and what was under way is finished
    slow.write_all(&body.as_bytes()[10..]).await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("IAS-2003"), "{answer}");
    let (code, log) = node.end().await;
    assert_eq!(code, Some(0), "{log:#?}");
    assert!(log.last().unwrap().contains("\"stopped\""), "{log:#?}");
}
