//! What an authority knows of the certificates that it issued: the source of OCSP answers and of the CRL.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// Why a certificate was revoked (RFC 5280 §5.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reason {
    /// no reason given
    #[default]
    Unspecified,
    /// the key is in other hands
    KeyCompromise,
    /// the person's data changed
    AffiliationChanged,
    /// a newer certificate stands in
    Superseded,
    /// no longer used
    CessationOfOperation,
    /// on hold for now
    CertificateHold,
}

/// The moment and reason of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// since when
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// why
    pub reason: Reason,
}

/// The state of one issued certificate.
#[derive(Clone, Copy, Debug, Default)]
pub struct Status {
    /// Revoked, since when and why.
    pub revocation: Option<Revocation>,
    /// The responder keeps silent about this one.
    pub silent: bool,
}

/// Every certificate of one authority since the start, by serial number.
#[derive(Debug, Default)]
pub struct Register(HashMap<Vec<u8>, Status>);

impl Register {
    /// Enters a certificate, or changes what is known of it.
    pub fn set(&mut self, serial: &[u8], status: Status) {
        self.0.insert(serial.to_vec(), status);
    }

    /// What is known of a certificate; `None` where it was never issued.
    pub fn get(&self, serial: &[u8]) -> Option<Status> {
        self.0.get(serial).copied()
    }

    /// Every revoked certificate.
    pub fn revoked(&self) -> impl Iterator<Item = (&[u8], Revocation)> {
        self.0.iter().filter_map(|(serial, status)| Some((serial.as_slice(), status.revocation?)))
    }
}
