//! The answer: who signed it, whether it is about our question, and what it says (RFC 6960 §3.2, §4.2.2).

use der::{Decode as _, Encode as _, Header, Reader as _, SliceReader, Tag, asn1::BitString, oid::AssociatedOid as _};
use rustls_pki_types::CertificateDer;
use sha1::{Digest as _, Sha1};
use spki::AlgorithmIdentifierOwned;
use time::{Duration, OffsetDateTime};
use webpki::{EndEntityCert, KeyUsage};
use x509_ocsp::{
    BasicOcspResponse, CertId, CertStatus, OcspGeneralizedTime, OcspResponse, OcspResponseStatus, ResponderId, SingleResponse,
};
use x509_parser::certificate::X509Certificate;

use super::{
    super::{
        certificate::{SIGNATURE_ALGORITHMS, unix_time},
        trust,
    },
    OcspEvidence, RevocationEvidence, RevocationFault, Verdict,
    request::Question,
};
use crate::base::digest::base64;

/// id-kp-OCSPSigning, DER content.
const OCSP_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x09];

/// id-pkix-ocsp-nocheck, DER content: the responder's own certificate is not asked about.
const NO_CHECK: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x05];

/// A responder whose certificate does not say nocheck must have a short-lived one.
const SHORT_VALIDITY: Duration = Duration::days(31);

/// How far a responder's clock may be from ours.
const SKEW: Duration = Duration::seconds(60);

/// X5-07: certificates in an answer.
const MOST_CERTIFICATES: usize = 5;

/// By which rules an answer is read.
pub(super) struct Rules<'a> {
    /// answers are made ahead: without our nonce, up to 15 minutes old
    pub(super) answers_ahead: bool,
    /// responders that are believed by configuration
    pub(super) designated: &'a [CertificateDer<'static>],
    pub(super) refuse_tests: bool,
    pub(super) now: OffsetDateTime,
}

impl Rules<'_> {
    fn most_age(&self) -> Duration {
        if self.answers_ahead { Duration::minutes(15) } else { Duration::minutes(2) }
    }
}

/// Reads and verifies an answer to `question` about a certificate of `issuer`.
pub(super) fn verify(
    body: &[u8],
    question: &Question,
    issuer: &CertificateDer<'_>,
    rules: &Rules<'_>,
) -> Result<Verdict, RevocationFault> {
    let encoded = successful(body)?;
    let response = BasicOcspResponse::from_der(&encoded).map_err(|_| RevocationFault::Malformed)?;
    check_signer(&encoded, &response, issuer, rules)?;
    check_nonce(&response, question, rules)?;
    let single = about(&response, &question.cert_id)?;
    let this_update = check_times(single, rules)?;
    match single.cert_status {
        CertStatus::Good(_) => Ok(Verdict::Good(RevocationEvidence::Ocsp(OcspEvidence {
            status: "good",
            responder: responder_text(&response.tbs_response_data.responder_id),
            produced_at: moment(response.tbs_response_data.produced_at)?,
            this_update,
        }))),
        CertStatus::Revoked(_) => Ok(Verdict::Revoked),
        CertStatus::Unknown(_) => Err(RevocationFault::Unknown),
    }
}

/// The basic response in a successful answer.
fn successful(body: &[u8]) -> Result<Vec<u8>, RevocationFault> {
    let answer = OcspResponse::from_der(body).map_err(|_| RevocationFault::Malformed)?;
    let refused = match answer.response_status {
        OcspResponseStatus::Successful => None,
        OcspResponseStatus::MalformedRequest => Some("malformed request"),
        OcspResponseStatus::InternalError => Some("internal error"),
        OcspResponseStatus::TryLater => Some("try later"),
        OcspResponseStatus::SigRequired => Some("signature required"),
        OcspResponseStatus::Unauthorized => Some("unauthorized"),
    };
    if let Some(refused) = refused {
        return Err(RevocationFault::NotSuccessful(refused));
    }
    let bytes = answer.response_bytes.filter(|bytes| bytes.response_type == BasicOcspResponse::OID);
    Ok(bytes.ok_or(RevocationFault::Malformed)?.response.into_bytes())
}

/// RFC 6960 §4.2.2.2: signed by the issuer itself, by a responder that the configuration designates, or by one whose certificate
/// the issuer signed for this purpose.
fn check_signer(
    encoded: &[u8],
    response: &BasicOcspResponse,
    issuer: &CertificateDer<'_>,
    rules: &Rules<'_>,
) -> Result<(), RevocationFault> {
    let signed = signed_bytes(encoded).map_err(|_| RevocationFault::Malformed)?;
    let responder = &response.tbs_response_data.responder_id;
    if names(responder, issuer) {
        return check_signature(issuer, signed, response);
    }
    if let Some(designated) = rules.designated.iter().find(|designated| names(responder, designated)) {
        let parsed = trust::parse(designated).ok_or(RevocationFault::Malformed)?;
        if !trust::is_valid_at(&parsed, rules.now) || !may_sign(&parsed) {
            return Err(RevocationFault::Responder);
        }
        return check_signature(designated, signed, response);
    }
    let certificates = response.certs.as_deref().unwrap_or_default();
    if certificates.len() > MOST_CERTIFICATES {
        return Err(RevocationFault::Malformed);
    }
    let delegate = certificates
        .iter()
        .filter_map(|certificate| certificate.to_der().ok())
        .map(CertificateDer::from)
        .find(|certificate| names(responder, certificate))
        .ok_or(RevocationFault::Responder)?;
    check_delegate(&delegate, issuer, rules)?;
    check_signature(&delegate, signed, response)
}

/// The issuer's own signature under the responder's certificate, made for OCSP, valid now, and not itself in need of a check.
fn check_delegate(
    delegate: &CertificateDer<'_>,
    issuer: &CertificateDer<'_>,
    rules: &Rules<'_>,
) -> Result<(), RevocationFault> {
    let parsed = trust::parse(delegate).ok_or(RevocationFault::Malformed)?;
    if rules.refuse_tests && trust::is_marked(&parsed) {
        return Err(RevocationFault::Simulated);
    }
    let anchor = webpki::anchor_from_trusted_cert(issuer).map_err(|_| RevocationFault::Responder)?;
    EndEntityCert::try_from(delegate)
        .and_then(|certificate| {
            let usage = KeyUsage::required(OCSP_SIGNING);
            let now = unix_time(rules.now);
            certificate.verify_for_usage(SIGNATURE_ALGORITHMS, &[anchor], &[], now, usage, None, None).map(drop)
        })
        .map_err(|_| RevocationFault::Responder)?;
    if may_sign(&parsed) && needs_no_check(&parsed) { Ok(()) } else { Err(RevocationFault::Responder) }
}

fn may_sign(certificate: &X509Certificate<'_>) -> bool {
    certificate.key_usage().is_ok_and(|usage| usage.is_none_or(|usage| usage.value.digital_signature()))
}

fn needs_no_check(certificate: &X509Certificate<'_>) -> bool {
    let validity = certificate.validity();
    let seconds = validity.not_after.timestamp().saturating_sub(validity.not_before.timestamp());
    seconds <= SHORT_VALIDITY.whole_seconds() || certificate.extensions().iter().any(|found| found.oid.as_bytes() == NO_CHECK)
}

fn check_signature(signer: &CertificateDer<'_>, signed: &[u8], response: &BasicOcspResponse) -> Result<(), RevocationFault> {
    is_signed_by(signer, signed, &response.signature_algorithm, &response.signature)
        .then_some(())
        .ok_or(RevocationFault::Signature)
}

/// Whether the signature over the bytes is by this certificate's key.
pub(super) fn is_signed_by(
    signer: &CertificateDer<'_>,
    signed: &[u8],
    algorithm: &AlgorithmIdentifierOwned,
    signature: &BitString,
) -> bool {
    let (Ok(signer), Some(named), Some(signature)) =
        (EndEntityCert::try_from(signer), identifier(algorithm), signature.as_bytes())
    else {
        return false;
    };
    // ECDSA with one hash stands for several curves; the one that fits the key decides.
    SIGNATURE_ALGORITHMS
        .iter()
        .filter(|algorithm| algorithm.signature_alg_id().as_ref() == named)
        .any(|algorithm| signer.verify_signature(*algorithm, signed, signature).is_ok())
}

/// The content of an AlgorithmIdentifier, as the list of algorithms has it.
fn identifier(algorithm: &AlgorithmIdentifierOwned) -> Option<Vec<u8>> {
    let encoded = algorithm.to_der().ok()?;
    let mut reader = SliceReader::new(&encoded).ok()?;
    let header = Header::decode(&mut reader).ok()?;
    reader.read_slice(header.length).ok().map(<[u8]>::to_vec)
}

/// The bytes of tbsResponseData, exactly as they came.
fn signed_bytes(encoded: &[u8]) -> der::Result<&[u8]> {
    let mut reader = SliceReader::new(encoded)?;
    Header::decode(&mut reader)?.tag.assert_eq(Tag::Sequence)?;
    reader.tlv_bytes()
}

/// Whether the responder id is this certificate's name or key hash.
fn names(responder: &ResponderId, certificate: &CertificateDer<'_>) -> bool {
    let Some(parsed) = trust::parse(certificate) else { return false };
    match responder {
        ResponderId::ByName(name) => name.to_der().is_ok_and(|name| name == parsed.subject().as_raw()),
        ResponderId::ByKey(hash) => hash.as_bytes() == &Sha1::digest(&parsed.public_key().subject_public_key.data)[..],
    }
}

// RFC 9654: an answer that was made for us repeats the nonce. One made ahead has none, but never another.
fn check_nonce(response: &BasicOcspResponse, question: &Question, rules: &Rules<'_>) -> Result<(), RevocationFault> {
    let held = match response.nonce() {
        Some(nonce) => nonce.0.as_bytes() == question.nonce,
        None => rules.answers_ahead,
    };
    held.then_some(()).ok_or(RevocationFault::Nonce)
}

/// The one response about our certificate.
fn about<'a>(response: &'a BasicOcspResponse, asked: &CertId) -> Result<&'a SingleResponse, RevocationFault> {
    let mut found = response.tbs_response_data.responses.iter().filter(|single| is_same(&single.cert_id, asked));
    found.next().filter(|_| found.next().is_none()).ok_or(RevocationFault::AnotherCertificate)
}

/// Whether two ids name the same certificate; the parameters of the hash may be NULL or absent.
fn is_same(left: &CertId, right: &CertId) -> bool {
    left.hash_algorithm.oid == right.hash_algorithm.oid
        && left.issuer_name_hash == right.issuer_name_hash
        && left.issuer_key_hash == right.issuer_key_hash
        && left.serial_number == right.serial_number
}

/// Fresh, and not overtaken by a newer status; gives `thisUpdate`.
fn check_times(single: &SingleResponse, rules: &Rules<'_>) -> Result<OffsetDateTime, RevocationFault> {
    let this_update = moment(single.this_update)?;
    let next_update = single.next_update.map(moment).transpose()?;
    let fresh = this_update <= rules.now + SKEW && this_update >= rules.now - rules.most_age();
    let current = next_update.is_none_or(|next_update| next_update >= rules.now - SKEW);
    (fresh && current).then_some(this_update).ok_or(RevocationFault::Time)
}

fn moment(time: OcspGeneralizedTime) -> Result<OffsetDateTime, RevocationFault> {
    let seconds = time.0.to_unix_duration().as_secs();
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .ok_or(RevocationFault::Malformed)
}

fn responder_text(responder: &ResponderId) -> String {
    match responder {
        ResponderId::ByName(name) => name.to_string(),
        ResponderId::ByKey(hash) => base64(hash.as_bytes()),
    }
}
