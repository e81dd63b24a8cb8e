//! Identity providers: the ways to sign in. `sim`, `app` and `card` are the seeds' words and enter `sub`, so they never change.

use serde::{Deserialize, Serialize};

use crate::base::id::{IdentityProviderRowId, OrganisationId};

/// What a client may ask for, and what the claim `idp` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum IdentityProviderKind {
    /// electronic ID on a SIM card
    Sim,
    /// mobile app
    App,
    /// identity card
    Card,
}

/// What a page must ask before an identity provider can begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// the telephone number of the SIM card
    PhoneNumber,
    /// the kennitala
    NationalId,
    /// nothing: who it is turns out later
    Nothing,
}

impl IdentityProviderKind {
    /// Every kind, in the order in which pages show them.
    pub const ALL: [Self; 3] = [Self::Sim, Self::App, Self::Card];

    /// The claim's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::App => "app",
            Self::Card => "card",
        }
    }

    /// Reads the claim's value.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A configured way to sign in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IdentityProvider {
    /// row
    #[serde(skip)]
    pub id: IdentityProviderRowId,
    /// whose clients alone may use it; none: everybody's
    pub organisation_id: Option<OrganisationId>,
    /// `sim`; several rows may have the same kind
    pub name: String,
    /// the claim `idp`
    pub kind: IdentityProviderKind,
    /// how the provider is spoken to, with its addresses and trust
    pub driver: DriverSettings,
    /// the assurance that a sign-in with it has, e.g. `eidas-loa-high`
    pub acr: String,
    /// authentication methods (RFC 8176)
    pub amr: Vec<String>,
    /// a disabled provider is neither offered nor accepted
    pub enabled: bool,
    /// place on the page
    pub display_order: i16,
}

impl DriverSettings {
    /// What the person is asked to begin with.
    pub fn asks(&self) -> Asks {
        match self {
            Self::MobileId(_) => Asks::PhoneNumber,
            Self::SmartId(settings) if settings.has(SmartIdFlow::Notification) => Asks::NationalId,
            Self::SmartId(_) => Asks::Nothing,
        }
    }

    /// Whether the person may begin by a QR code, and whether with an app on the same device.
    pub fn device_links(&self) -> DeviceLinks {
        match self {
            Self::MobileId(_) => DeviceLinks::default(),
            Self::SmartId(settings) => {
                DeviceLinks { qr: settings.has(SmartIdFlow::Qr), same_device: settings.has(SmartIdFlow::SameDevice) }
            }
        }
    }
}

/// The drivers and their settings, as `config/*.yaml` and the database keep them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "driver", rename_all = "snake_case", deny_unknown_fields)]
pub enum DriverSettings {
    /// Mobile-ID REST (eid.md §2)
    MobileId(MobileIdSettings),
    /// Smart-ID RP API v3 (eid.md §3)
    SmartId(SmartIdSettings),
}

/// Settings of the driver `mobile_id` (eid.md §2, §8.4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MobileIdSettings {
    /// base URL, e.g. `http://localhost:8090/mid-api`
    pub base_url: String,
    /// relying party UUID at the provider
    pub relying_party_uuid: String,
    /// relying party name at the provider
    pub relying_party_name: String,
    /// whose certificates are believed, and how they are checked
    pub trust: TrustProfile,
    /// PEM of the roots that the provider's TLS certificate must chain to; empty for plain http in development
    #[serde(default)]
    pub tls_roots_pem: String,
}

/// The ways in which a person may begin without being named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceLinks {
    /// by scanning the page with an app
    pub qr: bool,
    /// with an app on the device that shows the page
    pub same_device: bool,
}

/// Settings of the driver `smart_id` (eid.md §3, §8.4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmartIdSettings {
    /// base URL, e.g. `http://localhost:8090/smart-id-rp/v3`
    pub base_url: String,
    /// relying party UUID at the provider
    pub relying_party_uuid: String,
    /// relying party name at the provider
    pub relying_party_name: String,
    /// the provider's scheme; part of what is signed
    pub scheme_name: String,
    /// whether the provider is told the end service's name, where the contract asks for it (eid.md §3.3)
    #[serde(default)]
    pub brokered_name: bool,
    /// the least level of a person's certificate
    #[serde(default)]
    pub certificate_level: CertificateLevel,
    /// the hash of the signature
    #[serde(default)]
    pub hash: SmartIdHash,
    /// the ways in which a person may begin
    pub flows: Vec<SmartIdFlow>,
    /// after typing the kennitala the person chooses the code among several in the app (eid.md §6, rule 6)
    #[serde(default = "yes")]
    pub code_choice: bool,
    /// milliseconds between showing the code and asking the app (eid.md §3.6)
    #[serde(default = "usual_push_delay")]
    pub push_delay_ms: u32,
    /// whose certificates are believed, and how they are checked
    pub trust: TrustProfile,
    /// PEM of the roots that the provider's TLS certificate must chain to; empty for plain http in development
    #[serde(default)]
    pub tls_roots_pem: String,
}

impl SmartIdSettings {
    fn has(&self, flow: SmartIdFlow) -> bool {
        self.flows.contains(&flow)
    }
}

const fn yes() -> bool {
    true
}

const fn usual_push_delay() -> u32 {
    3_000
}

/// How sure the provider is of the holder of a certificate, the least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CertificateLevel {
    /// at most `eidas-loa-substantial` (eid.md §5.5)
    Advanced,
    /// qualified
    #[default]
    Qualified,
}

impl CertificateLevel {
    /// The provider's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Advanced => "ADVANCED",
            Self::Qualified => "QUALIFIED",
        }
    }

    /// Reads the provider's word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Advanced, Self::Qualified].into_iter().find(|level| level.as_str() == text)
    }
}

/// Hash functions of an app's signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SmartIdHash {
    /// SHA-2, 256 bits
    #[serde(rename = "SHA-256")]
    Sha256,
    /// SHA-2, 384 bits
    #[serde(rename = "SHA-384")]
    Sha384,
    /// SHA-2, 512 bits
    #[default]
    #[serde(rename = "SHA-512")]
    Sha512,
    /// SHA-3, 256 bits
    #[serde(rename = "SHA3-256")]
    Sha3_256,
    /// SHA-3, 384 bits
    #[serde(rename = "SHA3-384")]
    Sha3_384,
    /// SHA-3, 512 bits
    #[serde(rename = "SHA3-512")]
    Sha3_512,
}

impl SmartIdHash {
    /// The provider's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
            Self::Sha3_256 => "SHA3-256",
            Self::Sha3_384 => "SHA3-384",
            Self::Sha3_512 => "SHA3-512",
        }
    }
}

/// The ways in which a person begins with an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmartIdFlow {
    /// types the kennitala, and the app asks
    Notification,
    /// scans the page with the app on another device
    Qr,
    /// opens the app on the same device
    SameDevice,
}

impl SmartIdFlow {
    /// The provider's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Notification => "Notification",
            Self::Qr => "QR",
            Self::SameDevice => "Web2App",
        }
    }
}

/// Whose certificates a driver believes (eid.md §5.4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustProfile {
    /// PEM of the issuers (anchors); intermediates may be anchors
    pub anchors_pem: String,
    /// PEM of intermediates that are not anchors
    #[serde(default)]
    pub intermediates_pem: String,
    /// policy OIDs of which the leaf must carry one; empty: none demanded
    #[serde(default)]
    pub require_policies: Vec<String>,
    /// policy OIDs of which the leaf must carry none, such as those of SIM cards where a card is asked for
    #[serde(default)]
    pub forbid_policies: Vec<String>,
    /// extended key usages of which the leaf must carry one, where it has the extension
    #[serde(default)]
    pub extended_key_usages: Vec<String>,
    /// accepted forms of the subject's serialNumber
    pub national_id_formats: Vec<NationalIdFormat>,
    /// countries accepted in an ETSI semantics identifier
    #[serde(default)]
    pub countries: Vec<String>,
    /// OCSP responder; where absent, the certificate's own, if its host is in `ocsp_hosts`
    #[serde(default)]
    pub ocsp_url: Option<String>,
    /// hosts (with port, where not the default) whose OCSP addresses in certificates are followed (SSR-06)
    #[serde(default)]
    pub ocsp_hosts: Vec<String>,
    /// the responder makes its answers ahead: they need not repeat our nonce and may be 15 minutes old instead of 2 (eid.md §5.4)
    #[serde(default)]
    pub ocsp_answers_ahead: bool,
}

/// Forms of a national id in a certificate (eid.md §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NationalIdFormat {
    /// `PNOIS-0101302989` (ETSI EN 319 412-1)
    Etsi,
    /// `0101302989`
    Bare10,
    /// digits of any length, for other countries' older certificates
    Bare,
}
