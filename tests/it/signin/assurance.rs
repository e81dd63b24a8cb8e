//! The assurance of a sign-in and of a session against what a client demands, and whose identity providers count (AUT-11, EID-10).

use reqwest::StatusCode;

use crate::support::{
    authorize::{Ask, browser_for, code_of, configure_by, identity, is_error, number},
    broker::{approve, server_with_brokers},
    person::{Arrival, Person},
    phone::{Phone, assert_problem, confirm},
    server::TestServer,
};

/// The browser signs in for a request, at a broker.
async fn sign_in(server: &TestServer, person: &mut Person, ask: &Ask, broker: &str, phone: &Phone) -> Arrival {
    person.get(ask.url(server)).await;
    person.submit(&[("identity_provider", broker)]).await;
    approve(person, &phone.national_id).await
}

/// Every kind for every client, consents left out, so that what is told apart here is told apart by assurance alone.
async fn open_to_all(server: &TestServer) {
    configure_by(server, "update clients set identity_providers = '{}', require_consent = false where client_type = 'web'")
        .await;
}

#[tokio::test]
async fn aut_11_less_assurance_than_the_client_allows_is_refused_and_makes_no_session() {
    let server = server_with_brokers().await;
    open_to_all(&server).await;
    let (ask, phone) = (Ask::webapp(), Phone::new().await);
    phone.lies_at_the_broker("acrLower").await;
    let mut person = browser_for(&ask);
    sign_in(&server, &mut person, &ask, "signicat", &phone).await;
    assert_problem(&person, "problem-assurance-too-low");
    assert_eq!(number(&server, "select count(*) from sessions").await, 0);
}

#[tokio::test]
async fn aut_11_a_session_counts_for_the_assurance_that_its_sign_in_had_and_for_no_more() {
    let server = server_with_brokers().await;
    open_to_all(&server).await;
    configure_by(
        &server,
        "update clients set allowed_acr = '{eidas-loa-high,eidas-loa-substantial}' where client_id = '@myorg.is/webapp'",
    )
    .await;
    let (ask, phone) = (Ask::webapp(), Phone::new().await);
    phone.lies_at_the_broker("acrLower").await;
    let mut person = browser_for(&ask);
    sign_in(&server, &mut person, &ask, "signicat", &phone).await;
    let callback = confirm(&mut person).await.stopped();
    assert_eq!(identity(&server, &ask, &callback).await["acr"], "eidas-loa-substantial", "not the row's");
    // reused by the client that allows it
    let again = person.get(ask.url(&server)).await.stopped();
    code_of(&again, &server, &ask);
    // not where the request asks for more
    let high = ask.clone().with("acr_values", "eidas-loa-high");
    assert!(matches!(person.get(high.url(&server)).await, Arrival::Page));
    assert_eq!(person.page().url.path(), "/signin/choose");
    let silent = high.with("prompt", "none");
    is_error(&person.get(silent.url(&server)).await.stopped(), &server, &silent, "login_required");
    // nor by a client that demands more
    let portal = Ask::portal();
    let mut person = person.stopping_at(portal.value("redirect_uri").unwrap());
    assert!(matches!(person.get(portal.url(&server)).await, Arrival::Page));
    assert_eq!(person.page().url.path(), "/signin/choose");
    // and in the middle of a request a lower one than it asked for is refused
    let lower = portal.with("acr_values", "eidas-loa-high");
    sign_in(&server, &mut person, &lower, "signicat", &phone).await;
    assert_problem(&person, "problem-assurance-too-low");
}

#[tokio::test]
async fn eid_10_a_session_counts_only_where_the_very_provider_that_made_it_does() {
    let server = server_with_brokers().await;
    open_to_all(&server).await;
    let (ask, portal, phone) = (Ask::webapp(), Ask::portal(), Phone::new().await);
    let mut person = browser_for(&ask);
    sign_in(&server, &mut person, &ask, "kenni", &phone).await;
    confirm(&mut person).await.stopped();
    let counts = async |person: &mut Person, ask: &Ask| {
        person.stop_at(ask.value("redirect_uri").unwrap());
        matches!(person.get(ask.url(&server)).await, Arrival::Stopped(_))
    };
    assert!(counts(&mut person, &ask).await && counts(&mut person, &portal).await, "single sign-on");
    // the client's kinds
    configure_by(&server, "update clients set identity_providers = '{sim,app}' where client_id = '@otherorg.is/portal'").await;
    assert!(counts(&mut person, &ask).await && !counts(&mut person, &portal).await);
    let shown = person.page().forms().remove(0);
    assert!(shown.has_button("identity_provider", "audkenni-sim") && !shown.has_button("identity_provider", "kenni"));
    // another row of the same kind is another provider: this one is an organisation's own now
    configure_by(&server, "update clients set identity_providers = '{}' where client_id = '@otherorg.is/portal'").await;
    configure_by(
        &server,
        "update identity_providers set organisation_id = (select id from organisations where domain = 'myorg.is')
         where name = 'kenni'",
    )
    .await;
    assert!(counts(&mut person, &ask).await && !counts(&mut person, &portal).await);
    assert!(person.page().forms()[0].has_button("identity_provider", "signicat"), "a card as well");
    // disabled, it counts for nobody
    configure_by(&server, "update identity_providers set enabled = false where name = 'kenni'").await;
    assert!(!counts(&mut person, &ask).await);
    assert_eq!(person.page().status, StatusCode::OK);
}

#[tokio::test]
async fn eid_10_a_provider_that_is_disabled_while_the_person_is_there_gives_no_session() {
    let server = server_with_brokers().await;
    open_to_all(&server).await;
    let (ask, phone) = (Ask::webapp(), Phone::new().await);
    let mut person = browser_for(&ask);
    person.get(ask.url(&server)).await;
    person.submit(&[("identity_provider", "kenni")]).await;
    configure_by(&server, "update identity_providers set enabled = false where name = 'kenni'").await;
    approve(&mut person, &phone.national_id).await;
    assert!(!person.page().forms().iter().any(|form| form.has_button("decision", "allow")), "{}", person.page());
    assert_eq!(number(&server, "select count(*) from sessions").await, 0);
}
