//! A trust profile, read: whose certificates are believed, and by which rules (eid.md §5.4).

use std::str::FromStr as _;

use rustls_pki_types::{CertificateDer, TrustAnchor, pem::PemObject as _};
use time::OffsetDateTime;
use x509_parser::{asn1_rs::Oid, certificate::X509Certificate, prelude::FromDer as _};

use super::error::DriverFault;
pub(super) use crate::model::settings::production::certificates::is_marked;
use crate::model::{
    environment::Environment,
    identity_provider::{NationalIdFormat, TrustProfile},
    settings::production,
};

/// X5-07: a certificate is at most this long.
pub(super) const MOST_CERTIFICATE_BYTES: usize = 16 * 1024;

/// A profile has no use for more certificates than this.
const MOST_CERTIFICATES: usize = 32;

/// Links from leaf to anchor (eid.md §5.4: path length ≤ 3).
const LONGEST_CHAIN: u8 = 3;

/// Whom a driver believes, and what it asks of a certificate.
#[derive(Debug)]
pub(super) struct Trust {
    anchors: Vec<CertificateDer<'static>>,
    intermediates: Vec<CertificateDer<'static>>,
    /// the leaf carries one of these, where there are any
    pub(super) policies: Vec<Oid<'static>>,
    /// the leaf carries none of these
    pub(super) forbidden_policies: Vec<Oid<'static>>,
    /// the leaf's extended key usages include one of these, where there are any
    pub(super) extended_key_usages: Vec<Oid<'static>>,
    /// a leaf that names no extended key usage passes as well
    pub(super) extended_key_usage_absent_ok: bool,
    /// certificates between leaf and anchor
    pub(super) most_intermediates: usize,
    pub(super) formats: Vec<NationalIdFormat>,
    pub(super) countries: Vec<String>,
    /// production: nothing of a test environment passes, whoever signed it (eid.md §12.4, §12.7)
    pub(super) refuse_tests: bool,
}

impl Trust {
    pub(super) fn new(profile: &TrustProfile, environment: Environment) -> Result<Self, DriverFault> {
        let refuse_tests = environment == Environment::Production;
        let anchors = certificates(&profile.anchors_pem, refuse_tests)?;
        if anchors.is_empty() {
            return Err(DriverFault::NoAnchors);
        }
        if profile.national_id_formats.is_empty() {
            return Err(DriverFault::NoNationalIdFormats);
        }
        if profile.countries.is_empty() {
            return Err(DriverFault::NoCountry);
        }
        Ok(Self {
            anchors,
            intermediates: certificates(&profile.intermediates_pem, refuse_tests)?,
            policies: object_identifiers(&profile.require_policies)?,
            forbidden_policies: object_identifiers(&profile.forbid_policies)?,
            extended_key_usages: object_identifiers(&profile.extended_key_usages)?,
            extended_key_usage_absent_ok: profile.extended_key_usage_absent_ok,
            most_intermediates: usize::from(profile.max_chain.unwrap_or(LONGEST_CHAIN).clamp(1, LONGEST_CHAIN)) - 1,
            formats: profile.national_id_formats.clone(),
            countries: profile.countries.clone(),
            refuse_tests,
        })
    }

    /// The names, DER, of whoever may have issued a person's certificate: the anchors, and the authorities below them.
    pub(super) fn issuers(&self) -> impl Iterator<Item = Vec<u8>> {
        let all = self.anchors.iter().chain(&self.intermediates);
        all.filter_map(|issuer| parse(issuer).map(|certificate| certificate.subject().as_raw().to_vec()))
    }

    /// The certificates that may stand between leaf and anchor.
    pub(super) fn intermediates(&self) -> &[CertificateDer<'static>] {
        &self.intermediates
    }

    /// The anchors within their own validity, which the chain check itself does not look at.
    pub(super) fn anchors_at(&self, now: OffsetDateTime) -> Vec<TrustAnchor<'_>> {
        self.anchors
            .iter()
            .filter(|anchor| parse(anchor).is_some_and(|certificate| is_valid_at(&certificate, now)))
            .filter_map(|anchor| webpki::anchor_from_trusted_cert(anchor).ok())
            .collect()
    }

    /// The certificate that an anchor was made from.
    pub(super) fn certificate_of(&self, anchor: &TrustAnchor<'_>) -> Option<&CertificateDer<'static>> {
        self.anchors.iter().find(|certificate| {
            webpki::anchor_from_trusted_cert(certificate).is_ok_and(|candidate| {
                candidate.subject == anchor.subject && candidate.subject_public_key_info == anchor.subject_public_key_info
            })
        })
    }
}

/// One certificate, of bearable length and with nothing after it.
pub(super) fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    if der.len() > MOST_CERTIFICATE_BYTES {
        return None;
    }
    X509Certificate::from_der(der).ok().filter(|(rest, _)| rest.is_empty()).map(|(_, certificate)| certificate)
}

pub(super) fn is_valid_at(certificate: &X509Certificate<'_>, now: OffsetDateTime) -> bool {
    let validity = certificate.validity();
    (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now.unix_timestamp())
}

/// The certificates of a PEM text; none of a test authority, where those are refused (eid.md §12.3).
pub(super) fn certificates(pem: &str, refuse_tests: bool) -> Result<Vec<CertificateDer<'static>>, DriverFault> {
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| DriverFault::Certificate(error.to_string()))?;
        let parsed = parse(&certificate).ok_or_else(|| DriverFault::Certificate("not one X.509 certificate".to_owned()))?;
        webpki::anchor_from_trusted_cert(&certificate).map_err(|error| DriverFault::Certificate(error.to_string()))?;
        if refuse_tests && production::certificates::is_test(&parsed, &certificate) {
            return Err(DriverFault::TestCertificate(parsed.subject().to_string()));
        }
        found.push(certificate);
    }
    if found.len() > MOST_CERTIFICATES {
        return Err(DriverFault::Certificate(format!("more than {MOST_CERTIFICATES}")));
    }
    Ok(found)
}

fn object_identifiers(texts: &[String]) -> Result<Vec<Oid<'static>>, DriverFault> {
    texts.iter().map(|text| Oid::from_str(text).map_err(|_| DriverFault::ObjectIdentifier(text.clone()))).collect()
}
