//! /signin/consent: who asks for what, and what becomes of the answer (CON-01 … CON-05, RED-08, RED-09).

use reqwest::Method;
use serde_json::Value;

use crate::support::{
    authorize::{
        Ask, OTHER_PHONE, browser_for, change_by, claims, code_of, configure_by, is_error, number, parameters, redeem, send,
    },
    person::{Arrival, Person},
    server::{PHONE, TestServer},
};

const DEMANDED: &str = "update clients set require_consent = true where client_id = '@myorg.is/webapp'";

/// A browser on the consent page of this request.
async fn asked(server: &TestServer, ask: &Ask) -> Person {
    let mut person = browser_for(ask);
    let arrival = person.get(ask.url(server)).await;
    person.walk_to_consent(arrival, PHONE).await;
    is_asked(&person);
    person
}

#[track_caller]
fn is_asked(person: &Person) {
    assert_eq!((person.page().url.path(), person.page().status.as_u16()), ("/signin/consent", 200), "{}", person.page());
}

/// The scope of the tokens for a callback: as the answer tells it, and as the access token says it.
async fn granted(server: &TestServer, ask: &Ask, callback: &url::Url) -> String {
    let tokens = redeem(server, ask, callback).await;
    let scope = match &claims(&tokens["access_token"])["scope"] {
        Value::Array(names) => names.iter().map(|name| name.as_str().unwrap()).collect::<Vec<_>>().join(" "),
        scope => scope.as_str().unwrap().to_owned(),
    };
    assert_eq!(parameters(callback)["scope"], scope);
    scope
}

#[tokio::test]
async fn con_03_the_page_says_who_asks_for_what() {
    let server = TestServer::start().await;
    configure_by(&server, DEMANDED).await;
    let mut person = asked(&server, &Ask::webapp()).await;
    let page = person.page();
    page.has_page_headers("form-action 'self' https://app.myorg.is;");
    for text in [
        "Vefur stofnunarinnar minnar",
        "Stofnunin mín",
        "myorg.is",
        "Gervimaður Ameríka",
        "Lesa skjöl",
        "Lesaðgangur að skjölum notandans.",
        "app.myorg.is",
    ] {
        assert!(page.html.contains(text), "{text}: {page}");
    }
    assert!(!page.html.contains("Skrifa skjöl"), "only what is asked for: {page}");
    person.get(format!("{}&lang=en", person.page().url)).await;
    for text in ["My Org Webapp", "Read documents", "Read access to the user&#39;s documents."] {
        assert!(person.page().html.contains(text), "{text}: {}", person.page());
    }
    // the page in the other language works as well
    person.submit(&[("decision", "allow")]).await.stopped();
}

#[tokio::test]
async fn red_08_con_03_where_the_answer_goes_is_shown() {
    let server = TestServer::start().await;
    let host = |person: &Person| person.page().text_of("dd code").unwrap_or_default();
    let mut person = asked(&server, &Ask::native()).await;
    assert_eq!(host(&person), "is.myorg.app");
    for (uri, shown) in
        [("http://127.0.0.1:7777/callback", "127.0.0.1"), ("https://feature-1.dev.myorg.is/callback", "feature-1.dev.myorg.is")]
    {
        let ask = if uri.starts_with("https") {
            configure_by(
                &server,
                "update clients set redirect_uris = array['https://*.dev.myorg.is/callback'], require_consent = true
                 where client_id = '@myorg.is/webapp'",
            )
            .await;
            Ask::webapp()
        } else {
            Ask::native()
        };
        person.get(ask.with("redirect_uri", uri).url(&server)).await;
        is_asked(&person);
        assert_eq!(host(&person), shown);
    }
}

#[tokio::test]
async fn con_04_an_allowed_scope_is_not_asked_for_again() {
    let server = TestServer::start().await;
    configure_by(&server, DEMANDED).await;
    let ask = Ask::webapp();
    let mut person = asked(&server, &ask).await;
    let callback = person.submit(&[("decision", "allow")]).await.stopped();
    assert_eq!(granted(&server, &ask, &callback).await, "openid profile @myorg.is/documents:read");

    // the same, less, and silently
    for again in [ask.clone(), ask.clone().with("scope", "openid"), ask.clone().with("prompt", "none")] {
        code_of(&person.get(again.url(&server)).await.stopped(), &server, &again);
    }
    let allowed = "select count(*) from consents where remembered";
    assert_eq!(number(&server, allowed).await, 1);
    // a new scope asks, and so does prompt=consent
    let more = ask.clone().with("scope", "openid @myorg.is/documents:write");
    for again in [&more, &ask.clone().with("prompt", "consent")] {
        person.get(again.url(&server)).await;
        is_asked(&person);
    }
    is_error(&person.get(more.clone().with("prompt", "none").url(&server)).await.stopped(), &server, &more, "consent_required");
    // another person is another consent
    let mut other = browser_for(&ask);
    let arrival = other.get(ask.url(&server)).await;
    other.walk_to_consent(arrival, OTHER_PHONE).await;
    is_asked(&other);
    // withdrawn, or over
    for change in
        ["update consents set expires_at = created_at", "update consents set expires_at = null, withdrawn_at = created_at"]
    {
        change_by(&server, change).await;
        person.get(ask.url(&server)).await;
        is_asked(&person);
    }
}

#[tokio::test]
async fn con_04_what_may_not_be_remembered_is_asked_each_time() {
    let server = TestServer::start().await;
    configure_by(&server, DEMANDED).await;
    configure_by(&server, "update clients set allow_remember_consent = false").await;
    let ask = Ask::webapp();
    let mut person = asked(&server, &ask).await;
    person.submit(&[("decision", "allow")]).await.stopped();
    person.get(ask.url(&server)).await;
    is_asked(&person);
    assert_eq!(number(&server, "select count(*) from consents where remembered").await, 0);
    // decision B: every allow is a row
    assert_eq!(number(&server, "select count(*) from consents").await, 1);
}

#[tokio::test]
async fn red_09_a_native_client_is_asked_for_each_time() {
    let server = TestServer::start().await;
    for ask in [Ask::native(), Ask::native().with("redirect_uri", "http://127.0.0.1:7777/callback")] {
        let mut person = asked(&server, &ask).await;
        let callback = person.submit(&[("decision", "allow")]).await.stopped();
        granted(&server, &ask, &callback).await;
        is_error(
            &person.get(ask.clone().with("prompt", "none").url(&server)).await.stopped(),
            &server,
            &ask,
            "interaction_required",
        );
        person.get(ask.url(&server)).await;
        is_asked(&person);
    }
}

#[tokio::test]
async fn con_02_what_is_unticked_is_not_granted() {
    let server = TestServer::start().await;
    configure_by(&server, DEMANDED).await;
    let ask = Ask::webapp().with("scope", "openid profile @myorg.is/documents:read @myorg.is/documents:write");
    let mut person = asked(&server, &ask).await;
    let mut form = person.page().forms().remove(0);
    let ticked: Vec<_> = form.fields.iter().filter(|(name, _)| name == "scope").map(|(_, value)| value.as_str()).collect();
    assert_eq!(ticked.len(), 4, "{}", person.page());
    form.fields.retain(|(_, value)| value != "@myorg.is/documents:write" && value != "profile");
    let callback = person.send(form, &[("decision", "allow")]).await.stopped();
    assert_eq!(granted(&server, &ask, &callback).await, "openid @myorg.is/documents:read");
    // what was not allowed is asked for again, the rest is not
    code_of(
        &person.get(ask.clone().with("scope", "openid @myorg.is/documents:read").url(&server)).await.stopped(),
        &server,
        &ask,
    );
    person.get(ask.url(&server)).await;
    is_asked(&person);
    // required ones cannot be left out
    configure_by(&server, "update scopes set required = true where name = '@myorg.is/documents:read'").await;
    person.get(ask.url(&server)).await;
    let mut form = person.page().forms().remove(0);
    form.fields.retain(|(name, _)| name != "scope");
    let callback = person.send(form, &[("decision", "allow")]).await.stopped();
    assert_eq!(granted(&server, &ask, &callback).await, "openid @myorg.is/documents:read");
}

#[tokio::test]
async fn con_02_a_scope_that_was_not_asked_for_is_refused() {
    let server = TestServer::start().await;
    configure_by(&server, DEMANDED).await;
    let ask = Ask::webapp().with("scope", "openid offline_access @myorg.is/documents:read");
    let mut person = asked(&server, &ask).await;
    for scope in ["@myorg.is/documents:write", "profile", "@otherorg.is/cases:read", ""] {
        let mut form = person.page().forms().remove(0);
        form.fields.push(("scope".to_owned(), scope.to_owned()));
        let page = person.page().url.clone();
        if scope.is_empty() {
            // HTTP-03: as if it were not there
            person.send(form, &[("decision", "allow")]).await.stopped();
        } else {
            person.send(form, &[("decision", "allow")]).await;
            person.page().is_refusal(400, "IAS-6017");
            person.get(&page).await;
        }
    }
}

#[tokio::test]
async fn con_02_con_05_access_for_later_is_shown_with_its_lifetime_and_can_be_unticked() {
    let server = TestServer::start().await;
    configure_by(&server, DEMANDED).await;
    let ask = Ask::webapp().with("scope", "openid offline_access @myorg.is/documents:read");
    let mut person = asked(&server, &ask).await;
    let page = person.page().text_of("main").unwrap().replace(['\u{2068}', '\u{2069}'], "");
    assert!(page.contains("Aðgangur þegar þú ert ekki við"), "{page}");
    assert!(page.contains("heldur aðganginum í allt að 24 klukkustundir án þess að þú skráir þig inn aftur"), "{page}");
    let mut form = person.page().forms().remove(0);
    form.fields.retain(|(_, value)| value != "offline_access");
    let callback = person.send(form, &[("decision", "allow")]).await.stopped();
    let tokens = redeem(&server, &ask, &callback).await;
    assert_eq!(tokens.get("refresh_token"), None, "{tokens}");
    assert_eq!(claims(&tokens["access_token"])["scope"], "openid @myorg.is/documents:read");
    assert_eq!(parameters(&callback)["scope"], "openid @myorg.is/documents:read");

    // it is asked for again, and given where it stays ticked
    server.clock.advance(time::Duration::SECOND);
    person.get(ask.url(&server)).await;
    is_asked(&person);
    let callback = person.submit(&[("decision", "allow")]).await.stopped();
    let tokens = redeem(&server, &ask, &callback).await;
    assert!(tokens["refresh_token"].is_string(), "{tokens}");
    assert_eq!(parameters(&callback)["scope"], "openid offline_access @myorg.is/documents:read");
    // remembered, it needs no page
    let callback = person.get(ask.url(&server)).await.stopped();
    assert!(redeem(&server, &ask, &callback).await["refresh_token"].is_string());
    // where the client may not have it nobody is asked
    configure_by(&server, "update clients set allow_offline_access = false where client_id = '@myorg.is/webapp'").await;
    person.get(ask.clone().with("prompt", "consent").url(&server)).await;
    is_asked(&person);
    assert!(!person.page().html.contains("offline_access"), "{}", person.page());
}

#[tokio::test]
async fn int_04_a_denial_is_final() {
    let server = TestServer::start().await;
    configure_by(&server, DEMANDED).await;
    let ask = Ask::webapp();
    let mut person = asked(&server, &ask).await;
    let (page, form) = (person.page().url.clone(), person.page().forms().remove(0));
    let callback = person.submit(&[("decision", "deny")]).await.stopped();
    is_error(&callback, &server, &ask, "access_denied");
    // back, and then allow
    person.send(form, &[("decision", "allow")]).await;
    person.page().is_refusal(400, "IAS-6013");
    person.get(&page).await;
    person.page().is_refusal(400, "IAS-6013");
    assert_eq!(number(&server, "select count(*) from authorization_codes").await, 0);
    assert_eq!(number(&server, "select count(*) from consents").await, 0);
    // nothing is remembered of a denial: the client may ask again
    person.get(ask.url(&server)).await;
    is_asked(&person);
}

#[tokio::test]
async fn con_01_only_our_own_form_decides() {
    let server = TestServer::start().await;
    configure_by(&server, DEMANDED).await;
    let ask = Ask::webapp();
    let mut person = asked(&server, &ask).await;
    let form = person.page().forms().remove(0);
    let cookies = person.cookie_header(&form.action);
    let url = form.action.as_str();
    let with = |csrf: Option<&str>| {
        let kept = form.fields.iter().filter(|(name, _)| name != "csrf");
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(kept).append_pair("decision", "allow");
        body.extend_pairs(csrf.map(|csrf| ("csrf", csrf)));
        body.finish()
    };
    let own = form.fields.iter().find(|(name, _)| name == "csrf").unwrap().1.clone();
    // of another request of the same browser, and of a page that names no session
    let mut other = browser_for(&ask);
    other.get(ask.url(&server)).await;
    let strangers = other.page().forms()[0].fields[0].1.clone();
    person.get(ask.clone().with("prompt", "login").url(&server)).await;
    let of_another_request = person.page().forms()[0].fields[0].1.clone();
    let headers = [("cookie", cookies.as_str()), ("sec-fetch-site", "same-origin")];
    for csrf in [None, Some("rubbish"), Some(strangers.as_str()), Some(of_another_request.as_str())] {
        send(Method::POST, url, &headers, Some(with(csrf))).await.is_refusal(403, "IAS-6018");
    }
    for foreign in [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.example")] {
        let headers = [("cookie", cookies.as_str()), foreign];
        send(Method::POST, url, &headers, Some(with(Some(&own)))).await.is_refusal(403, "IAS-6018");
    }
    // GET decides nothing
    let by_get = format!("{url}?{}", with(Some(&own)));
    assert_eq!(send(Method::GET, &by_get, &headers, None).await.status, 200);
    assert_eq!(number(&server, "select count(*) from consents").await, 0);
    assert_eq!(number(&server, "select count(*) from finished_requests").await, 0);
    let allowed = send(Method::POST, url, &headers, Some(with(Some(&own)))).await;
    assert_eq!(allowed.location().path(), "/connect/authorize");
    // INT-02: an empty answer is the page again
    let nothing = with(Some(&own)).replace("decision=allow", "decision=");
    let again = send(Method::POST, url, &headers, Some(nothing)).await;
    assert_eq!(again.location().path(), "/connect/authorize");
    let arrival = person.get(again.location()).await;
    assert!(matches!(arrival, Arrival::Page));
    is_asked(&person);
}
