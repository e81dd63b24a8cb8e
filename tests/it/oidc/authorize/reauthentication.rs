//! Whether the session that lives is enough: prompt, max_age, id_token_hint and acr_values (AUT-08 … AUT-11).

use serde_json::Value;
use time::Duration;

use crate::support::{
    authorize::{Ask, OTHER_PHONE, browser_for, claims, configure_by, identity, is_error, number, redeem},
    person::{Arrival, Person},
    server::{PHONE, TestServer},
};

fn auth_time(identity: &Value) -> i64 {
    identity["auth_time"].as_i64().unwrap_or_else(|| panic!("no whole seconds: {identity}"))
}

/// The identity for a request that shows no page in this browser.
async fn silently(server: &TestServer, person: &mut Person, ask: &Ask) -> Value {
    let callback = person.get(ask.url(server)).await.stopped();
    identity(server, ask, &callback).await
}

async fn is_refused(server: &TestServer, person: &mut Person, ask: &Ask, error: &str) {
    let callback = person.get(ask.url(server)).await.stopped();
    is_error(&callback, server, ask, error);
}

/// The person is shown the page on which one chooses how to sign in.
async fn must_sign_in(server: &TestServer, person: &mut Person, ask: &Ask) -> Arrival {
    let arrival = person.get(ask.url(server)).await;
    assert!(matches!(arrival, Arrival::Page), "{arrival:?}");
    assert_eq!(person.page().url.path(), "/signin/choose");
    assert!(person.page().forms()[0].has_button("identity_provider", "sim"), "{}", person.page());
    arrival
}

#[tokio::test]
async fn aut_08_prompt_none_shows_no_page_and_starts_nothing() {
    let server = TestServer::start().await;
    let ask = Ask::webapp();
    let none = ask.clone().with("prompt", "none");
    let mut person = browser_for(&ask);
    is_refused(&server, &mut person, &none, "login_required").await;
    person.sign_in(ask.url(&server), PHONE).await;
    let attempts = number(&server, "select count(*) from sign_in_attempts").await;
    silently(&server, &mut person, &none).await;
    let native = Ask::native().with("prompt", "none");
    person.stop_at("is.myorg.app:");
    // RED-09
    is_refused(&server, &mut person, &native, "interaction_required").await;
    configure_by(&server, "update clients set require_consent = true where client_id = '@myorg.is/webapp'").await;
    person.stop_at(ask.value("redirect_uri").unwrap());
    is_refused(&server, &mut person, &none, "consent_required").await;
    is_refused(&server, &mut person, &none.clone().with("max_age", "0"), "login_required").await;
    // SES-02
    server.clock.advance(Duration::minutes(60));
    is_refused(&server, &mut person, &none, "login_required").await;
    assert_eq!(number(&server, "select count(*) from sign_in_attempts").await, attempts);
}

#[tokio::test]
async fn aut_09_prompt_login_asks_again_and_auth_time_tells() {
    let server = TestServer::start().await;
    let ask = Ask::webapp();
    let mut person = browser_for(&ask);
    let first = identity(&server, &ask, &person.sign_in(ask.url(&server), PHONE).await).await;
    server.clock.advance(Duration::seconds(1));
    let same = silently(&server, &mut person, &ask).await;
    assert_eq!((auth_time(&same), &same["sid"]), (auth_time(&first), &first["sid"]));

    let login = ask.clone().with("prompt", "login");
    let arrival = must_sign_in(&server, &mut person, &login).await;
    let callback = person.walk_through_sign_in(arrival, PHONE).await.stopped();
    let again = identity(&server, &login, &callback).await;
    assert!(auth_time(&again) > auth_time(&first));
    // decision B: the same person keeps the session
    assert_eq!((&again["sid"], &again["sub"]), (&first["sid"], &first["sub"]));
    assert_eq!(auth_time(&silently(&server, &mut person, &ask).await), auth_time(&again));
    must_sign_in(&server, &mut person, &login).await;
}

#[tokio::test]
async fn aut_09_max_age_asks_again_only_when_it_has_passed() {
    let server = TestServer::start().await;
    let ask = Ask::webapp().with("max_age", "30");
    let mut person = browser_for(&ask);
    let first = identity(&server, &ask, &person.sign_in(ask.url(&server), PHONE).await).await;
    server.clock.advance(Duration::seconds(30));
    assert_eq!(auth_time(&silently(&server, &mut person, &ask).await), auth_time(&first));
    server.clock.advance(Duration::seconds(1));
    is_refused(&server, &mut person, &ask.clone().with("prompt", "none"), "login_required").await;
    for max_age in ["30", "0"] {
        let ask = ask.clone().with("max_age", max_age);
        let arrival = must_sign_in(&server, &mut person, &ask).await;
        let callback = person.walk_through_sign_in(arrival, PHONE).await.stopped();
        let again = identity(&server, &ask, &callback).await;
        assert!(auth_time(&again) > auth_time(&first), "{max_age}");
    }
}

#[tokio::test]
async fn aut_09_a_cancelled_step_never_falls_back_to_the_old_session() {
    let server = TestServer::start().await;
    let ask = Ask::webapp();
    let mut person = browser_for(&ask);
    person.sign_in(ask.url(&server), PHONE).await;
    for forced in [ask.clone().with("prompt", "login"), ask.clone().with("max_age", "0")] {
        must_sign_in(&server, &mut person, &forced).await;
        let page = person.page().url.clone();
        // back into the pipeline without having signed in
        let address = page.as_str().replace("/signin/choose", "/connect/authorize");
        assert!(matches!(person.get(&address).await, Arrival::Page));
        let callback = person.submit(&[("decision", "cancel")]).await.stopped();
        is_error(&callback, &server, &forced, "access_denied");
        person.get(&address).await;
        person.page().is_refusal(400, "IAS-6013");
    }
    // the session itself is as it was
    silently(&server, &mut person, &ask).await;
}

#[tokio::test]
async fn aut_10_another_person_ends_the_session_and_is_not_merged_into_it() {
    let server = TestServer::start().await;
    let ask = Ask::webapp();
    let mut person = browser_for(&ask);
    let first = identity(&server, &ask, &person.sign_in(ask.url(&server), PHONE).await).await;
    let login = ask.clone().with("prompt", "login");
    let second = identity(&server, &login, &person.sign_in(login.url(&server), OTHER_PHONE).await).await;
    assert_ne!(second["sub"], first["sub"]);
    assert_ne!(second["sid"], first["sid"]);
    let ended =
        format!("select count(*) from sessions where id = '{}' and ended_at is not null", first["sid"].as_str().unwrap());
    assert_eq!(number(&server, &ended).await, 1);
    assert_eq!(silently(&server, &mut person, &ask).await["sub"], second["sub"]);
}

#[tokio::test]
async fn aut_10_id_token_hint_own_old_anothers_and_rubbish() {
    let server = TestServer::start().await;
    let ask = Ask::webapp();
    let none = ask.clone().with("prompt", "none");
    let mut person = browser_for(&ask);
    let hint = redeem(&server, &ask, &person.sign_in(ask.url(&server), PHONE).await).await["id_token"].clone();
    let hinted = |ask: &Ask| ask.clone().with("id_token_hint", hint.as_str().unwrap());
    assert_eq!(silently(&server, &mut person, &hinted(&none)).await["sub"], claims(&hint)["sub"]);
    // check-list 39: also an expired one
    server.clock.advance(Duration::minutes(20));
    assert_eq!(silently(&server, &mut person, &hinted(&none)).await["sub"], claims(&hint)["sub"]);
    server.clock.advance(-Duration::minutes(20));

    let mut other = browser_for(&ask);
    is_refused(&server, &mut other, &hinted(&none), "login_required").await;
    other.sign_in(ask.url(&server), OTHER_PHONE).await;
    is_refused(&server, &mut other, &hinted(&none), "login_required").await;
    // with a page the right person may sign in; the wrong one is not passed off as the right one
    let arrival = must_sign_in(&server, &mut other, &hinted(&ask)).await;
    let callback = other.walk_through_sign_in(arrival, OTHER_PHONE).await.stopped();
    is_error(&callback, &server, &ask, "login_required");
    let arrival = must_sign_in(&server, &mut other, &hinted(&ask)).await;
    let callback = other.walk_through_sign_in(arrival, PHONE).await.stopped();
    assert_eq!(identity(&server, &ask, &callback).await["sub"], claims(&hint)["sub"]);

    let changed = format!("{}A", hint.as_str().unwrap());
    is_refused(&server, &mut person, &ask.clone().with("id_token_hint", &changed), "invalid_request").await;
    person.stop_at("https://portal.otherorg.is/");
    is_refused(&server, &mut person, &hinted(&Ask::portal()), "invalid_request").await;
}

#[tokio::test]
async fn aut_11_acr_values_are_reached_or_refused_and_never_lowered() {
    let server = TestServer::start().await;
    let ask = Ask::webapp().with("acr_values", "islandis-passkey eidas-loa-high");
    let mut person = browser_for(&ask);
    let identity = identity(&server, &ask, &person.sign_in(ask.url(&server), PHONE).await).await;
    assert_eq!(identity["acr"], "eidas-loa-high");
    let unreachable = ask.clone().with("acr_values", "islandis-passkey");
    unreachable.both(&server).await.is_error(&server, &unreachable, "unmet_authentication_requirements");
    is_refused(&server, &mut person, &unreachable, "unmet_authentication_requirements").await;

    // the session's assurance is no longer one that the client takes
    configure_by(&server, "update clients set allowed_acr = '{eidas-loa-high,higher}' where client_id = '@myorg.is/webapp'")
        .await;
    configure_by(&server, "update identity_providers set acr = 'higher'").await;
    is_refused(&server, &mut person, &ask.clone().with("acr_values", "eidas-loa-high"), "unmet_authentication_requirements")
        .await;
    must_sign_in(&server, &mut person, &ask.clone().with("acr_values", "higher")).await;
}

#[tokio::test]
async fn aut_11_an_essential_acr_is_reached_or_refused() {
    let server = TestServer::start().await;
    let essential = |acr: &str| {
        Ask::webapp().with("claims", &format!(r#"{{"id_token":{{"acr":{{"essential":true,"values":["x","{acr}"]}}}}}}"#))
    };
    let ask = essential("eidas-loa-high");
    let mut person = browser_for(&ask);
    let callback = person.sign_in(ask.url(&server), PHONE).await;
    assert_eq!(identity(&server, &ask, &callback).await["acr"], "eidas-loa-high");
    is_refused(&server, &mut person, &essential("y"), "unmet_authentication_requirements").await;
    // a wish that is not essential does not fail (OpenID Connect Core §5.5.1)
    let wish = Ask::webapp().with("claims", r#"{"id_token":{"acr":{"values":["y"]}}}"#);
    let callback = person.get(wish.url(&server)).await.stopped();
    assert_eq!(identity(&server, &wish, &callback).await["acr"], "eidas-loa-high");
    // both ways to ask hold at once
    let both = essential("eidas-loa-high").with("acr_values", "y");
    is_refused(&server, &mut person, &both, "unmet_authentication_requirements").await;
    // the session's assurance no longer is the one that is demanded
    configure_by(&server, "update clients set allowed_acr = '{eidas-loa-high,higher}' where client_id = '@myorg.is/webapp'")
        .await;
    configure_by(&server, "update identity_providers set acr = 'higher'").await;
    must_sign_in(&server, &mut person, &essential("higher")).await;
}

#[tokio::test]
async fn aut_08_select_account_shows_who_is_signed_in() {
    let server = TestServer::start().await;
    let ask = Ask::webapp().with("prompt", "select_account");
    let mut person = browser_for(&ask);
    // without a session there is nobody to choose
    let arrival = must_sign_in(&server, &mut person, &ask).await;
    let first = identity(&server, &ask, &person.walk_through_sign_in(arrival, PHONE).await.stopped()).await;

    person.get(ask.url(&server)).await;
    let page = person.page();
    assert!(page.text_of("#subject-current").unwrap().contains("Gervimaður Ameríka"), "{page}");
    assert!(!page.forms()[0].has_button("identity_provider", "sim"), "{page}");
    let same = identity(&server, &ask, &person.submit(&[("subject", "current")]).await.stopped()).await;
    assert_eq!((&same["sid"], auth_time(&same)), (&first["sid"], auth_time(&first)));

    person.get(ask.url(&server)).await;
    let arrival = person.submit(&[("subject", "other")]).await;
    let other = identity(&server, &ask, &person.walk_through_sign_in(arrival, OTHER_PHONE).await.stopped()).await;
    assert_ne!(other["sub"], first["sub"]);

    // who must sign in anyway is not asked twice
    let both = ask.clone().with("prompt", "login select_account");
    let arrival = must_sign_in(&server, &mut person, &both).await;
    person.walk_through_sign_in(arrival, PHONE).await.stopped();
}
