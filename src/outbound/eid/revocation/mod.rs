//! Whether a certificate is revoked, by OCSP (RFC 6960, eid.md §5.4, X5-03). Only `good` passes; silence does not.

mod answer;
mod request;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use reqwest::StatusCode;
use rustls_pki_types::CertificateDer;
use serde::Serialize;
use time::OffsetDateTime;
use url::Url;

use self::{
    answer::{Rules, Verdict},
    request::Question,
};
use super::{EidError, EidErrorKind, address, certificate::Leaf, error::DriverFault};
use crate::{
    base::digest::sha256,
    model::{environment::Environment, identity_provider::TrustProfile},
    outbound::client::{OutboundClient, OutboundError},
};

const TIMEOUT: Duration = Duration::from_secs(4);

/// A `good` serves for this long.
const GOOD_FOR: time::Duration = time::Duration::seconds(60);

/// Beyond this many the old ones are forgotten.
const MOST_CACHED: usize = 10_000;

/// What a responder said, for the evidence.
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

/// An answer is refused, or there is none.
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
    #[error("a simulated responder in production")]
    Simulated,
}

/// Asks responders for one trust profile, and remembers good answers for a minute.
#[derive(Debug)]
pub(super) struct Revocation {
    http: OutboundClient,
    url: Option<Url>,
    hosts: Vec<String>,
    answers_ahead: bool,
    good: Mutex<HashMap<[u8; 32], (OffsetDateTime, OcspEvidence)>>,
}

impl Revocation {
    pub(super) fn new(profile: &TrustProfile, http: OutboundClient, environment: Environment) -> Result<Self, DriverFault> {
        let url = profile.ocsp_url.as_deref().map(|url| address::parse("ocsp_url", url, environment)).transpose()?;
        Ok(Self {
            http: http.named("ocsp"),
            url,
            hosts: profile.ocsp_hosts.clone(),
            answers_ahead: profile.ocsp_answers_ahead,
            good: Mutex::default(),
        })
    }

    /// Passes where the issuer of the certificate says `good`.
    pub(super) async fn check(&self, leaf: &Leaf, refuse_tests: bool, now: OffsetDateTime) -> Result<OcspEvidence, EidError> {
        let key = sha256(&[&sha256(&[&leaf.issuer]), &leaf.serial]);
        if let Some(evidence) = self.remembered(&key, now) {
            return Ok(evidence);
        }
        let unavailable = |fault| EidErrorKind::RevocationUnavailable.because(fault);
        let url = self.responder(&leaf.ocsp_urls).ok_or_else(|| unavailable(RevocationFault::NoResponder))?;
        let rules = Rules { answers_ahead: self.answers_ahead, refuse_tests, now };
        match self.ask(url, &leaf.issuer, &leaf.serial, &rules).await.map_err(unavailable)? {
            Verdict::Good(evidence) => {
                self.remember(key, now, evidence.clone());
                Ok(evidence)
            }
            Verdict::Revoked => Err(EidErrorKind::CredentialRevoked.into()),
        }
    }

    async fn ask(
        &self,
        url: Url,
        issuer: &CertificateDer<'_>,
        serial: &[u8],
        rules: &Rules,
    ) -> Result<Verdict, RevocationFault> {
        let question = Question::new(issuer, serial)?;
        let body = question.to_der()?;
        let post = |body| self.http.post(url.clone(), "application/ocsp-request", body, TIMEOUT);
        // Once more where nothing came: to ask is harmless.
        let answer = match post(body.clone()).await {
            Ok(answer) if !answer.status.is_server_error() => Ok(answer),
            _ => post(body).await,
        };
        let answer = answer.map_err(RevocationFault::NoAnswer)?;
        if answer.status != StatusCode::OK {
            return Err(RevocationFault::HttpStatus(answer.status.as_u16()));
        }
        answer::verify(&answer.body, &question, issuer, rules)
    }

    /// The configured responder, else the certificate's own where its host is one that we may ask (SSR-06).
    fn responder(&self, named: &[String]) -> Option<Url> {
        self.url.clone().or_else(|| {
            named.iter().filter_map(|url| Url::parse(url).ok()).find(|url| {
                let host = match (url.host_str(), url.port()) {
                    (Some(host), Some(port)) => format!("{host}:{port}"),
                    (Some(host), None) => host.to_owned(),
                    (None, _) => return false,
                };
                let plain = url.username().is_empty() && url.password().is_none();
                plain && matches!(url.scheme(), "http" | "https") && self.hosts.contains(&host)
            })
        })
    }

    fn remembered(&self, key: &[u8; 32], now: OffsetDateTime) -> Option<OcspEvidence> {
        let good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, evidence) = good.get(key)?;
        (*at..*at + GOOD_FOR).contains(&now).then(|| evidence.clone())
    }

    fn remember(&self, key: [u8; 32], now: OffsetDateTime, evidence: OcspEvidence) {
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        if good.len() >= MOST_CACHED {
            good.retain(|_, (at, _)| (*at..*at + GOOD_FOR).contains(&now));
        }
        if good.len() < MOST_CACHED {
            good.insert(key, (now, evidence));
        }
    }
}

#[cfg(test)]
#[cfg(feature = "demo")]
mod tests;
