//! What can go wrong while a person signs in, as the person reads it: one sentence for each class of eid.md §8.7.

use super::Chrome;

/// A sign-in that did not succeed, or a field that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// not seven digits
    InvalidPhoneNumber,
    /// not ten digits with a right check digit
    InvalidNationalId,
    /// the kennitala of a company
    CompanyNationalId,
    /// refused on the phone
    Cancelled,
    /// no answer in time
    TimedOut,
    /// the phone is off or out of coverage
    Unreachable,
    /// no electronic ID with these details; one neutral text, so that nobody learns who has one
    NotAvailable,
    /// locked, revoked or not active
    Blocked,
    /// another code was chosen in the app
    WrongCode,
    /// the app must be updated
    AppOutdated,
    /// the certificate, signature or identity was not accepted; neutral, with an incident number
    Rejected,
    /// another attempt is open for the same number
    Busy,
    /// over the limit
    TooManyAttempts {
        /// when it works again
        minutes: u32,
    },
    /// the provider, or the revocation service, does not answer
    Unavailable,
    /// the electronic ID proves less than the service demands
    AssuranceTooLow,
}

impl Problem {
    /// The key of its sentence.
    pub const fn key(self) -> &'static str {
        match self {
            Self::InvalidPhoneNumber => "problem-phone-number",
            Self::InvalidNationalId => "problem-national-id",
            Self::CompanyNationalId => "problem-company-national-id",
            Self::Cancelled => "problem-cancelled",
            Self::TimedOut => "problem-timed-out",
            Self::Unreachable => "problem-unreachable",
            Self::NotAvailable => "problem-not-available",
            Self::Blocked => "problem-blocked",
            Self::WrongCode => "problem-wrong-code",
            Self::AppOutdated => "problem-app-outdated",
            Self::Rejected => "problem-rejected",
            Self::Busy => "problem-busy",
            Self::TooManyAttempts { .. } => "problem-too-many-attempts",
            Self::Unavailable => "problem-unavailable",
            Self::AssuranceTooLow => "problem-assurance-too-low",
        }
    }

    /// Whether the field itself is wrong, so that the error points at it.
    pub(super) const fn concerns_field(self) -> bool {
        matches!(self, Self::InvalidPhoneNumber | Self::InvalidNationalId | Self::CompanyNationalId)
    }

    /// The sentence in the reader's language.
    pub(super) fn text(self, chrome: &Chrome<'_>) -> String {
        match self {
            Self::TooManyAttempts { minutes } => chrome.text_with(self.key(), "minutes", &minutes),
            _ => chrome.text(self.key()),
        }
    }
}
