//! Driver for Mobile-ID REST: a SIM card signs our hash (eid.md §2).
//!
//! Phone-only entry (§2.4): the national id is never sent and comes solely from the certificate (EID-08).

mod wire;

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use url::Url;

use self::wire::{Outcome, StartRequest};
use super::{
    DriverState, EidError, EidErrorKind, LoginContext, Prepared, Progress, Step, address,
    challenge::challenge,
    display_text::{self, Format},
    error::DriverFault,
    signature::{AlgorithmName, Hash},
    verification::{SignedChallenge, Verifier},
};
use crate::{
    base::{
        clock::Clock,
        digest::{base64, from_base64, sha256},
        entropy,
    },
    model::{
        environment::Environment, identity_provider::MobileIdSettings, phone_number::PhoneNumber,
        settings::production::providers::is_test_account,
    },
    outbound::client::{Answer, OutboundClient, OutboundError},
};

/// The hash that we ask for; never taken from the answer (eid.md §2.3, step 2).
const HASH: Hash = Hash::Sha256;

// eid.md §2.5
const START_TIMEOUT: Duration = Duration::from_secs(10);
const SHORTEST_POLL: Duration = Duration::from_secs(1);
const LONGEST_POLL: Duration = Duration::from_mins(1);
const POLL_MARGIN: Duration = Duration::from_secs(5);
const ATTEMPT_LIFETIME: time::Duration = time::Duration::seconds(130);

/// A Mobile-ID provider.
#[derive(Debug)]
pub struct MobileId {
    base_url: Url,
    relying_party_uuid: String,
    relying_party_name: String,
    http: OutboundClient,
    verifier: Verifier,
    environment: Environment,
}

/// One attempt at a Mobile-ID provider.
#[derive(Clone, Serialize, Deserialize)]
pub struct Transaction {
    phone_number: PhoneNumber,
    display_text: String,
    display_text_format: Format,
    /// base64; what the hash was made of, kept as evidence (EID-02)
    hash_input: String,
    /// base64
    hash: String,
    /// the provider's name for it, once started
    session_id: Option<String>,
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("started", &self.session_id.is_some()).finish_non_exhaustive()
    }
}

impl Transaction {
    /// The code that stands in the display text as well (EID-03).
    pub(super) fn step(&self) -> Option<Step> {
        from_base64(&self.hash).map(|hash| Step::ShowCode(verification_code(&hash)))
    }
}

impl MobileId {
    pub(super) fn new(
        settings: &MobileIdSettings,
        http: &OutboundClient,
        environment: Environment,
    ) -> Result<Self, DriverFault> {
        let base_url = address::parse("base_url", &settings.base_url, environment)?;
        if base_url.scheme() == "https" && settings.tls_roots_pem.trim().is_empty() {
            return Err(DriverFault::NoTlsRoots);
        }
        if environment == Environment::Production {
            if base_url.scheme() != "https" {
                return Err(DriverFault::TestAddress("base_url"));
            }
            if is_test_account(&settings.relying_party_uuid, &settings.relying_party_name) {
                return Err(DriverFault::TestAccount);
            }
        }
        Ok(Self {
            base_url,
            relying_party_uuid: settings.relying_party_uuid.clone(),
            relying_party_name: settings.relying_party_name.clone(),
            http: OutboundClient::for_provider(&settings.tls_roots_pem, environment)
                .map_err(DriverFault::TlsRoots)?
                .named("sim"),
            verifier: Verifier::new(&settings.trust, http.clone(), environment)?,
            environment,
        })
    }

    pub(super) fn prepare(
        &self,
        context: &LoginContext<'_>,
        phone_number: PhoneNumber,
        now: OffsetDateTime,
    ) -> Result<Prepared, EidError> {
        if self.environment == Environment::Production && phone_number.is_test_number() {
            return Err(EidErrorKind::InvalidInput.into());
        }
        let hash_input = challenge(&entropy::bytes(), context, now);
        let hash = sha256(&[&hash_input]);
        let verification_code = verification_code(&hash);
        let (display_text, display_text_format) =
            display_text::for_phone(context.language, &verification_code, context.service_name);
        let transaction = Transaction {
            phone_number,
            display_text,
            display_text_format,
            hash_input: base64(&hash_input),
            hash: base64(hash),
            session_id: None,
        };
        Ok(Prepared { state: DriverState::MobileId(transaction), expires_at: now + ATTEMPT_LIFETIME })
    }

    pub(super) async fn start(&self, transaction: &Transaction) -> Result<Transaction, EidError> {
        if transaction.session_id.is_some() {
            return Err(EidErrorKind::ProviderProtocol.because("the attempt is started already"));
        }
        let request = StartRequest {
            relying_party_uuid: &self.relying_party_uuid,
            relying_party_name: &self.relying_party_name,
            phone_number: transaction.phone_number.e164(),
            hash: &transaction.hash,
            hash_type: HASH.name(),
            // The provider's own words around our text; it has no Icelandic.
            language: "ENG",
            display_text: &transaction.display_text,
            display_text_format: transaction.display_text_format,
        };
        let answer =
            self.http.post_json(self.address(&["authentication"])?, &request, START_TIMEOUT).await.map_err(unavailable)?;
        let session_id = wire::started(&answer)?;
        Ok(Transaction { session_id: Some(session_id), ..transaction.clone() })
    }

    pub(super) async fn advance(&self, transaction: &Transaction, clock: &Clock, wait: Duration) -> Result<Progress, EidError> {
        let Some(session_id) = &transaction.session_id else {
            return Err(EidErrorKind::ProviderProtocol.because("the attempt is not started"));
        };
        let answer = self.poll(session_id, wait.clamp(SHORTEST_POLL, LONGEST_POLL)).await?;
        match wire::status(&answer)? {
            Outcome::Running => Ok(Progress::Pending),
            Outcome::Signed { algorithm, signature, certificate } => {
                let unreadable = || EidErrorKind::ProviderProtocol.because("the attempt's state is unreadable");
                let challenge = SignedChallenge {
                    hash_input: from_base64(&transaction.hash_input).ok_or_else(unreadable)?,
                    hash: from_base64(&transaction.hash).ok_or_else(unreadable)?,
                    hash_kind: HASH,
                    algorithm: AlgorithmName::Certificate(algorithm),
                    signature,
                    certificate,
                };
                self.verifier.verify(challenge, clock.now()).await.map(Progress::Verified)
            }
        }
    }

    /// One long poll; asking is harmless, so it is tried once more where nothing usable came.
    async fn poll(&self, session_id: &str, wait: Duration) -> Result<Answer, EidError> {
        let mut url = self.address(&["authentication", "session", session_id])?;
        url.query_pairs_mut().append_pair("timeoutMs", &wait.as_millis().to_string());
        match self.http.get(url.clone(), wait + POLL_MARGIN).await {
            Ok(answer) if !wire::is_busy(answer.status) => Ok(answer),
            Err(OutboundError::TooLarge) => Err(EidErrorKind::ProviderProtocol.because(OutboundError::TooLarge)),
            Ok(_) | Err(_) => self.http.get(url, wait + POLL_MARGIN).await.map_err(unavailable),
        }
    }

    /// Our provider's address with these path segments, each escaped.
    fn address(&self, segments: &[&str]) -> Result<Url, EidError> {
        let mut url = self.base_url.clone();
        url.path_segments_mut()
            .map_err(|()| EidErrorKind::ProviderConfig.because("the provider's address has no path"))?
            .pop_if_empty()
            .extend(segments);
        Ok(url)
    }
}

/// eid.md §2.2: six bits from the first byte of the hash, seven from the last; four digits.
fn verification_code(hash: &[u8]) -> String {
    let first = u16::from(hash.first().copied().unwrap_or(0));
    let last = u16::from(hash.last().copied().unwrap_or(0));
    format!("{:04}", ((first & 0xfc) << 5) | (last & 0x7f))
}

fn unavailable(error: OutboundError) -> EidError {
    EidErrorKind::ProviderUnavailable.because(error)
}

#[cfg(test)]
#[cfg(feature = "demo")]
mod tests;
