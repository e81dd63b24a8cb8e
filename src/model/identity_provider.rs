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
    pub const fn asks(&self) -> Asks {
        match self {
            Self::MobileId(_) => Asks::PhoneNumber,
        }
    }
}

/// The drivers and their settings, as `config/*.yaml` and the database keep them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "driver", rename_all = "snake_case", deny_unknown_fields)]
pub enum DriverSettings {
    /// Mobile-ID REST (eid.md §2)
    MobileId(MobileIdSettings),
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
    /// countries accepted in an ETSI semantics identifier
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
