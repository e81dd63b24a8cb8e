//! Identity providers: the ways to sign in. `sim`, `app` and `card` are the seeds' words and enter `sub`, so they never change.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::{
    id::{IdentityProviderRowId, OrganisationId},
    text::LocalizedText,
};

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
    /// nothing but a card in a reader
    Card,
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
    /// its name on the page; none: that of its kind
    pub display_name: Option<LocalizedText>,
}

impl IdentityProvider {
    /// Whether the names that it tells are those by which everybody knows a person: what one organisation's provider or another
    /// OpenID provider says of a name counts where there is none yet.
    pub fn is_everybodys_authority(&self) -> bool {
        self.organisation_id.is_none() && !matches!(self.driver, DriverSettings::Oidc(_))
    }
}

impl DriverSettings {
    /// What the person is asked to begin with.
    pub fn asks(&self) -> Asks {
        match self {
            Self::MobileId(_) => Asks::PhoneNumber,
            Self::SmartId(settings) if settings.has(SmartIdFlow::Notification) => Asks::NationalId,
            Self::Card(_) => Asks::Card,
            Self::SmartId(_) | Self::Oidc(_) => Asks::Nothing,
        }
    }

    /// Whether the person may begin by a QR code, and whether with an app on the same device.
    pub fn device_links(&self) -> DeviceLinks {
        match self {
            Self::MobileId(_) | Self::Card(_) | Self::Oidc(_) => DeviceLinks::default(),
            Self::SmartId(settings) => {
                DeviceLinks { qr: settings.has(SmartIdFlow::Qr), same_device: settings.has(SmartIdFlow::SameDevice) }
            }
        }
    }

    /// Whether choosing the way is all that happens on our pages: everything else does on the provider's.
    pub const fn begins_elsewhere(&self) -> bool {
        matches!(self, Self::Oidc(_))
    }
}

/// The drivers and their settings, as `config/*.yaml` and the database keep them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "driver", rename_all = "snake_case", deny_unknown_fields)]
pub enum DriverSettings {
    /// Mobile-ID REST (eid.md §2)
    MobileId(MobileIdSettings),
    /// identity cards (eid.md §4)
    Card(CardSettings),
    /// another OpenID provider (eid.md §8.5)
    Oidc(OidcSettings),
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

/// Settings of the driver `card` (eid.md §4, §8.4). Our own origin, which Web eID signs, is the issuer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardSettings {
    /// the ways in which a card is read
    pub paths: Vec<CardPath>,
    /// signature algorithms that are accepted from Web eID
    #[serde(default = "WebEidAlgorithm::all")]
    pub algorithms: Vec<WebEidAlgorithm>,
    /// where browsers are asked for certificates, as a scheme, a host and perhaps a port: a name or a port of its own
    /// (`server.card_listen`); needed for the path `mtls`
    #[serde(default)]
    pub card_host: Option<String>,
    /// script of the simulator that plays the Web eID extension in our page; production refuses it
    #[serde(default)]
    pub simulator_shim_url: Option<String>,
    /// whose certificates are believed, and how they are checked
    pub trust: TrustProfile,
}

/// A way to read a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CardPath {
    /// the Web eID extension of the browser signs our origin and a challenge
    WebEid,
    /// the browser's own certificate dialog, in a TLS handshake
    Mtls,
}

/// Signature algorithms of Web eID tokens (eid.md §4.3; RFC 7518 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names are the standard's")]
pub enum WebEidAlgorithm {
    Es256,
    Es384,
    Es512,
    Ps256,
    Ps384,
    Ps512,
    Rs256,
    Rs384,
    Rs512,
}

impl WebEidAlgorithm {
    /// Every one.
    pub fn all() -> Vec<Self> {
        vec![
            Self::Es256,
            Self::Es384,
            Self::Es512,
            Self::Ps256,
            Self::Ps384,
            Self::Ps512,
            Self::Rs256,
            Self::Rs384,
            Self::Rs512,
        ]
    }

    /// The standard's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
        }
    }

    /// Reads the standard's name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::all().into_iter().find(|algorithm| algorithm.as_str() == text)
    }
}

/// Whose certificates a driver believes (eid.md §5.4).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustProfile {
    /// PEM of the issuers (anchors); intermediates may be anchors
    pub anchors_pem: String,
    /// PEM of intermediates that are not anchors
    #[serde(default)]
    pub intermediates_pem: String,
    /// links from leaf to anchor at most, 1 to 3; absent: 3
    #[serde(default)]
    pub max_chain: Option<u8>,
    /// policy OIDs of which the leaf must carry one; empty: none demanded
    #[serde(default)]
    pub require_policies: Vec<String>,
    /// why none is demanded, where none is: production wants to be told (eid.md §12.6)
    #[serde(default)]
    pub accept_empty_policies_reason: Option<String>,
    /// policy OIDs of which the leaf must carry none, such as those of another method (eid.md §4.3)
    #[serde(default)]
    pub forbid_policies: Vec<String>,
    /// extended key usages of which the leaf must carry one; empty: none demanded
    #[serde(default)]
    pub extended_key_usages: Vec<String>,
    /// a leaf without any extended key usage passes as well
    #[serde(default)]
    pub extended_key_usage_absent_ok: bool,
    /// accepted forms of the subject's serialNumber
    pub national_id_formats: Vec<NationalIdFormat>,
    /// countries of the national ids that are read: that of an ETSI semantics identifier, or the subject's. Iceland is among them;
    /// nobody of another one signs in
    #[serde(default)]
    pub countries: Vec<String>,
    /// who is asked whether a certificate is revoked
    #[serde(default)]
    pub revocation: RevocationCheck,
    /// OCSP responder; where absent, the certificate's own, if its host is in `ocsp_hosts`
    #[serde(default)]
    pub ocsp_url: Option<String>,
    /// responders to ask, in this order, where the first does not answer; two at most
    #[serde(default)]
    pub ocsp_fallback_urls: Vec<String>,
    /// hosts (with port, where not the default) whose OCSP addresses in certificates are followed (SSR-06)
    #[serde(default)]
    pub ocsp_hosts: Vec<String>,
    /// PEM of responders that are believed beside those whom the issuer certifies (RFC 6960 §4.2.2.2)
    #[serde(default)]
    pub ocsp_responders_pem: String,
    /// the responder makes its answers ahead: they need not repeat our nonce and may be 15 minutes old instead of 2 (eid.md §5.4)
    #[serde(default)]
    pub ocsp_answers_ahead: bool,
    /// addresses of revocation lists, one for each issuer of leaves
    #[serde(default)]
    pub crl_urls: Vec<String>,
    /// hosts (with port, where not the default) whose revocation lists are read where a certificate names them (SSR-06)
    #[serde(default)]
    pub crl_hosts: Vec<String>,
}

/// Who is asked whether a certificate is revoked (eid.md §5.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationCheck {
    /// a responder, each time
    #[default]
    Ocsp,
    /// the issuer's list, which is read ahead
    Crl,
    /// a responder, and the list where no responder answers
    OcspThenCrl,
    /// nobody: never in production
    None,
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

/// Settings of the driver `oidc`: another OpenID provider, as which we are a client (eid.md §8.5). Rows that differ in
/// `parameters`, and in the claims that they accept, make one broker serve as SIM, app and card.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcSettings {
    /// the provider, letter for letter as its documents and tokens say it
    pub issuer: String,
    /// we, at the provider
    pub client_id: String,
    /// how we prove who we are at its token endpoint
    pub client_authentication: OidcClientAuthentication,
    /// beside `openid`
    #[serde(default)]
    pub scopes: Vec<String>,
    /// what its authorization endpoint is sent beside what the protocol needs, such as `acr_values: sim-auth`. The person can change
    /// it on the way: `claims` must tell whether it was answered
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// the name of the parameter that tells the provider which service the person wants; none: it is not told
    #[serde(default)]
    pub related_party_parameter: Option<String>,
    /// who signed in, and how
    pub claims: ClaimMapping,
    /// the person must prove anew who they are: `prompt=login`, `max_age=0`, and `auth_time` must say so. Off only for a provider
    /// that keeps no sessions: it is asked where a client demands it of us, and an `auth_time` of before is refused all the same
    #[serde(default = "yes")]
    pub fresh_sign_in: bool,
    /// PEM of the roots that the provider's TLS certificate must chain to; empty: the system's
    #[serde(default)]
    pub tls_roots_pem: String,
}

/// How we prove to another provider who we are. The secret itself is a file of this name in the folder `sign_in.secrets_dir`, and
/// never stands in the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum OidcClientAuthentication {
    /// an assertion, signed with a private key (RFC 7523): a PKCS#8 PEM of RSA or EC P-256
    PrivateKeyJwt {
        /// the file's name
        secret: String,
        /// `kid` of the key, where the provider wants to know
        #[serde(default)]
        key_id: Option<String>,
        /// of an RSA key; EC signs ES256
        #[serde(default)]
        algorithm: RsaSignature,
        /// whom the assertion is made out to
        #[serde(default)]
        audience: AssertionAudience,
    },
    /// client id and secret in the header (RFC 6749 §2.3.1)
    ClientSecretBasic {
        /// the file's name
        secret: String,
    },
    /// client id and secret in the body (RFC 6749 §2.3.1)
    ClientSecretPost {
        /// the file's name
        secret: String,
    },
}

impl OidcClientAuthentication {
    /// The name of the file with the secret.
    pub fn secret(&self) -> &str {
        match self {
            Self::PrivateKeyJwt { secret, .. } | Self::ClientSecretBasic { secret } | Self::ClientSecretPost { secret } => {
                secret
            }
        }
    }
}

/// How an RSA key signs our assertions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RsaSignature {
    /// RSASSA-PSS
    #[serde(rename = "PS256")]
    Ps256,
    /// RSASSA-PKCS1-v1_5
    #[default]
    #[serde(rename = "RS256")]
    Rs256,
}

/// Whom our assertions are made out to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssertionAudience {
    /// the provider: no other one's token endpoint can use it
    #[default]
    Issuer,
    /// its token endpoint, as providers of before ask
    TokenEndpoint,
}

/// Which of a provider's claims say who signed in, and how (eid.md §8.5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimMapping {
    /// claims with the national id; the first that is there counts, and no other may say something else
    pub national_id: Vec<String>,
    /// claims with the name
    #[serde(default)]
    pub name: Vec<String>,
    /// claims that must have this value, such as `nin_issuing_country: IS`
    #[serde(default)]
    pub require: BTreeMap<String, String>,
    /// `IS`, where the provider knows no national ids but Iceland's and so names no country that could be required
    #[serde(default)]
    pub sole_country: Option<String>,
    /// the provider's `acr`, and our level for each; one that is not here is refused. The row's level counts where this
    /// is empty and the provider tells none
    #[serde(default)]
    pub acr_accept: BTreeMap<String, String>,
    /// the provider's methods, and ours for each; where none of them is here, the row's
    #[serde(default)]
    pub amr_map: BTreeMap<String, Vec<String>>,
}

/// The country whose national ids people sign in with (ISO 3166-1).
pub const ICELAND: &str = "IS";

impl ClaimMapping {
    /// Whether a national id in these claims is Iceland's for certain (X5-06).
    pub fn tells_country(&self) -> bool {
        self.sole_country.as_deref() == Some(ICELAND) || self.require.values().any(|value| Self::is_iceland(value))
    }

    /// Whether a claim's value is a name of Iceland (ISO 3166-1), in letters of either case.
    pub fn is_iceland(value: &str) -> bool {
        [ICELAND, "ISL"].iter().any(|code| value.eq_ignore_ascii_case(code))
    }
}
