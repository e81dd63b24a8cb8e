//! Why a sign-in with an electronic ID did not succeed (eid.md §8.7).

use std::error::Error;

/// An attempt failed. `Display` and the source hold nothing personal and may be logged.
#[derive(Debug, thiserror::Error)]
#[error("electronic ID: {}", kind.as_str())]
pub struct EidError {
    /// what the person is told, by class
    pub kind: EidErrorKind,
    /// the provider's own word, for the log
    pub provider_code: Option<String>,
    /// the reason, for the log
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// The classes of failure. Each has one sentence for the person; the words of [`Self::as_str`] stay in rows and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EidErrorKind {
    /// what was typed cannot be used
    InvalidInput,
    /// no electronic ID for these details
    NotAvailableForUser,
    /// the person has closed their telephone number to this browser
    Restricted,
    /// not confirmed in time
    Timeout,
    /// declined on the device
    UserCancelled,
    /// another code was chosen on the device
    WrongCodeChosen,
    /// off or without coverage
    DeviceUnreachable,
    /// locked by wrong PINs
    CredentialBlocked,
    /// the SIM does not work
    CredentialBroken,
    /// revoked by its issuer
    CredentialRevoked,
    /// the app cannot show what we ask for
    AppTooOld,
    /// not a certificate that we accept; a security event
    CertificateRejected,
    /// another person than the one who was addressed; a security event
    IdentityMismatch,
    /// the signature is not over our challenge by this key; a security event
    SignatureInvalid,
    /// nobody could say whether the certificate is revoked
    RevocationUnavailable,
    /// the provider does not accept our account
    ProviderConfig,
    /// the provider said what its protocol does not know
    ProviderProtocol,
    /// the provider does not answer
    ProviderUnavailable,
    /// not an ID token that we accept; a security event
    TokenRejected,
    /// the provider does not know the person as well as the service demands
    AssuranceTooLow,
}

impl EidErrorKind {
    /// Every kind.
    pub const ALL: [Self; 20] = [
        Self::InvalidInput,
        Self::NotAvailableForUser,
        Self::Restricted,
        Self::Timeout,
        Self::UserCancelled,
        Self::WrongCodeChosen,
        Self::DeviceUnreachable,
        Self::CredentialBlocked,
        Self::CredentialBroken,
        Self::CredentialRevoked,
        Self::AppTooOld,
        Self::CertificateRejected,
        Self::IdentityMismatch,
        Self::SignatureInvalid,
        Self::RevocationUnavailable,
        Self::ProviderConfig,
        Self::ProviderProtocol,
        Self::ProviderUnavailable,
        Self::TokenRejected,
        Self::AssuranceTooLow,
    ];

    /// The word that rows and logs keep.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid_input",
            Self::NotAvailableForUser => "not_available_for_user",
            Self::Restricted => "restricted",
            Self::Timeout => "timeout",
            Self::UserCancelled => "user_cancelled",
            Self::WrongCodeChosen => "wrong_code_chosen",
            Self::DeviceUnreachable => "device_unreachable",
            Self::CredentialBlocked => "credential_blocked",
            Self::CredentialBroken => "credential_broken",
            Self::CredentialRevoked => "credential_revoked",
            Self::AppTooOld => "app_too_old",
            Self::CertificateRejected => "certificate_rejected",
            Self::IdentityMismatch => "identity_mismatch",
            Self::SignatureInvalid => "signature_invalid",
            Self::RevocationUnavailable => "revocation_unavailable",
            Self::ProviderConfig => "provider_config",
            Self::ProviderProtocol => "provider_protocol",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::TokenRejected => "token_rejected",
            Self::AssuranceTooLow => "assurance_too_low",
        }
    }

    /// Reads the word of [`Self::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether it belongs among the security events: something lied (eid.md §8.7).
    pub const fn is_security_event(self) -> bool {
        matches!(self, Self::CertificateRejected | Self::IdentityMismatch | Self::SignatureInvalid | Self::TokenRejected)
    }

    /// An error of this kind for a reason.
    pub(super) fn because(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> EidError {
        EidError { kind: self, provider_code: None, source: Some(source.into()) }
    }

    /// An error of this kind by the provider's own word. Only letters, digits, `_`, `.` and `-` of it are kept, and 64 of them
    /// at most (INJ-04).
    pub(super) fn said(self, provider_code: &str) -> EidError {
        let kept = |character: &char| character.is_ascii_alphanumeric() || "_.-".contains(*character);
        EidError { kind: self, provider_code: Some(provider_code.chars().filter(kept).take(64).collect()), source: None }
    }
}

impl From<EidErrorKind> for EidError {
    fn from(kind: EidErrorKind) -> Self {
        Self { kind, provider_code: None, source: None }
    }
}

/// A driver cannot be made from its settings; the server does not start with them.
#[derive(Debug, thiserror::Error)]
pub enum DriverFault {
    /// `base_url` or `ocsp_url` is not an http(s) address
    #[error("the setting {0} is not an http or https address")]
    Address(&'static str),
    /// `tls_roots_pem` is unusable
    #[error("the provider's TLS roots cannot be used")]
    TlsRoots(#[source] crate::outbound::client::UnusableRoots),
    /// an https provider without pinned roots
    #[error("an https provider needs tls_roots_pem")]
    NoTlsRoots,
    /// a certificate of the trust profile is none, or too many of them
    #[error("a certificate of the trust profile cannot be read: {0}")]
    Certificate(String),
    /// no way to begin
    #[error("the driver has no flows")]
    NoFlows,
    /// nobody to believe
    #[error("the trust profile has no anchors")]
    NoAnchors,
    /// a policy or key usage is not an object identifier
    #[error("not an object identifier: {0}")]
    ObjectIdentifier(String),
    /// no form of national id would be accepted
    #[error("the trust profile accepts no form of national id")]
    NoNationalIdFormats,
    /// nothing says of which country the national ids are (X5-06)
    #[error("nothing tells of which country its national ids are")]
    NoCountry,
    /// a certificate of a test environment, in production (X5-01, eid.md §12.3)
    #[error("production refuses the test certificate {0}")]
    TestCertificate(String),
    /// a test account at the provider, in production (eid.md §12.5)
    #[error("production refuses the provider's test account")]
    TestAccount,
    /// no path to the card, or that of client certificates without a host for it
    #[error("paths needs web_eid or mtls, and mtls needs card_host")]
    NoWayToTheCard,
    /// a script of the simulator, in production (eid.md §12.6)
    #[error("production refuses simulator_shim_url")]
    SimulatorShim,
    /// nobody would be asked whether a certificate is revoked, in production (eid.md §12.6)
    #[error("production refuses a trust profile with revocation: none")]
    NoRevocation,
    /// an address that production must not use (eid.md §12.2)
    #[error("production refuses the address in {0}: https and a public host are needed")]
    TestAddress(&'static str),
    /// what proves to the provider who we are is not there
    #[error("the secret {name} cannot be used: {why}")]
    Secret {
        /// of the file
        name: String,
        /// what is wrong
        why: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_a_row() {
        for kind in EidErrorKind::ALL {
            assert_eq!(EidErrorKind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(EidErrorKind::parse("Timeout"), None);
    }

    #[test]
    fn a_providers_word_cannot_forge_a_log_line() {
        let error = EidErrorKind::ProviderProtocol.said("BAD\n2026 level=info <b>\u{202e}");
        assert_eq!(error.provider_code.as_deref(), Some("BAD2026levelinfob"), "INJ-04");
    }
}
