//! How clients prove who they are (security requirements §4a, §20).

use std::{
    net::Ipv4Addr,
    time::{Duration as Monotonic, Instant},
};

use ias::{
    base::{digest, secret::Secret},
    flows::authenticate_client::{self, Credentials as Presented, Proof},
    jobs::mark_secret_uses,
};
use reqwest::header::AUTHORIZATION;
use time::Duration;

use crate::support::{
    person::Person,
    server::{SECRET, TestServer},
    tokens::{Answer, Credentials, basic, change, code, exchange, http, token},
};

const MACHINE: [(&str, &str); 2] = [("grant_type", "client_credentials"), ("scope", "@myorg.is/documents:read")];
const WORKER: &str = "@myorg.is/worker";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

async fn with_header(server: &TestServer, authorization: &str, form: &[(&str, &str)]) -> Answer {
    Answer::to(http().post(format!("{}/connect/token", server.address)).header(AUTHORIZATION, authorization).form(form)).await
}

/// The challenge that a 401 needs where the header was used (RFC 6749 §5.2).
fn challenge(answer: &Answer) -> Option<&str> {
    answer.header("www-authenticate")
}

#[tokio::test]
async fn cau_01_two_methods_in_one_request_are_invalid() {
    let server = TestServer::start().await;
    let basic = basic(WORKER, SECRET);
    let secret = [&MACHINE[..], &[("client_secret", SECRET)]].concat();
    let assertion = [&MACHINE[..], &[("client_assertion_type", ASSERTION_TYPE), ("client_assertion", "a.b.c")]].concat();
    with_header(&server, &basic, &secret).await.is_refusal(400, "invalid_request");
    with_header(&server, &basic, &assertion).await.is_refusal(400, "invalid_request");
    let both = [&assertion[..], &[("client_secret", SECRET)]].concat();
    token(&server, Credentials::Public(WORKER), &both).await.is_refusal(400, "invalid_request");
    let twice = http().post(format!("{}/connect/token", server.address));
    let twice = twice.header(AUTHORIZATION, &basic).header(AUTHORIZATION, &basic).form(&MACHINE);
    Answer::to(twice).await.is_refusal(400, "invalid_request");
    assert_eq!(with_header(&server, &basic, &MACHINE).await.status, 200, "one method is enough");
}

#[tokio::test]
async fn cau_02_only_the_registered_method_is_accepted() {
    let server = TestServer::start().await;
    let posted = token(&server, Credentials::Post(WORKER, SECRET), &MACHINE).await;
    posted.is_refusal(401, "invalid_client");
    assert_eq!(challenge(&posted), None);
    let basic = token(&server, Credentials::Basic("@myorg.is/webapp", SECRET), &MACHINE).await;
    basic.is_refusal(401, "invalid_client");
    assert_eq!(challenge(&basic), Some("Basic realm=\"ias\", charset=\"UTF-8\""));
    // authenticated: what is refused now is the grant
    token(&server, Credentials::of("@myorg.is/webapp"), &MACHINE).await.is_refusal(400, "unauthorized_client");
}

#[tokio::test]
async fn cau_03_every_failure_looks_the_same() {
    let server = TestServer::start().await;
    change(&server, "update clients set enabled = false where client_id = '@myorg.is/delegations'").await;
    change(&server, "update organisations set enabled = false where domain = 'otherorg.is'").await;
    change(
        &server,
        "update client_secrets set expires_at = '2020-01-01Z'
         where client_id = (select id from clients where client_id = '@conformance.is/basic-1')",
    )
    .await;
    let basic = [
        (WORKER, "wrong"),
        (WORKER, ""),
        ("@myorg.is/nobody", SECRET),
        ("@MYORG.is/worker", SECRET),
        ("@myorg.is/worker ", SECRET),
        ("@myorg.is/delegations", SECRET),
        ("@otherorg.is/portal", SECRET),
        ("@conformance.is/basic-1", SECRET),
    ];
    let mut seen = Vec::new();
    for (client_id, secret) in basic {
        let answer = token(&server, Credentials::Basic(client_id, secret), &MACHINE).await;
        answer.is_refusal(401, "invalid_client");
        seen.push((answer.wording(), shape(&answer)));
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:#?}");
    // a confidential client that sends nothing, and one that nobody knows
    let missing = token(&server, Credentials::Public(WORKER), &MACHINE).await;
    missing.is_refusal(401, "invalid_client");
    let unknown = token(&server, Credentials::Public("@myorg.is/nobody"), &MACHINE).await;
    assert_eq!((missing.wording(), shape(&missing)), (unknown.wording(), shape(&unknown)));
    token(&server, Credentials::Nothing, &MACHINE).await.is_refusal(401, "invalid_client");
}

/// Names and values of the headers, but for those that differ each time.
fn shape(answer: &Answer) -> Vec<(String, String)> {
    let headers = answer.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    headers.filter(|(name, _)| !matches!(name.as_str(), "x-request-id" | "date")).collect()
}

#[tokio::test]
async fn cau_04_a_public_client_gains_nothing_by_a_secret() {
    let server = TestServer::start().await;
    let code = code(&server, &mut Person::new(), "@myorg.is/app", "openid").await;
    for credentials in [
        Credentials::Post("@myorg.is/app", SECRET),
        Credentials::Basic("@myorg.is/app", SECRET),
        Credentials::Basic("@myorg.is/app", ""),
    ] {
        token(&server, credentials, &code.form()).await.is_refusal(401, "invalid_client");
        let unproven = code.form_with("code_verifier", None);
        token(&server, credentials, &unproven).await.is_refusal(401, "invalid_client");
    }
    // an empty secret is none (HTTP-03), and PKCE stays demanded
    let empty = Credentials::Post("@myorg.is/app", "");
    token(&server, empty, &code.form_with("code_verifier", None)).await.is_refusal(400, "invalid_request");
    assert_eq!(exchange(&server, &code).await.status, 200, "PKCE alone is enough");
}

#[tokio::test]
async fn cau_05_basic_is_read_strictly_and_form_decoded() {
    let server = TestServer::start().await;
    let encoded_secret: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    for pair in [
        format!("@myorg.is/worker:{encoded_secret}"),
        format!("%40myorg.is%2Fworker:{encoded_secret}"),
        format!("%40myorg%2eis%2fworker:{encoded_secret}"),
        // every byte encoded
        SECRET.bytes().fold("@myorg.is/worker:".to_owned(), |pair, byte| format!("{pair}%{byte:02X}")),
    ] {
        let answer = with_header(&server, &format!("Basic {}", digest::base64(&pair)), &MACHINE).await;
        assert_eq!(answer.status, 200, "{pair}: {answer:?}");
    }
    let whole = digest::base64(format!("@myorg.is/worker:{encoded_secret}"));
    assert_eq!(with_header(&server, &format!("bAsIc   {whole}"), &MACHINE).await.status, 200);
    for malformed in [
        // the secret as it is holds a percent sign that encodes nothing
        format!("Basic {}", digest::base64(format!("@myorg.is/worker:{SECRET}"))),
        format!("Basic {}", digest::base64("@myorg.is/worker")),
        format!("Basic {}", digest::base64(b"@myorg.is/worker:\xff")),
        format!("Basic {}", digest::base64(b"@myorg.is/worker%00:a")),
        format!("Basic {}", digest::base64(":a")),
        format!("Basic {whole}!"),
        format!("Basic {}", whole.trim_end_matches('=').to_owned() + "==="),
        "Basic".to_owned(),
        "Basic ".to_owned(),
        format!("Bearer {whole}"),
        "Digest username=\"a\"".to_owned(),
    ] {
        let answer = with_header(&server, &malformed, &MACHINE).await;
        answer.is_refusal(401, "invalid_client");
        assert_eq!(challenge(&answer), Some("Basic realm=\"ias\", charset=\"UTF-8\""), "{malformed}");
    }
}

#[tokio::test]
async fn cau_06_the_client_id_in_the_body_must_be_the_one_that_authenticates() {
    let server = TestServer::start().await;
    let basic = basic(WORKER, SECRET);
    let same = [&MACHINE[..], &[("client_id", WORKER)]].concat();
    assert_eq!(with_header(&server, &basic, &same).await.status, 200);
    let other = [&MACHINE[..], &[("client_id", "@myorg.is/webapp")]].concat();
    with_header(&server, &basic, &other).await.is_refusal(400, "invalid_request");
}

#[tokio::test]
async fn cau_07_no_secret_can_be_read_from_the_database() {
    let server = TestServer::start().await;
    let rows: Vec<String> = sqlx::query_scalar(
        "select row_to_json(s)::text from client_secrets s
         union all select row_to_json(s)::text from api_resource_secrets s
         union all select row_to_json(c)::text from clients c
         union all select row_to_json(a)::text from audit_log a",
    )
    .fetch_all(&server.owner().await)
    .await
    .unwrap();
    assert!(rows.len() > 20);
    assert!(rows.iter().all(|row| !row.contains(SECRET)), "{rows:?}");
}

/// Medians, the two kinds in turn, and the best of some rounds: another process can slow either.
#[tokio::test]
async fn cau_08_enu_02_an_unknown_client_costs_what_a_wrong_secret_costs() {
    let server = TestServer::start().await;
    let now = server.app.clock.now();
    let failing = async |client_id: &str, at: u32| {
        let proof = Proof::Basic(Secret::new("wrong".to_owned()));
        let credentials = Presented { client_id: client_id.to_owned(), proof };
        let began = Instant::now();
        // an address of its own, so that no limit is met
        let outcome = authenticate_client::authenticate(&server.app, &credentials, Ipv4Addr::from(at).into(), now).await;
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
        for turn in 0..200 {
            let address = 0x0a00_0000 + round * 1000 + turn;
            known.push(failing(WORKER, address).await);
            unknown.push(failing("@myorg.is/nobody", address).await);
        }
        ratios.push(median(known) / median(unknown));
    }
    assert!(ratios.iter().any(|ratio| (0.6..1.7).contains(ratio)), "{ratios:?}");
}

#[tokio::test]
async fn cau_09_two_secrets_overlap_until_the_old_one_expires() {
    let server = TestServer::start().await;
    let newer = "a-newer-secret-of-the-tests-that-is-as-long-as-the-old-one";
    let owner = server.owner().await;
    let expires_at = server.app.clock.now() + Duration::hours(1);
    sqlx::query("update client_secrets set expires_at = $1").bind(expires_at).execute(&owner).await.unwrap();
    sqlx::query(
        "insert into client_secrets (id, client_id, label, sha256, created_at)
         select id, id, 'newer', $1, created_at from clients where client_id = '@myorg.is/worker'",
    )
    .bind(&digest::sha256(&[newer.as_bytes()])[..])
    .execute(&owner)
    .await
    .unwrap();
    change(&server, "update clients set version = version").await;
    let status = async |secret| token(&server, Credentials::Basic(WORKER, secret), &MACHINE).await.status;
    assert_eq!((status(SECRET).await, status(newer).await), (200, 200));
    // each with the time of its last use, which the job writes
    let began = server.app.clock.now();
    let uses = async || {
        mark_secret_uses::run_once(server.app.clone()).await.unwrap();
        sqlx::query_scalar::<_, Option<time::OffsetDateTime>>(
            "select last_used_at from client_secrets
             where client_id = (select id from clients where client_id = '@myorg.is/worker') order by label",
        )
        .fetch_all(&owner)
        .await
        .unwrap()
    };
    assert_eq!(uses().await, [Some(began), Some(began)]);
    server.clock.advance(Duration::minutes(1));
    assert_eq!(status(newer).await, 200);
    token(&server, Credentials::Basic(WORKER, "wrong"), &MACHINE).await.is_refusal(401, "invalid_client");
    assert_eq!(uses().await, [Some(began), Some(began + Duration::minutes(1))]);
    let others: i64 = sqlx::query_scalar("select count(last_used_at) from client_secrets").fetch_one(&owner).await.unwrap();
    assert_eq!(others, 2, "other clients have the same secret in these tests");
    server.clock.advance(Duration::minutes(58));
    assert_eq!((status(SECRET).await, status(newer).await), (200, 200));
    server.clock.advance(Duration::minutes(1));
    token(&server, Credentials::Basic(WORKER, SECRET), &MACHINE).await.is_refusal(401, "invalid_client");
    assert_eq!(status(newer).await, 200);
}

#[tokio::test]
async fn cau_12_a_mac_of_the_secret_is_no_assertion() {
    let server = TestServer::start().await;
    // client_secret_jwt: signed with the client's secret
    let input = format!(
        "{}.{}",
        digest::base64url(r#"{"alg":"HS256"}"#),
        digest::base64url(r#"{"iss":"@myorg.is/worker","sub":"@myorg.is/worker","exp":9999999999}"#)
    );
    let mac = digest::hmac_sha256(SECRET.as_bytes(), &[input.as_bytes()]);
    let assertion = format!("{input}.{}", digest::base64url(mac));
    let form = [&MACHINE[..], &[("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &assertion)]].concat();
    token(&server, Credentials::Nothing, &form).await.is_refusal(401, "invalid_client");
    token(&server, Credentials::Public(WORKER), &form).await.is_refusal(401, "invalid_client");
}

#[tokio::test]
async fn rat_03_failures_slow_down_their_address_and_nobody_else() {
    let server = TestServer::start_with(|settings| {
        settings.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
    })
    .await;
    let from = async |address: &str, client_id: &str, secret: &str| {
        let request = http().post(format!("{}/connect/token", server.address)).header("x-forwarded-for", address);
        Answer::to(request.header(AUTHORIZATION, basic(client_id, secret)).form(&MACHINE)).await
    };
    for _ in 0..20 {
        from("192.0.2.1", WORKER, "wrong").await.is_refusal(401, "invalid_client");
        // one that does not exist is counted in the same way
        from("192.0.2.1", "@myorg.is/nobody", "wrong").await.is_refusal(401, "invalid_client");
    }
    let known = from("192.0.2.1", WORKER, "wrong").await;
    known.is_refusal(429, "temporarily_unavailable");
    assert!(known.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|seconds| seconds > 0)));
    from("192.0.2.1", "@myorg.is/nobody", "wrong").await.is_refusal(429, "temporarily_unavailable");
    // the right secret is not even looked at, or it could be guessed through the limit
    from("192.0.2.1", WORKER, SECRET).await.is_refusal(429, "temporarily_unavailable");
    // nobody else is locked out, neither the client elsewhere nor another client there
    assert_eq!(from("192.0.2.2", WORKER, SECRET).await.status, 200);
    from("192.0.2.1", "@myorg.is/delegations", SECRET).await.is_refusal(400, "unauthorized_client");
    // and the door opens again, after the time that was told
    server.clock.advance(Duration::seconds(5));
    assert_eq!(from("192.0.2.1", WORKER, SECRET).await.status, 200);
    // successes count for nothing
    for _ in 0..30 {
        assert_eq!(from("192.0.2.3", WORKER, SECRET).await.status, 200);
    }
}
