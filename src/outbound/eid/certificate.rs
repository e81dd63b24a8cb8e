//! The checks of a person's certificate, all but revocation: chain, usage, policy, key and subject (eid.md §5, X5-01, X5-02).

use std::time::Duration;

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use time::OffsetDateTime;
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, aws_lc_rs as algorithms};
use x509_parser::{
    asn1_rs::Oid,
    certificate::X509Certificate,
    extensions::{DistributionPointName, GeneralName, ParsedExtension},
    oid_registry::{
        OID_PKIX_ACCESS_DESCRIPTOR_OCSP, OID_X509_EXT_BASIC_CONSTRAINTS, OID_X509_EXT_CERTIFICATE_POLICIES,
        OID_X509_EXT_EXTENDED_KEY_USAGE, OID_X509_EXT_KEY_USAGE, OID_X509_EXT_SUBJECT_ALT_NAME,
    },
    prelude::FromDer as _,
    x509::X509Version,
};

use super::{
    signature::PublicKey,
    subject::Subject,
    trust::{self, Trust},
};

/// Algorithms that may sign certificates and OCSP answers: RSA from 2048 bits and the NIST curves, no SHA-1 (X5-04).
pub(super) static SIGNATURE_ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    algorithms::RSA_PKCS1_2048_8192_SHA256,
    algorithms::RSA_PKCS1_2048_8192_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA512,
    algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P256_SHA384,
    algorithms::ECDSA_P256_SHA512,
    algorithms::ECDSA_P384_SHA256,
    algorithms::ECDSA_P384_SHA384,
    algorithms::ECDSA_P384_SHA512,
    algorithms::ECDSA_P521_SHA256,
    algorithms::ECDSA_P521_SHA384,
    algorithms::ECDSA_P521_SHA512,
];

/// A certificate is refused. The text holds nothing of the person.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CertificateFault {
    #[error("not one X.509 version 3 certificate of at most 16 KiB")]
    Malformed,
    #[error("the chain does not hold: {0}")]
    Chain(webpki::Error),
    #[error("the chain is too long")]
    ChainLength,
    #[error("a certificate authority signs in")]
    Authority,
    #[error("the key usage is not digitalSignature")]
    KeyUsage,
    #[error("no extended key usage that the profile accepts")]
    ExtendedKeyUsage,
    #[error("no policy that the profile accepts, or one that it forbids")]
    Policy,
    #[error("an extension occurs twice or is critical and unknown")]
    Extension,
    #[error("the key is of another kind or too weak")]
    Key,
    #[error("the subject has not exactly one serialNumber")]
    SerialNumber,
    #[error("the serialNumber is in no form that the profile accepts")]
    NationalIdFormat,
    #[error("the national id is of another country")]
    Country,
    #[error("the serialNumber is not a kennitala")]
    NationalId,
    #[error("the kennitala is a company's")]
    Company,
    #[error("a simulated certificate in production")]
    Simulated,
    #[error("a test person in production")]
    TestPerson,
}

/// What a certificate that passed says.
pub(super) struct Leaf {
    pub(super) subject: Subject,
    pub(super) key: PublicKey,
    /// the certificate that signed it
    pub(super) issuer: CertificateDer<'static>,
    /// distinguished name of the issuer, as text
    pub(super) issuer_name: String,
    /// content octets of the serial number
    pub(super) serial: Vec<u8>,
    /// where its issuer says that OCSP is; followed to configured hosts alone (SSR-06)
    pub(super) ocsp_urls: Vec<String>,
    /// where its issuer says that the revocation list is; the same
    pub(super) crl_urls: Vec<String>,
    /// the certificate itself
    pub(super) der: CertificateDer<'static>,
}

/// Checks a certificate by a trust profile at a moment.
pub(super) fn check(der: &[u8], trust: &Trust, now: OffsetDateTime) -> Result<Leaf, CertificateFault> {
    let certificate = trust::parse(der).ok_or(CertificateFault::Malformed)?;
    if certificate.version() != X509Version::V3 {
        return Err(CertificateFault::Malformed);
    }
    check_extensions(&certificate)?;
    if certificate.is_ca() {
        return Err(CertificateFault::Authority);
    }
    check_usage(&certificate, trust)?;
    let key = PublicKey::from_spki(certificate.public_key()).map_err(|_| CertificateFault::Key)?;
    let issuer = check_chain(der, trust, now)?;
    if trust.refuse_tests && trust::is_marked(&certificate) {
        return Err(CertificateFault::Simulated);
    }
    Ok(Leaf {
        subject: Subject::read(certificate.subject(), &trust.formats, &trust.countries)?,
        key,
        issuer,
        issuer_name: certificate.issuer().to_string(),
        serial: certificate.raw_serial().to_vec(),
        ocsp_urls: ocsp_urls(&certificate),
        crl_urls: crl_urls(&certificate),
        der: CertificateDer::from(der.to_vec()),
    })
}

/// The moment, as the chain check wants it.
pub(super) fn unix_time(now: OffsetDateTime) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now.unix_timestamp()).unwrap_or(0)))
}

/// The chain to an anchor of the profile; gives the issuer's certificate.
fn check_chain(der: &[u8], trust: &Trust, now: OffsetDateTime) -> Result<CertificateDer<'static>, CertificateFault> {
    let der = CertificateDer::from(der);
    let leaf = EndEntityCert::try_from(&der).map_err(CertificateFault::Chain)?;
    let anchors = trust.anchors_at(now);
    let path = leaf
        .verify_for_usage(SIGNATURE_ALGORITHMS, &anchors, trust.intermediates(), unix_time(now), AnyUsage, None, None)
        .map_err(CertificateFault::Chain)?;
    let mut intermediates = path.intermediate_certificates();
    let first = intermediates.next();
    if usize::from(first.is_some()) + intermediates.count() > trust.most_intermediates {
        return Err(CertificateFault::ChainLength);
    }
    match first {
        Some(issuer) => Ok(CertificateDer::from(issuer.der().to_vec())),
        None => trust.certificate_of(path.anchor()).cloned().ok_or(CertificateFault::Chain(webpki::Error::UnknownIssuer)),
    }
}

/// The chain check leaves usages to [`check_usage`], which knows the profile.
pub(super) struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}

// RFC 5280 §4.2: a certificate has no extension twice, and a critical one that is not understood refuses it.
fn check_extensions(certificate: &X509Certificate<'_>) -> Result<(), CertificateFault> {
    let understood = [
        OID_X509_EXT_BASIC_CONSTRAINTS,
        OID_X509_EXT_KEY_USAGE,
        OID_X509_EXT_EXTENDED_KEY_USAGE,
        OID_X509_EXT_CERTIFICATE_POLICIES,
        OID_X509_EXT_SUBJECT_ALT_NAME,
    ];
    certificate.extensions_map().map_err(|_| CertificateFault::Extension)?;
    let unknown = certificate.extensions().iter().any(|extension| extension.critical && !understood.contains(&extension.oid));
    if unknown { Err(CertificateFault::Extension) } else { Ok(()) }
}

/// Key usage, extended key usage and policy, by the profile.
fn check_usage(certificate: &X509Certificate<'_>, trust: &Trust) -> Result<(), CertificateFault> {
    let key_usage = certificate.key_usage().map_err(|_| CertificateFault::KeyUsage)?.ok_or(CertificateFault::KeyUsage)?;
    if !key_usage.value.digital_signature() {
        return Err(CertificateFault::KeyUsage);
    }
    if key_usage.value.key_cert_sign() {
        return Err(CertificateFault::Authority);
    }
    check_extended_usage(certificate, trust)?;
    check_policies(certificate, trust)
}

/// One of the profile's usages, where it names any.
fn check_extended_usage(certificate: &X509Certificate<'_>, trust: &Trust) -> Result<(), CertificateFault> {
    let found = certificate.get_extension_unique(&OID_X509_EXT_EXTENDED_KEY_USAGE);
    let accepted = match found.map_err(|_| CertificateFault::ExtendedKeyUsage)? {
        _ if trust.extended_key_usages.is_empty() => true,
        None => trust.extended_key_usage_absent_ok,
        Some(extension) => {
            let (_, usages) = Vec::<Oid<'_>>::from_der(extension.value).map_err(|_| CertificateFault::ExtendedKeyUsage)?;
            usages.iter().any(|usage| trust.extended_key_usages.contains(usage))
        }
    };
    accepted.then_some(()).ok_or(CertificateFault::ExtendedKeyUsage)
}

/// One of the profile's policies, where it names any, and none of those that it forbids.
fn check_policies(certificate: &X509Certificate<'_>, trust: &Trust) -> Result<(), CertificateFault> {
    let policies = certificate.extensions().iter().filter_map(|extension| match extension.parsed_extension() {
        ParsedExtension::CertificatePolicies(policies) => Some(policies),
        _ => None,
    });
    let policies: Vec<&Oid<'_>> = policies.flatten().map(|policy| &policy.policy_id).collect();
    // an extension that could not be read hides what it says
    let unread = certificate
        .extensions()
        .iter()
        .any(|extension| extension.oid == OID_X509_EXT_CERTIFICATE_POLICIES && policies.is_empty());
    let has = |listed: &[Oid<'_>]| policies.iter().any(|policy| listed.contains(policy));
    let accepted = trust.policies.is_empty() || has(&trust.policies);
    let forbidden = has(&trust.forbidden_policies) || (unread && !trust.forbidden_policies.is_empty());
    (accepted && !forbidden).then_some(()).ok_or(CertificateFault::Policy)
}

/// Where the certificate says that its issuer's revocation list is.
fn crl_urls(certificate: &X509Certificate<'_>) -> Vec<String> {
    let points = certificate.extensions().iter().filter_map(|extension| match extension.parsed_extension() {
        ParsedExtension::CRLDistributionPoints(points) => Some(&points.points),
        _ => None,
    });
    points
        .flatten()
        .filter_map(|point| match &point.distribution_point {
            Some(DistributionPointName::FullName(names)) => Some(names),
            _ => None,
        })
        .flatten()
        .filter_map(|name| match name {
            GeneralName::URI(url) => Some((*url).to_owned()),
            _ => None,
        })
        .collect()
}

fn ocsp_urls(certificate: &X509Certificate<'_>) -> Vec<String> {
    let access = certificate.extensions().iter().filter_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityInfoAccess(access) => Some(access),
        _ => None,
    });
    access
        .flat_map(|access| &access.accessdescs)
        .filter(|description| description.access_method == OID_PKIX_ACCESS_DESCRIPTOR_OCSP)
        .filter_map(|description| match description.access_location {
            GeneralName::URI(url) => Some(url.to_owned()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
#[cfg(feature = "demo")]
mod tests;
