//! GET and POST /connect/endsession (security requirements §6).

use ias::{base::digest, protocol::claims::IdTokenClaims};
use reqwest::{Method, header};
use time::Duration;
use url::Url;

use crate::support::{
    person::{Arrival, Person},
    server::{APP, TestServer},
    tokens::{Answer, Ask, claims, decode, http, parameter, tokens, userinfo},
};

const WEBAPP: &str = "@myorg.is/webapp";
const PORTAL: &str = "@otherorg.is/portal";
const HOME: &str = "https://myorg.is";

fn url(server: &TestServer, parameters: &[(&str, &str)]) -> Url {
    Url::parse_with_params(&format!("{}/connect/endsession", server.address), parameters).unwrap()
}

/// A person who is signed in, with an ID token of the web application.
async fn signed_in(server: &TestServer) -> (Person, String) {
    let mut person = Person::new();
    let id_token = tokens(server, &mut person, WEBAPP, "openid").await.text("id_token");
    (person, id_token)
}

async fn is_signed_in(server: &TestServer, person: &mut Person) -> bool {
    let url = Ask::new(WEBAPP, "openid").silently(server, person).await.stopped();
    match (parameter(&url, "code"), parameter(&url, "error").as_deref()) {
        (Some(_), None) => true,
        (None, Some("login_required")) => false,
        _ => panic!("{url}"),
    }
}

/// What the browser gets for one request, with its session cookie and no redirect.
async fn raw(server: &TestServer, person: &Person, method: Method, url: Url, form: Option<&[(&str, &str)]>) -> Answer {
    let mut request = http().request(method, url).header("accept", "text/html").header("sec-fetch-site", "same-origin");
    if let Some(session) = person.cookie("localhost", "ias_session") {
        request = request.header(header::COOKIE, format!("ias_session={session}"));
    }
    if let Some(form) = form {
        request = request.header(header::ORIGIN, &server.issuer).form(form);
    }
    Answer::to(request).await
}

#[tokio::test]
async fn out_01_out_05_a_hint_of_the_living_session_ends_it_at_once_and_leads_back_with_the_state() {
    let server = TestServer::start().await;
    for state in ["af0ifjsldkj", "a b+c%&=~\"<>'#?/;:@[]{}|\\^`", "þæö €", &"s".repeat(2048)] {
        let (mut person, hint) = signed_in(&server).await;
        let parameters = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", HOME), ("state", state)];
        let answer = raw(&server, &person, Method::GET, url(&server, &parameters), None).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        let location = Url::parse(answer.header("location").unwrap()).unwrap();
        assert_eq!(location.query_pairs().into_owned().collect::<Vec<_>>(), [("state".to_owned(), state.to_owned())]);
        assert!(location.as_str().starts_with(HOME) && location.fragment().is_none());
        // OUT-06: with the attributes with which it was set
        let cookie = answer.header("set-cookie").unwrap();
        assert_eq!(cookie, "ias_session=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0");
        assert!(!is_signed_in(&server, &mut person).await, "the browser still sends the old cookie");
    }
    // none sent, none returned
    let (mut person, hint) = signed_in(&server).await;
    person.stop_at(HOME);
    let back = person.get(url(&server, &[("id_token_hint", &hint), ("post_logout_redirect_uri", HOME)])).await.stopped();
    assert_eq!((back.as_str(), back.query()), ("https://myorg.is/", None));
    let ended: Vec<String> =
        sqlx::query_scalar("select end_reason from sessions").fetch_all(&server.owner().await).await.unwrap();
    assert!(ended.len() == 5 && ended.iter().all(|reason| reason == "sign_out"), "{ended:?}");
    let audited: i64 = sqlx::query_scalar("select count(*) from audit_log where kind = 'session_ended'")
        .fetch_one(&server.owner().await)
        .await
        .unwrap();
    assert_eq!(audited, 5);
}

#[tokio::test]
async fn out_01_without_a_hint_the_person_is_asked_and_may_stay() {
    let server = TestServer::start().await;
    let (mut person, _) = signed_in(&server).await;
    person.stop_at(APP);
    for parameters in [&[][..], &[("state", "x")], &[("client_id", WEBAPP), ("post_logout_redirect_uri", HOME), ("state", "x")]]
    {
        assert!(matches!(person.get(url(&server, parameters)).await, Arrival::Page));
        let page = person.page();
        assert_eq!(page.status, 200, "{page}");
        let form = &page.forms()[0];
        assert!(form.has_button("decision", "logout") && form.has_button("decision", "cancel"), "{page}");
        assert_eq!((&form.method, form.action.path()), (&Method::POST, "/connect/endsession"));
        assert!(page.html.contains("Gervimaður Ameríka"));
    }
    // cancel: back to the service, still signed in; the policy lets the browser follow (WEB-02)
    let policy = person.page().headers["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains(&format!("form-action 'self' {HOME} {APP};")), "{policy}");
    let back = person.submit(&[("decision", "cancel")]).await.stopped();
    assert_eq!(back.as_str(), format!("{APP}/login"));
    assert!(is_signed_in(&server, &mut person).await);

    // logout: back with the state, signed out
    let parameters = [("client_id", WEBAPP), ("post_logout_redirect_uri", HOME), ("state", "a+b&c")];
    person.get(url(&server, &parameters)).await;
    person.stop_at(HOME);
    let back = person.submit(&[("decision", "logout")]).await.stopped();
    assert_eq!(parameter(&back, "state").as_deref(), Some("a+b&c"));
    assert_eq!(person.cookie("localhost", "ias_session"), None);
    assert!(!is_signed_in(&server, &mut person).await);
}

#[tokio::test]
async fn out_06_signing_out_without_an_address_ends_on_our_page() {
    let server = TestServer::start().await;
    let (mut person, _) = signed_in(&server).await;
    let old = person.cookie("localhost", "ias_session").unwrap().to_owned();
    person.get(url(&server, &[])).await;
    person.submit(&[("decision", "logout")]).await;
    let page = person.page();
    assert_eq!((page.status.as_u16(), &page.headers["clear-site-data"]), (200, &"\"storage\", \"cache\"".parse().unwrap()));
    assert_eq!(page.headers["cache-control"], "no-store");
    assert!(!is_signed_in(&server, &mut person).await);
    // check-list 96: also with the old cookie replayed, at either endpoint
    let ask = Ask::new(WEBAPP, "openid").with("prompt", "none").url(&server);
    let replayed = Answer::to(http().get(ask).header(header::COOKIE, format!("ias_session={old}"))).await;
    let location = Url::parse(replayed.header("location").unwrap()).unwrap();
    assert_eq!(parameter(&location, "error").as_deref(), Some("login_required"));
    let again = http().get(url(&server, &[])).header(header::COOKIE, format!("ias_session={old}"));
    let again = Answer::to(again).await;
    again.is_page(200);
    assert!(!again.body.contains("decision"), "nobody is left to be asked");
    // and nobody who is not signed in is sent on, unless a hint vouches for the client
    let unasked = url(&server, &[("client_id", WEBAPP), ("post_logout_redirect_uri", HOME)]);
    Answer::to(http().get(unasked)).await.is_page(200);
}

#[tokio::test]
async fn out_06_tokens_of_the_session_end_with_it() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    let first = tokens(&server, &mut person, WEBAPP, "openid").await;
    let second = tokens(&server, &mut person, PORTAL, "openid").await;
    let mut elsewhere = Person::new();
    let other = tokens(&server, &mut elsewhere, WEBAPP, "openid").await;
    person.stop_at(HOME);
    let hint = first.text("id_token");
    person.get(url(&server, &[("id_token_hint", &hint), ("post_logout_redirect_uri", HOME)])).await.stopped();
    for answer in [&first, &second] {
        userinfo(&server, &answer.text("access_token")).await.is_bearer_refusal(401, "invalid_token");
    }
    // OUT-10: the same person's session in another browser lives on
    assert_eq!(userinfo(&server, &other.text("access_token")).await.status, 200);
    assert!(is_signed_in(&server, &mut elsewhere).await);
    assert_ne!(claims(&first.text("id_token"))["sid"], claims(&other.text("id_token"))["sid"]);
}

#[tokio::test]
async fn out_02_an_expired_hint_is_one_and_what_we_did_not_sign_as_an_id_token_is_not() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    let answer = tokens(&server, &mut person, WEBAPP, "openid").await;
    let (hint, access_token) = (answer.text("id_token"), answer.text("access_token"));
    let [head, payload, signature] = hint.split('.').collect::<Vec<_>>()[..] else { panic!("{hint}") };
    let none = decode(&hint).0.to_string().replace("RS256", "none");
    let mut foreign: IdTokenClaims = serde_json::from_value(claims(&hint)).unwrap();
    foreign.iss = "https://innskra.example".to_owned();
    let foreign = server.app.keys().sign(&foreign, server.app.clock.now()).unwrap();
    for bad in [
        "x",
        &access_token,
        &foreign,
        &format!("{}.{payload}.", digest::base64url(&none)),
        &format!("{}.{payload}.{signature}", digest::base64url(&none)),
        &format!("{head}.{payload}.{}", digest::base64url([7; 256])),
        &format!("{head}.{payload}"),
    ] {
        let parameters = [("id_token_hint", bad), ("post_logout_redirect_uri", HOME), ("client_id", WEBAPP)];
        raw(&server, &person, Method::GET, url(&server, &parameters), None).await.is_page(400);
    }
    assert!(is_signed_in(&server, &mut person).await);
    server.clock.advance(Duration::minutes(30));
    person.stop_at(HOME);
    person.get(url(&server, &[("id_token_hint", &hint), ("post_logout_redirect_uri", HOME)])).await.stopped();
    assert!(!is_signed_in(&server, &mut person).await);
}

#[tokio::test]
async fn out_03_the_client_must_be_the_hints_own() {
    let server = TestServer::start().await;
    let (mut person, hint) = signed_in(&server).await;
    for client_id in [PORTAL, "@myorg.is/nobody", "@MYORG.is/webapp"] {
        let parameters = [("id_token_hint", hint.as_str()), ("client_id", client_id), ("post_logout_redirect_uri", HOME)];
        raw(&server, &person, Method::GET, url(&server, &parameters), None).await.is_page(400);
    }
    assert!(is_signed_in(&server, &mut person).await);
    let parameters = [("id_token_hint", hint.as_str()), ("client_id", WEBAPP), ("post_logout_redirect_uri", HOME)];
    assert_eq!(raw(&server, &person, Method::GET, url(&server, &parameters), None).await.status, 303);
}

#[tokio::test]
async fn out_04_only_an_address_registered_for_the_hints_client_is_gone_to() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    let hint = tokens(&server, &mut person, WEBAPP, "openid").await.text("id_token");
    let portal = tokens(&server, &mut person, PORTAL, "openid").await.text("id_token");
    let go = async |hint: &str, uri: &str| {
        let parameters = [("id_token_hint", hint), ("post_logout_redirect_uri", uri), ("state", "x")];
        Answer::to(http().get(url(&server, &parameters))).await
    };
    for uri in [
        "https://otherorg.is",
        "https://myorg.is/",
        "https://myorg.is/x",
        "https://myorg.is?x",
        "https://MYORG.is",
        "https://myorg.is:443",
        "https://myorg.is.evil.example",
        "https://myorg.is@evil.example",
        "http://myorg.is",
        "//myorg.is",
        "javascript:alert(1)",
        "https://app.myorg.is/oauth/callback",
        "",
    ] {
        let answer = go(&hint, uri).await;
        answer.is_page(200);
        assert!(uri.is_empty() || !answer.body.contains(uri) || uri == "//myorg.is", "{uri}: {}", answer.body);
    }
    go(&portal, HOME).await.is_page(200);
    assert_eq!(go(&hint, HOME).await.header("location"), Some("https://myorg.is?state=x"));
    assert_eq!(go(&portal, "https://otherorg.is").await.header("location"), Some("https://otherorg.is?state=x"));
    // HTTP-02
    for name in ["post_logout_redirect_uri", "id_token_hint", "client_id", "state"] {
        raw(&server, &person, Method::GET, url(&server, &[(name, "x"), (name, "x")]), None).await.is_page(400);
    }
    raw(&server, &person, Method::GET, url(&server, &[("state", &"s".repeat(2049))]), None).await.is_page(400);
    assert!(is_signed_in(&server, &mut person).await);
}

#[tokio::test]
async fn out_01_another_clients_hint_of_this_person_ends_the_session_and_another_persons_does_not() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    let ask = Ask::new(WEBAPP, "openid");
    let mut other = Person::new().stopping_at("https://app.myorg.is/oauth/callback");
    other.sign_in(ask.url(&server), "0103019").await;
    let foreign = tokens(&server, &mut other, WEBAPP, "openid").await.text("id_token");
    tokens(&server, &mut person, WEBAPP, "openid").await;
    let own = tokens(&server, &mut person, PORTAL, "openid").await.text("id_token");

    person.stop_at(HOME);
    let arrival = person.get(url(&server, &[("id_token_hint", &foreign), ("post_logout_redirect_uri", HOME)])).await;
    assert!(matches!(arrival, Arrival::Page) && person.page().forms()[0].has_button("decision", "logout"));
    assert!(is_signed_in(&server, &mut person).await && is_signed_in(&server, &mut other).await);

    person.stop_at("https://otherorg.is");
    person.get(url(&server, &[("id_token_hint", &own), ("post_logout_redirect_uri", "https://otherorg.is")])).await.stopped();
    assert!(!is_signed_in(&server, &mut person).await);
    assert!(is_signed_in(&server, &mut other).await, "OUT-10");
}

#[tokio::test]
async fn out_01_a_client_may_post_though_its_cookies_do_not_come() {
    let server = TestServer::start().await;
    let (mut person, hint) = signed_in(&server).await;
    let form = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", HOME), ("state", "a+b %")];
    let request = http().post(url(&server, &[])).header(header::ORIGIN, "https://app.myorg.is");
    let answer = Answer::to(request.header("sec-fetch-site", "cross-site").form(&form)).await;
    assert_eq!((answer.status, answer.header("set-cookie")), (303, None), "{answer:?}");
    let location = answer.header("location").unwrap();
    assert!(location.starts_with("/connect/endsession?logout=") && !location.contains("myorg"), "sealed: {location}");
    person.stop_at(HOME);
    let back = person.get(format!("{}{location}", server.address)).await.stopped();
    assert_eq!(parameter(&back, "state").as_deref(), Some("a+b %"));
    assert!(!is_signed_in(&server, &mut person).await);

    // without a hint it is asked there, too; and what was sealed does not live for ever
    let (mut person, _) = signed_in(&server).await;
    let answer = Answer::to(http().post(url(&server, &[])).form(&[("client_id", WEBAPP)])).await;
    let location = format!("{}{}", server.address, answer.header("location").unwrap());
    person.get(&location).await;
    assert!(person.page().forms()[0].has_button("decision", "logout"));
    server.clock.advance(Duration::minutes(15));
    person.get(&location).await;
    assert_eq!(person.page().status, 400);
    person.get(url(&server, &[("logout", "forged")])).await;
    assert_eq!(person.page().status, 400);
    assert!(is_signed_in(&server, &mut person).await);
}

#[tokio::test]
async fn csr_01_only_our_own_page_confirms() {
    let server = TestServer::start().await;
    let (mut person, _) = signed_in(&server).await;
    let (mut other, _) = signed_in(&server).await;
    let mut fields = Vec::new();
    for browser in [&mut person, &mut other] {
        browser.get(url(&server, &[("client_id", WEBAPP)])).await;
        fields.push(browser.page().forms()[0].fields.clone());
    }
    let field = |of: usize, name: &str| fields[of].iter().find(|field| field.0 == name).unwrap().1.clone();
    let (csrf, foreign, logout) = (field(0, "csrf"), field(1, "csrf"), field(0, "logout"));
    assert_ne!(csrf, foreign, "each session has its own");
    let cookie = format!("ias_session={}", person.cookie("localhost", "ias_session").unwrap());
    let post = async |csrf: &str, headers: &[(&str, &str)]| {
        let mut request = http().post(url(&server, &[])).header(header::COOKIE, &cookie);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::to(request.form(&[("csrf", csrf), ("logout", &logout), ("decision", "logout")])).await
    };
    let own = server.issuer.as_str();
    let good = [("sec-fetch-site", "same-origin"), ("origin", own)];
    for (csrf, headers) in [
        ("", &good[..]),
        ("x", &good),
        (&foreign, &good),
        (&csrf, &[]),
        (&csrf, &[("sec-fetch-site", "cross-site"), ("origin", own)]),
        (&csrf, &[("sec-fetch-site", "same-site")]),
        (&csrf, &[("sec-fetch-site", "none")]),
        (&csrf, &[("origin", "https://evil.example")]),
        (&csrf, &[("origin", "null")]),
        (&csrf, &[("referer", "https://evil.example/connect/endsession")]),
    ] {
        let answer = post(csrf, headers).await;
        assert_eq!(answer.status, 403, "{headers:?}: {answer:?}");
        answer.is_page(403);
    }
    assert!(is_signed_in(&server, &mut person).await && is_signed_in(&server, &mut other).await);
    // a browser that knows no Sec-Fetch-Site
    post(&csrf, &[("origin", own)]).await.is_page(200);
    assert!(!is_signed_in(&server, &mut person).await);
    assert!(is_signed_in(&server, &mut other).await);
}

#[tokio::test]
async fn out_01_head_does_nothing() {
    let server = TestServer::start().await;
    let (mut person, hint) = signed_in(&server).await;
    let parameters = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", HOME)];
    for method in [Method::HEAD, Method::PUT, Method::DELETE] {
        let answer = raw(&server, &person, method, url(&server, &parameters), None).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (405, None), "{answer:?}");
    }
    assert!(is_signed_in(&server, &mut person).await);
}

#[tokio::test]
async fn a_session_ends_on_every_node_and_once() {
    let server = TestServer::start().await;
    let second = server.second_node().await;
    let (mut person, hint) = signed_in(&server).await;
    let go = |node| raw(node, &person, Method::GET, url(node, &[("id_token_hint", hint.as_str())]), None);
    let (one, two) = tokio::join!(go(&server), go(&second));
    one.is_page(200);
    two.is_page(200);
    let audited: i64 = sqlx::query_scalar("select count(*) from audit_log where kind = 'session_ended'")
        .fetch_one(&server.owner().await)
        .await
        .unwrap();
    assert_eq!(audited, 1);
    assert!(!is_signed_in(&second, &mut person).await);
}
