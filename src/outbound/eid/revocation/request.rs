//! The question: one certificate by its issuer and serial number, with a nonce (RFC 6960 §4.1, RFC 9654).

use der::{
    Encode as _,
    asn1::{Null, OctetString},
    oid::AssociatedOid as _,
};
use rustls_pki_types::CertificateDer;
use sha1::{Digest as _, Sha1};
use spki::AlgorithmIdentifierOwned;
use x509_cert::{ext::Extension, serial_number::SerialNumber};
use x509_ocsp::{CertId, OcspRequest, Request, TbsRequest, Version, ext::Nonce};

use super::{super::trust, RevocationFault};
use crate::base::entropy;

/// A question that was put, to hold the answer against.
pub(super) struct Question {
    pub(super) cert_id: CertId,
    pub(super) nonce: [u8; 32],
}

impl Question {
    /// Asks about the certificate with this serial number of this issuer.
    pub(super) fn new(issuer: &CertificateDer<'_>, serial: &[u8]) -> Result<Self, RevocationFault> {
        let issuer = trust::parse(issuer).ok_or(RevocationFault::Malformed)?;
        let key = &issuer.public_key().subject_public_key.data;
        Ok(Self {
            cert_id: cert_id(issuer.subject().as_raw(), key, serial).map_err(RevocationFault::Question)?,
            nonce: entropy::bytes(),
        })
    }

    /// The request's bytes.
    pub(super) fn to_der(&self) -> Result<Vec<u8>, RevocationFault> {
        self.request().and_then(|request| request.to_der()).map_err(RevocationFault::Question)
    }

    fn request(&self) -> der::Result<OcspRequest> {
        let nonce = Extension {
            extn_id: Nonce::OID,
            critical: false,
            extn_value: OctetString::new(Nonce::new(self.nonce)?.to_der()?)?,
        };
        Ok(OcspRequest {
            tbs_request: TbsRequest {
                version: Version::V1,
                requestor_name: None,
                request_list: vec![Request { req_cert: self.cert_id.clone(), single_request_extensions: None }],
                request_extensions: Some(vec![nonce]),
            },
            optional_signature: None,
        })
    }
}

/// Names a certificate. SHA-1 only finds the issuer here, and every responder knows it.
fn cert_id(issuer_name: &[u8], issuer_key: &[u8], serial: &[u8]) -> der::Result<CertId> {
    Ok(CertId {
        hash_algorithm: AlgorithmIdentifierOwned { oid: Sha1::OID, parameters: Some(Null.into()) },
        issuer_name_hash: OctetString::new(Sha1::digest(issuer_name).to_vec())?,
        issuer_key_hash: OctetString::new(Sha1::digest(issuer_key).to_vec())?,
        serial_number: SerialNumber::new(serial)?,
    })
}
