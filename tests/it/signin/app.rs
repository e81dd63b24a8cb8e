//! Signing in with the app: by kennitala, by QR code and with the app on the same device (eid.md §3).

use futures_util::future::join;
use ias::base::text::Language;
use reqwest::StatusCode;
use serde_json::Value;
use sqlx::PgPool;
use time::Duration;
use url::Url;

use crate::support::{
    app::{
        app_link, approve, at_the_app, attribute, decode, does, follow, go_to_the_app, named, open, qr_link, request, requests,
        until_answered, until_there, with_button, with_qr,
    },
    database::count,
    person::Person,
    phone::{Phone, assert_problem, confirm, eventually, session_cookie},
    server::{TestServer, push_after},
};

/// The state of the only attempt.
async fn state(owner: &PgPool) -> String {
    sqlx::query_scalar("select state from sign_in_attempts").fetch_one(owner).await.unwrap()
}

/// What the page's script is told.
async fn status(person: &Person) -> Value {
    let url = attribute(person.page(), "#waiting", "data-status-url").expect("a waiting page");
    let url = person.page().url.join(&url).unwrap();
    let cookies = person.cookie_header(&url);
    reqwest::Client::new().get(url).header("cookie", cookies).send().await.unwrap().json().await.unwrap()
}

async fn who_is_known(owner: &PgPool) -> Vec<String> {
    sqlx::query_scalar("select national_id from persons").fetch_all(owner).await.unwrap()
}

/// Presses the button and is at the client with a code.
async fn goes_on(person: &mut Person) {
    let url = confirm(person).await.stopped();
    assert!(url.query().unwrap().contains("code="), "{url}");
}

#[tokio::test]
async fn a_kennitala_reaches_the_app_and_the_code_is_chosen_there() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let phone = Phone::new().await;
    does(&phone, "ask").await;
    let mut person = named(&server, &phone).await;
    let code = person.page().text_of("#verification-code").expect("a code");
    let asked = request(&phone).await;
    assert_eq!(asked["verificationCode"], code, "EID-03");
    assert!(asked["codes"].as_array().unwrap().iter().any(|choice| *choice == code), "{asked}");
    assert!(asked["text"].as_str().unwrap().contains("sama öryggistala sést á vefnum"), "{asked}");
    approve(&phone, Some(&code)).await;
    until_answered(&mut person).await;
    goes_on(&mut person).await;
    assert_eq!(who_is_known(&owner).await, [phone.national_id.as_str()]);
    let (idp, amr): (String, Vec<String>) =
        sqlx::query_as("select identity_provider, amr from sessions").fetch_one(&owner).await.unwrap();
    assert_eq!((idp.as_str(), amr), ("app", vec!["swk".to_owned(), "pin".to_owned(), "mfa".to_owned()]));
}

#[tokio::test]
async fn another_code_in_the_app_ends_the_attempt() {
    let server = TestServer::start().await;
    let phone = Phone::new().await;
    does(&phone, "ask").await;
    let mut person = named(&server, &phone).await;
    let code = person.page().text_of("#verification-code").unwrap();
    let codes = request(&phone).await["codes"].as_array().unwrap().clone();
    let other = codes.iter().map(|choice| choice.as_str().unwrap()).find(|choice| *choice != code).unwrap();
    approve(&phone, Some(other)).await;
    until_answered(&mut person).await;
    assert_problem(&person, "problem-wrong-code");
}

#[tokio::test]
async fn a_kennitala_is_read_with_marks_and_without_a_check_digit_and_companies_are_told() {
    let server = TestServer::start().await;
    let mut person = at_the_app(&server).await;
    for (typed, problem) in [
        ("", "problem-national-id"),
        ("010130298", "problem-national-id"),
        ("01013029890", "problem-national-id"),
        ("01013o2989", "problem-national-id"),
        ("5501692829", "problem-company-national-id"),
        ("550169-2829", "problem-company-national-id"),
    ] {
        person.submit(&[("national_id", typed)]).await;
        assert_eq!(person.page().status, StatusCode::BAD_REQUEST, "{typed}");
        let told = person.page().text_of("#problem a").expect("the field's problem");
        assert_eq!(told, Language::Is.text(problem, &[]), "{typed}");
        assert_eq!(attribute(person.page(), "#national_id", "value").as_deref(), Some(typed), "what was typed stays");
        assert_eq!(attribute(person.page(), "#national_id", "autocomplete").as_deref(), Some("off"));
    }
    assert_eq!(count(&server.owner().await, "sign_in_attempts").await, 0);
    // eid.md §5.3: there is no check digit any more
    let phone = Phone::nobodys();
    let marked = format!(" {}-{} ", &phone.national_id[..6], &phone.national_id[6..]);
    person.submit(&[("national_id", &marked)]).await;
    until_answered(&mut person).await;
    assert_problem(&person, "problem-not-available");
}

#[tokio::test]
async fn the_code_is_on_the_page_before_the_app_asks_and_a_cancel_in_between_spares_it() {
    let server = TestServer::start().await;
    push_after(&server.owner().await, 800).await;
    let node = server.second_node().await;
    let [one, other] = [Phone::new().await, Phone::new().await];
    let mut person = named(&node, &one).await;
    assert!(person.page().text_of("#verification-code").is_some());
    assert!(requests(&one).await.is_empty(), "eid.md §6, rule 5");
    person.submit(&[("decision", "cancel")]).await;
    let mut person = named(&node, &other).await;
    until_answered(&mut person).await;
    assert_eq!(requests(&other).await.len(), 1);
    assert!(requests(&one).await.is_empty(), "the first one would have been asked by now");
}

#[tokio::test]
async fn eid_06_one_open_attempt_for_a_kennitala_and_limits_for_it_and_for_the_browser() {
    let server = TestServer::start_with(|settings| {
        settings.sign_in.attempts_per_number = 2;
        settings.sign_in.attempts_per_browser = 4;
    })
    .await;
    let owner = server.owner().await;
    let phone = Phone::new().await;
    does(&phone, "ask").await;
    let _first = named(&server, &phone).await;
    request(&phone).await;
    let second = named(&server, &phone).await;
    assert_eq!(second.page().status, StatusCode::TOO_MANY_REQUESTS);
    assert_problem(&second, "problem-busy");
    assert_eq!(requests(&phone).await.len(), 1, "no second push");

    // a refusal frees the kennitala, and counts
    let stranger = Phone::new().await;
    does(&stranger, "timeout").await;
    for _ in 0..2 {
        let mut person = named(&server, &stranger).await;
        until_answered(&mut person).await;
        assert_problem(&person, "problem-timed-out");
    }
    let third = named(&server, &stranger).await;
    assert_eq!(third.page().status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(requests(&stranger).await.len(), 2);

    // nobody is named by a link: the browser is counted
    let open_before = count(&owner, "open_attempts").await;
    let mut person = at_the_app(&server).await;
    for _ in 0..4 {
        person.submit(&[("app", "other_device")]).await;
        until_there(&mut person, "#qr").await;
        go_to_the_app(&mut person, &server).await;
    }
    person.submit(&[("app", "other_device")]).await;
    assert_eq!(person.page().status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(count(&owner, "open_attempts").await, open_before);
}

#[tokio::test]
async fn a_qr_code_is_new_each_second_and_signs_in_whoever_scans_it() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let phone = Phone::new().await;
    let mut person = with_qr(&server).await;
    let link = qr_link(&person);
    assert!(link.contains("/device-link?deviceLinkType=QR&elapsedSeconds=0&sessionToken="), "{link}");
    let told = status(&person).await;
    assert_eq!((told["state"].as_str(), told["step"].as_str()), (Some("pending"), Some("show_qr")));
    let of_status = |told: &Value| decode(&told["qr"]["size"].to_string(), told["qr"]["path"].as_str().unwrap());
    assert_eq!(of_status(&told), link);
    server.clock.advance(Duration::seconds(1));
    let next = of_status(&status(&person).await);
    assert!(next.contains("elapsedSeconds=1&"), "{next}");
    assert_ne!(next.rsplit_once('=').unwrap().1, link.rsplit_once('=').unwrap().1, "authenticated anew");
    // without script the page itself is loaded anew
    assert!(person.page().html.contains(r#"http-equiv="refresh" content="2""#));

    let (refused, body) = follow(&link.replace("elapsedSeconds=0", "elapsedSeconds=3"), &phone, "approve").await;
    assert_eq!(refused, 409, "{body}");
    assert_eq!(open(&next, &phone, "approve").await, None);
    until_answered(&mut person).await;
    goes_on(&mut person).await;
    assert_eq!(who_is_known(&owner).await, [phone.national_id.as_str()]);
}

#[tokio::test]
async fn whoever_declines_in_the_app_is_told_so_and_may_try_again() {
    let server = TestServer::start().await;
    let phone = Phone::new().await;
    let mut person = with_qr(&server).await;
    open(&qr_link(&person), &phone, "refuse").await;
    until_answered(&mut person).await;
    assert_problem(&person, "problem-cancelled");
    let retry = attribute(person.page(), "#retry", "href").expect("a way on");
    let retry = person.page().url.join(&retry).unwrap();
    person.get(&retry).await;
    assert!(person.page().forms()[0].has_button("app", "other_device"), "{}", person.page());
}

#[tokio::test]
async fn the_buttons_for_the_app_stand_in_the_order_of_the_device() {
    let server = TestServer::start().await;
    let person = at_the_app(&server).await;
    let url = person.page().url.clone();
    for (header, value, first) in [
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)", "other_device"),
        ("user-agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148", "this_device"),
        ("sec-ch-ua-mobile", "?1", "this_device"),
        ("sec-ch-ua-mobile", "?0", "other_device"),
    ] {
        let request =
            reqwest::Client::new().get(url.clone()).header(header, value).header("cookie", person.cookie_header(&url));
        let html = request.send().await.unwrap().text().await.unwrap();
        let at = |app: &str| html.find(&format!("id=\"app-{app}\"")).expect("both are there");
        let other = if first == "this_device" { "other_device" } else { "this_device" };
        assert!(at(first) < at(other), "{value}");
        let field = html.find("id=\"national_id\"").expect("the kennitala");
        assert!(field < at(first).min(at(other)), "the page without script begins with the kennitala");
    }
}

#[tokio::test]
async fn the_app_on_this_device_leads_back_into_a_new_tab_and_only_then_is_anybody_proven() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let phone = Phone::new().await;
    let mut person = with_button(&server).await;
    let waiting = person.page().url.clone();
    let link = app_link(&person);
    assert!(link.contains("/device-link?deviceLinkType=Web2App&sessionToken="), "{link}");
    let redirect = open(&link, &phone, "approve").await.expect("a way back");
    assert!(redirect.starts_with(&format!("{}/signin/app/return?attempt=", server.issuer)), "{redirect}");
    // the provider has the signature; without the return it proves nothing
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    assert_eq!(state(&owner).await, "pending", "EID-04");
    person.get(&redirect).await;
    assert_eq!(person.page().url.path(), "/signin/wait", "{}", person.page());
    until_answered(&mut person).await;
    goes_on(&mut person).await;
    assert_eq!(who_is_known(&owner).await, [phone.national_id.as_str()]);
    // the tab that began is told
    person.get(&waiting).await;
    assert_eq!(person.page().status, StatusCode::BAD_REQUEST, "the request has had its answer");
    // and the address of the return is worth nothing any more
    person.get(&redirect).await;
    assert_eq!(person.page().text_of("h1"), Some(Language::Is.text("ended-heading", &[])), "{}", person.page());
}

#[tokio::test]
async fn eid_04_a_return_in_another_browser_shows_a_neutral_page_and_consumes_nothing() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let phone = Phone::new().await;
    let mut person = with_button(&server).await;
    let redirect = open(&app_link(&person), &phone, "approve").await.expect("a way back");
    // one without cookies, and one that has begun a sign-in of its own
    let mut pages = Vec::new();
    for mut foreign in [Person::new(), with_button(&server).await] {
        foreign.get(&redirect).await;
        let page = foreign.page();
        assert_eq!(page.status, StatusCode::OK, "{page}");
        assert_eq!(page.text_of("h1"), Some(Language::Is.text("other-browser-heading", &[])));
        assert!(page.headers.get_all("set-cookie").iter().all(|cookie| !cookie.to_str().unwrap().contains("session")));
        assert!(session_cookie(&foreign).is_none());
        assert!(!page.html.contains("/connect/authorize"), "nothing of the request: {page}");
        pages.push(page.text_of("main"));
    }
    let unknown = redirect.replace("attempt=0", "attempt=1");
    let mut foreign = Person::new();
    foreign.get(&unknown).await;
    assert_eq!(
        foreign.page().text_of("main").as_deref().map(shape),
        pages[0].as_deref().map(shape),
        "whether there is such an attempt"
    );
    let open: i64 =
        sqlx::query_scalar("select count(*) from sign_in_attempts where state = 'pending'").fetch_one(&owner).await.unwrap();
    assert_eq!(open, 2, "nothing is consumed");
    person.get(&redirect).await;
    until_answered(&mut person).await;
    goes_on(&mut person).await;
}

/// A text without its reference numbers.
fn shape(text: &str) -> String {
    text.split_whitespace().filter(|word| word.len() < 20).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn eid_05_of_two_returns_on_two_nodes_at_once_one_counts_and_one_session_comes_of_it() {
    let server = TestServer::start().await;
    let node = server.second_node().await;
    let owner = server.owner().await;
    let phone = Phone::new().await;
    let mut person = with_button(&server).await;
    let redirect = Url::parse(&open(&app_link(&person), &phone, "approve").await.expect("a way back")).unwrap();
    let cookies = person.cookie_header(&redirect);
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let come_back = async |node: &TestServer| {
        let path = format!("{}?{}", redirect.path(), redirect.query().unwrap());
        let answer = http.get(format!("{}{path}", node.address)).header("cookie", &cookies).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        assert!(answer.headers()["location"].to_str().unwrap().starts_with("/signin/wait?"), "{answer:?}");
    };
    join(come_back(&server), come_back(&node)).await;
    until_answered(&mut person).await;
    goes_on(&mut person).await;
    assert_eq!((count(&owner, "sessions").await, count(&owner, "persons").await), (1, 1));
    assert_eq!(state(&owner).await, "consumed");
}

#[tokio::test]
async fn a_stray_visit_to_the_way_back_ends_nothing_and_a_forged_one_ends_the_attempt() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let mut person = with_button(&server).await;
    let id: uuid::Uuid = sqlx::query_scalar("select id from sign_in_attempts").fetch_one(&owner).await.unwrap();
    let way_back = format!("{}/signin/app/return?attempt={id}", server.issuer);
    for stray in [way_back.clone(), format!("{way_back}&value=guessed")] {
        person.get(&stray).await;
        assert_eq!(person.page().url.path(), "/signin/wait");
        assert_eq!(state(&owner).await, "pending", "{stray}");
    }
    person.get(format!("{way_back}&value=guessed&sessionSecretDigest=x&userChallengeVerifier=y")).await;
    assert_problem(&person, "problem-rejected");
    assert_eq!(state(&owner).await, "failed");
}

#[tokio::test]
async fn a_wait_for_the_app_goes_on_after_a_restart_in_each_of_the_three_ways() {
    let server = TestServer::start().await;
    let [named_one, scanning, here] = [Phone::new().await, Phone::new().await, Phone::new().await];
    does(&named_one, "ask").await;
    let mut people = [named(&server, &named_one).await, with_qr(&server).await, with_button(&server).await];
    let code = people[0].page().text_of("#verification-code");
    let link = app_link(&people[2]);
    request(&named_one).await;
    let owner = server.owner().await;
    eventually("all three at the provider", async || {
        let pending = "select count(*) from sign_in_attempts where state = 'pending'";
        (sqlx::query_scalar::<_, i64>(pending).fetch_one(&owner).await.unwrap() == 3).then_some(())
    })
    .await;
    // an orderly end: its leases end with it
    server.stop_jobs().await;
    let node = server.second_node().await;
    for person in &mut people {
        let page = person.page().url.clone();
        let there = Url::parse(&node.address).unwrap().join(&format!("{}?{}", page.path(), page.query().unwrap())).unwrap();
        person.get(&there).await;
    }
    assert_eq!(people[0].page().text_of("#verification-code"), code, "the same code");
    assert_eq!(app_link(&people[2]), link, "the same link");
    approve(&named_one, code.as_deref()).await;
    open(&qr_link(&people[1]), &scanning, "approve").await;
    let redirect = open(&link, &here, "approve").await.expect("a way back");
    let redirect = Url::parse(&redirect).unwrap();
    let there = Url::parse(&node.address).unwrap();
    let there = there.join(&format!("{}?{}", redirect.path(), redirect.query().unwrap())).unwrap();
    people[2].get(&there).await;
    for person in &mut people {
        until_answered(person).await;
        goes_on(person).await;
    }
    assert_eq!(count(&owner, "sessions").await, 3);
}

#[tokio::test]
async fn no_secret_of_a_device_link_reaches_the_browser_or_stands_in_clear_in_the_row() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let person = with_button(&server).await;
    let row: String =
        sqlx::query_scalar("select row_to_json(a)::text from sign_in_attempts a").fetch_one(&owner).await.unwrap();
    let link = Url::parse(&app_link(&person)).unwrap();
    let token = link.query_pairs().find(|(name, _)| name == "sessionToken").unwrap().1.into_owned();
    assert!(!row.contains(&token), "the state is sealed: {row}");
    let told = status(&person).await;
    assert_eq!(told.as_object().unwrap().keys().collect::<Vec<_>>(), ["seconds_left", "state", "step"], "{told}");
    let names: Vec<String> = link.query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(names, ["deviceLinkType", "sessionToken", "sessionType", "version", "lang", "authCode"]);
}
