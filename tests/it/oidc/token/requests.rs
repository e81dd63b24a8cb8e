//! The form of requests, and which grant is whose (security requirements §1, COD-01; check-list 64, 65).

use reqwest::{Method, header};

use crate::support::{
    server::{SECRET, TestServer},
    tokens::{Answer, Credentials, basic, form_body, http, token},
};

const MACHINE: [(&str, &str); 2] = [("grant_type", "client_credentials"), ("scope", "@myorg.is/documents:read")];
const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn cod_01_the_grant_must_be_known_and_the_clients_own() {
    let server = TestServer::start().await;
    let grant = async |client_id, grant_type| {
        token(&server, Credentials::of(client_id), &[("grant_type", grant_type), ("scope", "@myorg.is/documents:read")]).await
    };
    let none = token(&server, Credentials::of("@myorg.is/worker"), &[("scope", "@myorg.is/documents:read")]).await;
    none.is_refusal(400, "invalid_request");
    grant("@myorg.is/worker", "").await.is_refusal(400, "invalid_request");
    for unknown in [
        "password",
        "implicit",
        "refresh-token",
        "Authorization_Code",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:token_exchange",
        "urn:openid:params:grant-type:ciba",
        "client_credentials ",
    ] {
        grant("@myorg.is/worker", unknown).await.is_refusal(400, "unsupported_grant_type");
    }
    grant("@myorg.is/webapp", "client_credentials").await.is_refusal(400, "unauthorized_client");
    grant("@myorg.is/app", "client_credentials").await.is_refusal(400, "unauthorized_client");
    grant("@myorg.is/worker", "refresh_token").await.is_refusal(400, "unauthorized_client");
    grant("@myorg.is/worker", "authorization_code").await.is_refusal(400, "unauthorized_client");
    let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    grant("@myorg.is/worker", exchange).await.is_refusal(400, "unauthorized_client");
}

#[tokio::test]
async fn http_08_only_post_is_answered() {
    let server = TestServer::start().await;
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let request = http().request(method.clone(), format!("{}/connect/token", server.address));
        let answer = Answer::to(request.header(header::AUTHORIZATION, basic("@myorg.is/worker", SECRET))).await;
        assert_eq!(answer.status, 405, "{method}: {answer:?}");
        assert!(answer.header("allow").is_some_and(|allow| allow.contains("POST")), "{method}: {answer:?}");
    }
}

#[tokio::test]
async fn http_01_to_07_bodies_are_read_strictly() {
    let server = TestServer::start().await;
    let post = async |query: &str, media_type: Option<&str>, body: Vec<u8>| {
        let mut request = http().post(format!("{}/connect/token{query}", server.address)).body(body);
        request = request.header(header::AUTHORIZATION, basic("@myorg.is/worker", SECRET));
        Answer::to(if let Some(media_type) = media_type { request.header(header::CONTENT_TYPE, media_type) } else { request })
            .await
    };
    let good = form_body(&MACHINE);
    let with = |more: &[u8]| [good.as_bytes(), b"&", more].concat();
    for media_type in [FORM, "Application/X-WWW-Form-URLencoded; Charset=UTF-8"] {
        assert_eq!(post("", Some(media_type), good.clone().into_bytes()).await.status, 200, "{media_type}");
    }
    for media_type in [
        None,
        Some("application/json"),
        Some("multipart/form-data; boundary=x"),
        Some("text/plain"),
        Some("application/x-www-form-urlencoded; charset=iso-8859-1"),
    ] {
        post("", media_type, good.clone().into_bytes()).await.is_refusal(415, "invalid_request");
    }
    for (name, body) in [
        ("repeated", with(b"grant_type=client_credentials")),
        ("repeated, unknown", with(b"a=1&a=1")),
        ("not UTF-8", with(b"a=%ff")),
        ("not UTF-8, not encoded", with(b"a=\xff")),
        ("NUL", with(b"a=%00")),
        ("line feed", with(b"a=%0a")),
        ("half an escape", with(b"a=%2")),
        ("too many", (0..101).fold(good.clone(), |body, at| format!("{body}&p{at}=1")).into_bytes()),
    ] {
        let answer = post("", Some(FORM), body).await;
        assert_eq!(answer.status, 400, "{name}: {answer:?}");
        answer.is_refusal(400, "invalid_request");
    }
    // unknown parameters and empty values are as if absent (HTTP-03)
    assert_eq!(post("", Some(FORM), with(b"unknown=1&client_secret=&redirect_uri=")).await.status, 200);
    assert_eq!(post("", Some(FORM), with("b=".repeat(40_000).as_bytes())).await.status, 413);
    // HTTP-16
    for query in ["?client_secret=x", "?code=x", "?access_token=x", "?grant_type=client_credentials", "?x"] {
        post(query, Some(FORM), good.clone().into_bytes()).await.is_refusal(400, "invalid_request");
    }
    let zipped = http().post(format!("{}/connect/token", server.address)).header(header::CONTENT_ENCODING, "gzip");
    let zipped = zipped.header(header::AUTHORIZATION, basic("@myorg.is/worker", SECRET)).form(&MACHINE);
    Answer::to(zipped).await.is_refusal(415, "invalid_request");
}

#[tokio::test]
async fn http_14_15_the_path_is_exact_and_no_other_origin_may_read() {
    let server = TestServer::start().await;
    for path in [
        "/connect/token/",
        "/Connect/token",
        "//connect/token",
        "/connect/token;a=b",
        "/connect/token/x.css",
        "/connect%2ftoken",
    ] {
        let answer = Answer::to(http().post(format!("{}{path}", server.address)).form(&MACHINE)).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    let request = http().post(format!("{}/connect/token", server.address)).header(header::ORIGIN, "https://evil.example");
    let answer = Answer::to(request.header(header::AUTHORIZATION, basic("@myorg.is/worker", SECRET)).form(&MACHINE)).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, None));
}
