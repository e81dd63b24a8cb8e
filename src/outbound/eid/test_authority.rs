//! An authority for tests: it issues certificates, good and bad, signs as people do, and answers OCSP in every mood.

use std::str::FromStr as _;

use der::{Decode as _, Encode as _, asn1::OctetString, oid::ObjectIdentifier};
use p256::{
    ecdsa::{Signature, SigningKey},
    pkcs8::DecodePrivateKey as _,
};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, CustomExtension, DistinguishedName,
    DnType, DnValue, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PublicKeyData,
    RevokedCertParams, SerialNumber, SigningKey as _,
};
use rustls_pki_types::CertificateDer;
use sha1::{Digest as _, Sha1};
use signature::hazmat::PrehashSigner as _;
use spki::AlgorithmIdentifierOwned;
use time::{Duration, OffsetDateTime, macros::datetime};
use x509_ocsp::{
    BasicOcspResponse, CertId, CertStatus, OcspGeneralizedTime, OcspResponse, ResponderId, ResponseData, SingleResponse,
    Version,
};

use super::marker::SIMULATOR_POLICY_OID_TEXT;
use crate::model::identity_provider::{NationalIdFormat, TrustProfile};

/// When all tests happen.
pub(super) const NOW: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);

pub(super) const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
const SERIAL_NUMBER: &[u64] = &[2, 5, 4, 5];
const CERTIFICATE_POLICIES: &[u64] = &[2, 5, 29, 32];
const ACCESS_INFORMATION: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 1];
const CRL_DISTRIBUTION_POINTS: &[u64] = &[2, 5, 29, 31];
const NO_CHECK: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 48, 1, 5];
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");

/// The authority of the DER samples that were kept in `tests/corpus/eid/`.
pub(super) const KEPT_AUTHORITY: &str = include_str!("../../../tests/corpus/eid/authority.pem");
/// A person's certificate by the kept authority, good but for being revoked.
pub(super) const KEPT_CERTIFICATE: &[u8] = include_bytes!("../../../tests/corpus/eid/certificate.der");

/// A certificate authority with an OCSP responder.
pub(super) struct Authority {
    pub(super) certificate: Certificate,
    key: KeyPair,
    params: CertificateParams,
    pub(super) responder: Responder,
}

/// Who signs OCSP answers.
pub(super) struct Responder {
    pub(super) certificate: Option<CertificateDer<'static>>,
    key: KeyPair,
    key_hash: Vec<u8>,
}

/// What an OCSP answer says; a test changes what it wants to be wrong.
pub(super) struct OcspAnswer {
    pub(super) status: CertStatus,
    pub(super) this_update: OffsetDateTime,
    pub(super) next_update: Option<OffsetDateTime>,
    pub(super) nonce: Option<Vec<u8>>,
    pub(super) cert_id: CertId,
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        Self::with(name, |_| {})
    }

    pub(super) fn with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = authority_params(name);
        change(&mut params);
        let certificate = params.self_signed(&key).expect("a certificate");
        let mut authority = Self { certificate, responder: Responder::of(&key, None), key, params };
        authority.responder = authority.responder_with(|_| {});
        authority
    }

    /// An authority below this one.
    pub(super) fn below(&self, name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let params = authority_params(name);
        let certificate = params.signed_by(&key, &self.issuer()).expect("a certificate");
        let mut authority = Self { certificate, responder: Responder::of(&key, None), key, params };
        authority.responder = authority.responder_with(|_| {});
        authority
    }

    /// A person's certificate, changed as the test wants.
    pub(super) fn issue(&self, key: &impl PublicKeyData, change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = person_params();
        change(&mut params);
        params.signed_by(key, &self.issuer()).expect("a certificate").der().to_vec()
    }

    /// The same certificate with other bytes in it, signed anew.
    pub(super) fn patched(&self, certificate: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
        let at = certificate.windows(from.len()).position(|window| window == from).expect("the bytes are there");
        let changed = [&certificate[..at], to, &certificate[at + from.len()..]].concat();
        let mut certificate = x509_cert::Certificate::from_der(&changed).expect("still a certificate");
        let signature = self.key.sign(&certificate.tbs_certificate.to_der().expect("DER")).expect("a signature");
        certificate.signature = der::asn1::BitString::from_bytes(&signature).expect("bits");
        certificate.to_der().expect("DER")
    }

    /// A responder of this authority, changed as the test wants.
    pub(super) fn responder_with(&self, change: impl FnOnce(&mut CertificateParams)) -> Responder {
        let key = KeyPair::generate().expect("a key");
        let mut params = valid_for(Duration::days(100), name(&[(DnType::CommonName, "OCSP".into())]));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
        params.custom_extensions = vec![CustomExtension::from_oid_content(NO_CHECK, vec![5, 0])];
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer()).expect("a certificate");
        Responder::of(&key, Some(certificate.der().clone()))
    }

    /// A revocation list with these certificates, changed as the test wants; DER.
    pub(super) fn list(&self, revoked: &[&[u8]], change: impl FnOnce(&mut CertificateRevocationListParams)) -> Vec<u8> {
        let revoked = revoked.iter().map(|certificate| RevokedCertParams {
            serial_number: SerialNumber::from_slice(
                x509_cert::Certificate::from_der(certificate).expect("a certificate").tbs_certificate.serial_number.as_bytes(),
            ),
            revocation_time: NOW,
            reason_code: None,
            invalidity_date: None,
        });
        let mut params = CertificateRevocationListParams {
            this_update: NOW,
            next_update: NOW + Duration::hours(6),
            crl_number: SerialNumber::from_slice(&[1]),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        change(&mut params);
        // signs also where it may not
        let mut issuer = self.params.clone();
        issuer.key_usages.clear();
        params.signed_by(&Issuer::from_params(&issuer, &self.key)).expect("a list").der().to_vec()
    }

    /// The authority itself as responder.
    pub(super) fn itself(&self) -> Responder {
        Responder::of(&self.key, None)
    }

    /// Names a certificate of this authority, as OCSP does.
    pub(super) fn cert_id(&self, certificate: &[u8]) -> CertId {
        let issuer = x509_cert::Certificate::from_der(self.certificate.der()).expect("a certificate");
        let certificate = x509_cert::Certificate::from_der(certificate).expect("a certificate");
        let subject = issuer.tbs_certificate.subject.to_der().expect("DER");
        let key = issuer.tbs_certificate.subject_public_key_info.subject_public_key.raw_bytes().to_vec();
        CertId {
            hash_algorithm: AlgorithmIdentifierOwned { oid: ObjectIdentifier::new_unwrap("1.3.14.3.2.26"), parameters: None },
            issuer_name_hash: OctetString::new(Sha1::digest(subject).to_vec()).expect("a hash"),
            issuer_key_hash: OctetString::new(Sha1::digest(key).to_vec()).expect("a hash"),
            serial_number: certificate.tbs_certificate.serial_number,
        }
    }

    /// A trust profile that believes this authority.
    pub(super) fn profile(&self) -> TrustProfile {
        TrustProfile {
            anchors_pem: self.certificate.pem(),
            require_policies: vec![SIMULATOR_POLICY_OID_TEXT.to_owned()],
            forbid_policies: Vec::new(),
            extended_key_usages: vec![CLIENT_AUTH.to_owned()],
            national_id_formats: vec![NationalIdFormat::Etsi, NationalIdFormat::Bare10],
            countries: vec!["IS".to_owned()],
            ..TrustProfile::default()
        }
    }

    fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.key)
    }
}

/// A trust profile that believes the kept authority.
pub(super) fn kept_profile() -> TrustProfile {
    TrustProfile { anchors_pem: KEPT_AUTHORITY.to_owned(), ..Authority::new("CA").profile() }
}

impl Responder {
    fn of(key: &KeyPair, certificate: Option<CertificateDer<'static>>) -> Self {
        let copy = KeyPair::try_from(key.serialize_der()).expect("the same key");
        Self { certificate, key_hash: Sha1::digest(key.der_bytes()).to_vec(), key: copy }
    }

    /// The bytes of a signed answer.
    pub(super) fn answer(&self, answer: OcspAnswer) -> Vec<u8> {
        let tbs_response_data = ResponseData {
            version: Version::V1,
            responder_id: ResponderId::ByKey(OctetString::new(self.key_hash.clone()).expect("a hash")),
            produced_at: ocsp_time(answer.this_update),
            responses: vec![SingleResponse {
                cert_id: answer.cert_id,
                cert_status: answer.status,
                this_update: ocsp_time(answer.this_update),
                next_update: answer.next_update.map(ocsp_time),
                single_extensions: None,
            }],
            response_extensions: answer.nonce.map(|nonce| vec![nonce_extension(nonce)]),
        };
        let signature = self.key.sign(&tbs_response_data.to_der().expect("DER")).expect("a signature");
        let certificates = self.certificate.as_ref().map(|der| x509_cert::Certificate::from_der(der).expect("a certificate"));
        let basic = BasicOcspResponse {
            tbs_response_data,
            signature_algorithm: AlgorithmIdentifierOwned { oid: ECDSA_WITH_SHA256, parameters: None },
            signature: der::asn1::BitString::from_bytes(&signature).expect("bits"),
            certs: certificates.map(|certificate| vec![certificate]),
        };
        OcspResponse::successful(basic).and_then(|response| response.to_der()).expect("DER")
    }
}

/// Raw r‖s over a digest, as a SIM card signs.
pub(super) fn sign(key: &KeyPair, digest: &[u8]) -> Signature {
    SigningKey::from_pkcs8_der(&key.serialize_der()).expect("P-256").sign_prehash(digest).expect("a signature")
}

/// A subject of these attributes.
pub(super) fn name(attributes: &[(DnType, DnValue)]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    for (attribute, value) in attributes {
        name.push(attribute.clone(), value.clone());
    }
    name
}

/// The type of the attribute that holds the national id.
pub(super) fn serial_number() -> DnType {
    DnType::CustomDnType(SERIAL_NUMBER.to_vec())
}

/// A PrintableString.
pub(super) fn printable(text: &str) -> DnValue {
    DnValue::PrintableString(rcgen::string::PrintableString::try_from(text).expect("printable"))
}

/// The subject of a Gervimaður with this serialNumber.
pub(super) fn subject(serial: &str) -> DistinguishedName {
    name(&[
        (DnType::CountryName, printable("IS")),
        (DnType::CommonName, DnValue::Utf8String("Gervimaður Ameríka".to_owned())),
        (serial_number(), printable(serial)),
    ])
}

/// A cRLDistributionPoints extension that says where the list is.
pub(super) fn list_at(url: &str) -> CustomExtension {
    let tagged = |tag: u8, content: &[u8]| [&[tag, u8::try_from(content.len()).expect("short")], content].concat();
    let name = tagged(0xa0, &tagged(0xa0, &tagged(0x86, url.as_bytes())));
    CustomExtension::from_oid_content(CRL_DISTRIBUTION_POINTS, sequence(&sequence(&name)))
}

/// A certificatePolicies extension.
pub(super) fn policies(oids: &[&str]) -> CustomExtension {
    let inner: Vec<u8> = oids
        .iter()
        .flat_map(|oid| sequence(&ObjectIdentifier::from_str(oid).expect("an OID").to_der().expect("DER")))
        .collect();
    CustomExtension::from_oid_content(CERTIFICATE_POLICIES, sequence(&inner))
}

/// An authorityInfoAccess extension that says where OCSP is.
pub(super) fn ocsp_at(url: &str) -> CustomExtension {
    let method = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1").to_der().expect("DER");
    let location = [&[0x86, u8::try_from(url.len()).expect("short")], url.as_bytes()].concat();
    CustomExtension::from_oid_content(ACCESS_INFORMATION, sequence(&sequence(&[method, location].concat())))
}

fn sequence(content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).expect("short");
    assert!(length < 128, "short form");
    [&[0x30, length], content].concat()
}

fn authority_params(common_name: &str) -> CertificateParams {
    let mut params = valid_for(Duration::days(1000), name(&[(DnType::CommonName, common_name.into())]));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn person_params() -> CertificateParams {
    let mut params = valid_for(Duration::days(10), subject("PNOIS-0101302989"));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.custom_extensions = vec![policies(&["0.4.0.2042.1.2", SIMULATOR_POLICY_OID_TEXT])];
    params
}

/// Valid for so long before and after the tests' moment.
fn valid_for(time: Duration, subject: DistinguishedName) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = NOW - time;
    params.not_after = NOW + time;
    params.distinguished_name = subject;
    params
}

fn nonce_extension(nonce: Vec<u8>) -> x509_cert::ext::Extension {
    x509_cert::ext::Extension {
        extn_id: ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.2"),
        critical: false,
        extn_value: OctetString::new(OctetString::new(nonce).and_then(|nonce| nonce.to_der()).expect("DER")).expect("octets"),
    }
}

/// A moment as OCSP writes it.
pub(super) fn ocsp_time(at: OffsetDateTime) -> OcspGeneralizedTime {
    let seconds = u64::try_from(at.unix_timestamp()).expect("after 1970");
    der::DateTime::from_unix_duration(std::time::Duration::from_secs(seconds)).expect("a date").into()
}
