//! The answer to the client (RSP-01 … RSP-06).

use reqwest::header::LOCATION;
use sqlx::Row as _;

use crate::support::{
    authorize::{Ask, CALLBACK, STATE, browser_for, code_of, identity, number, parameters, send},
    person::Page,
    server::{PHONE, TestServer},
};

#[tokio::test]
async fn rsp_01_rsp_02_code_scope_state_and_iss_and_nothing_else() {
    let server = TestServer::start().await;
    let ask = Ask::webapp().with("scope", "openid offline_access profile @myorg.is/documents:read openid");
    let mut person = browser_for(&ask);
    let callback = person.sign_in(ask.url(&server), PHONE).await;
    code_of(&callback, &server, &ask);
    let names: Vec<_> = callback.query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(names, ["code", "scope", "state", "iss"]);
    assert_eq!(callback.fragment(), None);
    // AUT-04: what is granted is reported back, each once
    assert_eq!(parameters(&callback)["scope"], "openid offline_access profile @myorg.is/documents:read");

    // in a live session, straight away
    let cookies = person.cookie_header(&callback_host(&server));
    let answer = send(reqwest::Method::GET, &ask.url(&server), &[("cookie", &cookies)], None).await;
    let location = answer.headers[LOCATION].to_str().unwrap();
    assert_eq!(answer.status, 303);
    assert!(location.starts_with(&format!("{CALLBACK}?code=ac_")), "{location}");
    assert!(answer.html.is_empty());
    code_of(&answer.location(), &server, &ask);
}

fn callback_host(server: &TestServer) -> url::Url {
    url::Url::parse(&server.address).unwrap()
}

#[tokio::test]
async fn rsp_01_the_query_of_a_redirect_uri_is_kept() {
    let server = TestServer::start().await;
    let uri = "http://localhost:1/callback?dummy1=lorem&dummy2=ipsum";
    let ask = Ask::of("@conformance.is/basic-1", uri, "openid").with("nonce", "n-0S6_WzA2Mj");
    let mut person = browser_for(&ask);
    let callback = person.sign_in(ask.url(&server), PHONE).await;
    assert!(callback.as_str().starts_with(&format!("{uri}&code=")), "{callback}");
    assert_eq!(identity(&server, &ask, &callback).await["nonce"], "n-0S6_WzA2Mj", "AUT-07");
    let refused = ask.clone().with("max_age", "x");
    refused.both(&server).await.is_error(&server, &refused, "invalid_request");
}

#[tokio::test]
async fn rsp_04_a_form_is_posted_to_the_client_and_to_nobody_else() {
    let server = TestServer::start().await;
    let ask = Ask::webapp().with("response_mode", "form_post");
    let mut person = browser_for(&ask);
    person.get(ask.url(&server)).await;
    person.submit(&[("identity_provider", "sim")]).await;
    person.submit(&[("phone_number", PHONE)]).await;
    let form = person.approved().await;
    person.send(form, &[("decision", "allow")]).await;
    let fields = is_form_post(person.page());
    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["code", "scope", "state", "iss"]);
    assert_eq!(fields[2].1, STATE);
    assert!(person.page().url.query().is_none_or(|query| !query.contains("code=")), "nothing in the query");

    let refused = Ask::webapp().with("response_mode", "form_post").with("prompt", "none").with("nonce", "x");
    let fields = is_form_post(&refused.get(&server).await);
    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["error", "error_description", "state", "iss"]);
    assert_eq!((fields[0].1.as_str(), fields[2].1.as_str(), &fields[3].1), ("login_required", STATE, &server.issuer));
}

/// A page whose one form goes to the seed's callback; its hidden fields.
#[track_caller]
fn is_form_post(page: &Page) -> Vec<(String, String)> {
    assert_eq!(page.status, 200, "{page}");
    assert_eq!(page.headers.get(LOCATION), None);
    page.has_page_headers("form-action 'self' https://app.myorg.is;");
    let forms = page.forms();
    assert_eq!((forms.len(), forms[0].action.as_str()), (1, CALLBACK));
    assert_eq!(forms[0].method, reqwest::Method::POST);
    // the button of a browser without script has no name that would travel
    assert!(forms[0].buttons.iter().all(|(name, _)| name.is_empty()), "{page}");
    // CVE-2023-6134: values are escaped, and no script stands in the page
    assert!(!page.html.contains(STATE) && !page.html.contains("<script>"), "{page}");
    assert!(page.html.contains("data-goes-on"), "{page}");
    forms[0].fields.clone()
}

#[tokio::test]
async fn rsp_05_nothing_is_loaded_from_elsewhere() {
    let server = TestServer::start().await;
    let form_post = Ask::webapp().with("response_mode", "form_post").with("prompt", "none").get(&server).await;
    let mut person = browser_for(&Ask::webapp());
    person.get(Ask::webapp().url(&server)).await;
    for page in [&form_post, person.page()] {
        let document = scraper::Html::parse_document(&page.html);
        for (selector, attribute) in [("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src")] {
            for element in document.select(&scraper::Selector::parse(selector).unwrap()) {
                let target = element.attr(attribute).unwrap();
                assert!(target.starts_with("/static/"), "{target}");
            }
        }
    }
}

#[tokio::test]
async fn rsp_06_a_code_is_random_hashed_and_over_in_a_minute() {
    let server = TestServer::start().await;
    let ask = Ask::webapp();
    let mut person = browser_for(&ask);
    let mut codes = vec![code_of(&person.sign_in(ask.url(&server), PHONE).await, &server, &ask)];
    for _ in 0..3 {
        codes.push(code_of(&person.get(ask.url(&server)).await.stopped(), &server, &ask));
    }
    let secrets: std::collections::BTreeSet<_> = codes.iter().map(|code| code[code.len() - 43..].to_owned()).collect();
    assert_eq!(secrets.len(), 4);
    assert!(codes.iter().all(|code| code.starts_with("ac_") && code.len() == 3 + 64), "{codes:?}");
    let rows = sqlx::query("select c::text as whole, expires_at - created_at as lifetime from authorization_codes c")
        .fetch_all(&server.owner().await)
        .await
        .unwrap();
    assert_eq!(rows.len(), 4);
    for row in rows {
        let whole: String = row.get("whole");
        assert!(codes.iter().all(|code| !whole.contains(&code[23..])), "{whole}");
    }
    let minute = "select count(*) from authorization_codes where expires_at - created_at = interval '60 seconds'";
    assert_eq!(number(&server, minute).await, 4);
}
