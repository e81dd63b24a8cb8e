//! Driver for identity cards (eid.md §4): a Web eID token, or a certificate that the browser showed in a TLS handshake. Both come
//! through the person's browser; nobody is asked but the OCSP responder.

mod token;

use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use url::Url;

use self::token::{Token, TokenFault};
use super::{
    DriverState, EidError, EidErrorKind, Event, LoginContext, Prepared, Step, VerifiedIdentity, address,
    error::DriverFault,
    signature::AlgorithmName,
    verification::{SignedChallenge, Verifier},
};
use crate::{
    base::{digest::base64, entropy},
    model::{
        environment::Environment,
        identity_provider::{CardPath, CardSettings, WebEidAlgorithm},
    },
    outbound::client::OutboundClient,
};

/// eid.md §4.3: a challenge lives five minutes.
const ATTEMPT_LIFETIME: time::Duration = time::Duration::minutes(5);

/// A reader of identity cards.
#[derive(Debug)]
pub struct Card {
    paths: Vec<CardPath>,
    algorithms: Vec<WebEidAlgorithm>,
    card_host: Option<Url>,
    shim: Option<Url>,
    verifier: Verifier,
}

/// One attempt with an identity card.
#[derive(Clone, Serialize, Deserialize)]
pub struct Transaction {
    /// our own origin, which the card signs (eid.md §4.3); from the configuration, never from a request
    origin: String,
    /// 32 random bytes as 44 characters of base64; the text is what the card signs
    nonce: String,
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").finish_non_exhaustive()
    }
}

/// How the card of an attempt can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardStep {
    /// the challenge for the browser's Web eID extension; none where that way is closed
    pub nonce: Option<String>,
    /// where the browser may show a certificate of its own; none where that way is closed
    pub card_host: Option<Url>,
    /// the script that plays the extension in development
    pub shim: Option<Url>,
}

impl Card {
    pub(super) fn new(settings: &CardSettings, http: &OutboundClient, environment: Environment) -> Result<Self, DriverFault> {
        let reads = |path| settings.paths.contains(&path);
        let card_host = settings.card_host.as_deref().map(|url| address::parse("card_host", url, environment)).transpose()?;
        if settings.paths.is_empty() || (reads(CardPath::Mtls) && card_host.is_none()) {
            return Err(DriverFault::NoWayToTheCard);
        }
        let shim = settings.simulator_shim_url.as_deref().map(Url::parse).transpose();
        let shim = shim.map_err(|_| DriverFault::Address("simulator_shim_url"))?;
        if environment == Environment::Production && shim.is_some() {
            return Err(DriverFault::SimulatorShim);
        }
        Ok(Self {
            paths: settings.paths.clone(),
            algorithms: settings.algorithms.clone(),
            card_host,
            shim,
            verifier: Verifier::new(&settings.trust, http.clone(), environment)?,
        })
    }

    pub(super) fn prepare(context: &LoginContext<'_>, now: OffsetDateTime) -> Prepared {
        let transaction = Transaction {
            // an issuer is written as browsers write an origin
            origin: context.server_name.to_owned(),
            nonce: base64(entropy::bytes::<32>()),
        };
        Prepared { state: DriverState::Card(transaction), expires_at: now + ATTEMPT_LIFETIME }
    }

    pub(super) fn step(&self, transaction: &Transaction) -> Step {
        let reads = |path| self.paths.contains(&path);
        Step::ReadCard(CardStep {
            nonce: reads(CardPath::WebEid).then(|| transaction.nonce.clone()),
            card_host: self.card_host().cloned(),
            shim: self.shim.clone().filter(|_| reads(CardPath::WebEid)),
        })
    }

    /// Where browsers are asked for certificates: scheme, host and port.
    pub(super) fn card_host(&self) -> Option<&Url> {
        self.card_host.as_ref().filter(|_| self.paths.contains(&CardPath::Mtls))
    }

    /// The names of whoever may issue an accepted certificate, DER.
    pub(super) fn issuers(&self) -> Vec<Vec<u8>> {
        self.verifier.issuers().collect()
    }

    /// Whether a way is open by which this could have come.
    pub(super) fn expects(&self, event: &Event) -> bool {
        match event {
            Event::WebEidToken(_) => self.paths.contains(&CardPath::WebEid),
            Event::ClientCertificate(_) => self.card_host().is_some(),
            Event::AuthorizationResponse(_) => false,
        }
    }

    /// The whole verification. The challenge is spent, whatever comes of it: the caller asks once.
    pub(super) async fn submit(
        &self,
        transaction: &Transaction,
        event: Event,
        now: OffsetDateTime,
    ) -> Result<VerifiedIdentity, EidError> {
        match event {
            event if !self.expects(&event) => Err(EidErrorKind::ProviderConfig.because("this way to the card is closed")),
            Event::WebEidToken(text) => {
                let challenge = self.signed_challenge(transaction, &text).map_err(invalid)?;
                self.verifier.verify(challenge, now).await
            }
            Event::ClientCertificate(certificate) => self.verifier.verify_handshake(certificate, now).await,
            Event::AuthorizationResponse(_) => Err(EidErrorKind::ProviderProtocol.because("not the answer of a card")),
        }
    }

    /// What the token says was signed: hash(origin) ‖ hash(nonce text), which the signature's algorithm hashes once more.
    fn signed_challenge(&self, transaction: &Transaction, text: &str) -> Result<SignedChallenge, TokenFault> {
        let token = Token::parse(text)?;
        if !self.algorithms.contains(&token.algorithm) {
            return Err(TokenFault::Algorithm);
        }
        let hash_kind = token::hash_of(token.algorithm);
        let parts = [transaction.origin.as_bytes(), transaction.nonce.as_bytes()];
        let hash_input = parts.map(|part| hash_kind.digest(&[part])).concat();
        Ok(SignedChallenge {
            hash: hash_kind.digest(&[&hash_input]),
            hash_input,
            hash_kind,
            algorithm: AlgorithmName::Jws(token.algorithm.as_str().to_owned()),
            signature: token.signature,
            certificate: token.certificate,
        })
    }
}

/// Whatever is wrong with a token, nothing proves that a card signed our challenge (eid.md §4.3: one answer for all).
fn invalid(fault: TokenFault) -> EidError {
    EidErrorKind::SignatureInvalid.because(fault)
}

#[cfg(test)]
#[cfg(feature = "demo")]
mod tests;
