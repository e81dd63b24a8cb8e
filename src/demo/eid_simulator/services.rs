//! How the simulated services feel; set by the control API so that tests meet outages.

use serde::{Deserialize, Serialize};

/// The mood of the OCSP responder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OcspMood {
    /// answers
    #[default]
    Ok,
    /// HTTP 503
    Down,
    /// answers after ten seconds
    Slow,
    /// answers that ran out yesterday
    Stale,
    /// knows no certificate
    Unknown,
    /// signatures that do not verify
    BadSig,
    /// leaves the nonce out
    NoNonce,
}

/// The mood of the CRL's server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CrlMood {
    /// a fresh list
    #[default]
    Ok,
    /// a list that ran out yesterday
    Stale,
    /// HTTP 503
    Down,
}

/// The mood of the Mobile-ID service, or of Smart-ID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MobileIdMood {
    /// answers
    #[default]
    #[serde(rename = "ok")]
    Ok,
    /// HTTP 500
    #[serde(rename = "500")]
    InternalError,
    /// HTTP 503
    #[serde(rename = "503")]
    Busy,
    /// HTTP 401, as for a stranger
    #[serde(rename = "401")]
    Unauthorized,
    /// breaks the connection off before the answer is whole
    #[serde(rename = "drop")]
    Drop,
}

/// All moods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Services {
    /// the OCSP responder's
    pub ocsp: OcspMood,
    /// the CRL's
    pub crl: CrlMood,
    /// Mobile-ID's
    pub mid: MobileIdMood,
    /// Smart-ID's
    pub smartid: MobileIdMood,
}
