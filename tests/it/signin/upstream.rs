//! Signing in at another OpenID provider (eid.md §8.5): what it is asked, what its answer gives, and in which browser and how often
//! an answer counts.

use ias::base::clock::Clock;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use time::Duration;
use url::Url;

use crate::support::{
    authorize::{change_by, claims, configure_by, number, parameters, send},
    broker::{BROKERS, approve, at_the_broker, go_to_the_broker, server_with_brokers},
    database::count,
    person::Person,
    phone::{CLIENT, Phone, assert_problem, authorize_url, browser, confirm, session_cookie, signed_in},
    server::{APP, SECRET, TestServer, simulator},
};

/// The claims of the ID token for the code of a callback, and `idp` of the access token.
async fn identity(server: &TestServer, callback: &Url) -> Value {
    let code = callback.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let redirect_uri = format!("{APP}/callback");
    let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", &redirect_uri)];
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let request = reqwest::Client::new().post(format!("{}/connect/token", server.address)).form(&form);
    let answer = request.basic_auth(encode(CLIENT), Some(encode(SECRET))).send().await.unwrap();
    let tokens: Value = answer.json().await.unwrap();
    let mut told = claims(&tokens["id_token"]);
    told["idp"] = claims(&tokens["access_token"])["idp"].clone();
    told
}

/// Signs in at a broker; gives the ID token's claims.
async fn sign_in(server: &TestServer, person: &mut Person, name: &str, phone: &Phone) -> Value {
    go_to_the_broker(person, server, name, &[("prompt", "login")]).await;
    approve(person, &phone.national_id).await;
    let callback = confirm(person).await.stopped();
    identity(server, &callback).await
}

/// The last address of ours that another site sent the browser to.
fn return_address(person: &Person) -> Url {
    person.visited.iter().rev().find(|url| url.path().starts_with("/signin/return/")).unwrap().clone()
}

/// Why the attempt on whose page the person is has failed.
async fn attempt_error(server: &TestServer, person: &Person) -> String {
    let attempt: uuid::Uuid = parameters(&person.page().url)["attempt"].parse().unwrap();
    sqlx::query_scalar("select error_kind from sign_in_attempts where id = $1")
        .bind(attempt)
        .fetch_one(&server.owner().await)
        .await
        .unwrap()
}

#[tokio::test]
async fn people_sign_in_with_every_broker_and_the_tokens_say_how() {
    let server = server_with_brokers().await;
    let phone = Phone::new().await;
    let mut subjects = Vec::new();
    for (name, kind, amr) in [
        ("audkenni-sim", "sim", json!(["hwk", "pin", "mfa"])),
        ("audkenni-app", "app", json!(["swk", "pin", "mfa"])),
        ("signicat", "card", json!(["sc", "pin", "mfa"])),
        ("kenni", "card", json!(["sc", "pin", "mfa"])),
    ] {
        let mut person = browser();
        let told = sign_in(&server, &mut person, name, &phone).await;
        assert_eq!((&told["idp"], &told["acr"], &told["amr"]), (&kind.into(), &"eidas-loa-high".into(), &amr), "{name}");
        assert_eq!(told["auth_time"], server.app.clock.now().unix_timestamp(), "EID-09: {name}");
        subjects.push(told["sub"].as_str().unwrap().to_owned());
        assert_eq!(person.cookie("localhost", "ias_method"), Some(name));
    }
    assert_eq!(subjects[2], subjects[3], "one person has one `sub` for each kind");
    assert!(subjects[0] != subjects[1] && subjects[1] != subjects[2]);
    let stored: Vec<(String, Option<String>)> =
        sqlx::query_as("select national_id, name from persons").fetch_all(&server.owner().await).await.unwrap();
    assert_eq!(stored, [(phone.national_id.clone(), Some(phone.name.clone()))], "the same person each time");
}

#[tokio::test]
async fn x5_09_the_id_token_is_kept_sealed_and_nothing_of_it_in_clear() {
    let server = server_with_brokers().await;
    let phone = Phone::new().await;
    sign_in(&server, &mut browser(), "audkenni-sim", &phone).await;
    let (evidence, state, request): (Vec<u8>, Option<Vec<u8>>, Option<String>) =
        sqlx::query_as("select evidence, driver_state, request from sign_in_attempts join sign_in_evidence using (id)")
            .fetch_one(&server.owner().await)
            .await
            .unwrap();
    assert_eq!((state, request), (None, None));
    assert!(!String::from_utf8_lossy(&evidence).contains("eyJ"));
    let plain = server.app.keys().sealing().open("evidence of a sign-in", &evidence).unwrap();
    let evidence: Value = serde_json::from_slice(&plain).unwrap();
    assert_eq!(evidence["kind"], "id_token");
    assert_eq!(claims(&evidence["id_token"])["iss"], format!("{}/op/audkenni", simulator().await.url));
    assert_eq!(evidence["userinfo"]["nationalRegisterId"], phone.national_id);
}

#[tokio::test]
async fn the_broker_is_asked_by_code_pkce_state_and_nonce_for_a_fresh_sign_in_of_its_row() {
    let server = server_with_brokers().await;
    let mut seen = Vec::new();
    for (name, acr_values) in [("audkenni-sim", Some("sim-auth")), ("audkenni-app", Some("app-auth")), ("kenni", None)] {
        let person = at_the_broker(&server, name).await;
        let asked = parameters(&person.page().url);
        let of = |name: &str| asked.get(name).map(String::as_str);
        assert_eq!((of("response_type"), of("code_challenge_method")), (Some("code"), Some("S256")));
        assert_eq!(of("redirect_uri"), Some(format!("{}/signin/return/{name}", server.issuer).as_str()));
        assert_eq!((of("prompt"), of("max_age"), of("ui_locales")), (Some("login"), Some("0"), Some("is")));
        assert_eq!(of("acr_values"), acr_values, "{name}");
        assert_eq!(of("related_party"), (name == "audkenni-sim").then_some("Samræmispróf 1"), "{name}");
        assert_eq!(of("scope"), Some(if name == "kenni" { "openid" } else { "openid profile" }));
        seen.extend(["state", "nonce", "code_challenge"].map(|name| of(name).unwrap().to_owned()));
    }
    assert!(seen.iter().all(|value| value.len() >= 43), "{seen:?}");
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 9, "each is of one attempt");
}

#[tokio::test]
async fn brokers_stand_on_the_page_under_their_own_names_and_their_pages_may_be_gone_to() {
    let server = server_with_brokers().await;
    let mut person = browser();
    person.get(authorize_url(&server, &[])).await;
    let page = person.page();
    let form = &page.forms()[0];
    assert!(["sim"].iter().chain(&BROKERS).all(|name| form.has_button("identity_provider", name)), "{page}");
    let shown = |name: &str| page.text_of(&format!("#identity-provider-{name} .name")).unwrap();
    assert_eq!((shown("sim").as_str(), shown("kenni").as_str()), ("Skilríki á SIM-korti", "Skilríki á korti"));
    assert_eq!((shown("signicat").as_str(), shown("audkenni-app").as_str()), ("Signicat", "Miðlari með appi"));
    // WEB-02: Chromium holds the form to it on its whole way
    let target = Url::parse(&simulator().await.url).unwrap().origin().ascii_serialization();
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains(&target), "{:?}", page.headers);
    person.get(format!("{}&lang=en", person.page().url)).await;
    assert_eq!(person.page().text_of("#identity-provider-audkenni-app .name").as_deref(), Some("Broker with app"));
    assert_eq!(person.page().text_of("#identity-provider-signicat .name").as_deref(), Some("Signicat"));
    // the way that was used last comes first
    sign_in(&server, &mut person, "kenni", &Phone::new().await).await;
    person.get(authorize_url(&server, &[("prompt", "login")])).await;
    assert_eq!(person.page().forms()[0].buttons[0].1, "kenni");
    assert!(person.page().text_of("#identity-provider-kenni .badge").is_some());
}

#[tokio::test]
async fn eid_04_an_answer_in_another_browser_shows_a_neutral_page_and_consumes_nothing() {
    let server = server_with_brokers().await;
    let (phone, mut person) = (Phone::new().await, at_the_broker(&server, "signicat").await);
    person.stop_at(&format!("{}/signin/return/", server.issuer));
    let answer = approve(&mut person, &phone.national_id).await.stopped();
    let mut stranger = browser();
    stranger.get(&answer).await;
    assert_eq!(stranger.page().status, StatusCode::OK, "without any cookie: {}", stranger.page());
    stranger.get(authorize_url(&server, &[("prompt", "login")])).await;
    stranger.get(&answer).await;
    let page = stranger.page();
    assert_eq!((page.status, page.text_of("#refusal").as_deref()), (StatusCode::OK, Some("IAS-6012")), "{page}");
    assert_eq!(page.forms().len(), 0, "nothing of the request is told");
    assert!(!page.html.contains("request=") && session_cookie(&stranger).is_none());
    assert_eq!(count(&server.owner().await, "persons").await, 0);
    // the person's own browser goes on
    person.stop_at(&format!("{APP}/"));
    person.get(&answer).await;
    let callback = confirm(&mut person).await.stopped();
    assert!(callback.query().unwrap().contains("code="), "{callback}");
}

#[tokio::test]
async fn eid_05_an_answer_counts_once_and_later_shows_the_attempt_as_it_stands() {
    let server = server_with_brokers().await;
    let (phone, mut person) = (Phone::new().await, at_the_broker(&server, "kenni").await);
    approve(&mut person, &phone.national_id).await;
    let answer = return_address(&person);
    person.get(&answer).await;
    assert!(person.page().forms()[0].has_button("decision", "allow"), "verified still: {}", person.page());
    confirm(&mut person).await.stopped();
    person.get(&answer).await;
    assert_eq!(person.page().text_of("#refusal").as_deref(), Some("IAS-6013"), "forgotten: {}", person.page());
    assert_eq!(number(&server, "select count(*) from sessions").await, 1);
    assert_eq!(number(&server, "select count(*) from audit_log where kind = 'sign_in_failed'").await, 0);
}

#[tokio::test]
async fn two_answers_at_once_on_two_nodes_are_one() {
    let server = server_with_brokers().await;
    let other =
        server.second_node_with(|settings| settings.sign_in.secrets_dir = Some(crate::support::broker::secrets())).await;
    for round in 0..4 {
        let (phone, mut person) = (Phone::new().await, at_the_broker(&server, "audkenni-app").await);
        person.stop_at(&format!("{}/signin/return/", server.issuer));
        let answer = approve(&mut person, &phone.national_id).await.stopped();
        let elsewhere = Url::parse(&answer.as_str().replacen(&server.issuer, &other.address, 1)).unwrap();
        let cookies = person.cookie_header(&answer);
        let headers = [("cookie", cookies.as_str())];
        let ask = async |url: &Url| send(Method::GET, url.as_str(), &headers, None).await;
        let pages = tokio::join!(ask(&answer), ask(&elsewhere), ask(&answer), ask(&elsewhere));
        for page in [&pages.0, &pages.1, &pages.2, &pages.3] {
            assert_eq!(page.location().path(), "/signin/wait", "{round}: {page}");
        }
        let states: Vec<String> =
            sqlx::query_scalar("select distinct state from sign_in_attempts").fetch_all(&server.owner().await).await.unwrap();
        assert_eq!(states, ["verified"], "{round}: the broker would have refused the code the second time");
    }
    assert_eq!(number(&server, "select count(*) from audit_log where kind = 'sign_in_failed'").await, 0);
}

#[tokio::test]
async fn what_anybody_could_send_ends_no_attempt() {
    let server = server_with_brokers().await;
    let (phone, mut person) = (Phone::new().await, at_the_broker(&server, "signicat").await);
    person.stop_at(&format!("{}/signin/return/", server.issuer));
    let answer = approve(&mut person, &phone.national_id).await.stopped();
    let state = parameters(&answer)["state"].clone();
    let cookies = person.cookie_header(&answer);
    let headers = [("cookie", cookies.as_str())];
    let return_url = format!("{}/signin/return/signicat", server.address);
    // the attempt's id with another secret
    let mut forged = ias::base::digest::from_base64url(&state).unwrap();
    *forged.last_mut().unwrap() ^= 1;
    let forged = ias::base::digest::base64url(&forged);
    let page = send(Method::GET, &format!("{return_url}?error=access_denied&state={forged}"), &headers, None).await;
    assert_eq!(page.location().path(), "/signin/wait");
    for query in [
        "",
        "?state=",
        "?state=nonsense",
        "?code=a",
        "?state=a&state=b",
        &format!("?state={state}&state={state}"),
        "?state=%00",
    ] {
        let page = send(Method::GET, &format!("{return_url}{query}"), &headers, None).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{query}: {page}");
    }
    let page = send(Method::GET, answer.as_str(), &headers, None).await;
    person.stop_at(&format!("{APP}/"));
    person.get(page.location()).await;
    confirm(&mut person).await.stopped();
}

#[tokio::test]
async fn rfc_9207_a_code_of_another_broker_or_of_another_sign_in_proves_nothing() {
    let server = server_with_brokers().await;
    let phone = Phone::new().await;
    let answer = async |name: &str| {
        let mut person = at_the_broker(&server, name).await;
        person.stop_at(&format!("{}/signin/return/", server.issuer));
        let answer = approve(&mut person, &phone.national_id).await.stopped();
        person.stop_at(&format!("{APP}/"));
        (person, answer)
    };
    let with = |answer: &Url, name: &str, value: &str| {
        let mut changed = answer.clone();
        let pairs: Vec<(String, String)> = answer.query_pairs().into_owned().filter(|(other, _)| other != name).collect();
        changed.query_pairs_mut().clear().extend_pairs(pairs).append_pair(name, value);
        changed
    };
    let (_, theirs) = answer("kenni").await;
    let (_, another) = answer("signicat").await;
    let (theirs, another) = (parameters(&theirs), parameters(&another));
    for (what, name, value, kind) in [
        ("mix-up: another broker's code with its own name", "iss", theirs["iss"].as_str(), "token_rejected"),
        ("another broker's code", "code", theirs["code"].as_str(), "provider_protocol"),
        ("a code of another sign-in at the same broker", "code", another["code"].as_str(), "provider_protocol"),
    ] {
        let (mut person, own) = answer("signicat").await;
        person.get(with(&own, name, value)).await;
        assert!(person.page().text_of("#problem").is_some(), "{what}: {}", person.page());
        assert_eq!(attempt_error(&server, &person).await, kind, "{what}");
    }
    assert_eq!(count(&server.owner().await, "persons").await, 0);
}

#[tokio::test]
async fn rfc_9700_an_answer_at_the_address_of_another_provider_ends_the_attempt_before_its_code_is_used() {
    let server = server_with_brokers().await;
    let phone = Phone::new().await;
    let mut person = at_the_broker(&server, "signicat").await;
    person.stop_at(&format!("{}/signin/return/", server.issuer));
    // all of it right, `iss` too: the address alone tells that somebody has mixed up two providers
    let answer = approve(&mut person, &phone.national_id).await.stopped();
    assert!(answer.path().ends_with("/signicat"), "{answer}");
    person.stop_at(&format!("{APP}/"));
    person.get(answer.as_str().replacen("/signin/return/signicat?", "/signin/return/kenni?", 1)).await;
    assert_problem(&person, "problem-rejected");
    assert_eq!(attempt_error(&server, &person).await, "token_rejected");
    assert_eq!(count(&server.owner().await, "persons").await, 0);
}

#[tokio::test]
async fn eid_09_a_person_who_asks_the_broker_for_another_method_does_not_sign_in() {
    let server = server_with_brokers().await;
    let phone = Phone::new().await;
    for changed in ["acr_values=app-auth", "acr_values="] {
        let mut person = at_the_broker(&server, "audkenni-sim").await;
        let asked = person.page().url.as_str().replacen("acr_values=sim-auth", changed, 1);
        assert!(asked.contains(changed), "{asked}");
        person.get(asked).await;
        approve(&mut person, &phone.national_id).await;
        if changed.ends_with('=') {
            // this broker's usual method is the one of the row
            confirm(&mut person).await.stopped();
        } else {
            assert_eq!(attempt_error(&server, &person).await, "assurance_too_low");
            assert!(session_cookie(&person).is_none());
        }
    }
}

#[tokio::test]
async fn a_broker_that_cannot_be_reached_leaves_the_other_ways() {
    let server = server_with_brokers().await;
    // nobody listens there
    configure_by(
        &server,
        "update identity_providers set settings = jsonb_set(settings, '{issuer}', '\"http://localhost:1/op\"') where name = 'kenni'",
    )
    .await;
    let mut person = browser();
    person.get(authorize_url(&server, &[])).await;
    person.submit(&[("identity_provider", "kenni")]).await;
    assert_problem(&person, "problem-unavailable");
    let page = person.page();
    assert!(page.html.contains("id=\"retry\"") && page.html.contains("id=\"other\""), "{page}");
}

#[tokio::test]
async fn a_row_whose_secret_is_not_there_is_not_offered() {
    let server = server_with_brokers().await;
    for secret in ["nothing", "../broker", ""] {
        let sql = format!(
            "update identity_providers
             set settings = jsonb_set(settings, '{{client_authentication,secret}}', '\"{secret}\"') where name = 'signicat'"
        );
        configure_by(&server, &sql).await;
        let mut person = browser();
        person.get(authorize_url(&server, &[])).await;
        let form = &person.page().forms()[0];
        assert!(!form.has_button("identity_provider", "signicat") && form.has_button("identity_provider", "kenni"));
        let configuration = server.app.configuration();
        assert!(
            configuration.faults()[0].starts_with("identity provider signicat: the secret"),
            "{:?}",
            configuration.faults()
        );
    }
}

#[tokio::test]
async fn a_brokers_word_for_a_persons_name_counts_only_where_there_is_none() {
    let server = server_with_brokers().await;
    let phone = Phone::new().await;
    let name =
        async || -> String { sqlx::query_scalar("select name from persons").fetch_one(&server.owner().await).await.unwrap() };
    let mut person = browser();
    sign_in(&server, &mut person, "signicat", &phone).await;
    assert_eq!(name().await, phone.name, "there was none");
    change_by(&server, "update persons set name = 'Nafn af skilríkjum'").await;
    sign_in(&server, &mut person, "signicat", &phone).await;
    assert_eq!(name().await, "Nafn af skilríkjum", "every client shows it");
    signed_in(&server, &phone).await;
    assert_eq!(name().await, phone.name, "the certificate's name does count");
}

#[tokio::test]
async fn eid_09_a_fresh_sign_in_is_asked_of_a_broker_whenever_the_client_demands_one() {
    /// What the client asks, the broker's lie, whether a fresh sign-in is asked for, and whether the person signs in.
    type Case = (&'static [(&'static str, &'static str)], &'static str, bool, bool);
    let server = server_with_brokers().await;
    let sql = "update identity_providers set settings = settings || '{\"fresh_sign_in\": false}' where name = 'kenni'";
    configure_by(&server, sql).await;
    let table: [Case; 4] = [
        (&[], "noAuthTime", false, true),
        (&[], "staleAuthTime", false, false),
        (&[("prompt", "login")], "noAuthTime", true, false),
        (&[("max_age", "3600")], "staleAuthTime", true, false),
    ];
    for (further, fault, asked, accepted) in table {
        let what = format!("{further:?} {fault}");
        // the brokers have a clock of their own
        server.clock.advance((Clock::System.now() - server.app.clock.now()).max(Duration::ZERO));
        let phone = Phone::new().await;
        phone.lies_at_the_broker(fault).await;
        let mut person = browser();
        go_to_the_broker(&mut person, &server, "kenni", further).await;
        let sent = parameters(&person.page().url);
        let fresh = (Some("login"), Some("0"));
        let of = |name: &str| sent.get(name).map(String::as_str);
        assert_eq!((of("prompt"), of("max_age")) == fresh, asked, "{what}");
        approve(&mut person, &phone.national_id).await;
        if accepted {
            confirm(&mut person).await.stopped();
        } else {
            assert_eq!(attempt_error(&server, &person).await, "token_rejected", "{what}");
        }
    }
}

#[tokio::test]
async fn x5_06_a_row_that_does_not_tell_of_which_country_its_people_are_is_not_offered() {
    let server = server_with_brokers().await;
    let remove = "update identity_providers set settings = settings #- '{claims,require}' where name = 'signicat'";
    configure_by(&server, remove).await;
    let mut person = browser();
    person.get(authorize_url(&server, &[])).await;
    let form = &person.page().forms()[0];
    assert!(!form.has_button("identity_provider", "signicat") && form.has_button("identity_provider", "kenni"));
    let configuration = server.app.configuration();
    let fault = "identity provider signicat: nothing tells of which country its national ids are";
    assert_eq!(configuration.faults(), [fault]);
}

#[tokio::test]
async fn an_answer_whose_node_died_while_it_looked_ends_the_attempt() {
    let server = server_with_brokers().await;
    let mut person = at_the_broker(&server, "kenni").await;
    let state = parameters(&person.page().url)["state"].clone();
    // as the node left it
    change_by(&server, "update sign_in_attempts set driver_state = null, lease_until = created_at + interval '45 s'").await;
    let back = format!("{}/signin/return/kenni?code=a&state={state}", server.issuer);
    person.get(&back).await;
    assert!(person.page().text_of("#waiting + form").is_some(), "somebody may still look: {}", person.page());
    server.clock.advance(Duration::seconds(46));
    person.get(&back).await;
    assert_problem(&person, "problem-unavailable");
}

#[tokio::test]
async fn metadata_of_another_issuer_are_not_believed() {
    let server = server_with_brokers().await;
    // the same simulator by another of its names
    let named = simulator().await.url.replace("localhost", "127.0.0.1");
    let sql = format!(
        "update identity_providers set settings = jsonb_set(settings, '{{issuer}}', '\"{named}/op/kenni\"') where name = 'kenni'"
    );
    configure_by(&server, &sql).await;
    let mut person = browser();
    person.get(authorize_url(&server, &[])).await;
    person.submit(&[("identity_provider", "kenni")]).await;
    assert_problem(&person, "problem-unavailable");
}

#[tokio::test]
async fn on_the_page_of_a_pending_attempt_the_way_to_the_broker_is_a_link() {
    let server = server_with_brokers().await;
    let mut person = at_the_broker(&server, "signicat").await;
    let asked = person.page().url.clone();
    let (attempt, request): (uuid::Uuid, String) =
        sqlx::query_as("select id, request from sign_in_attempts").fetch_one(&server.owner().await).await.unwrap();
    person.get(format!("{}/signin/wait?request={request}&attempt={attempt}", server.issuer)).await;
    let document = scraper::Html::parse_document(&person.page().html);
    let link = document.select(&scraper::Selector::parse("a#redirect").unwrap()).next().unwrap();
    assert_eq!(link.attr("href"), Some(asked.as_str()));
}
