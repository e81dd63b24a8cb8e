//! The request between the client's call and its answer: sealed, bound to one browser, ended once (INT-01 … INT-04, decision A).

use reqwest::{
    Method,
    header::{LOCATION, SET_COOKIE},
};
use time::Duration;
use url::Url;

use crate::support::{
    authorize::{Ask, OTHER_PHONE, browser_for, code_of, identity, is_error, number, send},
    person::{Arrival, Person},
    server::{PHONE, TestServer},
};

/// A browser on the page on which one chooses how to sign in.
async fn choosing(server: &TestServer, ask: &Ask) -> Person {
    let mut person = browser_for(ask);
    person.get(ask.url(server)).await;
    assert_eq!(person.page().url.path(), "/signin/choose", "{}", person.page());
    person
}

/// The page offers to begin anew, and its button does: to the end.
async fn begins_anew(server: &TestServer, person: &mut Person, ask: &Ask, refusal: &str) {
    person.page().is_refusal(400, refusal);
    let anew = person.page().way_on().unwrap();
    assert_eq!(anew.path(), "/connect/authorize");
    let callback = person.sign_in(anew, PHONE).await;
    identity(server, ask, &callback).await;
}

fn at(url: &Url, path: &str) -> String {
    let mut url = url.clone();
    url.set_path(path);
    url.into()
}

#[tokio::test]
async fn int_01_a_request_of_another_browser_begins_anew_in_this_one() {
    let server = TestServer::start().await;
    let ask = Ask::webapp().with("nonce", "n").with("ui_locales", "en").with("login_hint", PHONE).with("max_age", "600");
    let mut mine = choosing(&server, &ask).await;
    let address = mine.page().url.clone();

    let mut without_cookies = browser_for(&ask);
    for path in ["/signin/choose", "/signin/start", "/signin/wait", "/signin/status", "/signin/consent", "/connect/authorize"] {
        without_cookies.get(at(&address, path)).await;
        without_cookies.page().is_refusal(400, "IAS-6012");
    }
    begins_anew(&server, &mut without_cookies, &ask, "IAS-6012").await;

    let mut other = choosing(&server, &Ask::webapp()).await;
    let cookie = other.cookie("localhost", "ias_browser").unwrap().to_owned();
    other.get(&address).await;
    begins_anew(&server, &mut other, &ask, "IAS-6012").await;
    assert_eq!(other.cookie("localhost", "ias_browser"), Some(&*cookie), "decision A: never replaced");

    // in its own browser it still works, and what is asked anew is what was asked
    mine.get(&address).await;
    let arrival = mine.submit(&[("identity_provider", "sim")]).await;
    mine.walk_through_sign_in(arrival, PHONE).await.stopped();
    let again = without_cookies_anew(&server, &address).await;
    let sent: Vec<_> = Url::parse(&ask.url(&server)).unwrap().query_pairs().into_owned().collect();
    let asked: Vec<_> = again.query_pairs().into_owned().collect();
    assert!(sent.iter().all(|pair| asked.contains(pair)) && sent.len() == asked.len(), "{again}");
}

async fn without_cookies_anew(server: &TestServer, address: &Url) -> Url {
    let page = send(Method::GET, &at(address, "/signin/choose"), &[], None).await;
    let anew = page.way_on().unwrap();
    assert!(anew.as_str().starts_with(&server.address));
    anew
}

#[tokio::test]
async fn decision_a_a_post_is_sealed_unbound_for_a_minute_and_sets_no_cookie() {
    let server = TestServer::start().await;
    let ask = Ask::webapp();
    let authorize = format!("{}/connect/authorize", server.address);
    let post = || send(Method::POST, &authorize, &[], Some(ask.query()));
    let sealed = post().await;
    assert_eq!((sealed.status.as_u16(), sealed.headers.get(SET_COOKIE)), (303, None), "{sealed}");
    let in_time = sealed.location();
    assert_eq!(in_time.path(), "/connect/authorize");
    server.clock.advance(Duration::seconds(59));
    let mut person = browser_for(&ask);
    person.sign_in(&in_time, PHONE).await;
    // check-list 20: in the live session of a cross-site POST's browser no page is shown
    let silent = person.get(post().await.location()).await.stopped();
    code_of(&silent, &server, &ask);

    let late = post().await.location();
    server.clock.advance(Duration::seconds(60));
    let mut late_person = browser_for(&ask);
    late_person.get(&late).await;
    begins_anew(&server, &mut late_person, &ask, "IAS-6011").await;

    // in nobody's browser a silent request is answered, and leaves nothing behind
    let before = number(&server, "select count(*) from finished_requests").await;
    let none = ask.clone().with("prompt", "none");
    none.post(&server).await.is_error(&server, &none, "login_required");
    assert_eq!(number(&server, "select count(*) from finished_requests").await, before);
}

#[tokio::test]
async fn decision_a_the_first_page_binds_the_request_to_the_browser() {
    let server = TestServer::start().await;
    let ask = Ask::webapp();
    let first = ask.get(&server).await;
    let cookies: Vec<_> = first.headers.get_all(SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap()).collect();
    assert_eq!(cookies.len(), 1, "{first}");
    assert!(
        cookies[0].starts_with("ias_browser=br_") && cookies[0].contains("; HttpOnly; SameSite=Lax; Path=/"),
        "{cookies:?}"
    );
    let mut person = choosing(&server, &ask).await;
    let cookie = person.cookie("localhost", "ias_browser").unwrap().to_owned();
    // reloaded later than an unbound value lives, and until the request is over
    server.clock.advance(Duration::seconds(14 * 60 + 59));
    let page = person.page().url.clone();
    person.get(&page).await;
    assert_eq!(person.page().status, 200, "{}", person.page());
    assert_eq!(person.cookie("localhost", "ias_browser"), Some(&*cookie));
    server.clock.advance(Duration::seconds(1));
    person.get(&page).await;
    person.page().is_refusal(400, "IAS-6011");
    let anew = person.page().way_on().unwrap();
    // the phone's answer would look old to a clock that is so far ahead
    server.clock.advance(-Duration::minutes(15));
    person.sign_in(anew, PHONE).await;
}

#[tokio::test]
async fn int_01_what_was_changed_cannot_be_read() {
    let server = TestServer::start().await;
    let mut person = choosing(&server, &Ask::webapp()).await;
    let address = person.page().url.clone();
    let sealed = address.query_pairs().find(|(name, _)| name == "request").unwrap().1.into_owned();
    let middle = sealed.len() / 2;
    let flipped = if sealed.as_bytes()[middle] == b'A' { "B" } else { "A" };
    let changed = format!("{}{flipped}{}", &sealed[..middle], &sealed[middle + 1..]);
    for request in [changed.as_str(), &sealed[1..], &sealed[..sealed.len() - 4], "rubbish", "%00"] {
        for path in ["/signin/choose", "/connect/authorize"] {
            person.get(format!("{}{path}?request={request}", server.address)).await;
            person.page().is_refusal(400, "IAS-6010");
            assert_eq!(person.page().way_on(), None);
        }
    }
    // HTTP-02: of two nobody knows which
    person.get(format!("{address}&request={sealed}")).await;
    person.page().is_refusal(400, "IAS-6010");
}

#[tokio::test]
async fn int_02_progress_belongs_to_its_request_and_its_browser() {
    let server = TestServer::start().await;
    let ask = Ask::webapp().with("prompt", "select_account");
    let mut person = browser_for(&ask);
    person.sign_in(ask.url(&server), PHONE).await;
    person.get(ask.url(&server)).await;
    let progress = person.page().url.query_pairs().find(|(name, _)| name == "progress").unwrap().1.into_owned();
    let login = ask.clone().with("prompt", "login");
    person.get(login.url(&server)).await;
    let other = at(&person.page().url.clone(), "/connect/authorize");
    for progress in [progress.as_str(), "rubbish"] {
        person.get(format!("{other}&progress={progress}")).await;
        person.page().is_refusal(400, "IAS-6014");
        assert_eq!(person.page().way_on(), None);
    }
}

#[tokio::test]
async fn int_02_a_later_step_called_directly_is_the_current_one() {
    let server = TestServer::start().await;
    let ask = Ask::native();
    let mut person = choosing(&server, &ask).await;
    let address = person.page().url.clone();
    // the consent page without anybody signed in
    person.get(at(&address, "/signin/consent")).await;
    assert_eq!(person.page().url.path(), "/signin/choose");
    // an empty form
    person.submit(&[]).await;
    assert_eq!(person.page().url.path(), "/signin/choose");
    let arrival = person.submit(&[("identity_provider", "sim")]).await;
    person.walk_to_consent(arrival, PHONE).await;
    // an earlier step, again
    let consent = person.page().url.clone();
    person.get(at(&address, "/signin/choose")).await;
    assert_eq!(person.page().status, 200);
    person.get(at(&address, "/signin/consent")).await;
    assert_eq!(person.page().url.path(), "/signin/consent", "the session is there already: {}", person.page());
    person.get(&consent).await;
    person.submit(&[("decision", "allow")]).await.stopped();
}

#[tokio::test]
async fn int_03_an_answered_request_has_ended_on_every_page() {
    let server = TestServer::start().await;
    for (ask, way_back) in [
        (Ask::webapp(), Some("http://localhost:1/login")),
        (Ask::portal(), Some("https://portal.otherorg.is/")),
        (Ask::native(), None),
        (Ask::native().with("redirect_uri", "http://127.0.0.1:7777/callback"), Some("http://127.0.0.1:7777/")),
    ] {
        let mut person = choosing(&server, &ask).await;
        let address = person.page().url.clone();
        let arrival = person.submit(&[("identity_provider", "sim")]).await;
        let arrival = person.walk_to_consent(arrival, PHONE).await;
        let last_page = person.page().url.clone();
        let callback = match arrival {
            Arrival::Stopped(callback) => callback,
            Arrival::Page => person.submit(&[("decision", "allow")]).await.stopped(),
        };
        code_of(&callback, &server, &ask);
        let session = person.cookie("localhost", "ias_session").map(str::to_owned);
        for path in ["/signin/choose", "/signin/start", "/signin/wait", "/signin/consent", "/connect/authorize"] {
            for url in [at(&address, path), at(&last_page, path)] {
                person.get(&url).await;
                // where a client never asks silently, the pipeline asks first and the page then says that it has ended
                person.page().is_refusal(400, "IAS-6013");
                assert_eq!(person.page().way_on().as_ref().map(Url::as_str), way_back, "{}", person.page());
            }
        }
        assert_eq!(person.cookie("localhost", "ias_session"), session.as_deref());
    }
}

#[tokio::test]
async fn int_03_the_result_of_the_pages_is_used_once() {
    let server = TestServer::start().await;
    let ask = Ask::webapp().with("prompt", "login");
    let mut person = choosing(&server, &ask).await;
    person.submit(&[("identity_provider", "sim")]).await;
    person.submit(&[("phone_number", PHONE)]).await;
    let form = person.approved().await;
    // by hand, to see the address that carries the result
    let body =
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.fields).append_pair("decision", "allow").finish();
    let cookies = person.cookie_header(&form.action);
    let headers = [("cookie", cookies.as_str()), ("sec-fetch-site", "same-origin")];
    let resumed = send(Method::POST, form.action.as_str(), &headers, Some(body)).await;
    let with_progress = resumed.location();
    assert!(with_progress.query_pairs().any(|(name, _)| name == "progress"), "{with_progress}");
    let binding = [("cookie", &*format!("ias_browser={}", person.cookie("localhost", "ias_browser").unwrap()))];
    let first = send(Method::GET, with_progress.as_str(), &binding, None).await;
    code_of(&first.location(), &server, &ask);
    send(Method::GET, with_progress.as_str(), &binding, None).await.is_refusal(400, "IAS-6013");
    assert_eq!(number(&server, "select count(*) from authorization_codes").await, 1);
    // INT-01: nor in another browser
    send(Method::GET, with_progress.as_str(), &[], None).await.is_refusal(400, "IAS-6012");
}

#[tokio::test]
async fn int_04_a_cancelled_request_is_over() {
    let server = TestServer::start().await;
    let ask = Ask::webapp();
    let mut person = choosing(&server, &ask).await;
    let page = person.page().url.clone();
    let callback = person.submit(&[("decision", "cancel")]).await.stopped();
    is_error(&callback, &server, &ask, "access_denied");
    // the page is still in the window
    person.submit(&[("identity_provider", "sim")]).await;
    person.page().is_refusal(400, "IAS-6013");
    person.get(&page).await;
    person.page().is_refusal(400, "IAS-6013");
    assert_eq!(number(&server, "select count(*) from audit_log where kind = 'authorization_refused'").await, 1);
}

#[tokio::test]
async fn int_06_strangers_cannot_end_requests_without_limit() {
    let server = TestServer::start_with(|settings| settings.sign_in.attempts_per_address = 2).await;
    let ask = Ask::webapp();
    for _ in 0..2 {
        choosing(&server, &ask).await.submit(&[("decision", "cancel")]).await.stopped();
    }
    let mut person = choosing(&server, &ask).await;
    person.submit(&[("decision", "cancel")]).await;
    person.page().is_refusal(429, "IAS-9020");
    assert!(person.page().headers.contains_key("retry-after"));
    assert_eq!(number(&server, "select count(*) from finished_requests").await, 2);
}

#[tokio::test]
async fn check_list_118_two_tabs_finish_in_every_order() {
    let server = TestServer::start().await;
    let ask = |state: &str| Ask::webapp().with("state", state);
    for order in [["one", "two"], ["two", "one"]] {
        let mut person = browser_for(&ask("one"));
        person.get(ask("one").url(&server)).await;
        let first = person.page().url.clone();
        person.get(ask("two").url(&server)).await;
        let second = person.page().url.clone();
        let mut sids = Vec::new();
        for tab in order {
            let arrival = person.get(if tab == "one" { &first } else { &second }).await;
            let callback = person.walk_through_sign_in(arrival, PHONE).await.stopped();
            sids.push(identity(&server, &ask(tab), &callback).await["sid"].clone());
        }
        assert_eq!(sids[0], sids[1], "one session");
    }
}

#[tokio::test]
async fn decision_b_two_tabs_of_two_persons_cannot_swap_subjects() {
    let server = TestServer::start().await;
    let ask = |state: &str| Ask::native().with("state", state);
    let mut person = browser_for(&ask("one"));
    // the first tab waits on the consent page of one person
    let arrival = person.get(ask("one").url(&server)).await;
    person.walk_to_consent(arrival, PHONE).await;
    let first = person.page().url.clone();
    let form = person.page().forms().remove(0);
    // the second becomes another person, who allows
    let arrival = person.get(ask("two").with("prompt", "login").url(&server)).await;
    person.walk_to_consent(arrival, OTHER_PHONE).await;
    let second = person.page().url.clone();
    assert_eq!(person.page().text_of("dd + dt + dd").as_deref(), Some("Gervimaður Afríka"), "{}", person.page());
    // what the first person was asked is not answered for the second
    person.get(&first).await;
    assert_ne!(person.page().url, first, "{}", person.page());
    person.get(&second).await;
    let arrival = person.send(form, &[("decision", "allow")]).await;
    assert!(matches!(arrival, Arrival::Page), "{arrival:?}");
    assert_eq!(number(&server, "select count(*) from authorization_codes").await, 0);
    person.get(&second).await;
    let callback = person.submit(&[("decision", "allow")]).await.stopped();
    let subject = identity(&server, &ask("two"), &callback).await["sub"].as_str().unwrap().to_owned();
    let of_the_second = format!(
        "select count(*) from subjects s join persons p on p.id = s.actor_id
         where s.sub = '{subject}' and p.name = 'Gervimaður Afríka'"
    );
    assert_eq!(number(&server, &of_the_second).await, 1);
}

#[tokio::test]
async fn decision_a_without_cookies_a_page_says_so() {
    let server = TestServer::start().await;
    let first = Ask::webapp().get(&server).await.location();
    let page = send(Method::GET, first.as_str(), &[], None).await;
    page.is_refusal(400, "IAS-6012");
    assert_eq!(page.way_on().unwrap().path(), "/connect/authorize");
    assert!(page.html.contains("vafrakök"), "{page}");
}

#[tokio::test]
async fn coo_02_two_cookies_of_one_name_are_refused() {
    let server = TestServer::start().await;
    let person = choosing(&server, &Ask::webapp()).await;
    for name in ["ias_browser", "ias_session", "ias_method"] {
        let cookies = [("cookie", &*format!("{name}=a; {name}=b"))];
        send(Method::GET, &Ask::webapp().url(&server), &cookies, None).await.is_refusal(400, "IAS-9008");
        send(Method::GET, person.page().url.as_str(), &cookies, None).await.is_refusal(400, "IAS-9008");
    }
}

#[tokio::test]
async fn ses_04_frames_and_background_requests_get_nothing() {
    let server = TestServer::start().await;
    let ask = Ask::webapp();
    let mut person = browser_for(&ask);
    person.get(ask.url(&server)).await;
    let page = at(&person.page().url.clone(), "/connect/authorize");
    let callback = person.sign_in(ask.url(&server), PHONE).await;
    drop(callback);
    let cookies = person.cookie_header(&Url::parse(&server.address).unwrap());
    for destination in ["iframe", "image", "script", "empty", "object"] {
        let headers = [("cookie", cookies.as_str()), ("sec-fetch-dest", destination)];
        for url in [ask.url(&server), ask.clone().with("prompt", "none").url(&server), page.clone()] {
            let refused = send(Method::GET, &url, &headers, None).await;
            refused.is_refusal(400, "IAS-6019");
            assert_eq!(refused.headers.get(SET_COOKIE), None);
        }
    }
    let headers = [("cookie", cookies.as_str()), ("sec-fetch-dest", "document")];
    assert!(send(Method::GET, &ask.url(&server), &headers, None).await.headers.contains_key(LOCATION));
}
