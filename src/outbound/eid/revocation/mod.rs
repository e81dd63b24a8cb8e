//! Whether a certificate is revoked, by OCSP (RFC 6960) or by its issuer's list (RFC 5280 §5), as the trust profile says
//! (eid.md §5.4, X5-03). Only `good` passes; silence does not.

mod answer;
mod crl;
mod ocsp;
mod request;

use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;
use url::Url;

use self::{crl::Lists, ocsp::Responders};
use super::{EidError, EidErrorKind, certificate::Leaf, error::DriverFault};
use crate::{
    model::{
        environment::Environment,
        identity_provider::{RevocationCheck, TrustProfile},
    },
    outbound::client::{OutboundClient, OutboundError},
};

/// For everything that is asked about one certificate: less than `server.request_timeout`, in which a card's answer is looked at,
/// and than the lease of an attempt with its poll.
const MOST_TIME: Duration = Duration::from_secs(12);

/// Who said that a certificate holds, for the evidence.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum RevocationEvidence {
    /// a responder
    Ocsp(OcspEvidence),
    /// the issuer's revocation list
    Crl(CrlEvidence),
    /// nobody was asked
    NotChecked,
}

/// What a responder said.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct OcspEvidence {
    /// always `good`: nothing else passes
    pub status: &'static str,
    /// the responder's name, or its key's hash in base64
    pub responder: String,
    /// when the answer was made
    #[serde(with = "time::serde::rfc3339")]
    pub produced_at: OffsetDateTime,
    /// from when the status is known
    #[serde(with = "time::serde::rfc3339")]
    pub this_update: OffsetDateTime,
}

/// What a revocation list said.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct CrlEvidence {
    /// always `good`: nothing else passes
    pub status: &'static str,
    /// whose list
    pub issuer: String,
    /// when the list was made
    #[serde(with = "time::serde::rfc3339")]
    pub this_update: OffsetDateTime,
    /// until when the list holds
    #[serde(with = "time::serde::rfc3339")]
    pub next_update: OffsetDateTime,
}

/// An answer or a list is refused, or there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum RevocationFault {
    #[error("no responder is configured, and the certificate names none that may be asked")]
    NoResponder,
    #[error("the responder does not answer")]
    NoAnswer(#[source] OutboundError),
    #[error("the responder answers with status {0}")]
    HttpStatus(u16),
    #[error("the question cannot be put")]
    Question(#[source] der::Error),
    #[error("the answer is not an OCSP answer")]
    Malformed,
    #[error("the responder does not say: {0}")]
    NotSuccessful(&'static str),
    #[error("the answer is signed by nobody whom the issuer made a responder")]
    Responder,
    #[error("the answer's signature does not hold")]
    Signature,
    #[error("the answer is about another certificate")]
    AnotherCertificate,
    #[error("the answer does not repeat our nonce")]
    Nonce,
    #[error("the answer is too old, or from the future")]
    Time,
    #[error("the responder does not know the certificate")]
    Unknown,
    #[error("nobody has said anything in time")]
    Slow,
    #[error("a simulated responder in production")]
    Simulated,
    #[error("no revocation list is configured, and the certificate names none that may be read")]
    NoList,
    #[error("the revocation list cannot be fetched")]
    NoListAnswer(#[source] OutboundError),
    #[error("the server of the revocation list answers with status {0}")]
    ListStatus(u16),
    #[error("the revocation list is not one that can be read")]
    MalformedList,
    #[error("the revocation list has run out, or is from the future")]
    ListTime,
    #[error("no revocation list of the certificate's issuer, rightly signed, is at hand")]
    AnotherList,
    #[error("{ocsp}; {crl}")]
    Neither { ocsp: Box<RevocationFault>, crl: Box<RevocationFault> },
}

impl RevocationFault {
    /// Whether another source may be asked: this one did not say anything. A responder that does not know the certificate has
    /// spoken.
    const fn is_silence(&self) -> bool {
        !matches!(self, Self::Unknown | Self::Simulated)
    }
}

/// What the issuer says of a certificate.
enum Verdict {
    Good(RevocationEvidence),
    Revoked,
}

/// Asks by the rules of one trust profile.
#[derive(Debug)]
pub(super) struct Revocation {
    check: RevocationCheck,
    most_time: Duration,
    responders: Responders,
    lists: Lists,
}

impl Revocation {
    pub(super) fn new(profile: &TrustProfile, http: OutboundClient, environment: Environment) -> Result<Self, DriverFault> {
        // eid.md §12.6
        if environment == Environment::Production && profile.revocation == RevocationCheck::None {
            return Err(DriverFault::NoRevocation);
        }
        Ok(Self {
            check: profile.revocation,
            most_time: MOST_TIME,
            responders: Responders::new(profile, http.clone(), environment)?,
            lists: Lists::new(profile, http, environment)?,
        })
    }

    /// Passes where the issuer of the certificate says `good`.
    pub(super) async fn check(
        &self,
        leaf: &Leaf,
        refuse_tests: bool,
        now: OffsetDateTime,
    ) -> Result<RevocationEvidence, EidError> {
        let verdict = within(self.most_time, async {
            match self.check {
                RevocationCheck::None => Ok(Verdict::Good(RevocationEvidence::NotChecked)),
                RevocationCheck::Ocsp => self.responders.check(leaf, refuse_tests, now).await,
                RevocationCheck::Crl => self.lists.check(leaf, now).await,
                RevocationCheck::OcspThenCrl => self.check_both(leaf, refuse_tests, now).await,
            }
        })
        .await;
        // X5-03: fails closed
        match verdict.map_err(|fault| EidErrorKind::RevocationUnavailable.because(fault))? {
            Verdict::Good(evidence) => Ok(evidence),
            Verdict::Revoked => Err(EidErrorKind::CredentialRevoked.into()),
        }
    }

    async fn check_both(&self, leaf: &Leaf, refuse_tests: bool, now: OffsetDateTime) -> Result<Verdict, RevocationFault> {
        // the list needs some of it
        let said = within(self.most_time * 2 / 3, self.responders.check(leaf, refuse_tests, now)).await;
        let ocsp = match said {
            Err(fault) if fault.is_silence() => fault,
            said => return said,
        };
        tracing::warn!(cause = %ocsp, "no responder could be believed; the revocation list is asked");
        let verdict = self.lists.check(leaf, now).await;
        verdict.map_err(|crl| RevocationFault::Neither { ocsp: Box::new(ocsp), crl: Box::new(crl) })
    }
}

async fn within(
    span: Duration,
    asked: impl Future<Output = Result<Verdict, RevocationFault>>,
) -> Result<Verdict, RevocationFault> {
    tokio::time::timeout(span, asked).await.unwrap_or(Err(RevocationFault::Slow))
}

/// The first address of a certificate whose host is one that we may ask (SSR-06).
fn listed(named: &[String], hosts: &[String]) -> Option<Url> {
    named.iter().filter_map(|url| Url::parse(url).ok()).find(|url| {
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            (None, _) => return false,
        };
        let plain = url.username().is_empty() && url.password().is_none();
        plain && matches!(url.scheme(), "http" | "https") && hosts.contains(&host)
    })
}

#[cfg(test)]
#[cfg(feature = "demo")]
mod tests;
