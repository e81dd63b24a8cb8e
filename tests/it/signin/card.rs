//! Identity cards (eid.md §4): tokens of Web eID, certificates on a host of their own, whose they are, and how often they count.

use futures_util::{StreamExt as _, future::join_all, stream};
use ias::{base::text::Language, config::Settings};
use reqwest::StatusCode;
use sqlx::PgPool;
use time::Duration;
use url::Url;

use super::faults::assert_refused;
use crate::support::{
    card::{
        AtTheCardHost, at_the_reader, attribute, by_proxy, card_lies, certificate_of, identity, read_card, send_token, tls,
        to_the_card_host, token, with_tls,
    },
    database::count,
    person::Person,
    phone::{Phone, assert_problem, confirm, session_cookie},
    server::TestServer,
};

/// What a card may lie about in a token: the lie, the sentence and the error kind.
pub(super) const TOKEN_LIES: &[(&str, &str, &str)] = &[
    ("wrongOrigin", "problem-rejected", "signature_invalid"),
    ("wrongNonce", "problem-rejected", "signature_invalid"),
    ("wrongKey", "problem-rejected", "signature_invalid"),
    ("otherHash", "problem-rejected", "signature_invalid"),
    ("replayOld", "problem-rejected", "signature_invalid"),
    ("wrongHashAlg", "problem-rejected", "signature_invalid"),
    ("derSignature", "problem-rejected", "signature_invalid"),
    ("emptySignature", "problem-rejected", "signature_invalid"),
    ("malformedJson", "problem-rejected", "signature_invalid"),
    ("hugeBody", "problem-rejected", "signature_invalid"),
    ("unknownState", "problem-rejected", "signature_invalid"),
];

/// What its certificate may lie about, however it is read.
pub(super) const CERTIFICATE_LIES: &[(&str, &str, &str)] = &[
    ("expired", "problem-rejected", "certificate_rejected"),
    ("notYetValid", "problem-rejected", "certificate_rejected"),
    ("untrustedIssuer", "problem-rejected", "certificate_rejected"),
    ("selfSigned", "problem-rejected", "certificate_rejected"),
    ("wrongPolicy", "problem-rejected", "certificate_rejected"),
    ("wrongEku", "problem-rejected", "certificate_rejected"),
    ("noDigitalSignature", "problem-rejected", "certificate_rejected"),
    ("weakKey", "problem-rejected", "certificate_rejected"),
    ("twoSerialNumbers", "problem-rejected", "certificate_rejected"),
    ("foreignCountry", "problem-rejected", "certificate_rejected"),
    ("noSerialNumber", "problem-rejected", "certificate_rejected"),
    ("revoked", "problem-blocked", "credential_revoked"),
    ("ocspDown", "problem-unavailable", "revocation_unavailable"),
];

/// The proxy in front of the card host is the tests themselves.
fn behind_a_proxy(settings: &mut Settings) {
    settings.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
}

async fn state(owner: &PgPool) -> String {
    sqlx::query_scalar("select state from sign_in_attempts order by id desc limit 1").fetch_one(owner).await.unwrap()
}

/// The browser goes on to the client, signed in by a card as this person.
async fn assert_signed_in(person: &mut Person, owner: &PgPool, holder: &Phone) {
    assert!(person.page().forms()[0].has_button("decision", "allow"), "{}", person.page());
    assert!(confirm(person).await.stopped().query().unwrap().contains("code="));
    assert!(session_cookie(person).is_some());
    let (national_id, idp, amr): (String, String, Vec<String>) = sqlx::query_as(
        "select p.national_id, s.identity_provider, s.amr from sessions s join persons p on p.id = s.person_id
         order by s.id desc limit 1",
    )
    .fetch_one(owner)
    .await
    .unwrap();
    assert_eq!((national_id.as_str(), idp.as_str()), (holder.national_id.as_str(), "card"));
    assert_eq!(amr, ["sc", "pin", "mfa"]);
    let kept: bool = sqlx::query_scalar(
        "select exists (select from sign_in_evidence e where e.id = a.id) from sign_in_attempts a
         where a.state = 'consumed' order by id desc limit 1",
    )
    .fetch_one(owner)
    .await
    .unwrap();
    assert!(kept, "X5-09");
}

#[tokio::test]
async fn a_card_signs_in_by_web_eid() {
    let server = TestServer::start().await;
    let holder = Phone::new().await;
    let mut person = at_the_reader(&server).await;
    assert_eq!(attribute(&person, "#web-eid", "data-nonce").map(|nonce| nonce.len()), Some(44));
    read_card(&mut person, &server, &holder).await;
    assert_signed_in(&mut person, &server.owner().await, &holder).await;
}

#[tokio::test]
async fn the_page_waits_five_minutes_and_has_a_way_without_script() {
    let server = TestServer::start().await;
    let holder = Phone::new().await;
    let mut person = at_the_reader(&server).await;
    let page = person.page();
    assert!(!page.html.contains("http-equiv=\"refresh\""), "nothing moves under the finger");
    assert!(attribute(&person, "#certificate", "href").is_some_and(|href| href.starts_with("/signin/card?")));
    assert!(page.text_of("noscript").is_some());
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    let simulator = crate::support::server::simulator().await.url.clone();
    assert!(policy.contains(&format!("script-src 'self' {simulator};")) && policy.contains(&format!("frame-src {simulator};")));
    let url = page.url.clone();
    server.clock.advance(Duration::seconds(299));
    person.get(&url).await;
    let nonce = attribute(&person, "#web-eid", "data-nonce").expect("still waiting");
    let token = token(&server, &holder, &nonce).await;
    server.clock.advance(Duration::seconds(1));
    send_token(&mut person, &token).await;
    assert_problem(&person, "problem-timed-out");
    assert!(session_cookie(&person).is_none());
}

#[tokio::test]
async fn no_page_but_the_one_that_reads_cards_lets_the_simulators_script_in() {
    let server = TestServer::start().await;
    let mut person = crate::support::phone::at_the_number(&server).await;
    let policy = person.page().headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'self';") && !policy.contains("frame-src"), "{policy}");
    // and where none is configured, not even that one
    let owner = server.owner().await;
    sqlx::query("update identity_providers set settings = settings #- '{simulator_shim_url}' where name = 'card'")
        .execute(&owner)
        .await
        .unwrap();
    sqlx::query("update configuration set version = version + 1").execute(&owner).await.unwrap();
    server.app.confirm().await.unwrap();
    person = at_the_reader(&server).await;
    let policy = person.page().headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'self';") && !policy.contains("frame-src"), "{policy}");
    assert!(!person.page().html.contains("shim.js"));
}

#[tokio::test]
async fn every_lie_of_a_card_is_refused_on_its_page_without_a_session() {
    let server = TestServer::start_with(behind_a_proxy).await;
    let owner = server.owner().await;
    // an honest signature that can be replayed
    let honest = Phone::new().await;
    let mut person = at_the_reader(&server).await;
    read_card(&mut person, &server, &honest).await;
    let before = count(&owner, "persons").await;
    stream::iter(TOKEN_LIES.iter().chain(CERTIFICATE_LIES))
        .for_each_concurrent(4, async |(lie, sentence, kind)| {
            let other = Phone::new().await;
            let holder = if *lie == "replayOld" { &honest } else { &other };
            card_lies(holder, lie).await;
            let mut person = at_the_reader(&server).await;
            read_card(&mut person, &server, holder).await;
            assert_refused(&owner, &person, lie, sentence, kind).await;
        })
        .await;
    // the same certificates, shown to the card host
    stream::iter(CERTIFICATE_LIES)
        .for_each_concurrent(4, async |(lie, sentence, kind)| {
            let holder = Phone::new().await;
            card_lies(&holder, lie).await;
            let certificate = certificate_of(&token(&server, &holder, "nonce").await);
            let mut person = at_the_reader(&server).await;
            let ticket = to_the_card_host(&mut person).await;
            let shown = AtTheCardHost::of(by_proxy(&ticket, Some(&certificate))).await;
            person.get(shown.location()).await;
            assert_refused(&owner, &person, lie, sentence, kind).await;
        })
        .await;
    assert_eq!(count(&owner, "persons").await, before);
    let told = TOKEN_LIES.len() + CERTIFICATE_LIES.len();
    println!("{told} lies in tokens and {} in handshakes: all refused", CERTIFICATE_LIES.len());
}

#[tokio::test]
async fn eid_08_the_card_alone_says_who_signed_in() {
    let server = TestServer::start_with(behind_a_proxy).await;
    let owner = server.owner().await;
    let holder = Phone::new().await;
    card_lies(&holder, "extraFields").await;
    let mut person = at_the_reader(&server).await;
    read_card(&mut person, &server, &holder).await;
    assert_signed_in(&mut person, &owner, &holder).await;
    card_lies(&holder, "wrongPerson").await;
    let mut person = at_the_reader(&server).await;
    read_card(&mut person, &server, &holder).await;
    assert!(person.page().forms()[0].has_button("decision", "allow"), "another's card signs in another");
    assert_eq!(count(&owner, "persons").await, 2);
    // the same certificate, shown to the card host
    let certificate = certificate_of(&token(&server, &holder, "nonce").await);
    let mut person = at_the_reader(&server).await;
    let ticket = to_the_card_host(&mut person).await;
    let shown = AtTheCardHost::of(by_proxy(&ticket, Some(&certificate))).await;
    person.get(shown.location()).await;
    assert!(confirm(&mut person).await.stopped().query().unwrap().contains("code="));
    let signed_in: Vec<String> =
        sqlx::query_scalar("select p.national_id from sessions s join persons p on p.id = s.person_id")
            .fetch_all(&owner)
            .await
            .unwrap();
    let others = signed_in.iter().filter(|national_id| **national_id != holder.national_id).count();
    assert_eq!((signed_in.len(), others), (2, 1), "the person of the certificate");
}

#[tokio::test]
async fn eid_05_a_challenge_is_spent_by_the_first_token_whatever_it_is_worth() {
    let server = TestServer::start().await;
    let holder = Phone::new().await;
    let mut person = at_the_reader(&server).await;
    let nonce = attribute(&person, "#web-eid", "data-nonce").unwrap();
    let good = token(&server, &holder, &nonce).await;
    let form = person.page().forms().remove(0);
    send_token(&mut person, "{}").await;
    assert_problem(&person, "problem-rejected");
    let mut form = form;
    form.action.set_path("/signin/card");
    person.send(form, &[("web_eid_token", &good)]).await;
    assert_problem(&person, "problem-rejected");
    assert_eq!(state(&server.owner().await).await, "failed");
}

/// Sends what the page's form would, with a token, to a node.
async fn post_token(address: &str, person: &Person, token: &str) -> StatusCode {
    let mut fields = person.page().forms().remove(0).fields;
    fields.retain(|(name, _)| name != "web_eid_token");
    fields.push(("web_eid_token".to_owned(), token.to_owned()));
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let request = http
        .post(format!("{address}/signin/card"))
        .header("sec-fetch-site", "same-origin")
        .header("cookie", person.cookie_header(&person.page().url))
        .form(&fields);
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn two_tokens_for_one_challenge_at_two_nodes_are_looked_at_once() {
    let server = TestServer::start().await;
    let second = server.second_node().await;
    let owner = server.owner().await;
    let holder = Phone::new().await;
    for round in 0..6 {
        let mut person = at_the_reader(&server).await;
        let nonce = attribute(&person, "#web-eid", "data-nonce").unwrap();
        let good = token(&server, &holder, &nonce).await;
        let bad = good.replace("web-eid:1.0", "web-eid:3.0");
        let (failed, verified) = (count_of(&owner, "failed").await, count_of(&owner, "verified").await);
        let sent = [(&server.address, &good), (&second.address, &bad), (&server.address, &bad), (&second.address, &good)];
        let answers = join_all(sent.map(|(address, token)| post_token(address, &person, token))).await;
        assert!(answers.iter().all(|status| *status == 303), "{answers:?}");
        let moved = (count_of(&owner, "failed").await - failed) + (count_of(&owner, "verified").await - verified);
        assert_eq!(moved, 1, "round {round}");
        let incidents: i64 =
            sqlx::query_scalar("select count(*) from sign_in_attempts join sign_in_evidence using (id) where state = 'failed'")
                .fetch_one(&owner)
                .await
                .unwrap();
        assert_eq!(incidents, 0, "nothing is both");
        let url = person.page().url.clone();
        person.get(&url).await;
    }
}

async fn count_of(owner: &PgPool, state: &str) -> i64 {
    sqlx::query_scalar("select count(*) from sign_in_attempts where state = $1").bind(state).fetch_one(owner).await.unwrap()
}

#[tokio::test]
async fn a_card_signs_in_by_the_browsers_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start_with(with_tls(&directory)).await;
    let owner = server.owner().await;
    let holder = Phone::new().await;
    let identity = identity(&holder).await;
    let mut person = at_the_reader(&server).await;
    let ticket = to_the_card_host(&mut person).await;
    let shown = AtTheCardHost::of(tls(Some(identity)).get(ticket)).await;
    let location = shown.location();
    assert!(location.starts_with(&format!("{}/signin/card/return?proof=", server.issuer)), "{location}");
    assert!(!location.contains(&holder.national_id));
    assert_eq!(state(&owner).await, "pending", "the card host decides nothing");
    person.get(location).await;
    assert_signed_in(&mut person, &owner, &holder).await;
}

#[tokio::test]
async fn without_a_certificate_a_page_says_so_and_the_attempt_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start_with(with_tls(&directory)).await;
    let owner = server.owner().await;
    let holder = Phone::new().await;
    let mut person = at_the_reader(&server).await;
    let ticket = to_the_card_host(&mut person).await;
    let nothing = AtTheCardHost::of(tls(None).get(ticket.clone())).await;
    assert_eq!(nothing.status, 400);
    assert!(nothing.html.contains(&Language::Is.text("no-certificate-heading", &[])), "{}", nothing.html);
    // X5-08, PRX-04: what anybody can write into a header is no certificate
    let certificate = certificate_of(&token(&server, &holder, "nonce").await);
    let forged = format!(":{}:", ias::base::digest::base64(&certificate));
    for name in ["client-cert", "x-client-cert", "x-forwarded-client-cert", "ssl-client-cert"] {
        let refused = AtTheCardHost::of(tls(None).get(ticket.clone()).header(name, &forged)).await;
        assert_eq!((refused.status, refused.headers.get("location")), (StatusCode::BAD_REQUEST, None), "{name}");
    }
    let back = format!("{}/signin/card/return?ticket={}", server.issuer, ticket.path().rsplit('/').next().unwrap());
    assert!(nothing.html.contains(&back), "{}", nothing.html);
    person.get(&back).await;
    assert!(attribute(&person, "#web-eid", "data-nonce").is_some(), "{}", person.page());
    assert_eq!(state(&owner).await, "pending");
    // another card in the reader, this time one that counts
    let ticket = to_the_card_host(&mut person).await;
    let shown = AtTheCardHost::of(tls(Some(identity(&holder).await)).get(ticket)).await;
    person.get(shown.location()).await;
    assert_signed_in(&mut person, &owner, &holder).await;
}

#[tokio::test]
async fn x5_08_prx_04_a_certificate_in_a_header_counts_from_the_proxy_alone() {
    let holder = Phone::new().await;
    for (is_trusted, change) in [(true, behind_a_proxy as fn(&mut Settings)), (false, |_| {})] {
        let server = TestServer::start_with(change).await;
        let owner = server.owner().await;
        let certificate = certificate_of(&token(&server, &holder, "nonce").await);
        let mut person = at_the_reader(&server).await;
        let ticket = to_the_card_host(&mut person).await;
        let shown = AtTheCardHost::of(by_proxy(&ticket, Some(&certificate))).await;
        if is_trusted {
            person.get(shown.location()).await;
            assert_signed_in(&mut person, &owner, &holder).await;
        } else {
            assert_eq!((shown.status, shown.headers.get("location")), (StatusCode::BAD_REQUEST, None));
            assert!(shown.html.contains(&Language::Is.text("no-certificate-heading", &[])), "as if none had come");
            assert_eq!(state(&owner).await, "pending");
        }
        let two = by_proxy(&ticket, Some(&certificate)).header("client-cert", ":AQID:");
        assert_eq!(AtTheCardHost::of(two).await.status, 400, "two headers are none");
    }
}

#[tokio::test]
async fn eid_04_a_proof_counts_in_the_browser_that_began_alone() {
    let server = TestServer::start_with(behind_a_proxy).await;
    let owner = server.owner().await;
    let holder = Phone::new().await;
    let certificate = certificate_of(&token(&server, &holder, "nonce").await);
    let mut person = at_the_reader(&server).await;
    let ticket = to_the_card_host(&mut person).await;
    let shown = AtTheCardHost::of(by_proxy(&ticket, Some(&certificate))).await;
    // somebody else followed the link: nothing comes of it, neither there nor here
    for mut other in [at_the_reader(&server).await, Person::new()] {
        other.get(shown.location()).await;
        assert_eq!(other.page().status, 200);
        let heading = Language::Is.text("other-browser-heading", &[]);
        assert_eq!(other.page().text_of("h1"), Some(heading));
    }
    let pending = count_of(&owner, "pending").await;
    assert_eq!((pending, count_of(&owner, "verified").await), (2, 0));
    // whoever began has the ticket, and no proof
    let own = format!("{}/signin/card/return?proof={}", server.issuer, ticket.path().rsplit('/').next().unwrap());
    person.get(&own).await;
    assert_eq!(person.page().text_of("h1"), Some(Language::Is.text("unreadable-heading", &[])));
    person.get(shown.location()).await;
    assert_signed_in(&mut person, &owner, &holder).await;
    // once is enough
    person.get(shown.location()).await;
    assert_eq!(count_of(&owner, "consumed").await, 1);
}

#[tokio::test]
async fn tickets_and_proofs_live_for_a_moment() {
    let server = TestServer::start_with(behind_a_proxy).await;
    let holder = Phone::new().await;
    let certificate = certificate_of(&token(&server, &holder, "nonce").await);
    let mut person = at_the_reader(&server).await;
    let waiting = person.page().url.clone();
    let ticket = to_the_card_host(&mut person).await;
    server.clock.advance(Duration::seconds(119));
    let shown = AtTheCardHost::of(by_proxy(&ticket, Some(&certificate))).await;
    shown.location();
    server.clock.advance(Duration::seconds(1));
    let late = AtTheCardHost::of(by_proxy(&ticket, Some(&certificate))).await;
    assert_eq!(late.status, 400, "eid.md §4.4: 120 s");
    assert!(late.html.contains(&Language::Is.text("expired-heading", &[])));
    server.clock.advance(Duration::seconds(59));
    person.get(shown.location()).await;
    assert!(attribute(&person, "#web-eid", "data-nonce").is_some(), "a late proof changes nothing: {}", person.page());
    assert_eq!(person.page().url.path(), waiting.path());
    assert_eq!(state(&server.owner().await).await, "pending");
}

#[tokio::test]
async fn the_card_host_has_one_address_and_one_name_and_shares_neither() {
    let server = TestServer::start_with(behind_a_proxy).await;
    let mut person = at_the_reader(&server).await;
    let ticket = to_the_card_host(&mut person).await;
    let at = |path: &str| ticket.join(path).unwrap();
    for path in ["/signin/choose", "/connect/authorize", "/signin/card/return?ticket=x", "/", "/healthz"] {
        let answer = AtTheCardHost::of(by_proxy(&at(path), None)).await;
        assert!([400, 404].contains(&answer.status.as_u16()), "{path}: {}", answer.status);
        assert!(!answer.headers.contains_key("location"));
    }
    let unreadable = AtTheCardHost::of(by_proxy(&at("/signin/card/nonsense"), None)).await;
    assert!(unreadable.html.contains(&Language::Is.text("unreadable-heading", &[])));
    let stranger = AtTheCardHost::of(by_proxy(&ticket, None).header("host", "localhost:1")).await;
    assert_eq!(stranger.status, 421, "PRX-01");
    // and our own host knows no such address
    let mut own = Url::parse(&server.issuer).unwrap();
    own.set_path(ticket.path());
    assert_eq!(reqwest::get(own).await.unwrap().status(), 404);
}

#[tokio::test]
async fn two_uses_of_one_ticket_at_two_nodes_sign_in_once() {
    let server = TestServer::start_with(behind_a_proxy).await;
    let second = server.second_node().await;
    let owner = server.owner().await;
    let (one, other) = (Phone::new().await, Phone::new().await);
    let mut certificates = Vec::new();
    for holder in [&one, &other] {
        certificates.push(certificate_of(&token(&server, holder, "nonce").await));
    }
    for _ in 0..4 {
        let mut person = at_the_reader(&server).await;
        let ticket = to_the_card_host(&mut person).await;
        let cookies = person.cookie_header(&person.page().url);
        let before = count_of(&owner, "verified").await;
        let mut ways = Vec::new();
        for (certificate, node) in certificates.iter().zip([&server, &second]) {
            let shown = AtTheCardHost::of(by_proxy(&ticket, Some(certificate))).await;
            ways.push(shown.location().replacen(&server.issuer, &node.address, 1));
        }
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let answers = join_all(ways.iter().map(|way| http.get(way).header("cookie", &cookies).send())).await;
        assert!(answers.iter().all(|answer| answer.as_ref().unwrap().status() == 303), "{answers:?}");
        assert_eq!(count_of(&owner, "verified").await - before, 1);
        assert_eq!(count_of(&owner, "failed").await, 0, "the second one is not even looked at");
    }
}
