//! The OCSP responder, the CRL and the authorities' certificates: `/ocsp/{ca}`, `/crl/{ca}.crl`, `/ca/{name}.crt` (eid.md §5.4).
//!
//! Answers are built from the register and signed for real; moods bend them.

use std::{sync::Arc, time::Duration};

use anyhow::anyhow;
use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use der::{
    Decode as _, Encode as _,
    asn1::{BitString, GeneralizedTime, ObjectIdentifier, OctetString},
};
use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevocationReason, RevokedCertParams, SerialNumber, SigningKey as _};
use sha1::{Digest as _, Sha1};
use spki::AlgorithmIdentifierOwned;
use time::OffsetDateTime;
use x509_cert::ext::{Extension, pkix::CrlReason};
use x509_ocsp::{
    BasicOcspResponse, CertId, CertStatus, OcspGeneralizedTime, OcspRequest, OcspResponse, ResponderId, ResponseData,
    RevokedInfo, SingleResponse, Version,
};

use super::{
    Shared,
    authority::{Authority, Signer},
    register::{Reason, Register, Revocation, Status},
    services::{CrlMood, OcspMood},
    world::World,
};
use crate::base::digest;

const NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.2");
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");

const SLOW: Duration = Duration::from_secs(10);
const OCSP_LIFE: time::Duration = time::Duration::minutes(10);
// As Iceland's: issued hourly, lives six hours.
const CRL_LIFE: time::Duration = time::Duration::hours(6);

/// The routes of the revocation services.
pub fn router() -> Router<Arc<Shared>> {
    Router::new().route("/ocsp/{ca}", post(ocsp)).route("/crl/{file}", get(crl)).route("/ca/{file}", get(authority))
}

/// An authority with what it knows of its certificates, and whoever answers for it.
struct Issuing<'a> {
    authority: &'a Signer,
    responder: &'a Signer,
    register: &'a Register,
}

async fn ocsp(State(shared): State<Arc<Shared>>, Path(ca): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    if shared.world().issuing(&ca).is_none() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let is_ocsp = headers.get(header::CONTENT_TYPE).is_some_and(|value| value == "application/ocsp-request");
    if !is_ocsp {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Type is application/ocsp-request").into_response();
    }
    let now = shared.clock.now();
    let mood = shared.world().services.ocsp;
    if mood == OcspMood::Slow {
        tokio::time::sleep(SLOW).await;
    }
    let answer = match OcspRequest::from_der(&body) {
        _ if mood == OcspMood::Down => Ok(None),
        Err(_) => Ok(Some(OcspResponse::malformed_request())),
        Ok(request) => match shared.world().issuing(&ca) {
            Some(issuing) => issuing.ocsp_answer(&request, mood, now),
            None => Ok(None),
        },
    };
    match answer.and_then(|answer| answer.map(|answer| answer.to_der()).transpose().map_err(wrap)) {
        Ok(Some(der)) => ([(header::CONTENT_TYPE, "application/ocsp-response")], der).into_response(),
        Ok(None) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Err(error) => {
            tracing::warn!(error = format!("{error:#}"), "the simulated OCSP responder could not answer");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

impl World {
    /// The authority with this name in `/ocsp/{ca}` and `/crl/{ca}.crl`.
    fn issuing(&self, ca: &str) -> Option<Issuing<'_>> {
        let Authority { sim, ocsp_sim, card, ocsp_card, app, ocsp_app, .. } = &self.authority;
        match ca {
            "sim" => Some(Issuing { authority: sim, responder: ocsp_sim, register: &self.register }),
            "app" => Some(Issuing { authority: app, responder: ocsp_app, register: self.apps.register() }),
            "card" => Some(Issuing { authority: card, responder: ocsp_card, register: self.cards.register() }),
            _ => None,
        }
    }
}

impl Issuing<'_> {
    /// The answer to a request; none where the responder keeps silent.
    fn ocsp_answer(&self, request: &OcspRequest, mood: OcspMood, now: OffsetDateTime) -> anyhow::Result<Option<OcspResponse>> {
        let asked: Vec<&CertId> = request.tbs_request.request_list.iter().map(|single| &single.req_cert).collect();
        if asked.is_empty() {
            return Ok(Some(OcspResponse::malformed_request()));
        }
        // RFC 6960 §2.3: the responder speaks for the authority that it knows, and no other.
        if !asked.iter().all(|id| is_of(id, self.authority)) {
            return Ok(Some(OcspResponse::unauthorized()));
        }
        let known = |id: &CertId| self.register.get(id.serial_number.as_bytes());
        if asked.iter().any(|id| known(id).is_some_and(|status| status.silent)) {
            return Ok(None);
        }
        let this_update = if mood == OcspMood::Stale { now - time::Duration::days(2) } else { now };
        let responses = asked
            .into_iter()
            .map(|id| {
                let status = if mood == OcspMood::Unknown { None } else { known(id) };
                Ok(SingleResponse {
                    cert_id: id.clone(),
                    cert_status: certificate_status(status)?,
                    this_update: ocsp_time(this_update)?,
                    next_update: Some(ocsp_time(this_update + OCSP_LIFE)?),
                    single_extensions: None,
                })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let nonce = nonce(request).filter(|_| mood != OcspMood::NoNonce);
        self.signed(responses, nonce, this_update, mood == OcspMood::BadSig).map(Some)
    }

    fn signed(
        &self,
        responses: Vec<SingleResponse>,
        nonce: Option<Extension>,
        produced_at: OffsetDateTime,
        spoiled: bool,
    ) -> anyhow::Result<OcspResponse> {
        let responder = self.responder;
        let certificate = x509_cert::Certificate::from_der(&responder.certificate).map_err(wrap)?;
        let tbs_response_data = ResponseData {
            version: Version::V1,
            responder_id: ResponderId::ByName(certificate.tbs_certificate.subject.clone()),
            produced_at: ocsp_time(produced_at)?,
            responses,
            response_extensions: nonce.map(|nonce| vec![nonce]),
        };
        let mut message = tbs_response_data.to_der().map_err(wrap)?;
        if spoiled {
            message.push(0);
        }
        let signature = responder.key.sign(&message)?;
        OcspResponse::successful(BasicOcspResponse {
            tbs_response_data,
            signature_algorithm: AlgorithmIdentifierOwned { oid: ECDSA_WITH_SHA256, parameters: None },
            signature: BitString::from_bytes(&signature).map_err(wrap)?,
            certs: Some(vec![certificate]),
        })
        .map_err(wrap)
    }

    /// Every revoked certificate, signed by the authority, DER.
    fn crl(&self, mood: CrlMood, now: OffsetDateTime) -> anyhow::Result<Vec<u8>> {
        let this_update = if mood == CrlMood::Stale { now - time::Duration::days(1) } else { now };
        let revoked = self.register.revoked().map(|(serial, revocation)| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: revocation.at,
            reason_code: reason_for_crl(revocation.reason),
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update,
            next_update: this_update + CRL_LIFE,
            crl_number: SerialNumber::from_slice(&now.unix_timestamp().to_be_bytes()),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(list.signed_by(&self.authority.issuer())?.der().to_vec())
    }
}

async fn crl(State(shared): State<Arc<Shared>>, Path(file): Path<String>) -> Response {
    let world = shared.world();
    let Some(issuing) = file.strip_suffix(".crl").and_then(|ca| world.issuing(ca)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mood = world.services.crl;
    if mood == CrlMood::Down {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match issuing.crl(mood, shared.clock.now()) {
        Ok(der) => ([(header::CONTENT_TYPE, "application/pkix-crl")], der).into_response(),
        Err(error) => {
            tracing::warn!(error = format!("{error:#}"), "the simulated CRL could not be signed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn authority(State(shared): State<Arc<Shared>>, Path(file): Path<String>) -> Response {
    let world = shared.world();
    match file.strip_suffix(".crt").and_then(|name| world.authority.certificate(name)) {
        Some(der) => ([(header::CONTENT_TYPE, "application/pkix-cert")], der.to_vec()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Whether the CertID's issuer is this authority, by the hash that it names (RFC 6960 §4.1.1).
fn is_of(id: &CertId, issuer: &Signer) -> bool {
    let Ok(certificate) = x509_cert::Certificate::from_der(&issuer.certificate) else { return false };
    let Ok(name) = certificate.tbs_certificate.subject.to_der() else { return false };
    let key = certificate.tbs_certificate.subject_public_key_info.subject_public_key.raw_bytes();
    let hashed = |bytes: &[u8]| match id.hash_algorithm.oid {
        SHA1 => Some(Sha1::digest(bytes).to_vec()),
        SHA256 => Some(digest::sha256(&[bytes]).to_vec()),
        _ => None,
    };
    let is = |sent: &OctetString, bytes: &[u8]| hashed(bytes).is_some_and(|hash| hash == sent.as_bytes());
    is(&id.issuer_name_hash, &name) && is(&id.issuer_key_hash, key)
}

fn nonce(request: &OcspRequest) -> Option<Extension> {
    let extensions = request.tbs_request.request_extensions.as_ref()?;
    extensions.iter().find(|extension| extension.extn_id == NONCE).cloned()
}

fn certificate_status(status: Option<Status>) -> anyhow::Result<CertStatus> {
    Ok(match status {
        None => CertStatus::unknown(),
        Some(Status { revocation: None, .. }) => CertStatus::good(),
        Some(Status { revocation: Some(Revocation { at, reason }), .. }) => {
            CertStatus::revoked(RevokedInfo { revocation_time: ocsp_time(at)?, revocation_reason: reason_for_ocsp(reason) })
        }
    })
}

/// GeneralizedTime as RFC 5280 §4.1.2.5.2 asks: whole seconds.
fn ocsp_time(at: OffsetDateTime) -> anyhow::Result<OcspGeneralizedTime> {
    let since_1970 = Duration::from_secs(u64::try_from(at.unix_timestamp())?);
    Ok(OcspGeneralizedTime(GeneralizedTime::from_unix_duration(since_1970).map_err(wrap)?))
}

// RFC 5280 §5.3.1: unspecified is said by saying nothing.
fn reason_for_ocsp(reason: Reason) -> Option<CrlReason> {
    Some(match reason {
        Reason::Unspecified => return None,
        Reason::KeyCompromise => CrlReason::KeyCompromise,
        Reason::AffiliationChanged => CrlReason::AffiliationChanged,
        Reason::Superseded => CrlReason::Superseded,
        Reason::CessationOfOperation => CrlReason::CessationOfOperation,
        Reason::CertificateHold => CrlReason::CertificateHold,
    })
}

fn reason_for_crl(reason: Reason) -> Option<RevocationReason> {
    Some(match reason {
        Reason::Unspecified => return None,
        Reason::KeyCompromise => RevocationReason::KeyCompromise,
        Reason::AffiliationChanged => RevocationReason::AffiliationChanged,
        Reason::Superseded => RevocationReason::Superseded,
        Reason::CessationOfOperation => RevocationReason::CessationOfOperation,
        Reason::CertificateHold => RevocationReason::CertificateHold,
    })
}

fn wrap(error: der::Error) -> anyhow::Error {
    anyhow!("DER: {error}")
}
