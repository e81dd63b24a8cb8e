//! The parameters of an authorization request (AUT-01 … AUT-15): a fault is told to the client by a redirect, alike for GET and
//! POST.

use reqwest::Method;

use crate::support::{
    authorize::{Ask, CHALLENGE, browser_for, send},
    server::{PHONE, TestServer},
};

fn ask() -> Ask {
    Ask::webapp()
}

/// Each request is refused with this error and this refusal.
async fn are_refused(server: &TestServer, error: &str, cases: &[(Ask, &str)]) {
    for (ask, refusal) in cases {
        let told = ask.both(server).await.is_error(server, ask, error);
        let description = &told["error_description"];
        assert!(description.starts_with(&format!("{refusal} ")), "{refusal} expected for {ask:?}: {description}");
    }
}

/// Each request leads to the page on which people choose how to sign in.
async fn are_accepted(server: &TestServer, cases: &[Ask]) {
    for ask in cases {
        assert_eq!(ask.both(server).await.location().path(), "/signin/choose", "{ask:?}");
    }
}

#[tokio::test]
async fn aut_01_aut_02_aut_03_type_and_mode() {
    let server = TestServer::start().await;
    are_refused(&server, "invalid_request", &[(ask().without("response_type"), "IAS-1001")]).await;
    for sent in ["token", "id_token", "code id_token", "id_token code", "none", "Code", "code ", "code token"] {
        are_refused(&server, "unsupported_response_type", &[(ask().with("response_type", sent), "IAS-1002")]).await;
    }
    for sent in ["fragment", "jwt", "query.jwt", "form_post.jwt", "web_message", "Query"] {
        are_refused(&server, "invalid_request", &[(ask().with("response_mode", sent), "IAS-1003")]).await;
    }
    // no browser posts a form to an application's private-use scheme
    are_refused(&server, "invalid_request", &[(Ask::native().with("response_mode", "form_post"), "IAS-1008")]).await;
    are_accepted(&server, &[ask().with("response_mode", "query"), ask().with("response_mode", "form_post")]).await;
}

#[tokio::test]
async fn aut_04_every_scope_is_known_granted_and_well_formed() {
    let server = TestServer::start().await;
    let with = |scope: &str| ask().with("scope", scope);
    let many = " a".repeat(100);
    are_refused(
        &server,
        "invalid_scope",
        &[
            (ask().without("scope"), "IAS-1010"),
            (with("openid  profile"), "IAS-1011"),
            (with(" openid"), "IAS-1011"),
            (with("openid \"x\""), "IAS-1011"),
            (with("openid þ"), "IAS-1011"),
            (with(&format!("openid{many}")), "IAS-1012"),
            (with("@myorg.is/documents:read"), "IAS-1013"),
            (with("openid @myorg.is/nothing"), "IAS-1014"),
            (with("openid @MyOrg.is/documents:read"), "IAS-1014"),
            // it exists, and belongs to another
            (with("openid @otherorg.is/cases:read"), "IAS-1014"),
            (with("openid email"), "IAS-1014"),
        ],
    )
    .await;
    are_accepted(&server, &[with("openid"), with("@myorg.is/documents:write openid openid"), with("openid offline_access")])
        .await;
}

#[tokio::test]
async fn aut_05_d9_pkce_is_s256_and_only_a_confidential_client_may_do_without() {
    let server = TestServer::start().await;
    let basic = || Ask::of("@conformance.is/basic-1", "http://localhost:1/callback", "openid");
    let plain = |ask: Ask| ask.without("code_challenge").without("code_challenge_method");
    for ask in [ask, Ask::native] {
        are_refused(&server, "invalid_request", &[(plain(ask()), "IAS-1020")]).await;
    }
    for ask in [ask, basic, Ask::native] {
        are_refused(
            &server,
            "invalid_request",
            &[
                (ask().without("code_challenge"), "IAS-1020"),
                (ask().without("code_challenge_method"), "IAS-1021"),
                (ask().with("code_challenge_method", "plain"), "IAS-1022"),
                (ask().with("code_challenge_method", "s256"), "IAS-1022"),
                (ask().with("code_challenge", &CHALLENGE[1..]), "IAS-1023"),
                (ask().with("code_challenge", &format!("{CHALLENGE}=")), "IAS-1023"),
            ],
        )
        .await;
    }
    are_accepted(&server, &[plain(basic()), basic(), ask(), Ask::native()]).await;
}

#[tokio::test]
async fn aut_06_a_repeated_challenge_is_counted_and_not_refused() {
    let server = TestServer::start().await;
    // a client of its own: the counters are the process's
    let ask = Ask::of("@conformance.is/post", "http://localhost:1/callback", "openid");
    let counted = || {
        let text = server.app.metrics.render();
        let line = text.lines().find(|line| {
            line.starts_with("ias_code_challenges_repeated_total") && line.contains(r#"client_id="@conformance.is/post""#)
        });
        line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
    };
    are_accepted_once(&server, &ask).await;
    are_accepted_once(&server, &ask.clone().with("code_challenge", &CHALLENGE.replace('E', "F"))).await;
    assert_eq!(counted(), 0);
    are_accepted_once(&server, &ask).await;
    assert_eq!(counted(), 1);
    server.clock.advance(time::Duration::minutes(11));
    are_accepted_once(&server, &ask).await;
    assert_eq!(counted(), 1);
}

async fn are_accepted_once(server: &TestServer, ask: &Ask) {
    assert_eq!(ask.get(server).await.location().path(), "/signin/choose");
}

#[tokio::test]
async fn aut_07_an_over_long_state_is_refused_without_it_and_a_long_one_is_not() {
    let server = TestServer::start().await;
    let long = ask().with("state", &"s".repeat(2049));
    let told = long.both(&server).await.parameters();
    assert_eq!((told["error"].as_str(), told.get("state")), ("invalid_request", None));
    let unreadable = format!("{}&state=%ff", ask().without("state").query());
    for page in [
        send(Method::GET, &format!("{}/connect/authorize?{unreadable}", server.address), &[], None).await,
        send(Method::POST, &format!("{}/connect/authorize", server.address), &[], Some(unreadable.clone())).await,
    ] {
        page.is_error(&server, &ask().without("state"), "invalid_request");
    }
    // check-list 29: none sent, none returned
    let none = ask().without("state").with("prompt", "none");
    none.both(&server).await.is_error(&server, &none, "login_required");
    let longest = ask().with("state", &"%".repeat(600)).with("prompt", "none");
    longest.both(&server).await.is_error(&server, &longest, "login_required");
    are_refused(&server, "invalid_request", &[(ask().with("nonce", &"n".repeat(513)), "IAS-1031")]).await;
    are_accepted(&server, &[ask().with("nonce", &"n".repeat(384)), ask().with("state", &"s".repeat(2048))]).await;
}

#[tokio::test]
async fn aut_08_aut_12_http_11_prompt_age_display_and_the_rest() {
    let server = TestServer::start().await;
    are_refused(
        &server,
        "invalid_request",
        &[
            (ask().with("prompt", "none login"), "IAS-1033"),
            (ask().with("prompt", "consent none"), "IAS-1033"),
            (ask().with("prompt", "none rubbish"), "IAS-1033"),
            (ask().with("max_age", "-1"), "IAS-1034"),
            (ask().with("max_age", "+1"), "IAS-1034"),
            (ask().with("max_age", "1.5"), "IAS-1034"),
            (ask().with("max_age", "4294967296"), "IAS-1034"),
            (ask().with("display", "<script>"), "IAS-1035"),
            (ask().with("claims", "{"), "IAS-1036"),
            (ask().with("claims", "[]"), "IAS-1036"),
            (ask().with("ui_locales", &"is ".repeat(100)), "IAS-1037"),
            (ask().with("acr_values", &"a ".repeat(300)), "IAS-1038"),
            (ask().with("login_hint", &"h".repeat(257)), "IAS-1032"),
            (ask().with("id_token_hint", "rubbish"), "IAS-1040"),
            (ask().with("id_token_hint", "eyJhbGciOiJub25lIn0.e30."), "IAS-1040"),
            // HTTP-02, HTTP-06: known to us or not
            (ask().adding("nonce", "a").adding("nonce", "a"), "IAS-9001"),
            (ask().adding("colour", "blue").adding("colour", "blue"), "IAS-9001"),
            (ask().adding("scope", "openid"), "IAS-9001"),
            (ask().with("nonce", "a\u{0}b"), "IAS-9004"),
            (ask().with("login_hint", "a\u{85}b"), "IAS-9004"),
            (ask().with("login_hint", "a\r\nLocation: x"), "IAS-9004"),
        ]
        .map(|(ask, refusal)| (ask, refusal)),
    )
    .await;
}

#[tokio::test]
async fn aut_13_aut_14_aut_15_what_is_not_supported_is_never_ignored() {
    let server = TestServer::start().await;
    for (name, value, error) in [
        ("request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported"),
        ("request_uri", "https://169.254.169.254/latest", "request_uri_not_supported"),
        ("request_uri", "urn:ietf:params:oauth:request_uri:x", "request_uri_not_supported"),
        ("registration", "{}", "registration_not_supported"),
        ("authorization_details", "[]", "invalid_authorization_details"),
    ] {
        let ask = ask().with(name, value);
        ask.both(&server).await.is_error(&server, &ask, error);
    }
    let nowhere = ask().with("redirect_uri", "https://evil.example/").with("request_uri", "https://evil.example/r");
    nowhere.both(&server).await.is_refusal(400, "IAS-6006");
}

#[tokio::test]
async fn aut_12_http_03_what_is_only_a_wish_never_fails() {
    let server = TestServer::start().await;
    are_accepted(
        &server,
        &[
            ask().with("login_hint", "jon@example.is"),
            ask().with("login_hint", "0101302989"),
            ask().with("login_hint", "\"><script>alert(1)</script>"),
            ask().with("ui_locales", "se"),
            ask().with("ui_locales", "zz en-GB ../../etc is"),
            ask().with("claims_locales", "se"),
            ask().with("display", "popup"),
            ask().with("display", "wap"),
            ask().with("prompt", "create"),
            ask().with("prompt", "").with("max_age", "").with("request", "").with("claims", ""),
            ask().with("claims", r#"{"userinfo":{"name":{"essential":true}},"id_token":{"x":null}}"#),
            ask().with("acr_values", "unknown eidas-loa-high"),
            ask().with("colour", "blue"),
            // our own parameters are none of a client's
            ask().with("progress", "rubbish"),
            ask().with("resource", "a").adding("resource", "b"),
        ],
    )
    .await;
}

#[tokio::test]
async fn aut_12_the_hint_is_a_number_to_begin_with_and_the_language_is_the_clients_wish() {
    let server = TestServer::start().await;
    for (hint, shown) in [(PHONE, PHONE), ("\"><script>alert(1)</script>", ""), ("jon@example.is", "")] {
        let ask = ask().with("login_hint", hint).with("ui_locales", "en");
        let mut person = browser_for(&ask);
        person.get(ask.url(&server)).await;
        assert!(person.page().html.contains(r#"<html lang="en">"#), "{}", person.page());
        person.submit(&[("identity_provider", "sim")]).await;
        let form = &person.page().forms()[0];
        assert!(form.fields.contains(&("phone_number".to_owned(), shown.to_owned())), "{}", person.page());
        assert!(!person.page().html.contains("<script>alert"), "{}", person.page());
    }
}

#[tokio::test]
async fn decision_a_a_request_by_value_has_4096_bytes() {
    let server = TestServer::start().await;
    let base = ask().with("x", "").query().len() + 1;
    let longest = ask().with("x", &"x".repeat(4096 - base));
    are_accepted(&server, std::slice::from_ref(&longest)).await;
    let too_long = longest.clone().with("x", &"x".repeat(4097 - base));
    are_refused(&server, "invalid_request", &[(too_long, "IAS-1007")]).await;
    // what travels sealed grows by a third, and still fits into an address
    let state = "\"".repeat((4096 - ask().without("state").query().len() - "&state=".len()) / 3 - 1);
    let ask = ask().with("state", &state);
    let mut person = browser_for(&ask);
    person.get(ask.url(&server)).await;
    person.submit(&[("decision", "cancel")]).await.stopped();
}
