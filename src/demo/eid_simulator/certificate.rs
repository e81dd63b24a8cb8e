//! Certificates of persons: the honest profile (eid.md §5.1, §11.2) and the ways in which a certificate may lie (§11.3).

use anyhow::{Context as _, anyhow};
use der::{
    Decode as _, Encode as _,
    asn1::{BitString, Ia5String, ObjectIdentifier},
};
use rcgen::{
    CertificateParams, CrlDistributionPoint, CustomExtension, DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose,
    IsCa, KeyUsagePurpose, PublicKeyData, SigningKey,
};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use x509_cert::ext::pkix::{
    AccessDescription, AuthorityInfoAccessSyntax, CertificatePolicies, certpolicy::PolicyInformation, name::GeneralName,
};

use super::{
    authority::{Authority, Signer, marker, new_serial},
    fault::CertificateLie,
    key::PersonKey,
};
use crate::outbound::eid::marker::{SIMULATOR_MARKER_OID_TEXT, SIMULATOR_POLICY_OID_TEXT};

const SERIAL_NUMBER: &[u64] = &[2, 5, 4, 5];
const GIVEN_NAME: &[u64] = &[2, 5, 4, 42];
const SURNAME: &[u64] = &[2, 5, 4, 4];
// An attribute that nobody uses. It holds the place of a second serialNumber until the subject is rewritten, because rcgen keeps
// one value for each type.
const PLACEHOLDER: &[u64] = &[2, 5, 4, 127];

// ETSI EN 319 411-1: NCP+, keys in a secure device
const NCP_PLUS: &str = "0.4.0.2042.1.2";
// eid.md §5.1: what an app's certificate is for
const APP_AUTHENTICATION: &[u64] = &[1, 3, 6, 1, 4, 1, 62306, 5, 7, 0];
const OCSP_ACCESS: &str = "1.3.6.1.5.5.7.48.1";
const CERTIFICATE_POLICIES: &[u64] = &[2, 5, 29, 32];
const AUTHORITY_INFO_ACCESS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 1];
const QC_STATEMENTS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 3];
// SEQUENCE { SEQUENCE { id-qcs-pkixQCSyntax-v2, SEQUENCE { id-etsi-qcs-SemanticsId-Natural } } } (EN 319 412-1 §5.1)
const SEMANTICS_NATURAL: &[u8] = &[
    0x30, 0x17, 0x30, 0x15, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x0b, 0x02, 0x30, 0x09, 0x06, 0x07, 0x04, 0x00,
    0x8b, 0xec, 0x49, 0x01, 0x01,
];

const LIFE: Duration = Duration::days(5 * 365);

/// The shapes of subject that certificates of persons have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Profile {
    /// `PNOIS-` and the national id, given name and surname (EN 319 412)
    #[default]
    Etsi,
    /// Iceland's older one: the bare national id and an organisational unit
    IsOld,
}

/// Whose certificate it is to be.
#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    /// ten digits
    pub national_id: &'a str,
    /// the full name
    pub name: &'a str,
    /// the shape of the subject
    pub profile: Profile,
    /// where the key is, which decides who issues the certificate
    pub medium: Medium,
}

/// Where the key of a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// on a SIM card
    Sim,
    /// on an identity card
    Card,
    /// in an app, and at the app's operator
    App,
}

impl Medium {
    /// The name in the addresses of its OCSP responder and CRL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::Card => "card",
            Self::App => "app",
        }
    }

    const fn issuer(self, authority: &Authority) -> &Signer {
        match self {
            Self::Sim => &authority.sim,
            Self::Card => &authority.card,
            Self::App => &authority.app,
        }
    }
}

/// From when to when a certificate holds.
#[derive(Clone, Copy, Debug)]
pub struct Validity {
    /// first moment
    pub not_before: OffsetDateTime,
    /// last moment
    pub not_after: OffsetDateTime,
}

impl Validity {
    /// The usual life of a certificate that is made at `now`.
    pub fn usual(now: OffsetDateTime) -> Self {
        Self { not_before: now - Duration::hours(1), not_after: now + LIFE }
    }

    /// That life, or another where the lie is about it.
    pub fn bent(lie: CertificateLie, now: OffsetDateTime) -> Self {
        let day = Duration::days(1);
        match lie {
            CertificateLie::Expired => Self { not_before: now - 400 * day, not_after: now - day },
            CertificateLie::NotYetValid => Self { not_before: now + day, not_after: now + 400 * day },
            _ => Self::usual(now),
        }
    }
}

/// A certificate that was issued.
#[derive(Clone, Debug)]
pub struct Issued {
    /// DER
    pub der: Vec<u8>,
    /// the serial number, big-endian
    pub serial: Vec<u8>,
}

/// Issues a certificate for `holder` and `key`, below `base_url` for OCSP and CRL; `lie` bends it in one way.
pub fn issue(
    authority: &Authority,
    base_url: &str,
    holder: Holder<'_>,
    key: &PersonKey,
    validity: Validity,
    lie: Option<CertificateLie>,
) -> anyhow::Result<Issued> {
    let params = params(base_url, holder, validity, lie)?;
    let serial = params.serial_number.as_ref().context("every certificate has a serial number")?.to_bytes();
    let der = match lie {
        Some(CertificateLie::UntrustedIssuer) => params.signed_by(key, &authority.untrusted.issuer())?,
        Some(CertificateLie::SelfSigned) => params.self_signed(&Own(key))?,
        _ => params.signed_by(key, &holder.medium.issuer(authority).issuer())?,
    }
    .der()
    .to_vec();
    let der = match lie {
        Some(CertificateLie::TwoSerialNumbers) => with_two_serial_numbers(&der, &holder.medium.issuer(authority).key)?,
        _ => der,
    };
    Ok(Issued { der, serial })
}

fn params(
    base_url: &str,
    holder: Holder<'_>,
    validity: Validity,
    lie: Option<CertificateLie>,
) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::default();
    params.not_before = validity.not_before;
    params.not_after = validity.not_after;
    params.serial_number = Some(new_serial());
    params.distinguished_name = subject(holder, lie);
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = match lie {
        Some(CertificateLie::NoDigitalSignature) => vec![KeyUsagePurpose::ContentCommitment],
        _ => vec![KeyUsagePurpose::DigitalSignature],
    };
    params.extended_key_usages = match lie {
        Some(CertificateLie::WrongEku) => vec![ExtendedKeyUsagePurpose::CodeSigning],
        _ if holder.medium == Medium::App => vec![ExtendedKeyUsagePurpose::Other(APP_AUTHENTICATION.to_vec())],
        _ => vec![ExtendedKeyUsagePurpose::ClientAuth],
    };
    params.crl_distribution_points =
        vec![CrlDistributionPoint { uris: vec![format!("{base_url}/crl/{}.crl", holder.medium.name())] }];
    let policies: &[&str] = match lie {
        Some(CertificateLie::WrongPolicy) => &[SIMULATOR_MARKER_OID_TEXT],
        _ => &[NCP_PLUS, SIMULATOR_POLICY_OID_TEXT],
    };
    params.custom_extensions = vec![
        marker(),
        CustomExtension::from_oid_content(CERTIFICATE_POLICIES, certificate_policies(policies)?),
        CustomExtension::from_oid_content(
            AUTHORITY_INFO_ACCESS,
            authority_info_access(&format!("{base_url}/ocsp/{}", holder.medium.name()))?,
        ),
    ];
    if holder.profile == Profile::Etsi {
        params.custom_extensions.push(CustomExtension::from_oid_content(QC_STATEMENTS, SEMANTICS_NATURAL.to_vec()));
    }
    Ok(params)
}

fn subject(holder: Holder<'_>, lie: Option<CertificateLie>) -> DistinguishedName {
    let country = if lie == Some(CertificateLie::ForeignCountry) { "EE" } else { "IS" };
    let number = match holder.profile {
        Profile::IsOld if country == "IS" => holder.national_id.to_owned(),
        _ => format!("PNO{country}-{}", holder.national_id),
    };
    let mut name = DistinguishedName::new();
    name.push(DnType::CountryName, country);
    if holder.profile == Profile::IsOld {
        name.push(DnType::OrganizationalUnitName, "einkaskilriki");
    }
    if lie != Some(CertificateLie::NoSerialNumber) {
        name.push(DnType::CustomDnType(SERIAL_NUMBER.to_vec()), printable(&number));
    }
    if lie == Some(CertificateLie::TwoSerialNumbers) {
        name.push(DnType::CustomDnType(PLACEHOLDER.to_vec()), printable("PNOIS-0099000019"));
    }
    if holder.profile == Profile::Etsi
        && let Some((given, surname)) = holder.name.rsplit_once(' ')
    {
        name.push(DnType::CustomDnType(GIVEN_NAME.to_vec()), given);
        name.push(DnType::CustomDnType(SURNAME.to_vec()), surname);
    }
    name.push(DnType::CommonName, holder.name);
    name
}

fn printable(text: &str) -> DnValue {
    text.try_into().map_or_else(|_| DnValue::Utf8String(text.to_owned()), DnValue::PrintableString)
}

fn certificate_policies(oids: &[&str]) -> anyhow::Result<Vec<u8>> {
    let policies = oids
        .iter()
        .map(|oid| Ok(PolicyInformation { policy_identifier: oid.parse()?, policy_qualifiers: None }))
        .collect::<Result<Vec<_>, der::oid::Error>>()
        .map_err(|error| anyhow!("a policy: {error}"))?;
    CertificatePolicies(policies).to_der().map_err(|error| anyhow!("the policies: {error}"))
}

fn authority_info_access(url: &str) -> anyhow::Result<Vec<u8>> {
    let access = AccessDescription {
        access_method: ObjectIdentifier::new_unwrap(OCSP_ACCESS),
        access_location: GeneralName::UniformResourceIdentifier(
            Ia5String::new(url).map_err(|error| anyhow!("the OCSP URL: {error}"))?,
        ),
    };
    AuthorityInfoAccessSyntax(vec![access]).to_der().map_err(|error| anyhow!("the OCSP URL: {error}"))
}

/// Renames the placeholder in the subject to serialNumber and signs again.
fn with_two_serial_numbers(der: &[u8], issuer: &rcgen::KeyPair) -> anyhow::Result<Vec<u8>> {
    let wrap = |error: der::Error| anyhow!("rewriting a certificate: {error}");
    let mut certificate = x509_cert::Certificate::from_der(der).map_err(wrap)?;
    let placeholder = ObjectIdentifier::new_unwrap("2.5.4.127");
    for relative_name in &mut certificate.tbs_certificate.subject.0 {
        let attributes = relative_name.0.iter().cloned().map(|mut attribute| {
            if attribute.oid == placeholder {
                attribute.oid = ObjectIdentifier::new_unwrap("2.5.4.5");
            }
            attribute
        });
        relative_name.0 = attributes.collect::<Vec<_>>().try_into().map_err(wrap)?;
    }
    let signature = issuer.sign(&certificate.tbs_certificate.to_der().map_err(wrap)?)?;
    certificate.signature = BitString::from_bytes(&signature).map_err(wrap)?;
    certificate.to_der().map_err(wrap)
}

/// A person's key as the issuer of a certificate for itself.
struct Own<'a>(&'a PersonKey);

impl PublicKeyData for Own<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.der_bytes()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        self.0.algorithm()
    }
}

impl SigningKey for Own<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.0.sign_message(message).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}
