//! Electronic-ID drivers: they ask a provider to prompt a person and verify what comes back (eid.md).
//!
//! Owns the wire protocols and the checks of certificate, signature and revocation; a verified identity is made here and nowhere
//! else. Knows nothing of OAuth, rows or pages, and keeps nothing between calls but connections and OCSP answers: the caller
//! keeps the state, so that any node can go on from it. Called by flows/sign_in.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

pub mod mobile_id;

mod address;
mod certificate;
mod display_text;
mod error;
mod revocation;
mod signature;
mod subject;
mod trust;
mod verification;

#[cfg(test)]
#[cfg(feature = "demo")]
mod test_authority;

pub use crate::model::simulator_mark as marker;
pub use error::{DriverFault, EidError, EidErrorKind};
pub use revocation::{CrlEvidence, OcspEvidence, RevocationEvidence};
pub use verification::{Assurance, CertificateEvidence, Evidence, VerifiedIdentity};

use super::client::OutboundClient;
use crate::{
    base::{clock::Clock, text::Language},
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
}

/// What the person gave to begin with.
#[derive(Clone, Debug)]
pub enum BeginInput {
    /// the phone whose SIM card has the electronic ID; an address, never an identity (EID-08)
    PhoneNumber(PhoneNumber),
    /// whose device is asked; an address, never an identity (EID-08)
    NationalId(NationalId),
    /// nothing: who it is turns out later
    Nothing,
}

/// What the page of an open attempt shows, so that the person can do the next thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// the code to compare with the one on the device (EID-03), with its leading zeros
    ShowCode(String),
}

/// What came back through the person's browser.
#[derive(Clone, Debug)]
pub enum Event {}

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
    /// later test persons (eid.md §12).
    pub fn new(provider: &IdentityProvider, http: &OutboundClient, environment: Environment) -> Result<Self, DriverFault> {
        match &provider.driver {
            DriverSettings::MobileId(settings) => mobile_id::MobileId::new(settings, http, environment).map(Self::MobileId),
        }
    }

    /// Makes challenge, code and state. No network: the attempt is stored before anything is sent (EID-06).
    pub fn prepare(&self, context: &LoginContext<'_>, input: BeginInput, now: OffsetDateTime) -> Result<Prepared, EidError> {
        match (self, input) {
            (Self::MobileId(driver), BeginInput::PhoneNumber(phone_number)) => driver.prepare(context, phone_number, now),
            (Self::MobileId(_), _) => Err(EidErrorKind::InvalidInput.because("not what this driver begins with")),
        }
    }

    /// Whether the answer is fetched from the provider ([`Self::advance`]). Otherwise it comes through the browser
    /// ([`Self::submit`]), and [`Self::start`] is over before the page is answered.
    pub const fn is_polled(&self) -> bool {
        match self {
            Self::MobileId(_) => true,
        }
    }

    /// Whether the person leaves our pages and comes back to an address that holds nothing of the authorization request.
    pub const fn leaves_our_pages(&self) -> bool {
        match self {
            Self::MobileId(_) => false,
        }
    }

    /// What the page shows at `now`. No network.
    pub fn step(&self, state: &DriverState, _now: OffsetDateTime) -> Option<Step> {
        match (self, state) {
            (Self::MobileId(_), DriverState::MobileId(transaction)) => transaction.step(),
        }
    }

    /// Verifies what came back through the browser. It is asked once for an attempt, whatever comes of it (EID-05).
    #[expect(clippy::unused_async, reason = "the events of its drivers ask other systems")]
    pub async fn submit(&self, _state: &DriverState, event: Event, _clock: &Clock) -> Result<VerifiedIdentity, EidError> {
        match event {}
    }

    /// Asks the provider to prompt the person. Never retried: that would be a second prompt.
    pub async fn start(&self, state: &DriverState) -> Result<DriverState, EidError> {
        match (self, state) {
            (Self::MobileId(driver), DriverState::MobileId(transaction)) => {
                driver.start(transaction).await.map(DriverState::MobileId)
            }
        }
    }

    /// One look at the provider, which answers at once where the person has answered and after `wait` (1 to 60 s) at the latest;
    /// then, where there is an answer, the whole verification with OCSP. An error ends the attempt.
    pub async fn advance(&self, state: &DriverState, clock: &Clock, wait: Duration) -> Result<Progress, EidError> {
        match (self, state) {
            (Self::MobileId(driver), DriverState::MobileId(transaction)) => driver.advance(transaction, clock, wait).await,
        }
    }
}
