//! Driver for Smart-ID RP API v3: an app signs a text that both sides rebuild (ACSP_V2; eid.md §3).
//!
//! Three ways to begin: the person types the kennitala and the app asks (notification), scans the page on another device (QR), or
//! opens the app on this one and comes back with a proof (same device). Who signed in is in the certificate alone (EID-08).

mod device_link;
mod interactions;
mod payload;
mod pss;
mod wire;

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use url::Url;

use self::{
    device_link::{LinkSession, ReturnFault},
    payload::{Answered, Asked},
    wire::{Outcome, Signed, Start, StartRequest, Started},
};
use super::{
    BeginInput, DriverState, EidError, EidErrorKind, LoginContext, Prepared, Progress, Step, address,
    challenge::challenge,
    error::DriverFault,
    verification::{SignedText, Verifier},
};
use crate::{
    base::{
        clock::Clock,
        digest::{base64, base64url, from_base64, sha256},
        entropy,
    },
    model::{
        environment::Environment,
        identity_provider::{CertificateLevel, SmartIdFlow, SmartIdSettings},
        national_id::NationalId,
        settings::production::providers::{is_test_account, is_test_scheme},
        urls::Urls,
    },
    outbound::client::{Answer, OutboundClient, OutboundError},
};

// eid.md §3.6
const START_TIMEOUT: Duration = Duration::from_secs(10);
const SHORTEST_POLL: Duration = Duration::from_secs(1);
const LONGEST_POLL: Duration = Duration::from_mins(1);
const POLL_MARGIN: Duration = Duration::from_secs(5);
/// Between looks at a signed answer whose signer has not come back yet.
const PAUSE_BEFORE_RETURN: Duration = Duration::from_millis(500);
const NOTIFICATION_LIFETIME: time::Duration = time::Duration::seconds(150);
const DEVICE_LINK_LIFETIME: time::Duration = time::Duration::seconds(300);

/// A Smart-ID provider.
#[derive(Debug)]
pub struct SmartId {
    base_url: Url,
    settings: SmartIdSettings,
    http: OutboundClient,
    verifier: Verifier,
    environment: Environment,
}

/// One attempt at a Smart-ID provider.
#[derive(Clone, Serialize, Deserialize)]
pub struct Transaction {
    flow: SmartIdFlow,
    /// whom the person says to be, where it was typed
    national_id: Option<NationalId>,
    /// base64; what the challenge was made of, kept as evidence (EID-02)
    hash_input: String,
    /// base64
    rp_challenge: String,
    /// as asked for, with the name at the provider, so that an edit meanwhile changes no attempt
    scheme_name: String,
    relying_party_name: String,
    brokered_name: String,
    /// base64, exactly as sent
    interactions: String,
    /// where the app leads the browser back to, and the value in it; empty but for the same device
    callback_url: String,
    callback_value: String,
    /// the code has been on the page for a while by then
    #[serde(with = "time::serde::rfc3339::option")]
    push_at: Option<OffsetDateTime>,
    /// the provider's name for it, once started
    session_id: Option<String>,
    link: Option<LinkSession>,
    /// what came back with the browser
    verifier: Option<String>,
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("flow", &self.flow)
            .field("started", &self.session_id.is_some())
            .finish_non_exhaustive()
    }
}

impl Transaction {
    fn asked(&self) -> Asked<'_> {
        Asked {
            scheme_name: &self.scheme_name,
            rp_challenge: &self.rp_challenge,
            relying_party_name: &self.relying_party_name,
            brokered_name: &self.brokered_name,
            interactions: &self.interactions,
            callback_url: &self.callback_url,
        }
    }

    /// What the page shows at `now`: the code (EID-03), or a fresh link. Nothing before there is one.
    pub(super) fn step(&self, now: OffsetDateTime) -> Option<Step> {
        let link = || self.link.as_ref()?.link(&self.asked(), self.flow, now);
        match self.flow {
            SmartIdFlow::Notification => {
                let code = payload::verification_code(&from_base64(&self.rp_challenge)?);
                Some(if self.offers(interactions::CODE_CHOICE) { Step::ChooseCode(code) } else { Step::ShowCode(code) })
            }
            SmartIdFlow::Qr => link().map(Step::ShowQr),
            SmartIdFlow::SameDevice => link().map(Step::OpenApp),
        }
    }

    /// How long the code is on the page before the app asks (eid.md §6, rule 5).
    pub(super) fn pause_before_start(&self, now: OffsetDateTime) -> Duration {
        self.push_at.map_or(Duration::ZERO, |at| (at - now).try_into().unwrap_or_default())
    }

    fn offers(&self, interaction: &str) -> bool {
        interactions::are_offered(&self.interactions, interaction)
    }

    /// Takes what the app brought back with the browser that began; the answer of the provider is verified with it (EID-04). A
    /// second return of the same app changes nothing.
    pub(super) fn returned(&self, came_back: &AppReturn) -> Result<Self, EidError> {
        let invalid = |fault: ReturnFault| EidErrorKind::SignatureInvalid.because(fault);
        let link = self.link.as_ref().filter(|_| self.flow == SmartIdFlow::SameDevice).ok_or(invalid(ReturnFault::Flow))?;
        device_link::check_return(&link.secret, &self.callback_value, &came_back.value, &came_back.secret_digest)
            .map_err(invalid)?;
        match &self.verifier {
            Some(verifier) if *verifier != came_back.verifier => Err(invalid(ReturnFault::Verifier)),
            _ => Ok(Self { verifier: Some(came_back.verifier.clone()), ..self.clone() }),
        }
    }

    /// Steps 4 to 6 of eid.md §3.5: flow, interaction and level are those that we asked for.
    fn check(&self, signed: &Signed, level: CertificateLevel) -> Result<(), AnswerFault> {
        if signed.flow != self.flow.as_str() {
            return Err(AnswerFault::Flow);
        }
        if !self.offers(&signed.interaction) {
            return Err(AnswerFault::Interaction);
        }
        if CertificateLevel::parse(&signed.certificate_level).is_none_or(|sent| sent < level) {
            return Err(AnswerFault::Level);
        }
        Ok(())
    }

    fn signed_text(&self, signed: &Signed) -> String {
        self.asked().signed_text(Answered {
            server_random: &signed.server_random,
            user_challenge: &signed.user_challenge,
            interaction: &signed.interaction,
            flow: &signed.flow,
        })
    }
}

/// What the app sends along when it leads the browser back (eid.md §3.4). It proves who came back, and is not shown.
#[derive(Clone)]
pub struct AppReturn {
    /// the value that our address had
    pub value: String,
    /// of the session's secret
    pub secret_digest: String,
    /// to the challenge that the app signs
    pub verifier: String,
}

impl fmt::Debug for AppReturn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppReturn").finish_non_exhaustive()
    }
}

/// The answer is not to what we asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum AnswerFault {
    #[error("the app went another way than ours")]
    Flow,
    #[error("the app showed what we had not offered")]
    Interaction,
    #[error("the certificate is of a lower level")]
    Level,
    #[error("the signature has other parameters than we asked for")]
    Parameters,
}

impl SmartId {
    pub(super) fn new(
        settings: &SmartIdSettings,
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
            let is_test = is_test_account(&settings.relying_party_uuid, &settings.relying_party_name);
            if is_test || is_test_scheme(&settings.scheme_name) {
                return Err(DriverFault::TestAccount);
            }
        }
        if settings.flows.is_empty() {
            return Err(DriverFault::NoFlows);
        }
        Ok(Self {
            base_url,
            settings: settings.clone(),
            http: OutboundClient::for_provider(&settings.tls_roots_pem, environment)
                .map_err(DriverFault::TlsRoots)?
                .named("app"),
            verifier: Verifier::new(&settings.trust, http.clone(), environment)?,
            environment,
        })
    }

    pub(super) fn prepare(
        &self,
        context: &LoginContext<'_>,
        input: BeginInput,
        now: OffsetDateTime,
    ) -> Result<Prepared, EidError> {
        let (flow, national_id) = match input {
            BeginInput::NationalId(national_id) => (SmartIdFlow::Notification, Some(national_id)),
            BeginInput::DeviceLink { same_device: false } => (SmartIdFlow::Qr, None),
            BeginInput::DeviceLink { same_device: true } => (SmartIdFlow::SameDevice, None),
            _ => return Err(EidErrorKind::InvalidInput.because("not what this driver begins with")),
        };
        let is_test = national_id.as_ref().is_some_and(NationalId::is_test_identity);
        if !self.settings.flows.contains(&flow) || (self.environment == Environment::Production && is_test) {
            return Err(EidErrorKind::InvalidInput.into());
        }
        let hash_input = challenge(&entropy::bytes(), context, now);
        let interactions = interactions::encode(flow, self.settings.code_choice, context.language, context.service_name);
        let callback_value = if flow == SmartIdFlow::SameDevice { base64url(entropy::bytes::<32>()) } else { String::new() };
        let callback_url = match flow {
            SmartIdFlow::SameDevice => Urls::and_parameter(context.return_url, "value", &callback_value),
            _ => String::new(),
        };
        let push_delay = time::Duration::milliseconds(self.settings.push_delay_ms.into());
        let is_notification = flow == SmartIdFlow::Notification;
        let transaction = Transaction {
            flow,
            national_id,
            rp_challenge: base64(sha256(&[&hash_input])),
            hash_input: base64(&hash_input),
            scheme_name: self.settings.scheme_name.clone(),
            relying_party_name: self.settings.relying_party_name.clone(),
            brokered_name: if self.settings.brokered_name { context.service_name.to_owned() } else { String::new() },
            interactions,
            callback_url,
            callback_value,
            push_at: is_notification.then_some(now + push_delay),
            session_id: None,
            link: None,
            verifier: None,
        };
        let lifetime = if is_notification { NOTIFICATION_LIFETIME } else { DEVICE_LINK_LIFETIME };
        Ok(Prepared { state: DriverState::SmartId(Box::new(transaction)), expires_at: now + lifetime })
    }

    pub(super) async fn start(&self, transaction: &Transaction, clock: &Clock) -> Result<Transaction, EidError> {
        if transaction.session_id.is_some() {
            return Err(EidErrorKind::ProviderProtocol.because("the attempt is started already"));
        }
        let request = StartRequest::from(Start {
            relying_party_uuid: &self.settings.relying_party_uuid,
            relying_party_name: &transaction.relying_party_name,
            certificate_level: self.settings.certificate_level.as_str(),
            rp_challenge: &transaction.rp_challenge,
            hash_algorithm: self.settings.hash.as_str(),
            interactions: &transaction.interactions,
            callback_url: (!transaction.callback_url.is_empty()).then_some(&transaction.callback_url),
            is_notification: transaction.flow == SmartIdFlow::Notification,
        });
        let identifier = transaction.national_id.as_ref().map(|national_id| format!("PNOIS-{}", national_id.expose()));
        let path = match &identifier {
            Some(identifier) => &["authentication", "notification", "etsi", identifier][..],
            None => &["authentication", "device-link", "anonymous"][..],
        };
        let answer = self.http.post_json(self.address(path)?, &request, START_TIMEOUT).await.map_err(unavailable)?;
        let Started { session_id, link } = if identifier.is_some() { wire::notified(&answer)? } else { wire::linked(&answer)? };
        let link = link.map(|link| self.link_session(link, clock.now())).transpose()?;
        Ok(Transaction { session_id: Some(session_id), link, ..transaction.clone() })
    }

    /// The base becomes an address in our page and in a QR code: http(s) and nothing but an address.
    fn link_session(&self, link: wire::StartedLink, now: OffsetDateTime) -> Result<LinkSession, EidError> {
        address::parse("deviceLinkBase", &link.base, self.environment)
            .map_err(|fault| EidErrorKind::ProviderProtocol.because(fault))?;
        Ok(LinkSession { token: link.token, secret: link.secret, base: link.base, received_at: now })
    }

    pub(super) async fn advance(&self, transaction: &Transaction, clock: &Clock, wait: Duration) -> Result<Progress, EidError> {
        let Some(session_id) = &transaction.session_id else {
            return Err(EidErrorKind::ProviderProtocol.because("the attempt is not started"));
        };
        let answer = self.poll(session_id, wait.clamp(SHORTEST_POLL, LONGEST_POLL)).await?;
        let Outcome::Signed(signed) = wire::status(&answer)? else { return Ok(Progress::Pending) };
        if transaction.flow == SmartIdFlow::SameDevice && transaction.verifier.is_none() {
            // EID-04: signed, but whoever signed has not come back yet; nothing is verified without that
            tokio::time::sleep(PAUSE_BEFORE_RETURN).await;
            return Ok(Progress::Pending);
        }
        self.verify(transaction, *signed, clock.now()).await
    }

    /// eid.md §3.5, from step 4 on.
    async fn verify(&self, transaction: &Transaction, signed: Signed, now: OffsetDateTime) -> Result<Progress, EidError> {
        transaction.check(&signed, self.settings.certificate_level).map_err(|fault| match fault {
            AnswerFault::Level => EidErrorKind::CertificateRejected.because(fault),
            _ => EidErrorKind::SignatureInvalid.because(fault),
        })?;
        let hash = self.settings.hash;
        if !signed.parameters.agree(&signed.algorithm, hash) {
            return Err(EidErrorKind::SignatureInvalid.because(AnswerFault::Parameters));
        }
        if let Some(verifier) = &transaction.verifier {
            device_link::check_verifier(verifier, &signed.user_challenge)
                .map_err(|fault| EidErrorKind::SignatureInvalid.because(fault))?;
        }
        let signed_text = transaction.signed_text(&signed);
        let digest = pss::digest(hash, signed_text.as_bytes());
        let hash_input = from_base64(&transaction.hash_input)
            .ok_or_else(|| EidErrorKind::ProviderProtocol.because("the attempt's state is unreadable"))?;
        let answer = SignedText {
            hash_input,
            text: signed_text,
            hash: digest,
            algorithm: format!("{} {}", signed.algorithm, hash.as_str()),
            signature: signed.signature,
            certificate: signed.certificate,
        };
        let identity = self
            .verifier
            .verify_text(answer, |key, answer| pss::verify(key, hash, &answer.hash, &answer.signature), now)
            .await?;
        match &transaction.national_id {
            // EID-08
            Some(typed) if typed != identity.national_id() => Err(EidErrorKind::IdentityMismatch.into()),
            _ => Ok(Progress::Verified(identity)),
        }
    }

    /// One long poll; asking is harmless, so it is tried once more where nothing usable came.
    async fn poll(&self, session_id: &str, wait: Duration) -> Result<Answer, EidError> {
        let mut url = self.address(&["session", session_id])?;
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

fn unavailable(error: OutboundError) -> EidError {
    EidErrorKind::ProviderUnavailable.because(error)
}

#[cfg(test)]
mod tests;
