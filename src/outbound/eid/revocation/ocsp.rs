//! The responders of a trust profile: asked in their order until one says something that can be believed (eid.md §5.4).

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use reqwest::StatusCode;
use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;
use url::Url;

use super::{
    super::{address, certificate::Leaf, error::DriverFault, trust},
    OcspEvidence, RevocationEvidence, RevocationFault, Verdict,
    answer::{self, Rules},
    listed,
    request::Question,
};
use crate::{
    base::digest::sha256,
    model::{environment::Environment, identity_provider::TrustProfile},
    outbound::client::OutboundClient,
};

const TIMEOUT: Duration = Duration::from_secs(4);

/// A `good` serves for this long.
const GOOD_FOR: time::Duration = time::Duration::seconds(60);

/// Beyond this many the old ones are forgotten.
const MOST_CACHED: usize = 10_000;

/// Asks responders for one trust profile, and remembers good answers for a minute.
#[derive(Debug)]
pub(super) struct Responders {
    http: OutboundClient,
    /// configured, in the order in which they are asked
    urls: Vec<Url>,
    hosts: Vec<String>,
    /// believed by configuration
    designated: Vec<CertificateDer<'static>>,
    answers_ahead: bool,
    good: Mutex<HashMap<[u8; 32], (OffsetDateTime, OcspEvidence)>>,
}

impl Responders {
    pub(super) fn new(profile: &TrustProfile, http: OutboundClient, environment: Environment) -> Result<Self, DriverFault> {
        let first = profile.ocsp_url.as_deref().map(|url| address::parse("ocsp_url", url, environment));
        let others = profile.ocsp_fallback_urls.iter().map(|url| address::parse("ocsp_fallback_urls", url, environment));
        Ok(Self {
            http: http.named("ocsp"),
            urls: first.into_iter().chain(others).collect::<Result<_, _>>()?,
            hosts: profile.ocsp_hosts.clone(),
            designated: trust::certificates(&profile.ocsp_responders_pem, environment == Environment::Production)?,
            answers_ahead: profile.ocsp_answers_ahead,
            good: Mutex::default(),
        })
    }

    /// What the first responder says that can be believed; else the fault of the last one.
    pub(super) async fn check(&self, leaf: &Leaf, refuse_tests: bool, now: OffsetDateTime) -> Result<Verdict, RevocationFault> {
        let key = sha256(&[&sha256(&[&leaf.issuer]), &leaf.serial]);
        if let Some(evidence) = self.remembered(&key, now) {
            return Ok(Verdict::Good(RevocationEvidence::Ocsp(evidence)));
        }
        let rules = Rules { answers_ahead: self.answers_ahead, designated: &self.designated, refuse_tests, now };
        let mut last = RevocationFault::NoResponder;
        for url in self.addresses(&leaf.ocsp_urls) {
            match self.ask(url, &leaf.issuer, &leaf.serial, &rules).await {
                Err(fault) if fault.is_silence() => last = fault,
                Ok(Verdict::Good(RevocationEvidence::Ocsp(evidence))) => {
                    self.remember(key, now, evidence.clone());
                    return Ok(Verdict::Good(RevocationEvidence::Ocsp(evidence)));
                }
                said => return said,
            }
        }
        Err(last)
    }

    async fn ask(
        &self,
        url: Url,
        issuer: &CertificateDer<'_>,
        serial: &[u8],
        rules: &Rules<'_>,
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

    /// The configured responders, else the certificate's own where its host is one that we may ask (SSR-06).
    pub(super) fn addresses(&self, named: &[String]) -> Vec<Url> {
        if self.urls.is_empty() { listed(named, &self.hosts).into_iter().collect() } else { self.urls.clone() }
    }

    pub(super) fn remembered(&self, key: &[u8; 32], now: OffsetDateTime) -> Option<OcspEvidence> {
        let good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, evidence) = good.get(key)?;
        (*at..*at + GOOD_FOR).contains(&now).then(|| evidence.clone())
    }

    pub(super) fn remember(&self, key: [u8; 32], now: OffsetDateTime, evidence: OcspEvidence) {
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        if good.len() >= MOST_CACHED {
            good.retain(|_, (at, _)| (*at..*at + GOOD_FOR).contains(&now));
        }
        if good.len() < MOST_CACHED {
            good.insert(key, (now, evidence));
        }
    }
}
