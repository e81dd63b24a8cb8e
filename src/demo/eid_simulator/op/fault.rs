//! The lies and failures of a simulated broker (eid.md §11.3), prescribed for a person.

use serde::{Deserialize, Serialize};

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OpFault {
    // in the redirect
    /// the person declines, as Auðkenni says it
    AccessDenied,
    /// the person's electronic ID has run into its own time limit, as Auðkenni says it
    DeviceTimeout,
    /// it has failed
    ServerError,
    /// it cannot do what was asked
    UnmetRequirements,
    /// names another issuer (mix-up)
    WrongIss,
    /// names none, though it says that it always does
    NoIss,
    /// neither a code nor an error
    NoCode,
    // in the ID token
    /// of another issuer
    WrongIssuer,
    /// of another sign-in
    WrongNonce,
    /// for another client
    WrongAudience,
    /// ran out an hour ago
    Expired,
    /// made in an hour
    NotYetValid,
    /// the person signed in an hour ago
    StaleAuthTime,
    /// does not say when the person signed in
    NoAuthTime,
    /// by another key of the same name
    BadSignature,
    /// by a key that nobody knows
    UnknownKid,
    /// not signed at all
    AlgNone,
    /// signed with the client's secret
    AlgHs256,
    /// an access token's hash that is not the access token's
    WrongAccessTokenHash,
    /// less assurance than was asked for
    AcrLower,
    // in the claims
    /// nobody's
    NoNationalId,
    /// a company's
    CompanyId,
    /// two people's
    TwoNationalIds,
    /// the same digits, but another country's
    ForeignCountry,
    /// nine digits
    ShortNationalId,
    /// userinfo of another subject
    WrongSubject,
    // in the answer of the token endpoint
    /// the code is not good
    InvalidGrant,
    /// the client is not known
    InvalidClient,
    /// 500
    TokenDown,
    /// breaks off in the middle of the JSON
    MalformedJson,
    /// half a mebibyte
    HugeBody,
    /// after half a minute
    SlowBody,
}

impl OpFault {
    /// What the redirect says in place of a code.
    pub(super) const fn redirect_error(self) -> Option<(&'static str, Option<&'static str>)> {
        match self {
            Self::AccessDenied => Some(("access_denied", Some("mssp_401"))),
            Self::DeviceTimeout => Some(("access_denied", Some("mssp_208"))),
            Self::ServerError => Some(("server_error", None)),
            Self::UnmetRequirements => Some(("unmet_authentication_requirements", None)),
            _ => None,
        }
    }
}
