//! /signin/choose: the ways to sign in, and whose form is believed (CSR-01, COO-02, EID-10).

use reqwest::Method;

use crate::support::{
    authorize::{Ask, browser_for, configure_by, send},
    person::{Form, Person},
    server::TestServer,
};

async fn choosing(server: &TestServer, ask: &Ask) -> Person {
    let mut person = browser_for(ask);
    person.get(ask.url(server)).await;
    person
}

fn body(form: &Form, changes: &[(&str, Option<&str>)]) -> String {
    let kept = form.fields.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| name != changed));
    let kept: Vec<(&str, &str)> = kept.map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let added = changes.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
    form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).extend_pairs(added).finish()
}

#[tokio::test]
async fn the_page_shows_the_service_and_its_ways_in_both_languages() {
    let server = TestServer::start().await;
    let ask = Ask::webapp();
    let mut person = choosing(&server, &ask).await;
    let page = person.page();
    page.has_page_headers("form-action 'self' https://app.myorg.is;");
    assert!(page.html.contains("Vefur stofnunarinnar minnar") && page.html.contains("Stofnunin mín"), "{page}");
    let form = &page.forms()[0];
    assert!(form.has_button("identity_provider", "sim") && form.has_button("decision", "cancel"));
    assert!(form.has_button("identity_provider", "app") && form.has_button("identity_provider", "card"));
    assert!(!form.has_button("identity_provider", "broker"), "it is disabled");
    person.get(format!("{}&lang=en", person.page().url)).await;
    assert!(person.page().html.contains(r#"<html lang="en">"#) && person.page().html.contains("My Org Webapp"));
    // and it stays so
    person.get(ask.url(&server)).await;
    assert!(person.page().html.contains(r#"<html lang="en">"#), "{}", person.page());
}

#[tokio::test]
async fn csr_01_a_form_that_is_not_of_this_page_does_nothing() {
    let server = TestServer::start().await;
    let ask = Ask::webapp();
    let person = choosing(&server, &ask).await;
    let form = person.page().forms().remove(0);
    let mut again = choosing(&server, &ask).await;
    let anothers = again.page().forms()[0].fields[0].1.clone();
    // of the same browser, and of another request
    again.get(ask.url(&server)).await;
    assert_eq!(form.fields[0].0, "csrf");
    let cookies = person.cookie_header(&form.action);
    let url = form.action.as_str();
    let ours = ("sec-fetch-site", "same-origin");
    let sim = ("identity_provider", Some("sim"));
    for changed in [("csrf", None), ("csrf", Some("")), ("csrf", Some("rubbish")), ("csrf", Some(anothers.as_str()))] {
        let headers = [("cookie", cookies.as_str()), ours];
        let page = send(Method::POST, url, &headers, Some(body(&form, &[changed, sim]))).await;
        page.is_refusal(403, "IAS-6018");
        assert_eq!(page.way_on().unwrap().path(), "/connect/authorize", "the step again");
    }
    let origin = form.action.origin().ascii_serialization();
    for sent in [
        // COO-02: a sibling is same-site, and still not us
        &[("sec-fetch-site", "same-site")][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "cross-site"), ("origin", origin.as_str())],
        &[("origin", "https://evil.example")],
        &[("origin", "http://localhost:1")],
        &[("origin", "null")],
        &[("referer", "https://evil.example/")],
        &[],
    ] {
        let headers: Vec<_> = sent.iter().copied().chain([("cookie", cookies.as_str())]).collect();
        send(Method::POST, url, &headers, Some(body(&form, &[sim]))).await.is_refusal(403, "IAS-6018");
    }
    let referer = format!("{origin}/signin/choose");
    for sent in [ours, ("origin", origin.as_str()), ("referer", referer.as_str())] {
        let page = send(Method::POST, url, &[("cookie", &cookies), sent], Some(body(&form, &[sim]))).await;
        assert_eq!(page.location().path(), "/signin/start", "{sent:?}");
    }
}

#[tokio::test]
async fn eid_10_only_a_way_that_the_client_allows_can_be_chosen() {
    let server = TestServer::start().await;
    let mut person = choosing(&server, &Ask::webapp()).await;
    let page = person.page().url.clone();
    for name in ["broker", "passport", "SIM"] {
        let form = person.page().forms().remove(0);
        person.send(form, &[("identity_provider", name)]).await;
        person.page().is_refusal(400, "IAS-6014");
        person.get(&page).await;
    }
    // nothing chosen is as an empty form (INT-02)
    let form = person.page().forms().remove(0);
    person.send(form, &[("identity_provider", "")]).await;
    assert_eq!(person.page().url.path(), "/signin/choose");
    // a `decision` beside the step's own field does no harm
    let form = person.page().forms().remove(0);
    person.send(form, &[("identity_provider", "sim"), ("decision", "allow")]).await;
    assert_eq!(person.page().url.path(), "/signin/start");
    // CVE-2026-3009: taken from the client while the page is open
    configure_by(&server, "update clients set identity_providers = '{card}' where client_id = '@myorg.is/webapp'").await;
    person.get(&page).await;
    assert!(!person.page().forms()[0].has_button("identity_provider", "sim"), "{}", person.page());
    let form = person.page().forms().remove(0);
    person.send(form, &[("identity_provider", "sim")]).await;
    person.page().is_refusal(400, "IAS-6014");
}

#[tokio::test]
async fn the_way_that_was_used_last_is_marked() {
    let server = TestServer::start().await;
    let person = choosing(&server, &Ask::webapp()).await;
    assert_eq!(person.page().text_of(".method .badge"), None);
    let url = person.page().url.clone();
    for (method, marked) in [("sim", true), ("card", true), ("broker", false), ("rubbish", false)] {
        let cookies = format!("{}; ias_method={method}", person.cookie_header(&url));
        let page = send(Method::GET, url.as_str(), &[("cookie", &cookies)], None).await;
        assert_eq!(page.text_of(".method .badge").is_some(), marked, "{page}");
    }
}
