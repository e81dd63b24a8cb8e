//! OCSP answers in every mood (eid.md §11.3, X5-03).

use proptest::prelude::*;
use rcgen::{ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use x509_ocsp::{CertStatus, OcspResponse};

use super::{
    super::{mutation::answers, test_authority::*},
    answer::{Rules, verify},
    ocsp::Responders,
    request::Question,
    *,
};

/// A certificate, its authority and a question about it.
struct Scene {
    authority: Authority,
    certificate: Vec<u8>,
    question: Question,
}

impl Scene {
    fn new() -> Self {
        let authority = Authority::new("CA");
        let certificate = authority.issue(&KeyPair::generate().expect("a key"), |_| {});
        let serial = super::super::trust::parse(&certificate).expect("a certificate").raw_serial().to_vec();
        let question = Question::new(authority.certificate.der(), &serial).expect("a question");
        Self { authority, certificate, question }
    }

    /// What a good answer says.
    fn good(&self) -> OcspAnswer {
        OcspAnswer {
            status: CertStatus::good(),
            this_update: NOW,
            next_update: None,
            nonce: Some(self.question.nonce.to_vec()),
            cert_id: self.authority.cert_id(&self.certificate),
        }
    }

    fn read(&self, body: &[u8], rules: &Rules<'_>) -> Result<Verdict, RevocationFault> {
        verify(body, &self.question, self.authority.certificate.der(), rules)
    }

    /// The fault of an answer by the authority's responder.
    fn fault(&self, change: impl FnOnce(&mut OcspAnswer)) -> RevocationFault {
        self.fault_by(&self.authority.responder, change)
    }

    fn fault_by(&self, responder: &Responder, change: impl FnOnce(&mut OcspAnswer)) -> RevocationFault {
        let mut answer = self.good();
        change(&mut answer);
        self.read(&responder.answer(answer), &RULES).err().expect("a fault")
    }
}

const RULES: Rules<'static> = Rules { answers_ahead: false, designated: &[], refuse_tests: false, now: NOW };

#[test]
fn good_passes_from_a_delegated_responder_and_from_the_issuer_itself() {
    let scene = Scene::new();
    for responder in [&scene.authority.responder, &scene.authority.itself()] {
        let read = scene.read(&responder.answer(scene.good()), &RULES);
        let Ok(Verdict::Good(RevocationEvidence::Ocsp(evidence))) = read else { panic!("good") };
        assert_eq!((evidence.status, evidence.this_update), ("good", NOW));
    }
}

#[test]
fn revoked_is_told_apart_and_unknown_is_a_fault() {
    let scene = Scene::new();
    let revoked = x509_ocsp::RevokedInfo { revocation_time: ocsp_time(NOW), revocation_reason: None };
    let answer = OcspAnswer { status: CertStatus::revoked(revoked), ..scene.good() };
    assert!(matches!(scene.read(&scene.authority.responder.answer(answer), &RULES), Ok(Verdict::Revoked)));
    assert!(matches!(scene.fault(|answer| answer.status = CertStatus::unknown()), RevocationFault::Unknown));
}

#[test]
fn stale_and_future_answers_are_refused() {
    let scene = Scene::new();
    let seconds = time::Duration::seconds;
    let faulty = |this_update, next_update| {
        let fault = scene.fault(|answer| (answer.this_update, answer.next_update) = (this_update, next_update));
        matches!(fault, RevocationFault::Time)
    };
    assert!(faulty(NOW - seconds(121), None), "X5-03: stale");
    assert!(faulty(NOW + seconds(61), None));
    assert!(faulty(NOW, Some(NOW - seconds(61))));
    let edge = OcspAnswer { this_update: NOW - seconds(120), next_update: Some(NOW - seconds(60)), ..scene.good() };
    assert!(scene.read(&scene.authority.responder.answer(edge), &RULES).is_ok());
}

#[test]
fn the_nonce_comes_back_unless_answers_are_made_ahead() {
    let scene = Scene::new();
    assert!(matches!(scene.fault(|answer| answer.nonce = None), RevocationFault::Nonce));
    assert!(matches!(scene.fault(|answer| answer.nonce = Some(vec![7; 32])), RevocationFault::Nonce));
    let ahead = Rules { answers_ahead: true, ..RULES };
    let read = |nonce, minutes| {
        let answer = OcspAnswer { nonce, this_update: NOW - time::Duration::minutes(minutes), ..scene.good() };
        scene.read(&scene.authority.responder.answer(answer), &ahead)
    };
    assert!(read(None, 15).is_ok());
    assert!(matches!(read(None, 16), Err(RevocationFault::Time)));
    assert!(matches!(read(Some(vec![7; 32]), 0), Err(RevocationFault::Nonce)), "an answer to somebody else");
}

#[test]
fn an_answer_about_another_certificate_says_nothing() {
    let scene = Scene::new();
    let other = scene.authority.issue(&KeyPair::generate().expect("a key"), |_| {});
    let fault = scene.fault(|answer| answer.cert_id = scene.authority.cert_id(&other));
    assert!(matches!(fault, RevocationFault::AnotherCertificate));
    let stranger = Authority::new("CA");
    let fault = scene.fault(|answer| answer.cert_id.issuer_key_hash = stranger.cert_id(&other).issuer_key_hash);
    assert!(matches!(fault, RevocationFault::AnotherCertificate), "same serial number, other issuer");
}

#[test]
fn only_a_responder_whom_the_issuer_made_one_is_believed() {
    let scene = Scene::new();
    let refused = |responder: &Responder| matches!(scene.fault_by(responder, |_| {}), RevocationFault::Responder);
    let authority = &scene.authority;
    assert!(refused(&Authority::new("CA").responder), "X5-03: of another authority of the same name");
    assert!(refused(&Authority::new("CA").itself()));
    assert!(refused(&authority.responder_with(|params| params.extended_key_usages.clear())));
    assert!(refused(
        &authority.responder_with(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth])
    ));
    assert!(refused(&authority.responder_with(|params| params.key_usages = vec![KeyUsagePurpose::KeyEncipherment])));
    assert!(refused(&authority.responder_with(|params| params.not_after = NOW - time::Duration::seconds(1))));
    assert!(refused(&authority.responder_with(|params| params.custom_extensions.clear())), "a long life without nocheck");
    let below = authority.below("Other");
    assert!(refused(&below.responder), "the issuer's grandchild");
}

#[test]
fn a_designated_responder_is_believed_while_its_certificate_holds() {
    let scene = Scene::new();
    // of another authority: the configuration alone makes it a responder
    let elsewhere = Authority::new("Elsewhere");
    let read = |responder: &Responder| {
        let designated = [responder.certificate.clone().expect("a certificate")];
        scene.read(&responder.answer(scene.good()), &Rules { designated: &designated, ..RULES })
    };
    assert!(matches!(scene.fault_by(&elsewhere.responder, |_| {}), RevocationFault::Responder), "X5-03: nobody's responder");
    assert!(matches!(read(&elsewhere.responder), Ok(Verdict::Good(_))));
    let expired = elsewhere.responder_with(|params| params.not_after = NOW - time::Duration::seconds(1));
    assert!(matches!(read(&expired), Err(RevocationFault::Responder)));
    let designated = [elsewhere.responder.certificate.clone().expect("a certificate")];
    let mut body = elsewhere.responder.answer(scene.good());
    let at = body.windows(32).position(|window| window == scene.question.nonce).expect("the nonce");
    body[at] ^= 1;
    assert!(matches!(scene.read(&body, &Rules { designated: &designated, ..RULES }), Err(RevocationFault::Signature)));
}

#[test]
fn a_short_lived_responder_needs_no_nocheck() {
    let scene = Scene::new();
    let responder = scene.authority.responder_with(|params| {
        params.custom_extensions.clear();
        (params.not_before, params.not_after) = (NOW - time::Duration::days(1), NOW + time::Duration::days(6));
    });
    assert!(scene.read(&responder.answer(scene.good()), &RULES).is_ok());
}

#[test]
fn a_bad_signature_is_refused() {
    let scene = Scene::new();
    let mut body = scene.authority.itself().answer(scene.good());
    let last = body.len() - 1;
    body[last] ^= 1;
    assert!(matches!(scene.read(&body, &RULES), Err(RevocationFault::Signature)));
}

#[test]
fn a_marked_responder_does_not_answer_in_production() {
    use crate::outbound::eid::marker::SIMULATOR_MARKER_OID;
    let scene = Scene::new();
    let responder = scene.authority.responder_with(|params| {
        let mark = rcgen::CustomExtension::from_oid_content(SIMULATOR_MARKER_OID, b"\x0c\x09SIMULATOR".to_vec());
        params.custom_extensions.push(mark);
    });
    let body = responder.answer(scene.good());
    assert!(scene.read(&body, &RULES).is_ok());
    let production = Rules { refuse_tests: true, ..RULES };
    assert!(matches!(scene.read(&body, &production), Err(RevocationFault::Simulated)), "eid.md §12.4");
}

#[test]
fn anything_but_a_successful_basic_answer_is_refused() {
    use der::Encode as _;
    let scene = Scene::new();
    for refusal in [OcspResponse::try_later(), OcspResponse::unauthorized(), OcspResponse::internal_error()] {
        let body = refusal.to_der().expect("DER");
        assert!(matches!(scene.read(&body, &RULES), Err(RevocationFault::NotSuccessful(_))));
    }
    for body in [&b""[..], b"<html>", b"\x30\x03\x0a\x01\x00"] {
        assert!(matches!(scene.read(body, &RULES), Err(RevocationFault::Malformed)));
    }
}

#[test]
fn the_certificates_own_address_is_followed_to_listed_hosts_alone() {
    let http = OutboundClient::pinned("").expect("a client");
    let responder = |profile: &TrustProfile, urls: &[&str]| {
        let responders = Responders::new(profile, http.clone(), Environment::Development).expect("a profile");
        let urls: Vec<String> = urls.iter().map(|&url| url.to_owned()).collect();
        responders.addresses(&urls).first().map(ToString::to_string)
    };
    let none = Authority::new("CA").profile();
    let listed = TrustProfile { ocsp_hosts: vec!["ocsp.example.is".to_owned(), "localhost:8090".to_owned()], ..none.clone() };
    let fixed = TrustProfile { ocsp_url: Some("http://ours.example.is/".to_owned()), ..listed.clone() };
    assert_eq!(responder(&none, &["http://ocsp.example.is/"]), None, "SSR-06");
    assert_eq!(responder(&listed, &["http://ocsp.example.is/a"]).as_deref(), Some("http://ocsp.example.is/a"));
    assert_eq!(responder(&listed, &["ldap://x/", "http://localhost:8090/b"]).as_deref(), Some("http://localhost:8090/b"));
    for url in [
        "http://169.254.169.254/",
        "http://localhost/",
        "http://ocsp.example.is:22/",
        "http://ocsp.example.is@evil.is/",
        "http://user@ocsp.example.is/",
        "http://ocsp.example.is.evil.is/",
        "file://ocsp.example.is/etc/passwd",
    ] {
        assert_eq!(responder(&listed, &[url]), None, "SSR-06: {url}");
    }
    assert_eq!(responder(&fixed, &["http://ocsp.example.is/a"]).as_deref(), Some("http://ours.example.is/"));
}

#[test]
fn a_good_answer_serves_for_a_minute_and_never_before_it_was_given() {
    let profile = Authority::new("CA").profile();
    let http = OutboundClient::pinned("").expect("a client");
    let responders = Responders::new(&profile, http, Environment::Development).expect("a profile");
    let evidence = OcspEvidence { status: "good", responder: String::new(), produced_at: NOW, this_update: NOW };
    responders.remember([1; 32], NOW, evidence.clone());
    let at = |seconds| responders.remembered(&[1; 32], NOW + time::Duration::seconds(seconds));
    assert_eq!(at(59), Some(evidence));
    assert_eq!((at(60), at(-1), responders.remembered(&[2; 32], NOW)), (None, None, None));
}

const KEPT: &[u8] = include_bytes!("../../../../tests/corpus/eid/ocsp.der");

/// What `answer`, made ahead, says of the kept certificate.
fn kept_verdict(answer: &[u8]) -> Result<Verdict, RevocationFault> {
    let issuer = CertificateDer::from_pem_slice(KEPT_AUTHORITY.as_bytes()).expect("a certificate");
    let serial = super::super::trust::parse(KEPT_CERTIFICATE).expect("a certificate").raw_serial().to_vec();
    let question = Question::new(&issuer, &serial).expect("a question");
    verify(answer, &question, &issuer, &Rules { answers_ahead: true, ..RULES })
}

#[test]
fn the_kept_answer_revokes_the_kept_certificate() {
    assert!(matches!(kept_verdict(KEPT), Ok(Verdict::Revoked)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_bytes_are_refused_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let scene = Scene::new();
        prop_assert!(scene.read(&bytes, &RULES).is_err());
    }

    #[test]
    fn no_changed_byte_turns_unknown_into_good(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let scene = Scene::new();
        let answer = OcspAnswer { status: CertStatus::unknown(), ..scene.good() };
        let mut body = scene.authority.itself().answer(answer);
        let at = at.index(body.len());
        body[at] ^= flip;
        prop_assert!(scene.read(&body, &RULES).is_err(), "byte {at}");
    }

    #[test]
    fn x5_07_what_was_made_of_the_kept_answer_says_nothing(changed in answers(KEPT)) {
        prop_assert!(changed == KEPT || kept_verdict(&changed).is_err());
    }
}
