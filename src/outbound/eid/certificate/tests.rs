//! Every fault of a certificate, each refused for its own reason (eid.md §11.3).

use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ED25519, PKCS_RSA_SHA256, PublicKeyData, SignatureAlgorithm,
};
use rsa::pkcs1::EncodeRsaPublicKey as _;
use time::{Duration, macros::datetime};

use super::{
    super::{
        mutation::{answers, edits},
        test_authority::*,
    },
    *,
};
use crate::{
    base::digest::from_base64,
    model::{
        environment::Environment,
        identity_provider::{NationalIdFormat, TrustProfile},
    },
    outbound::eid::marker::{SIMULATOR_MARKER_OID, SIMULATOR_POLICY_OID_TEXT},
};

fn trust(profile: &TrustProfile) -> Trust {
    Trust::new(profile, Environment::Development).expect("a trust profile")
}

fn check_in(profile: &TrustProfile, der: &[u8]) -> Result<Leaf, CertificateFault> {
    check(der, &trust(profile), NOW)
}

/// The fault of a certificate that differs from a good one by `change`.
fn fault_of(change: impl FnOnce(&mut CertificateParams)) -> CertificateFault {
    let authority = Authority::new("CA");
    let key = KeyPair::generate().expect("a key");
    check_in(&authority.profile(), &authority.issue(&key, change)).err().expect("a fault")
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

#[test]
fn a_good_certificate_names_its_person() {
    let authority = Authority::new("CA");
    let der = authority.issue(&key(), |params| params.custom_extensions.push(ocsp_at("http://ocsp.test/ca")));
    let leaf = check_in(&authority.profile(), &der).expect("accepted");
    assert_eq!(leaf.subject.number, "0101302989");
    assert_eq!(leaf.subject.name.as_deref(), Some("Gervimaður Ameríka"));
    assert_eq!(&leaf.issuer, authority.certificate.der());
    assert_eq!(leaf.ocsp_urls, ["http://ocsp.test/ca"]);
}

#[test]
fn old_icelandic_certificates_have_a_bare_kennitala_and_no_extended_key_usage() {
    let authority = Authority::new("CA");
    let der = authority.issue(&key(), |params| {
        params.distinguished_name = subject("0101302989");
        params.extended_key_usages.clear();
    });
    assert_eq!(check_in(&authority.profile(), &der).err(), Some(CertificateFault::ExtendedKeyUsage), "X5-02");
    let profile = TrustProfile { extended_key_usage_absent_ok: true, ..authority.profile() };
    assert_eq!(check_in(&profile, &der).expect("accepted").subject.number, "0101302989");
    let other = authority.issue(&key(), |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning]);
    assert_eq!(check_in(&profile, &other).err(), Some(CertificateFault::ExtendedKeyUsage), "another usage is not absence");
}

#[test]
fn x5_02_a_forbidden_policy_refuses_whatever_else_is_there() {
    let authority = Authority::new("CA");
    let der = authority.issue(&key(), |_| {});
    let forbidding = |policy: &str| TrustProfile { forbid_policies: vec![policy.to_owned()], ..authority.profile() };
    assert_eq!(check_in(&forbidding("0.4.0.2042.1.2"), &der).err(), Some(CertificateFault::Policy));
    assert!(check_in(&forbidding("0.4.0.2042.1.1"), &der).is_ok());
    let anything = TrustProfile { require_policies: Vec::new(), ..forbidding("0.4.0.2042.1.2") };
    assert_eq!(check_in(&anything, &der).err(), Some(CertificateFault::Policy));
    let none = authority.issue(&key(), |params| params.custom_extensions.clear());
    assert!(check_in(&anything, &none).is_ok(), "without the extension there is nothing that is forbidden");
    let unreadable = authority.issue(&key(), |params| {
        params.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 32], vec![0x30, 0x01])];
    });
    assert!(check_in(&anything, &unreadable).is_err(), "what cannot be read hides what it says");
}

#[test]
fn a_profile_may_ask_for_a_shorter_chain() {
    let root = Authority::new("Root");
    let below = root.below("CA");
    let profile = TrustProfile { intermediates_pem: below.certificate.pem(), ..root.profile() };
    let der = below.issue(&key(), |_| {});
    for (links, expected) in [(1, Some(CertificateFault::ChainLength)), (2, None), (3, None)] {
        let profile = TrustProfile { max_chain: Some(links), ..profile.clone() };
        assert_eq!(check_in(&profile, &der).err(), expected, "{links}");
    }
}

#[test]
fn given_name_and_surname_go_before_the_common_name() {
    let authority = Authority::new("CA");
    let der = authority.issue(&key(), |params| {
        let given_and_surname = [([2, 5, 4, 42], "Gervimaður"), ([2, 5, 4, 4], "Ameri\u{301}ka")];
        for (oid, value) in given_and_surname {
            params.distinguished_name.push(DnType::CustomDnType(oid.to_vec()), value);
        }
        params.distinguished_name.push(DnType::CommonName, "TEST,OK");
    });
    let leaf = check_in(&authority.profile(), &der).expect("accepted");
    assert_eq!(leaf.subject.name.as_deref(), Some("Gervimaður Ameríka"), "in NFC");
}

#[test]
fn an_intermediate_of_the_profile_completes_the_chain() {
    let root = Authority::new("Root");
    let below = root.below("CA");
    let der = below.issue(&key(), |_| {});
    let mut profile = root.profile();
    assert!(matches!(check_in(&profile, &der), Err(CertificateFault::Chain(_))), "no issuer is fetched");
    profile.intermediates_pem = below.certificate.pem();
    let leaf = check_in(&profile, &der).expect("accepted");
    assert_eq!(&leaf.issuer, below.certificate.der());
}

#[test]
fn a_chain_of_more_than_two_intermediates_is_refused() {
    let root = Authority::new("Root");
    let (first, profile) = (root.below("1"), root.profile());
    let second = first.below("2");
    let third = second.below("3");
    let pem = [&first, &second, &third].map(|authority| authority.certificate.pem()).concat();
    let profile = TrustProfile { intermediates_pem: pem, ..profile };
    assert!(check_in(&profile, &second.issue(&key(), |_| {})).is_ok());
    assert_eq!(check_in(&profile, &third.issue(&key(), |_| {})).err(), Some(CertificateFault::ChainLength));
}

#[test]
fn times_outside_the_validity_are_refused() {
    let expired = fault_of(|params| params.not_after = NOW - Duration::seconds(1));
    assert!(matches!(expired, CertificateFault::Chain(webpki::Error::CertExpired { .. })), "{expired}");
    let early = fault_of(|params| params.not_before = NOW + Duration::seconds(1));
    assert!(matches!(early, CertificateFault::Chain(webpki::Error::CertNotValidYet { .. })), "{early}");
}

#[test]
fn an_anchor_outside_its_own_validity_is_not_believed() {
    let expired = Authority::with("CA", |params| params.not_after = NOW - Duration::seconds(1));
    let fault = check_in(&expired.profile(), &expired.issue(&key(), |_| {})).err();
    assert_eq!(fault, Some(CertificateFault::Chain(webpki::Error::UnknownIssuer)));
}

#[test]
fn other_issuers_are_not_believed() {
    let (ours, theirs) = (Authority::new("CA"), Authority::new("CA"));
    let der = theirs.issue(&key(), |_| {});
    assert!(matches!(check_in(&ours.profile(), &der), Err(CertificateFault::Chain(_))), "X5-01: same name, other key");
    let self_signed = {
        let (key, mut params) = (key(), CertificateParams::default());
        params.distinguished_name = subject("PNOIS-0101302989");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.custom_extensions = vec![policies(&[SIMULATOR_POLICY_OID_TEXT])];
        params.self_signed(&key).expect("a certificate").der().to_vec()
    };
    assert!(matches!(check_in(&ours.profile(), &self_signed), Err(CertificateFault::Chain(_))));
}

#[test]
fn the_certificate_must_be_made_for_signing_in() {
    assert_eq!(fault_of(|params| params.key_usages.clear()), CertificateFault::KeyUsage);
    assert_eq!(fault_of(|params| params.key_usages = vec![KeyUsagePurpose::KeyEncipherment]), CertificateFault::KeyUsage);
    assert_eq!(
        fault_of(|params| params.key_usages = vec![KeyUsagePurpose::ContentCommitment]),
        CertificateFault::KeyUsage,
        "a certificate for legal signatures does not sign in"
    );
    assert_eq!(
        fault_of(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
        CertificateFault::ExtendedKeyUsage
    );
    assert_eq!(
        fault_of(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any]),
        CertificateFault::ExtendedKeyUsage
    );
    assert_eq!(fault_of(|params| params.custom_extensions = vec![policies(&["0.4.0.2042.1.1"])]), CertificateFault::Policy);
    assert_eq!(fault_of(|params| params.custom_extensions.clear()), CertificateFault::Policy);
}

#[test]
fn an_authority_does_not_sign_in() {
    let ca = |params: &mut CertificateParams| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    assert_eq!(fault_of(ca), CertificateFault::Authority, "X5-02");
    assert_eq!(fault_of(|params| params.key_usages.push(KeyUsagePurpose::KeyCertSign)), CertificateFault::Authority);
}

#[test]
fn an_unknown_critical_extension_refuses_the_certificate_and_another_does_not() {
    let unknown = |critical| {
        let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
        extension.set_criticality(critical);
        extension
    };
    assert_eq!(fault_of(|params| params.custom_extensions.push(unknown(true))), CertificateFault::Extension, "X5-02");
    let authority = Authority::new("CA");
    let der = authority.issue(&key(), |params| params.custom_extensions.push(unknown(false)));
    assert!(check_in(&authority.profile(), &der).is_ok());
    let twice = |params: &mut CertificateParams| params.custom_extensions.extend([unknown(false), unknown(false)]);
    assert_eq!(fault_of(twice), CertificateFault::Extension);
}

struct WeakKey(Vec<u8>);

impl PublicKeyData for WeakKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

fn rsa_key_of(bits: usize) -> WeakKey {
    let modulus = (rsa::BigUint::from(1_u8) << (bits - 1)) + rsa::BigUint::from(12_345_u32);
    let key = rsa::RsaPublicKey::new_with_max_size(modulus, rsa::BigUint::from(65_537_u32), 16_384).expect("a key");
    WeakKey(key.to_pkcs1_der().expect("DER").into_vec())
}

#[test]
fn only_strong_keys_of_known_kinds_sign() {
    let authority = Authority::new("CA");
    let fault = |der: &[u8]| check_in(&authority.profile(), der).err();
    for (bits, accepted) in [(1024, false), (2047, false), (2048, true), (6144, true), (9000, false)] {
        let found = fault(&authority.issue(&rsa_key_of(bits), |_| {}));
        assert_eq!(found, (!accepted).then_some(CertificateFault::Key), "X5-04: {bits}");
    }
    let ed25519 = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
    assert_eq!(fault(&authority.issue(&ed25519, |_| {})), Some(CertificateFault::Key));
    let p521 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).expect("a key");
    assert_eq!(fault(&authority.issue(&p521, |_| {})), None, "eid.md §4.3: ES512");
}

#[test]
fn the_subject_has_exactly_one_serial_number() {
    let none = |params: &mut CertificateParams| {
        params.distinguished_name.remove(serial_number());
    };
    assert_eq!(fault_of(none), CertificateFault::SerialNumber, "X5-06");
    let authority = Authority::new("CA");
    let der = authority.issue(&key(), |params| {
        params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 99]), printable("PNOIS-0101302129"));
    });
    assert!(check_in(&authority.profile(), &der).is_ok());
    let twice = authority.patched(&der, &[0x55, 4, 99], &[0x55, 4, 5]);
    assert_eq!(check_in(&authority.profile(), &twice).err(), Some(CertificateFault::SerialNumber), "X5-06");
}

#[test]
fn x5_06_the_national_id_is_icelandic_and_in_an_accepted_form() {
    let fault = |serial: &str| fault_of(|params| params.distinguished_name = subject(serial));
    let bare = |params: &mut CertificateParams| {
        params.distinguished_name = subject("0101302989");
        params.distinguished_name.remove(DnType::CountryName);
    };
    assert_eq!(fault_of(bare), CertificateFault::Country, "nothing says whose it is");
    assert_eq!(fault("PNODK-0101302989"), CertificateFault::Country);
    assert_eq!(fault("PNOSE-0101302989"), CertificateFault::Country);
    assert_eq!(fault("PASIS-0101302989"), CertificateFault::NationalIdFormat);
    assert_eq!(fault("010130-2989"), CertificateFault::NationalIdFormat);
    let foreign = |params: &mut CertificateParams| {
        params.distinguished_name = subject("0101302989");
        params.distinguished_name.push(DnType::CountryName, printable("SE"));
    };
    assert_eq!(fault_of(foreign), CertificateFault::Country, "a bare number is of the subject's country");
}

#[test]
fn a_marked_certificate_passes_everywhere_but_in_production() {
    let authority = Authority::new("CA");
    let mark = CustomExtension::from_oid_content(SIMULATOR_MARKER_OID, b"\x0c\x09SIMULATOR".to_vec());
    let der = authority.issue(&key(), |params| params.custom_extensions.push(mark.clone()));
    assert!(check_in(&authority.profile(), &der).is_ok());
    let production = Trust::new(&authority.profile(), Environment::Production).expect("an unmarked authority");
    assert_eq!(check(&der, &production, NOW).err(), Some(CertificateFault::Simulated), "eid.md §12.4");

    let marked = Authority::with("CA", |params| params.custom_extensions.push(mark));
    assert!(Trust::new(&marked.profile(), Environment::Staging).is_ok());
    assert!(Trust::new(&marked.profile(), Environment::Production).is_err(), "X5-01");
    for name in ["HERMIR SIM 1", "TEST of ESTEID-SK 2015", "DEMO CA"] {
        assert!(Trust::new(&Authority::new(name).profile(), Environment::Production).is_err(), "eid.md §12.3: {name}");
    }
}

#[test]
fn a_profile_without_anchors_or_with_nonsense_is_refused() {
    let profile = Authority::new("CA").profile();
    let refused = |profile: TrustProfile| Trust::new(&profile, Environment::Development).is_err();
    assert!(refused(TrustProfile { anchors_pem: String::new(), ..profile.clone() }));
    let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned();
    assert!(refused(TrustProfile { intermediates_pem: nonsense, ..profile.clone() }));
    assert!(refused(TrustProfile { require_policies: vec!["NCP+".to_owned()], ..profile.clone() }));
    assert!(refused(TrustProfile { forbid_policies: vec!["NCP+".to_owned()], ..profile.clone() }));
    assert!(refused(TrustProfile { national_id_formats: Vec::new(), ..profile }));
}

#[test]
fn an_overlong_certificate_and_one_with_something_after_it_are_refused() {
    let authority = Authority::new("CA");
    let der = authority.issue(&key(), |_| {});
    let fault = |der: &[u8]| check_in(&authority.profile(), der).err();
    assert_eq!(fault(&[&der[..], &[0]].concat()), Some(CertificateFault::Malformed), "X5-07");
    let long = authority.issue(&key(), |params| {
        params.custom_extensions.push(CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![0; 17_000]));
    });
    assert_eq!(fault(&long), Some(CertificateFault::Malformed), "X5-07");
}

#[test]
fn an_estonian_mobile_id_certificate_passes_by_an_estonian_profile() {
    let vectors = include_str!("../../../../tests/vectors/third_party/mid-rest-java-client/signatures.json");
    let issuer = include_str!("../../../../tests/vectors/third_party/mid-rest-java-client/TEST_of_ESTEID-SK_2015.pem.crt");
    let vectors: Vec<serde_json::Value> = serde_json::from_str(vectors).expect("vectors");
    let der = |at: usize| from_base64(vectors[at]["certificate"].as_str().expect("text")).expect("base64");
    let profile = TrustProfile {
        anchors_pem: issuer.to_owned(),
        require_policies: vec!["1.3.6.1.4.1.10015.3.1.3".to_owned()],
        national_id_formats: vec![NationalIdFormat::Bare],
        countries: vec!["EE".to_owned()],
        extended_key_usage_absent_ok: true,
        ..Authority::new("CA").profile()
    };
    let leaf = check(&der(0), &trust(&profile), datetime!(2022-06-01 12:00 UTC)).expect("accepted");
    assert_eq!(leaf.subject.number, "60001019906");
    assert_eq!(leaf.subject.name.as_deref(), Some("MARY ÄNN O’CONNEŽ-ŠUSLIK TESTNUMBER"));
    assert_eq!(leaf.ocsp_urls, ["http://aia.demo.sk.ee/esteid2015"]);

    let expired = check(&der(0), &trust(&profile), NOW).err();
    assert!(matches!(expired, Some(CertificateFault::Chain(webpki::Error::CertExpired { .. }))));
    let other_issuer = check(&der(1), &trust(&profile), datetime!(2022-06-01 12:00 UTC)).err();
    assert_eq!(other_issuer, Some(CertificateFault::Policy), "of the authority before, by another policy");
    assert!(Trust::new(&profile, Environment::Production).is_err(), "X5-01: a test authority");
}

#[test]
fn the_kept_certificate_is_a_good_one() {
    let leaf = check_in(&kept_profile(), KEPT_CERTIFICATE).expect("accepted");
    assert_eq!((leaf.subject.number.as_str(), leaf.ocsp_urls.len(), leaf.crl_urls.len()), ("0101302989", 1, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn random_bytes_are_refused_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let authority = Authority::new("CA");
        prop_assert!(check_in(&authority.profile(), &bytes).is_err());
    }

    #[test]
    fn a_certificate_with_one_byte_changed_is_refused(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let authority = Authority::new("CA");
        let mut der = authority.issue(&key(), |_| {});
        let at = at.index(der.len());
        der[at] ^= flip;
        prop_assert!(check_in(&authority.profile(), &der).is_err(), "byte {at}");
    }

    #[test]
    fn x5_07_a_certificate_that_was_changed_is_refused(edits in edits()) {
        let authority = Authority::new("CA");
        let der = authority.issue(&key(), |_| {});
        let changed = edits.of(&der);
        prop_assert!(changed == der || check_in(&authority.profile(), &changed).is_err());
    }

    #[test]
    fn x5_07_what_was_made_of_the_kept_certificate_is_refused(changed in answers(KEPT_CERTIFICATE)) {
        prop_assert!(changed == KEPT_CERTIFICATE || check_in(&kept_profile(), &changed).is_err());
    }
}
