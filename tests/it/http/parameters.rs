//! Where parameters stand, and what they may hold (HTTP-01 … HTTP-06, HTTP-11, HTTP-16, HTTP-17).

use ias::model::urls::path;

use super::{FORM, HTML, TOKEN_PARAMETERS, authorize, authorize_parameters, basic, call, open, send, token};
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn http_01_a_post_has_its_parameters_in_the_body_alone() {
    let server = TestServer::start().await;
    let with_query = format!("{}?scope=openid", path::TOKEN);
    call(&server, &with_query, &[FORM], TOKEN_PARAMETERS).await.is_json(400, "invalid_request");
    let authorize = format!("{}?state=x", path::AUTHORIZE);
    send(&server, "POST", &authorize, &[FORM, HTML], authorize_parameters().as_bytes()).await.is_page(400);
    let body_of_a_get = send(&server, "GET", path::AUTHORIZE, &[FORM, HTML], authorize_parameters().as_bytes()).await;
    body_of_a_get.is_page(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_02_a_parameter_that_comes_twice_is_refused() {
    let server = TestServer::start().await;
    for name in ["grant_type=client_credentials", "scope=x", "client_id=x&client_id=x", "anything=1&anything=1"] {
        token(&server, format!("{TOKEN_PARAMETERS}&{name}")).await.is_json(400, "invalid_request");
    }
    for name in ["client_id=%40myorg.is%2Fwebapp", "redirect_uri=https%3A%2F%2Fapp.myorg.is%2Foauth%2Fcallback"] {
        open(&server, &authorize(&format!("&{name}"))).await.is_page(400);
    }
    open(&server, &authorize("&state=a&state=a")).await.is_page(400);
    for name in ["scope=openid", "response_type=code", "nonce=a&nonce=b", "anything=1&anything=1"] {
        open(&server, &authorize(&format!("&{name}"))).await.is_redirect("invalid_request");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_03_an_empty_value_counts_as_absent_and_unknown_parameters_are_not_passed_on() {
    let server = TestServer::start().await;
    assert_eq!(token(&server, format!("{TOKEN_PARAMETERS}&code=&colour=blue")).await.status, 200);
    let refused = open(&server, &authorize("&prompt=none&max_age=&colour=blue")).await;
    let parameters = refused.is_redirect("login_required");
    assert!(parameters.iter().all(|(name, _)| name != "colour" && name != "state"), "{parameters:?}");
    open(&server, &authorize("").replace("response_type=code", "response_type=")).await.is_redirect("invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_04_forms_come_as_forms_and_not_compressed() {
    let server = TestServer::start().await;
    let body = TOKEN_PARAMETERS;
    for media_type in [
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/x-www-form-urlencoded; charset=iso-8859-1",
        "application/x-www-form-urlencodedx",
        "",
    ] {
        call(&server, path::TOKEN, &[("content-type", media_type)], body).await.is_json(415, "invalid_request");
    }
    call(&server, path::TOKEN, &[], body).await.is_json(415, "invalid_request");
    for encoding in ["gzip", "br", "identity"] {
        let headers = [FORM, ("content-encoding", encoding)];
        call(&server, path::TOKEN, &headers, body).await.is_json(415, "invalid_request");
    }
    for media_type in ["application/x-www-form-urlencoded; charset=UTF-8", "Application/X-WWW-Form-URLEncoded;charset=utf-8"] {
        let answer = call(&server, path::TOKEN, &[("content-type", media_type)], body).await;
        assert_eq!(answer.status, 200, "{media_type}: {answer:?}");
    }
    send(&server, "POST", path::AUTHORIZE, &[HTML, ("content-type", "text/plain")], b"a=b").await.is_page(415);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_05_and_http_06_broken_text_and_control_characters_are_refused_and_never_a_fault_of_ours() {
    let server = TestServer::start().await;
    for broken in ["%FF", "%C0%80", "%ED%A0%80", "%", "%4", "%zz", "%00", "%0A", "%1b", "%C2%85"] {
        for name in ["scope", "anything", "client_secret"] {
            let body = TOKEN_PARAMETERS.replace(&format!("{name}="), "old=") + &format!("&{name}={broken}");
            token(&server, body).await.is_json(400, "invalid_request");
        }
        for name in ["client_id", "redirect_uri"] {
            let target = authorize("").replace(&format!("{name}="), "old=") + &format!("&{name}={broken}");
            open(&server, &target).await.is_page(400);
        }
        for name in ["nonce", "state", "login_hint", "anything"] {
            let parameters = open(&server, &authorize(&format!("&{name}={broken}"))).await.is_redirect("invalid_request");
            assert!(parameters.iter().all(|(name, _)| name != "state"), "{parameters:?}");
        }
        for target in [path::CHOOSE, path::START, path::WAIT, path::CONSENT, path::END_SESSION] {
            for name in ["request", "progress", "attempt", "lang", "state", "id_token_hint"] {
                let answer = open(&server, &format!("{target}?{name}={broken}")).await;
                assert!(answer.status < 500, "{target}?{name}={broken}: {answer:?}");
            }
        }
    }
    // raw bytes, which no URL has but a body may
    token(&server, [TOKEN_PARAMETERS.as_bytes(), b"&x=\xff\x00"].concat()).await.is_json(400, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_11_numbers_are_digits_within_their_range() {
    let server = TestServer::start().await;
    for number in ["-1", "%2B1", "+1", "1.0", "1e3", "0x10", "99999999999999999999", "%D9%A1", "1%20"] {
        open(&server, &authorize(&format!("&prompt=none&max_age={number}"))).await.is_redirect("invalid_request");
    }
    open(&server, &authorize("&prompt=none&max_age=3600")).await.is_redirect("login_required");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_16_secrets_are_not_accepted_in_a_url() {
    let server = TestServer::start().await;
    for name in ["client_secret", "code", "code_verifier", "refresh_token", "client_assertion"] {
        let target = format!("{}?{name}=x", path::TOKEN);
        call(&server, &target, &[FORM], TOKEN_PARAMETERS).await.is_json(400, "invalid_request");
    }
    let answer = send(&server, "GET", &format!("{}?access_token=x", path::USERINFO), &[], b"").await;
    answer.is_json(400, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_17_identifiers_are_compared_byte_for_byte() {
    let server = TestServer::start().await;
    // capital letters, white space, another Unicode form, another encoding of nothing
    for variant in ["%40MYORG.is%2Fwebapp", "%40myorg.is%2Fwebapp+", "+%40myorg.is%2Fwebapp", "%EF%BC%A0myorg.is%2Fwebapp"] {
        open(&server, &authorize("").replace("%40myorg.is%2Fwebapp", variant)).await.is_page(400);
    }
    for variant in ["@Myorg.is/worker", "@myorg.is/worker ", "@myorg.is/wörker"] {
        let header = basic(variant);
        let headers = [FORM, ("authorization", header.as_str())];
        send(&server, "POST", path::TOKEN, &headers, TOKEN_PARAMETERS.as_bytes()).await.is_json(401, "invalid_client");
    }
    let redirect_uri = "https%3A%2F%2Fapp.myorg.is%2Foauth%2Fcallback";
    for variant in ["https%3A%2F%2FAPP.myorg.is%2Foauth%2Fcallback", "https%3A%2F%2Fapp.myorg.is%2Foauth%2Fcallback%2F"] {
        open(&server, &authorize("").replace(redirect_uri, variant)).await.is_page(400);
    }
}
