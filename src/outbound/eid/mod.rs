//! Electronic-ID drivers: they ask a provider to prompt a person and verify what comes back (eid.md).
//!
//! Owns the wire protocols and the checks of certificate, signature and revocation; a verified identity is made here and nowhere
//! else. Knows nothing of OAuth, rows or pages, and keeps nothing between calls but connections and OCSP answers: the caller
//! keeps the state, so that any node can go on from it. Called by flows/sign_in.

use std::{path::Path, time::Duration};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use url::Url;

pub mod card;
pub mod mobile_id;
pub mod oidc;
pub mod smart_id;

mod address;
mod certificate;
mod challenge;
mod display_text;
mod error;
mod revocation;
mod signature;
mod subject;
mod trust;
mod verification;

#[cfg(test)]
mod mutation;
#[cfg(test)]
#[cfg(feature = "demo")]
mod test_authority;

pub use crate::model::simulator_mark as marker;
pub use error::{DriverFault, EidError, EidErrorKind};
pub use revocation::{CrlEvidence, OcspEvidence, RevocationEvidence};
pub use verification::{Assurance, CertificateEvidence, Evidence, IdTokenEvidence, VerifiedIdentity};

use super::client::OutboundClient;
use crate::{
    base::{clock::Clock, id::AttemptId, text::Language},
    model::{
        environment::Environment,
        identity_provider::{DriverSettings, IdentityProvider},
        national_id::NationalId,
        phone_number::PhoneNumber,
    },
};

/// How one identity provider is spoken to; made when the settings are loaded.
#[derive(Debug)]
pub enum Driver {
    /// SIM card (eid.md §2)
    MobileId(mobile_id::MobileId),
    /// identity card (eid.md §4)
    Card(card::Card),
    /// another OpenID provider (eid.md §8.5)
    Oidc(Box<oidc::Oidc>),
    /// app (eid.md §3)
    SmartId(Box<smart_id::SmartId>),
}

/// For whom and where a person signs in.
#[derive(Clone, Copy, Debug)]
pub struct LoginContext<'a> {
    /// language of the text on the device
    pub language: Language,
    /// the service that the person wants, as the client register names it
    pub service_name: &'a str,
    /// our own name; part of what is signed (EID-02)
    pub server_name: &'a str,
    /// part of what is signed (EID-02)
    pub client_id: &'a str,
    /// row of the attempt, by which an answer that comes through the browser finds it
    pub attempt: AttemptId,
    /// the client demands that the person proves anew who they are (`prompt=login`, `max_age`)
    pub fresh: bool,
    /// levels of assurance that answer the request
    pub accepted_acr: &'a [String],
    /// where an app on the same device leads the browser back to; names the attempt
    pub return_url: &'a str,
}

/// What the person gave to begin with.
#[derive(Clone, Debug)]
pub enum BeginInput {
    /// the phone whose SIM card has the electronic ID; an address, never an identity (EID-08)
    PhoneNumber(PhoneNumber),
    /// whose device is asked; an address, never an identity (EID-08)
    NationalId(NationalId),
    /// an app that finds us by a link; who it is turns out later
    DeviceLink {
        /// the app is on the device with the browser: a button and a way back instead of a QR code
        same_device: bool,
    },
    /// nothing: who it is turns out later
    Nothing,
}

/// What the page of an open attempt shows, so that the person can do the next thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// the code to compare with the one on the device (EID-03), with its leading zeros
    ShowCode(String),
    /// read the card
    ReadCard(card::CardStep),
    /// the provider's own page, to which the browser goes
    Redirect(Url),
    /// the code to choose among several on the device, with its leading zeros
    ChooseCode(String),
    /// the link of now, to be scanned by the app on another device
    ShowQr(String),
    /// the link that opens the app on this device
    OpenApp(String),
}

impl Step {
    /// The word by which a page notices that it must be drawn anew.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ShowCode(_) => "show_code",
            Self::ChooseCode(_) => "choose_code",
            Self::ShowQr(_) => "show_qr",
            Self::OpenApp(_) => "open_app",
            Self::ReadCard(_) => "read_card",
            Self::Redirect(_) => "redirect",
        }
    }
}

/// What came back through the person's browser.
#[derive(Clone, Debug)]
pub enum Event {
    /// a token of the Web eID extension, as it came
    WebEidToken(String),
    /// the certificate, DER, of a handshake that proved possession of its key
    ClientCertificate(Vec<u8>),
    /// the answer of another OpenID provider
    AuthorizationResponse(oidc::AuthorizationResponse),
}

/// An attempt that is ready to be stored and then started.
#[derive(Debug)]
pub struct Prepared {
    /// to be sealed into the attempt's row
    pub state: DriverState,
    /// no answer is accepted later
    pub expires_at: OffsetDateTime,
}

/// Where an attempt stands at the provider. The caller seals it; its `Debug` shows nothing personal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "driver", rename_all = "snake_case")]
pub enum DriverState {
    /// SIM card
    MobileId(mobile_id::Transaction),
    /// identity card
    Card(card::Transaction),
    /// another OpenID provider
    Oidc(oidc::Transaction),
    /// app
    SmartId(Box<smart_id::Transaction>),
}

/// What one look at the provider gave.
#[derive(Debug)]
pub enum Progress {
    /// the person has not answered yet
    Pending,
    /// signed, and everything about it verified
    Verified(VerifiedIdentity),
}

impl Driver {
    /// Reads the settings: pins, trust profile and addresses. Production refuses test accounts, certificates and addresses, and
    /// later test persons (eid.md §12). `secrets` is the folder with what proves to providers who we are.
    pub fn new(
        provider: &IdentityProvider,
        http: &OutboundClient,
        secrets: Option<&Path>,
        environment: Environment,
    ) -> Result<Self, DriverFault> {
        match &provider.driver {
            DriverSettings::MobileId(settings) => mobile_id::MobileId::new(settings, http, environment).map(Self::MobileId),
            DriverSettings::Card(settings) => card::Card::new(settings, http, environment).map(Self::Card),
            DriverSettings::Oidc(settings) => {
                oidc::Oidc::new(provider, settings, http, secrets, environment).map(|driver| Self::Oidc(Box::new(driver)))
            }
            DriverSettings::SmartId(settings) => {
                smart_id::SmartId::new(settings, http, environment).map(|driver| Self::SmartId(Box::new(driver)))
            }
        }
    }

    /// Makes challenge, code and state. No network: the attempt is stored before anything is sent (EID-06).
    pub fn prepare(&self, context: &LoginContext<'_>, input: BeginInput, now: OffsetDateTime) -> Result<Prepared, EidError> {
        match (self, input) {
            (Self::MobileId(driver), BeginInput::PhoneNumber(phone_number)) => driver.prepare(context, phone_number, now),
            (Self::Card(_), BeginInput::Nothing) => Ok(card::Card::prepare(context, now)),
            (Self::Oidc(driver), BeginInput::Nothing) => Ok(driver.prepare(context, now)),
            (Self::SmartId(driver), input) => driver.prepare(context, input, now),
            (Self::MobileId(_) | Self::Card(_) | Self::Oidc(_), _) => {
                Err(EidErrorKind::InvalidInput.because("not what this driver begins with"))
            }
        }
    }

    /// Whether the answer is fetched from the provider ([`Self::advance`]). Otherwise it comes through the browser
    /// ([`Self::submit`]), and [`Self::start`] is over before the page is answered.
    pub const fn is_polled(&self) -> bool {
        match self {
            Self::MobileId(_) | Self::SmartId(_) => true,
            Self::Card(_) | Self::Oidc(_) => false,
        }
    }

    /// Whether the person leaves our pages and comes back to an address that holds nothing of the authorization request.
    pub fn leaves_our_pages(&self) -> bool {
        match self {
            Self::MobileId(_) => false,
            Self::Card(driver) => driver.card_host().is_some(),
            Self::SmartId(_) | Self::Oidc(_) => true,
        }
    }

    /// The origin to which the browser goes from our forms, where it leaves our pages by one (WEB-02).
    pub fn origin(&self) -> Option<String> {
        match self {
            // from a card's page it goes by a link
            Self::MobileId(_) | Self::Card(_) | Self::SmartId(_) => None,
            Self::Oidc(driver) => driver.origin(),
        }
    }

    /// Where browsers are asked for the certificates of cards, if that is a way of this provider.
    pub fn card_host(&self) -> Option<&Url> {
        match self {
            Self::Card(driver) => driver.card_host(),
            _ => None,
        }
    }

    /// The names, DER, of whoever issues those certificates: browsers offer no others.
    pub fn card_issuers(&self) -> Vec<Vec<u8>> {
        match self {
            Self::Card(driver) if driver.card_host().is_some() => driver.issuers(),
            _ => Vec::new(),
        }
    }

    /// What the page shows at `now`. No network.
    pub fn step(&self, state: &DriverState, now: OffsetDateTime) -> Option<Step> {
        match (self, state) {
            (Self::MobileId(_), DriverState::MobileId(transaction)) => transaction.step(),
            (Self::Card(driver), DriverState::Card(transaction)) => Some(driver.step(transaction)),
            (Self::Oidc(_), DriverState::Oidc(transaction)) => transaction.step(),
            (Self::SmartId(_), DriverState::SmartId(transaction)) => transaction.step(now),
            _ => None,
        }
    }

    /// Whether what came back can be the answer to what was asked; what anybody could have sent ends no attempt. No network.
    pub fn expects(&self, state: &DriverState, event: &Event) -> bool {
        match (self, state, event) {
            (Self::Card(driver), DriverState::Card(_), event) => driver.expects(event),
            (Self::Oidc(_), DriverState::Oidc(transaction), Event::AuthorizationResponse(response)) => {
                transaction.expects(response)
            }
            _ => false,
        }
    }

    /// How long the page is there before the provider is asked to prompt the person.
    pub fn pause_before_start(&self, state: &DriverState, now: OffsetDateTime) -> Duration {
        match state {
            DriverState::SmartId(transaction) => transaction.pause_before_start(now),
            DriverState::MobileId(_) | DriverState::Card(_) | DriverState::Oidc(_) => Duration::ZERO,
        }
    }

    /// The state with what an app has sent back with the browser that began; [`Self::advance`] goes on with it. An error ends the
    /// attempt. No network.
    pub fn returned(&self, state: &DriverState, came_back: &smart_id::AppReturn) -> Result<DriverState, EidError> {
        match state {
            DriverState::SmartId(transaction) => {
                transaction.returned(came_back).map(|transaction| DriverState::SmartId(Box::new(transaction)))
            }
            DriverState::MobileId(_) | DriverState::Card(_) | DriverState::Oidc(_) => Err(other_driver()),
        }
    }

    /// Verifies what came back through the browser. It is asked once for an attempt, whatever comes of it (EID-05).
    pub async fn submit(&self, state: &DriverState, event: Event, clock: &Clock) -> Result<VerifiedIdentity, EidError> {
        match (self, state, event) {
            (Self::Card(driver), DriverState::Card(transaction), event) => driver.submit(transaction, event, clock.now()).await,
            (Self::Oidc(driver), DriverState::Oidc(transaction), Event::AuthorizationResponse(response)) => {
                driver.submit(transaction, response, clock).await
            }
            _ => Err(other_driver()),
        }
    }

    /// Asks the provider to prompt the person. Never retried: that would be a second prompt.
    pub async fn start(&self, state: &DriverState, clock: &Clock) -> Result<DriverState, EidError> {
        match (self, state) {
            (Self::MobileId(driver), DriverState::MobileId(transaction)) => {
                driver.start(transaction).await.map(DriverState::MobileId)
            }
            // nobody is asked: the answer comes through the browser
            (Self::Card(_), DriverState::Card(_)) => Ok(state.clone()),
            (Self::Oidc(driver), DriverState::Oidc(transaction)) => driver.start(transaction).await.map(DriverState::Oidc),
            (Self::SmartId(driver), DriverState::SmartId(transaction)) => {
                let started = driver.start(transaction, clock).await?;
                Ok(DriverState::SmartId(Box::new(started)))
            }
            _ => Err(other_driver()),
        }
    }

    /// One look at the provider, which answers at once where the person has answered and after `wait` (1 to 60 s) at the latest;
    /// then, where there is an answer, the whole verification with OCSP. An error ends the attempt.
    pub async fn advance(&self, state: &DriverState, clock: &Clock, wait: Duration) -> Result<Progress, EidError> {
        match (self, state) {
            (Self::MobileId(driver), DriverState::MobileId(transaction)) => driver.advance(transaction, clock, wait).await,
            // what comes through the browser is not fetched
            (Self::Card(_), DriverState::Card(_)) | (Self::Oidc(_), DriverState::Oidc(_)) => Ok(Progress::Pending),
            (Self::SmartId(driver), DriverState::SmartId(transaction)) => driver.advance(transaction, clock, wait).await,
            _ => Err(other_driver()),
        }
    }
}

/// The identity provider was given another driver while the attempt was open.
fn other_driver() -> EidError {
    EidErrorKind::ProviderConfig.because("the attempt is of another driver")
}
