//! Revocation lists in every mood (X5-03; eid.md §5.4).

use std::sync::atomic::{AtomicU32, Ordering};

use axum::{Router, extract::State, http::StatusCode as HttpStatus, routing::get};
use proptest::prelude::*;
use rcgen::KeyPair;
use time::Duration as Span;

use super::{
    super::{
        super::{
            EidErrorKind, certificate,
            mutation::{answers, edits},
            test_authority::*,
            trust::Trust,
        },
        Revocation,
    },
    *,
};
use crate::model::identity_provider::RevocationCheck;

fn issue(authority: &Authority) -> Vec<u8> {
    authority.issue(&KeyPair::generate().expect("a key"), |_| {})
}

fn leaf_of(authority: &Authority, der: &[u8]) -> Leaf {
    let trust = Trust::new(&authority.profile(), Environment::Development).expect("a trust profile");
    certificate::check(der, &trust, NOW).expect("a good certificate")
}

fn verdict(list: &[u8], leaf: &Leaf, now: OffsetDateTime) -> Result<Verdict, RevocationFault> {
    List::read(list).and_then(|list| list.verdict(leaf, now))
}

#[test]
fn x5_03_a_certificate_passes_where_its_issuers_list_does_not_name_it() {
    let authority = Authority::new("CA");
    let (good, revoked) = (issue(&authority), issue(&authority));
    let list = authority.list(&[&revoked], |_| {});
    let Ok(Verdict::Good(RevocationEvidence::Crl(evidence))) = verdict(&list, &leaf_of(&authority, &good), NOW) else {
        panic!("good");
    };
    assert_eq!((evidence.status, evidence.this_update), ("good", NOW));
    assert!(evidence.issuer.contains("CN=CA"));
    assert!(matches!(verdict(&list, &leaf_of(&authority, &revoked), NOW), Ok(Verdict::Revoked)));
}

#[test]
fn x5_03_a_list_by_somebody_else_says_nothing() {
    let authority = Authority::new("CA");
    let leaf = leaf_of(&authority, &issue(&authority));
    for (stranger, why) in [(Authority::new("CA"), "same name, other key"), (Authority::new("Other"), "other name")] {
        let read = verdict(&stranger.list(&[], |_| {}), &leaf, NOW);
        assert!(matches!(read, Err(RevocationFault::AnotherList)), "{why}");
    }
    let mut spoiled = authority.list(&[], |_| {});
    let last = spoiled.len() - 1;
    spoiled[last] ^= 1;
    assert!(verdict(&spoiled, &leaf, NOW).is_err(), "a signature that does not hold");
    let without = Authority::with("CA", |params| params.key_usages.retain(|usage| *usage != rcgen::KeyUsagePurpose::CrlSign));
    let leaf = leaf_of(&without, &issue(&without));
    assert!(
        matches!(verdict(&without.list(&[], |_| {}), &leaf, NOW), Err(RevocationFault::AnotherList)),
        "RFC 5280 §6.3.3 (f): cRLSign"
    );
}

#[test]
fn x5_03_a_list_that_has_run_out_says_nothing() {
    let authority = Authority::new("CA");
    let leaf = leaf_of(&authority, &issue(&authority));
    let list = authority.list(&[], |_| {});
    let at = |span: Span| verdict(&list, &leaf, NOW + span);
    assert!(at(Span::hours(6) - Span::SECOND).is_ok());
    assert!(matches!(at(Span::hours(6)), Err(RevocationFault::ListTime)), "stale");
    assert!(List::read(&list).expect("a list").holds_at(NOW - Span::minutes(1)));
    assert!(!List::read(&list).expect("a list").holds_at(NOW - Span::seconds(61)), "from the future");
}

#[test]
fn anything_but_one_list_is_refused() {
    let authority = Authority::new("CA");
    let list = authority.list(&[], |_| {});
    for body in [&b""[..], b"<html>", &issue(&authority), &[&list[..], b"x"].concat(), &list[..list.len() - 1]] {
        assert!(matches!(List::read(body), Err(RevocationFault::MalformedList)));
    }
}

type Shared = (Arc<Mutex<Option<Vec<u8>>>>, Arc<AtomicU32>);

/// A server of one list, which counts how often it is asked.
struct Server {
    url: String,
    body: Arc<Mutex<Option<Vec<u8>>>>,
    asked: Arc<AtomicU32>,
}

impl Server {
    async fn of(list: Vec<u8>) -> Self {
        let (body, asked) = (Arc::new(Mutex::new(Some(list))), Arc::new(AtomicU32::new(0)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/ca.crl", listener.local_addr().expect("an address"));
        let serve = |State((body, asked)): State<Shared>| async move {
            asked.fetch_add(1, Ordering::Relaxed);
            body.lock().expect("the list").clone().ok_or(HttpStatus::SERVICE_UNAVAILABLE)
        };
        let router = Router::new().route("/ca.crl", get(serve)).with_state((body.clone(), asked.clone()));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, body, asked }
    }

    fn serves(&self, list: Option<Vec<u8>>) {
        *self.body.lock().expect("the list") = list;
    }

    fn asked(&self) -> u32 {
        self.asked.swap(0, Ordering::Relaxed)
    }

    fn profile(&self, authority: &Authority) -> TrustProfile {
        TrustProfile { revocation: RevocationCheck::Crl, crl_urls: vec![self.url.clone()], ..authority.profile() }
    }

    fn lists(&self, authority: &Authority) -> Lists {
        Lists::new(&self.profile(authority), OutboundClient::pinned("").expect("a client"), Environment::Development)
            .expect("lists")
    }
}

#[tokio::test]
async fn x5_03_a_list_is_renewed_after_ten_minutes_and_serves_while_it_holds() {
    let authority = Authority::new("CA");
    let der = issue(&authority);
    let leaf = leaf_of(&authority, &der);
    let server = Server::of(authority.list(&[], |_| {})).await;
    let lists = server.lists(&authority);
    let check = async |after: Span| lists.check(&leaf, NOW + after).await;
    for after in [Span::ZERO, Span::minutes(10) - Span::SECOND] {
        assert!(matches!(check(after).await, Ok(Verdict::Good(_))));
    }
    assert_eq!(server.asked(), 1, "kept for ten minutes");
    server.serves(Some(authority.list(&[&der], |params| params.this_update = NOW + Span::minutes(9))));
    assert!(matches!(check(Span::minutes(10)).await, Ok(Verdict::Revoked)), "then the newer one counts");
    assert_eq!(server.asked(), 1);

    server.serves(None);
    assert!(matches!(check(Span::minutes(20)).await, Ok(Verdict::Revoked)), "a server that is down takes nothing back");
    assert!(matches!(check(Span::minutes(20) + Span::seconds(9)).await, Ok(Verdict::Revoked)));
    assert_eq!(server.asked(), 1, "it is left alone for a moment");
    server.serves(Some(authority.list(&[], |_| {})));
    assert!(matches!(check(Span::minutes(21)).await, Ok(Verdict::Revoked)), "an older list takes nothing back either");
    server.serves(None);
    assert!(matches!(check(Span::hours(7)).await, Err(RevocationFault::ListStatus(503))), "and it fails closed in the end");
}

#[tokio::test]
async fn x5_03_what_somebody_wrote_on_the_way_takes_no_lists_place() {
    let authority = Authority::new("CA");
    let leaf = leaf_of(&authority, &issue(&authority));
    let server = Server::of(authority.list(&[], |_| {})).await;
    let lists = server.lists(&authority);
    assert!(lists.check(&leaf, NOW).await.is_ok());
    for forger in [Authority::new("CA"), Authority::new("Other")] {
        server.serves(Some(forger.list(&[], |params| params.this_update = NOW + Span::minutes(10))));
        assert!(matches!(lists.check(&leaf, NOW + Span::minutes(11)).await, Ok(Verdict::Good(_))));
    }
    let empty = server.lists(&authority);
    assert!(matches!(empty.check(&leaf, NOW + Span::minutes(11)).await, Err(RevocationFault::AnotherList)), "fails closed");
    server.serves(Some(authority.list(&[], |params| params.this_update = NOW + Span::minutes(10))));
    let later = NOW + Span::minutes(11) + Span::seconds(10);
    assert!(matches!(empty.check(&leaf, later).await, Ok(Verdict::Good(_))), "and goes on after a wrong answer");
}

/// Each issuer's newest list is kept, so that another's in between takes nothing back.
#[tokio::test]
async fn x5_03_lists_of_two_issuers_at_one_address_do_not_stick_and_take_nothing_back() {
    let (authority, other) = (Authority::new("CA"), Authority::new("Other"));
    let der = issue(&authority);
    let leaf = leaf_of(&authority, &der);
    let server = Server::of(other.list(&[], |_| {})).await;
    let anchors_pem = authority.profile().anchors_pem + &other.profile().anchors_pem;
    let profile = TrustProfile { anchors_pem, ..server.profile(&authority) };
    let lists = Lists::new(&profile, OutboundClient::pinned("").expect("a client"), Environment::Development).expect("lists");
    let check = async |after: Span| lists.check(&leaf, NOW + after).await;
    for after in [Span::ZERO, Span::minutes(9)] {
        assert!(matches!(check(after).await, Err(RevocationFault::AnotherList)));
    }
    assert_eq!(server.asked(), 1, "an address of another issuer is not asked by each sign-in");
    server.serves(Some(authority.list(&[&der], |params| params.this_update = NOW + Span::minutes(9))));
    assert!(matches!(check(Span::minutes(10)).await, Ok(Verdict::Revoked)), "the right list is taken when it comes");
    for (after, list) in [(20, other.list(&[], |_| {})), (30, authority.list(&[], |_| {}))] {
        server.serves(Some(list));
        assert!(matches!(check(Span::minutes(after)).await, Ok(Verdict::Revoked)), "after {after} minutes");
    }
    server.serves(Some(authority.list(&[], |params| {
        (params.this_update, params.next_update) = (NOW + Span::hours(7), NOW + Span::hours(13));
    })));
    assert!(matches!(check(Span::hours(7)).await, Ok(Verdict::Good(_))), "one that has run out is not looked at");
}

#[tokio::test]
async fn a_list_that_is_stale_from_the_start_fails_closed() {
    let authority = Authority::new("CA");
    let leaf = leaf_of(&authority, &issue(&authority));
    let stale = authority.list(&[], |params| (params.this_update, params.next_update) = (NOW - Span::DAY, NOW - Span::HOUR));
    let server = Server::of(stale).await;
    assert!(matches!(server.lists(&authority).check(&leaf, NOW).await, Err(RevocationFault::ListTime)));
}

#[tokio::test]
async fn ssr_06_a_certificates_own_address_is_read_from_listed_hosts_alone() {
    let authority = Authority::new("CA");
    let server = Server::of(authority.list(&[], |_| {})).await;
    let der = authority.issue(&KeyPair::generate().expect("a key"), |params| {
        params.custom_extensions.push(list_at(&server.url));
    });
    let leaf = leaf_of(&authority, &der);
    assert_eq!(leaf.crl_urls, std::slice::from_ref(&server.url));
    let host = server.url.trim_start_matches("http://").trim_end_matches("/ca.crl").to_owned();
    let check = async |hosts: &[String]| {
        let profile = TrustProfile { crl_hosts: hosts.to_vec(), ..authority.profile() };
        let http = OutboundClient::pinned("").expect("a client");
        Lists::new(&profile, http, Environment::Development).expect("lists").check(&leaf, NOW).await
    };
    assert!(matches!(check(&[]).await, Err(RevocationFault::NoList)));
    assert!(matches!(check(&["crl.example.is".to_owned()]).await, Err(RevocationFault::NoList)));
    assert_eq!(server.asked(), 0, "zero outbound requests");
    assert!(check(&[host]).await.is_ok());
}

#[tokio::test]
async fn x5_03_who_is_silent_leaves_time_for_the_list_and_holds_nobody_up() {
    let authority = Authority::new("CA");
    let leaf = leaf_of(&authority, &issue(&authority));
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let nowhere = format!("http://{}/", silent.local_addr().expect("an address"));
    let server = Server::of(authority.list(&[], |_| {})).await;
    let check = async |revocation, list: &str, milliseconds| {
        let (ocsp_url, crl_urls) = (Some(nowhere.clone()), vec![list.to_owned()]);
        let profile = TrustProfile { revocation, ocsp_url, crl_urls, ..authority.profile() };
        let http = OutboundClient::pinned("").expect("a client");
        let mut asked = Revocation::new(&profile, http, Environment::Development).expect("a profile");
        asked.most_time = Duration::from_millis(milliseconds);
        asked.check(&leaf, false, NOW).await.map_err(|error| error.kind)
    };
    let said = check(RevocationCheck::OcspThenCrl, &server.url, 3_000).await;
    assert!(matches!(said, Ok(RevocationEvidence::Crl(_))), "{said:?}");
    for way in [RevocationCheck::Ocsp, RevocationCheck::Crl, RevocationCheck::OcspThenCrl] {
        assert_eq!(check(way, &nowhere, 200).await, Err(EidErrorKind::RevocationUnavailable), "{way:?}");
    }
}

/// One list at a time, whoever asks.
#[tokio::test]
async fn many_sign_ins_at_once_fetch_a_list_once() {
    let authority = Authority::new("CA");
    let leaf = leaf_of(&authority, &issue(&authority));
    let server = Server::of(authority.list(&[], |_| {})).await;
    let lists = server.lists(&authority);
    let all = futures_util::future::join_all((0..20).map(|_| lists.check(&leaf, NOW))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(server.asked(), 1);
}

const KEPT: &[u8] = include_bytes!("../../../../../tests/corpus/eid/crl.der");

/// What `list` says of the kept certificate.
fn kept_verdict(list: &[u8]) -> Result<Verdict, RevocationFault> {
    let trust = Trust::new(&kept_profile(), Environment::Development).expect("a trust profile");
    verdict(list, &certificate::check(KEPT_CERTIFICATE, &trust, NOW).expect("a good certificate"), NOW)
}

#[test]
fn the_kept_list_revokes_the_kept_certificate() {
    assert!(matches!(kept_verdict(KEPT), Ok(Verdict::Revoked)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn x5_07_random_bytes_are_no_list(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(List::read(&bytes).is_err());
    }

    #[test]
    fn x5_03_no_change_of_a_list_makes_what_is_revoked_good(edits in edits()) {
        let authority = Authority::new("CA");
        let der = issue(&authority);
        let changed = edits.of(&authority.list(&[&der], |_| {}));
        prop_assert!(!matches!(verdict(&changed, &leaf_of(&authority, &der), NOW), Ok(Verdict::Good(_))));
    }

    #[test]
    fn x5_07_what_was_made_of_the_kept_list_says_nothing(changed in answers(KEPT)) {
        prop_assert!(changed == KEPT || kept_verdict(&changed).is_err());
    }
}
