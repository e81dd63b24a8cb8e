//! The keys of several nodes over one database (security requirements §17).

use std::collections::BTreeSet;

use ias::{
    base::{seal::SealingKey, secret::Secret},
    jobs::keep_keys,
    keys::{
        life_cycle::{self, Revocation},
        rewrap,
        ring::KeyRing,
    },
    model::signing_key::{KeyLifetimes, KeyState, KeyTimes},
    store::signing_keys,
};
use time::Duration;

use crate::support::{
    database::TestDatabase,
    person::Person,
    server::TestServer,
    tokens::{Answer, claims, decode, http, machine_token, refresh, tokens, userinfo},
};

const LIFETIMES: KeyLifetimes =
    KeyLifetimes { announce: Duration::hours(24), signing: Duration::days(90), retired: Duration::hours(24) };

async fn published(node: &TestServer) -> BTreeSet<String> {
    let jwks = Answer::to(http().get(format!("{}/.well-known/openid-configuration/jwks", node.address))).await.json();
    jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

async fn signing(node: &TestServer) -> String {
    decode(&machine_token(node).await).0["kid"].as_str().unwrap().to_owned()
}

async fn rotate(node: &TestServer, signs_in: Duration) -> String {
    let now = node.app.clock.now();
    let kid = life_cycle::rotate(&node.app.pool, node.app.master(), 2048, now + signs_in, now).await.unwrap();
    node.app.confirm().await.unwrap();
    kid
}

#[tokio::test]
async fn key_04_a_new_key_is_announced_then_signs_on_every_node_at_one_instant_then_the_old_one_leaves() {
    let server = TestServer::start().await;
    let second = server.second_node().await;
    let token = tokens(&server, &mut Person::new(), "@myorg.is/webapp", "openid").await.text("access_token");
    let old = signing(&server).await;
    let new = rotate(&server, Duration::minutes(2)).await;
    second.app.confirm().await.unwrap();
    let both = BTreeSet::from([old.clone(), new.clone()]);
    for node in [&server, &second] {
        assert_eq!(published(node).await, both, "announced at once");
        assert_eq!(signing(node).await, old, "and does not sign yet");
    }
    server.clock.advance(Duration::minutes(2) - Duration::microseconds(1));
    assert_eq!((signing(&server).await, signing(&second).await), (old.clone(), old.clone()));
    server.clock.advance(Duration::microseconds(1));
    assert_eq!((signing(&server).await, signing(&second).await), (new.clone(), new.clone()), "no node was told anything");
    for node in [&server, &second] {
        assert_eq!(published(node).await, both);
        assert_eq!(userinfo(node, &token).await.status, 200, "tokens of the retired key live out their time");
    }

    // the old one leaves after its time, on the node that deletes it and on the other
    server.clock.advance(server.app.key_lifetimes().retired - Duration::seconds(1));
    keep_keys::run_once(server.app.clone()).await.unwrap();
    server.app.confirm().await.unwrap();
    assert_eq!(published(&server).await.len(), 2);
    server.clock.advance(Duration::seconds(1));
    keep_keys::run_once(server.app.clone()).await.unwrap();
    for node in [&server, &second] {
        node.app.confirm().await.unwrap();
        assert_eq!(published(node).await, BTreeSet::from([new.clone()]));
    }
    let private: Vec<String> = sqlx::query_scalar("select kid from signing_keys where private_key is not null")
        .fetch_all(&server.owner().await)
        .await
        .unwrap();
    assert_eq!(private, [new], "what cannot sign any more cannot be stolen");
}

#[tokio::test]
async fn key_04_an_id_token_of_a_deleted_key_is_a_hint_still() {
    let server = TestServer::start().await;
    let id_token = tokens(&server, &mut Person::new(), "@myorg.is/webapp", "openid").await.text("id_token");
    rotate(&server, Duration::ZERO).await;
    server.clock.advance(server.app.key_lifetimes().retired);
    keep_keys::run_once(server.app.clone()).await.unwrap();
    server.app.confirm().await.unwrap();
    assert_eq!(published(&server).await.len(), 1);
    let url =
        format!("{}/connect/endsession?id_token_hint={id_token}&post_logout_redirect_uri=https://myorg.is", server.address);
    assert_eq!(Answer::to(http().get(url)).await.header("location"), Some("https://myorg.is"));
}

async fn revoke(node: &TestServer, kid: &str) -> Revocation {
    let now = node.app.clock.now();
    life_cycle::revoke(&node.app.pool, node.app.master(), 2048, kid, now).await.unwrap()
}

#[tokio::test]
async fn key_04_a_revoked_key_vouches_for_nothing_on_any_node_and_another_signs_at_once() {
    let server = TestServer::start().await;
    let second = server.second_node().await;
    let mut person = Person::new();
    let given = tokens(&server, &mut person, "@myorg.is/webapp", "openid").await;
    let (access_token, id_token) = (given.text("access_token"), given.text("id_token"));
    let leaked = signing(&server).await;
    let planned = rotate(&server, Duration::hours(24)).await;
    let Revocation::Revoked { successor: Some(successor) } = revoke(&server, &leaked).await else { panic!("it signed") };
    for node in [&server, &second] {
        // what the job of each node does every second
        node.app.confirm().await.unwrap();
        assert_eq!(published(node).await, BTreeSet::from([planned.clone(), successor.clone()]));
        assert_eq!(signing(node).await, successor);
        assert_eq!(userinfo(node, &access_token).await.status, 401, "whoever has the key could have made it");
        // nor is a forged hint a reason to end a session without asking
        let url = format!(
            "{}/connect/endsession?id_token_hint={id_token}&client_id=@myorg.is/webapp&post_logout_redirect_uri=https://myorg.is",
            node.address
        );
        assert_ne!(Answer::to(http().get(url)).await.header("location"), Some("https://myorg.is"));
    }
    // the session goes on, with tokens of the new key
    let again = tokens(&second, &mut person, "@myorg.is/webapp", "openid").await.text("access_token");
    assert_eq!((decode(&again).0["kid"].as_str(), userinfo(&server, &again).await.status), (Some(&*successor), 200));
    let audited: Vec<String> = sqlx::query_scalar("select detail ->> 'kid' from audit_log where kind = 'signing_key_revoked'")
        .fetch_all(&server.owner().await)
        .await
        .unwrap();
    assert_eq!(audited, std::slice::from_ref(&leaked));
    let stored = signing_keys::list(&server.app.pool).await.unwrap();
    assert!(stored.iter().all(|key| key.private_key.is_none() == (key.kid == leaked)), "its private part is forgotten");
    assert_eq!(revoke(&server, &leaked).await, Revocation::RevokedBefore);
}

#[tokio::test]
async fn key_04_no_moment_is_without_a_key_whichever_is_revoked() {
    let server = TestServer::start().await;
    let first = signing(&server).await;
    let announced = rotate(&server, Duration::hours(24)).await;
    // the one that signs retires when the announced one was to begin
    let Revocation::Revoked { successor: Some(successor) } = revoke(&server, &announced).await else {
        panic!("it was to sign")
    };
    server.app.confirm().await.unwrap();
    assert_eq!(signing(&server).await, successor);
    server.clock.advance(Duration::hours(25));
    assert_eq!(signing(&server).await, successor);
    // a retired key leaves, and needs no successor
    assert_eq!(revoke(&server, &first).await, Revocation::Revoked { successor: None });
    server.app.confirm().await.unwrap();
    assert_eq!(published(&server).await, BTreeSet::from([successor]));
}

#[tokio::test]
async fn a_rotation_at_once_retires_whatever_was_planned() {
    let server = TestServer::start().await;
    let old = signing(&server).await;
    let planned = rotate(&server, Duration::hours(24)).await;
    let urgent = rotate(&server, Duration::ZERO).await;
    assert_eq!(signing(&server).await, urgent);
    let now = server.app.clock.now();
    for key in signing_keys::list(&server.app.pool).await.unwrap() {
        assert_eq!(key.retires_at, (key.kid != urgent).then_some(now), "{} of {old}, {planned}, {urgent}", key.kid);
    }
    server.clock.advance(Duration::hours(25));
    assert_eq!(signing(&server).await, urgent);
}

#[tokio::test]
async fn key_04_the_job_announces_the_next_key_in_time_and_no_moment_is_without_a_key() {
    let server = TestServer::start().await;
    let lifetimes = server.app.key_lifetimes();
    let first = signing(&server).await;
    server.clock.advance(lifetimes.signing - lifetimes.announce - Duration::seconds(1));
    keep_keys::run_once(server.app.clone()).await.unwrap();
    server.app.confirm().await.unwrap();
    assert_eq!(published(&server).await.len(), 1);
    server.clock.advance(Duration::seconds(1));
    keep_keys::run_once(server.app.clone()).await.unwrap();
    keep_keys::run_once(server.app.clone()).await.unwrap();
    server.app.confirm().await.unwrap();
    assert_eq!((published(&server).await.len(), signing(&server).await), (2, first.clone()), "announced once");
    server.clock.advance(lifetimes.announce);
    assert_ne!(signing(&server).await, first);
}

#[tokio::test]
async fn key_05_a_restarted_node_has_the_same_keys() {
    let server = TestServer::start().await;
    let token = tokens(&server, &mut Person::new(), "@myorg.is/webapp", "openid").await.text("access_token");
    let restarted = server.second_node().await;
    assert_eq!(published(&restarted).await, published(&server).await);
    assert_eq!(userinfo(&restarted, &token).await.status, 200);
    let sub = |jwt: &str| claims(jwt)["sub"].clone();
    let again = tokens(&restarted, &mut Person::new(), "@myorg.is/webapp", "openid").await.text("access_token");
    assert_eq!(sub(&again), sub(&token));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_start_at_once_make_one_key() {
    let database = TestDatabase::new().await;
    let pool = database.serving_pool().await;
    let master = || SealingKey::new(1, Secret::new([7; 32]));
    let now = ias::base::clock::Clock::System.now();
    let start = || async {
        let changed = life_cycle::keep(&pool, &master(), 2048, LIFETIMES, now).await.unwrap();
        KeyRing::load(&pool, &master()).await.unwrap();
        changed
    };
    let made = futures_util::future::join_all([start(), start(), start(), start()]).await;
    assert_eq!(made.iter().filter(|changed| **changed).count(), 1, "one of them makes the keys");
    let keys = signing_keys::list(&pool).await.unwrap();
    assert_eq!((keys.len(), keys[0].signs_from), (1, now), "the first key signs at once");
    let data = signing_keys::list_data_keys(&pool).await.unwrap();
    // KEY-01: one key for each purpose, and each of its own
    let purposes: BTreeSet<&str> = data.iter().map(|key| key.purpose.as_str()).collect();
    assert_eq!(purposes, BTreeSet::from(["csrf", "pseudonyms", "refresh tokens", "sealed values", "sub"]));
    let opened: BTreeSet<Vec<u8>> =
        data.iter().map(|key| master().open(&format!("data key {}", key.purpose), &key.key).unwrap()).collect();
    assert_eq!((data.len(), opened.len()), (5, 5));
    // one that is put in another's place does not open there
    assert!(master().open("data key sub", &data.iter().find(|key| key.purpose == "csrf").unwrap().key).is_err());
}

#[tokio::test]
async fn key_02_private_keys_are_sealed_under_the_master_key_and_another_one_is_told_so() {
    let server = TestServer::start().await;
    let wrong = SealingKey::new(1, Secret::new([8; 32]));
    let fault = KeyRing::load(&server.app.pool, &wrong).await.unwrap_err().to_string();
    assert!(fault.contains("does not open with the configured master key (id 1)"), "{fault}");
    // a node with the wrong key makes none that the others could not read
    let now = server.app.clock.now();
    assert!(life_cycle::rotate(&server.app.pool, &wrong, 2048, now, now).await.is_err());
    let due = now + LIFETIMES.signing;
    assert!(life_cycle::keep(&server.app.pool, &wrong, 2048, LIFETIMES, due).await.is_err());
    let keys = signing_keys::list(&server.app.pool).await.unwrap();
    assert_eq!(keys.len(), 1);
    // neither PKCS#8's RSA identifier nor the modulus stands in what is stored
    let sealed = keys[0].private_key.as_ref().unwrap();
    let rsa = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    assert!(sealed.windows(rsa.len()).all(|window| window != rsa));
    let opened = server.app.master().open(&format!("signing key {}", keys[0].kid), sealed).unwrap();
    assert!(opened.windows(rsa.len()).any(|window| window == rsa), "what was looked for is there once it is opened");
}

/// A token that was signed at some moment of a key's life.
struct Signed {
    kid: String,
    expires: i64,
}

async fn signed(node: &TestServer) -> Signed {
    let (header, claims) = decode(&machine_token(node).await);
    Signed { kid: header["kid"].as_str().unwrap().to_owned(), expires: claims["exp"].as_i64().unwrap() }
}

#[tokio::test]
async fn key_04_and_key_05_through_the_whole_life_of_keys_every_token_has_its_key_in_the_jwks_of_every_node() {
    let server = TestServer::start_with(|settings| settings.keys.retired_ttl = Duration::hours(1)).await;
    let second = server.second_node_with(|settings| settings.keys.retired_ttl = Duration::hours(1)).await;
    let lifetimes = server.app.key_lifetimes();
    let end = server.app.clock.now() + lifetimes.signing * 2 + lifetimes.announce * 2;
    let (mut tokens, mut seen): (Vec<Signed>, Vec<String>) = (Vec::new(), Vec::new());
    let mut known: BTreeSet<String> = published(&server).await;
    for step in 0.. {
        // either node may be the leader; the other is told by the version
        let [first, other] = if step % 2 == 0 { [&server, &second] } else { [&second, &server] };
        keep_keys::run_once(first.app.clone()).await.unwrap();
        keep_keys::run_once(other.app.clone()).await.unwrap();
        for node in [first, other] {
            node.app.confirm().await.unwrap();
        }
        let now = server.app.clock.now();
        let lists = [published(&server).await, published(&second).await];
        for node in [first, other] {
            let token = signed(node).await;
            assert!(known.contains(&token.kid), "{} signs before it was in discovery", token.kid);
            if !seen.contains(&token.kid) {
                seen.push(token.kid.clone());
            }
            tokens.push(token);
        }
        tokens.retain(|token| token.expires > now.unix_timestamp());
        for token in &tokens {
            assert!(lists.iter().all(|list| list.contains(&token.kid)), "{} at {now}", token.kid);
        }
        known = lists.into_iter().reduce(|one, other| &one & &other).unwrap();
        if now >= end {
            break;
        }
        // in long steps, and in steps shorter than a token's life where something happens
        let near = signing_keys::list(&server.app.pool).await.unwrap().iter().any(|key| {
            let moments = [Some(key.signs_from), key.retires_at, key.retires_at.map(|at| at + lifetimes.retired)];
            moments.into_iter().flatten().any(|at| (at - now).abs() <= Duration::minutes(8))
        });
        server.clock.advance(if near { Duration::minutes(2) } else { Duration::minutes(359) });
    }
    assert_eq!(seen.len(), 3, "three keys have signed, one after the other: {seen:?}");
    let states: Vec<KeyState> = signing_keys::list(&server.app.pool)
        .await
        .unwrap()
        .iter()
        .map(|key| KeyTimes::from(key).state(server.app.clock.now()))
        .collect();
    assert_eq!(states, [KeyState::Deleted, KeyState::Deleted, KeyState::Signing]);
}

#[tokio::test]
async fn key_04_a_restart_in_any_state_of_a_key_goes_on_where_it_was() {
    let server = TestServer::start().await;
    let lifetimes = server.app.key_lifetimes();
    let first = signing(&server).await;
    // before the next is announced, while it is, when it signs, when the old one is retired, and when that has left
    let steps = [
        (Duration::ZERO, 1),
        (lifetimes.signing - lifetimes.announce, 2),
        (lifetimes.announce / 2, 2),
        (lifetimes.announce / 2, 2),
        (lifetimes.retired - Duration::SECOND, 2),
        (Duration::SECOND, 1),
    ];
    for (at, (advance, keys)) in steps.into_iter().enumerate() {
        server.clock.advance(advance);
        // it makes what is missing at its start, as `ias serve` does
        let restarted = server.second_node().await;
        assert_eq!(published(&restarted).await.len(), keys, "step {at}");
        assert_eq!(signing(&restarted).await == first, at < 3, "step {at}");
        server.app.confirm().await.unwrap();
        assert_eq!(published(&server).await, published(&restarted).await, "step {at}");
    }
}

#[tokio::test]
async fn key_05_a_node_without_fresh_keys_does_not_serve() {
    let server = TestServer::start().await;
    // a key that no node can open: whoever reads it keeps what it has, and stops to serve when that is 3 s old
    sqlx::query("update signing_keys set private_key = 'x'").execute(&server.owner().await).await.unwrap();
    sqlx::query("update configuration set version = version + 1").execute(&server.owner().await).await.unwrap();
    assert!(server.app.confirm().await.is_err());
    for _ in 0..100 {
        if server.app.impediment().is_some() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("it serves with old keys");
}

#[tokio::test]
async fn decision_k_a_new_master_key_changes_no_token_and_the_old_one_is_forgotten() {
    let server = TestServer::start().await;
    let mut person = Person::new();
    let given = tokens(&server, &mut person, "@myorg.is/webapp", "openid offline_access").await;
    let new = || SealingKey::new(2, Secret::new([8; 32]));
    let (pool, now) = (&server.app.pool, server.app.clock.now());
    let fault = rewrap::rewrap(pool, &new(), now).await.unwrap_err().to_string();
    assert!(fault.contains("keys.previous_master_key"), "{fault}");
    assert!(KeyRing::load(pool, &new()).await.is_err(), "nothing was sealed anew");

    // both keys are configured: nodes read on before, while and after
    let both = new().following(server.app.master().clone());
    KeyRing::load(pool, &both).await.unwrap();
    let sealed = signing_keys::list_data_keys(pool).await.unwrap().len() + 1;
    assert_eq!(rewrap::rewrap(pool, &both, now).await.unwrap(), sealed);
    assert_eq!(rewrap::rewrap(pool, &both, now).await.unwrap(), 0, "once is enough");
    KeyRing::load(pool, &both).await.unwrap();
    assert!(KeyRing::load(pool, server.app.master()).await.is_err());

    let node = server
        .second_node_with(|settings| {
            (settings.keys.master_key_id, settings.keys.master_key) = (2, Some(Secret::new([8; 32])));
        })
        .await;
    assert_eq!(userinfo(&node, &given.text("access_token")).await.status, 200);
    let refreshed = refresh(&node, "@myorg.is/webapp", &given.text("refresh_token")).await;
    let sub = |answer: &Answer| claims(&answer.text("id_token"))["sub"].clone();
    assert_eq!(sub(&refreshed), sub(&given));
    let again = tokens(&node, &mut Person::new(), "@myorg.is/webapp", "openid").await;
    assert_eq!(sub(&again), sub(&given), "whoever signs in again is the same to the client");
}
