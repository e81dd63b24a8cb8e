//! The simulator's certificate authorities (eid.md §11.2): a root, the authorities of SIM cards, identity cards and apps below it, each with
//! its OCSP responder, and a second, untrusted hierarchy for lies. Their keys are made once and kept, so that a server's trust anchor outlives restarts.

use std::{fs, path::Path};

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, SerialNumber,
    SignatureAlgorithm,
};
use time::{Duration, OffsetDateTime};

use super::storage;
use crate::{
    base::entropy,
    outbound::eid::marker::{SIMULATOR_MARKER_OID, SIMULATOR_MARKER_TEXT, SIMULATOR_ORGANISATION},
};

const ROOT: &str = "HERMIR Rót";
const SIM: &str = "HERMIR SIM 1";
const OCSP_SIM: &str = "HERMIR OCSP SIM 1";
const CARD: &str = "HERMIR Kort 1";
const OCSP_CARD: &str = "HERMIR OCSP Kort 1";
const APP: &str = "HERMIR App 1";
const OCSP_APP: &str = "HERMIR OCSP App 1";
const UNTRUSTED: &str = "HERMIR Röng rót";

const YEAR: Duration = Duration::days(365);
// RFC 6960 §4.2.2.2.1: the responder's certificate needs no revocation check of its own. The content is NULL.
const OCSP_NO_CHECK: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 48, 1, 5];

/// One authority or responder: its key and certificate.
pub struct Signer {
    /// Signs certificates, CRLs or OCSP answers.
    pub key: KeyPair,
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// The certificate, PEM.
    pub pem: String,
    params: CertificateParams,
}

/// Every authority of the simulator.
pub struct Authority {
    /// EC P-384, self-signed: the trust anchor.
    pub root: Signer,
    /// EC P-256: issues the certificates on SIM cards.
    pub sim: Signer,
    /// EC P-256: answers OCSP for [`Self::sim`].
    pub ocsp_sim: Signer,
    /// EC P-256, self-signed: nobody trusts it.
    pub untrusted: Signer,
    /// RSA-2048: issues the certificates on identity cards.
    pub card: Signer,
    /// EC P-256: answers OCSP for [`Self::card`].
    pub ocsp_card: Signer,
    /// EC P-384: issues the certificates of apps.
    pub app: Signer,
    /// EC P-256: answers OCSP for [`Self::app`].
    pub ocsp_app: Signer,
}

/// What a kind of signer is and may do.
struct Kind {
    file: &'static str,
    name: &'static str,
    algorithm: &'static SignatureAlgorithm,
    years: i32,
    role: Role,
}

enum Role {
    Authority { path_length: u8 },
    OcspResponder,
}

const ROOT_KIND: Kind =
    Kind { file: "root", name: ROOT, algorithm: &PKCS_ECDSA_P384_SHA384, years: 20, role: Role::Authority { path_length: 1 } };
const SIM_KIND: Kind =
    Kind { file: "sim", name: SIM, algorithm: &PKCS_ECDSA_P256_SHA256, years: 15, role: Role::Authority { path_length: 0 } };
const OCSP_SIM_KIND: Kind =
    Kind { file: "ocsp-sim", name: OCSP_SIM, algorithm: &PKCS_ECDSA_P256_SHA256, years: 15, role: Role::OcspResponder };
const CARD_KIND: Kind =
    Kind { file: "card", name: CARD, algorithm: &PKCS_RSA_SHA256, years: 15, role: Role::Authority { path_length: 0 } };
const OCSP_CARD_KIND: Kind =
    Kind { file: "ocsp-card", name: OCSP_CARD, algorithm: &PKCS_ECDSA_P256_SHA256, years: 15, role: Role::OcspResponder };
const APP_KIND: Kind =
    Kind { file: "app", name: APP, algorithm: &PKCS_ECDSA_P384_SHA384, years: 15, role: Role::Authority { path_length: 0 } };
const OCSP_APP_KIND: Kind =
    Kind { file: "ocsp-app", name: OCSP_APP, algorithm: &PKCS_ECDSA_P256_SHA256, years: 15, role: Role::OcspResponder };
const UNTRUSTED_KIND: Kind = Kind {
    file: "untrusted",
    name: UNTRUSTED,
    algorithm: &PKCS_ECDSA_P256_SHA256,
    years: 20,
    role: Role::Authority { path_length: 1 },
};

impl Authority {
    /// Reads the authorities from `directory`, and makes there what is missing.
    pub fn open(directory: &Path, now: OffsetDateTime) -> anyhow::Result<Self> {
        storage::make_directory(directory)?;
        let open = |kind, issuer| Signer::open(directory, kind, issuer, now);
        let root = open(&ROOT_KIND, None)?;
        let sim = open(&SIM_KIND, Some(&root))?;
        let card = open(&CARD_KIND, Some(&root))?;
        let app = open(&APP_KIND, Some(&root))?;
        Ok(Self {
            ocsp_sim: open(&OCSP_SIM_KIND, Some(&sim))?,
            ocsp_card: open(&OCSP_CARD_KIND, Some(&card))?,
            ocsp_app: open(&OCSP_APP_KIND, Some(&app))?,
            untrusted: open(&UNTRUSTED_KIND, None)?,
            root,
            sim,
            card,
            app,
        })
    }

    /// The certificate with this name in `/ca/{name}.crt`, DER.
    pub fn certificate(&self, name: &str) -> Option<&[u8]> {
        match name {
            "root" => Some(&self.root.certificate),
            "sim" => Some(&self.sim.certificate),
            "ocsp-sim" => Some(&self.ocsp_sim.certificate),
            "card" => Some(&self.card.certificate),
            "ocsp-card" => Some(&self.ocsp_card.certificate),
            "app" => Some(&self.app.certificate),
            "ocsp-app" => Some(&self.ocsp_app.certificate),
            _ => None,
        }
    }
}

impl Signer {
    fn open(directory: &Path, kind: &Kind, issuer: Option<&Self>, now: OffsetDateTime) -> anyhow::Result<Self> {
        // the certificate is written last: where it stands, the key stands
        if directory.join(format!("{}.crt.pem", kind.file)).exists() {
            return Self::load(directory, kind, now);
        }
        let made = Self::create(kind, issuer, now)?;
        storage::write(&directory.join(format!("{}.key.pem", kind.file)), made.key.serialize_pem().as_bytes())?;
        storage::write(&directory.join(format!("{}.crt.pem", kind.file)), made.pem.as_bytes())?;
        Ok(made)
    }

    fn create(kind: &Kind, issuer: Option<&Self>, now: OffsetDateTime) -> anyhow::Result<Self> {
        let key = KeyPair::generate_for(kind.algorithm)?;
        let params = kind.params(now);
        let certificate: Certificate = match issuer {
            Some(issuer) => params.signed_by(&key, &issuer.issuer())?,
            None => params.self_signed(&key)?,
        };
        Ok(Self { key, certificate: certificate.der().to_vec(), pem: certificate.pem(), params })
    }

    fn load(directory: &Path, kind: &Kind, now: OffsetDateTime) -> anyhow::Result<Self> {
        let read = |suffix: &str| {
            let path = directory.join(format!("{}.{suffix}", kind.file));
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
        };
        let key = KeyPair::from_pem(&read("key.pem")?).with_context(|| format!("the key of {}", kind.name))?;
        let pem = read("crt.pem")?;
        let (_, parsed) =
            x509_parser::pem::parse_x509_pem(pem.as_bytes()).with_context(|| format!("the certificate of {}", kind.name))?;
        Ok(Self { key, certificate: parsed.contents, pem, params: kind.params(now) })
    }

    /// This signer as the issuer of certificates and CRLs.
    pub fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.key)
    }
}

impl Kind {
    fn params(&self, now: OffsetDateTime) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.not_before = now - Duration::days(1);
        params.not_after = now + YEAR * self.years;
        params.serial_number = Some(new_serial());
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CountryName, "IS");
        params.distinguished_name.push(DnType::OrganizationName, SIMULATOR_ORGANISATION);
        params.distinguished_name.push(DnType::CommonName, self.name);
        params.use_authority_key_identifier_extension = true;
        params.custom_extensions = vec![marker()];
        match self.role {
            Role::Authority { path_length } => {
                params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_length));
                params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            }
            Role::OcspResponder => {
                params.is_ca = IsCa::ExplicitNoCa;
                params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
                params.custom_extensions.push(CustomExtension::from_oid_content(OCSP_NO_CHECK, vec![0x05, 0x00]));
            }
        }
        params
    }
}

/// The non-critical extension by which production knows a simulated certificate (eid.md §11.2).
pub fn marker() -> CustomExtension {
    let mut utf8 = vec![0x0c, u8::try_from(SIMULATOR_MARKER_TEXT.len()).unwrap_or(u8::MAX)];
    utf8.extend_from_slice(SIMULATOR_MARKER_TEXT.as_bytes());
    CustomExtension::from_oid_content(SIMULATOR_MARKER_OID, utf8)
}

/// 16 random bytes as a serial number: positive, and of one length in every encoding.
pub fn new_serial() -> SerialNumber {
    let mut bytes: [u8; 16] = entropy::bytes();
    bytes[0] = (bytes[0] & 0x3f) | 0x40;
    SerialNumber::from_slice(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authorities_outlive_a_restart() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("authority");
        let now = crate::base::clock::Clock::System.now();
        let made = Authority::open(&path, now).expect("made");
        let read = Authority::open(&path, now + YEAR).expect("read");
        assert_eq!(read.root.certificate, made.root.certificate);
        assert_eq!(read.sim.certificate, made.sim.certificate);
        assert_eq!(read.sim.key.serialized_der(), made.sim.key.serialized_der());
    }

    #[test]
    fn x5_10_every_authority_carries_the_mark() {
        let directory = tempfile::tempdir().expect("a directory");
        let authority = Authority::open(directory.path(), crate::base::clock::Clock::System.now()).expect("made");
        for signer in [
            &authority.root,
            &authority.sim,
            &authority.ocsp_sim,
            &authority.untrusted,
            &authority.card,
            &authority.ocsp_card,
            &authority.app,
            &authority.ocsp_app,
        ] {
            let (_, certificate) = x509_parser::parse_x509_certificate(&signer.certificate).expect("a certificate");
            let mark = certificate
                .extensions()
                .iter()
                .find(|extension| extension.oid.to_id_string() == crate::outbound::eid::marker::SIMULATOR_MARKER_OID_TEXT)
                .expect("the mark");
            assert!(!mark.critical && mark.value.ends_with(b"SIMULATOR"));
            assert!(certificate.subject().to_string().contains("HERMIR"));
        }
    }
}
