//! From a signed answer to a verified identity: certificate, signature, national id and revocation (eid.md §2.3, the network
//! last). The one place that makes a [`VerifiedIdentity`].

use std::fmt;

use serde::Serialize;
use time::OffsetDateTime;
use x509_parser::utils::format_serial;

use super::{
    EidError, EidErrorKind,
    certificate::{self, CertificateFault, Leaf},
    error::DriverFault,
    revocation::{Revocation, RevocationEvidence},
    signature::{AlgorithmName, Hash, PublicKey, SignatureFault},
    subject::Subject,
    trust::Trust,
};
use crate::{
    base::digest::base64,
    model::{
        environment::Environment,
        identity_provider::{ICELAND, TrustProfile},
        national_id::{NationalId, NationalIdKind},
    },
    outbound::client::OutboundClient,
};

/// Who signed in, proven by a signature over our challenge. Only the verifier makes it.
#[derive(Clone)]
pub struct VerifiedIdentity {
    national_id: NationalId,
    name: Option<String>,
    assurance: Option<Assurance>,
    evidence: Evidence,
}

/// How well the provider says that it knows the person, in our words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assurance {
    /// e.g. `eidas-loa-high`
    pub acr: String,
    /// authentication methods (RFC 8176)
    pub amr: Vec<String>,
}

impl VerifiedIdentity {
    /// Whom another provider has named, once its word is verified.
    pub(super) fn told(national_id: NationalId, name: Option<String>, assurance: Assurance, evidence: Evidence) -> Self {
        Self { national_id, name, assurance: Some(assurance), evidence }
    }

    /// A person's national id or a system number; never a company's.
    pub fn national_id(&self) -> &NationalId {
        &self.national_id
    }

    /// The name in the certificate, where it has one; for display where the national registry has none.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where the provider says it for each sign-in; otherwise what is configured for it holds.
    pub fn assurance(&self) -> Option<&Assurance> {
        self.assurance.as_ref()
    }

    /// What proves it, to be sealed and kept (X5-09).
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }
}

impl fmt::Debug for VerifiedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedIdentity").finish_non_exhaustive()
    }
}

/// What proves a sign-in. It holds personal data: to be sealed, not logged.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Evidence {
    /// a signature by the key of a person's certificate
    Certificate(Box<CertificateEvidence>),
    /// a TLS handshake by that key, of which nothing remains but the certificate
    Handshake(Box<HandshakeEvidence>),
    /// another provider's word
    IdToken(Box<IdTokenEvidence>),
}

/// What another provider has signed about a person, and what it said beside it.
#[derive(Clone, Serialize)]
pub struct IdTokenEvidence {
    /// as it came
    pub id_token: String,
    /// the answer of userinfo, where it was asked
    pub userinfo: Option<serde_json::Map<String, serde_json::Value>>,
    /// when all this was verified
    #[serde(with = "time::serde::rfc3339")]
    pub verified_at: OffsetDateTime,
}

impl fmt::Debug for IdTokenEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdTokenEvidence").field("verified_at", &self.verified_at).finish_non_exhaustive()
    }
}

/// A signature over our challenge, and whose it is.
#[derive(Clone, Serialize)]
pub struct CertificateEvidence {
    /// what the hash was made of, base64 (EID-02)
    pub hash_input: String,
    /// what was signed, base64
    pub hash: String,
    /// the text of that hash, where an app has signed one that names the flow (eid.md §3.3)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_text: Option<String>,
    /// the signature, base64
    pub signature: String,
    /// its algorithm, as the provider named it
    pub algorithm: String,
    /// the person's certificate, base64 of its DER
    pub certificate: String,
    /// distinguished name of its issuer
    pub issuer: String,
    /// its serial number, as hexadecimal pairs with colons
    pub serial: String,
    /// what its issuer said of revocation
    pub revocation: RevocationEvidence,
    /// when all this was verified
    #[serde(with = "time::serde::rfc3339")]
    pub verified_at: OffsetDateTime,
}

impl fmt::Debug for CertificateEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateEvidence")
            .field("issuer", &self.issuer)
            .field("serial", &self.serial)
            .finish_non_exhaustive()
    }
}

/// Whose certificate a TLS handshake was made with.
#[derive(Clone, Serialize)]
pub struct HandshakeEvidence {
    /// the person's certificate, base64 of its DER
    pub certificate: String,
    /// distinguished name of its issuer
    pub issuer: String,
    /// its serial number, as hexadecimal pairs with colons
    pub serial: String,
    /// what its issuer said of revocation
    pub revocation: RevocationEvidence,
    /// when all this was verified
    #[serde(with = "time::serde::rfc3339")]
    pub verified_at: OffsetDateTime,
}

impl fmt::Debug for HandshakeEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeEvidence").field("issuer", &self.issuer).field("serial", &self.serial).finish_non_exhaustive()
    }
}

/// A provider's answer to a challenge of ours.
pub(super) struct SignedChallenge {
    pub(super) hash_input: Vec<u8>,
    pub(super) hash: Vec<u8>,
    /// the hash function that we asked for
    pub(super) hash_kind: Hash,
    /// the provider's word
    pub(super) algorithm: AlgorithmName,
    pub(super) signature: Vec<u8>,
    /// DER
    pub(super) certificate: Vec<u8>,
}

/// An app's answer: a text that we have rebuilt, signed.
pub(super) struct SignedText {
    pub(super) hash_input: Vec<u8>,
    pub(super) text: String,
    pub(super) hash: Vec<u8>,
    /// as it was checked
    pub(super) algorithm: String,
    pub(super) signature: Vec<u8>,
    /// DER
    pub(super) certificate: Vec<u8>,
}

/// What was proven, on its way into the evidence.
struct Proof {
    hash_input: Vec<u8>,
    hash: Vec<u8>,
    signed_text: Option<String>,
    algorithm: String,
    signature: Vec<u8>,
    certificate: Vec<u8>,
}

/// Verifies answers by one trust profile.
#[derive(Debug)]
pub(super) struct Verifier {
    trust: Trust,
    revocation: Revocation,
}

impl Verifier {
    pub(super) fn new(profile: &TrustProfile, http: OutboundClient, environment: Environment) -> Result<Self, DriverFault> {
        Ok(Self { trust: Trust::new(profile, environment)?, revocation: Revocation::new(profile, http, environment)? })
    }

    /// The whole verification at `now`. Every failure is final.
    pub(super) async fn verify(&self, challenge: SignedChallenge, now: OffsetDateTime) -> Result<VerifiedIdentity, EidError> {
        let leaf = self.check(&challenge, now)?;
        let proof = Proof {
            hash_input: challenge.hash_input,
            hash: challenge.hash,
            signed_text: None,
            algorithm: challenge.algorithm.as_str().to_owned(),
            signature: challenge.signature,
            certificate: challenge.certificate,
        };
        self.identify(leaf, proof, now).await
    }

    /// The same for a text that an app has signed, its signature judged by `is_signed`.
    pub(super) async fn verify_text(
        &self,
        signed: SignedText,
        is_signed: impl FnOnce(&PublicKey, &SignedText) -> Result<(), SignatureFault>,
        now: OffsetDateTime,
    ) -> Result<VerifiedIdentity, EidError> {
        let leaf = certificate::check(&signed.certificate, &self.trust, now).map_err(rejected)?;
        is_signed(&leaf.key, &signed).map_err(|fault| EidErrorKind::SignatureInvalid.because(fault))?;
        let proof = Proof {
            hash_input: signed.hash_input,
            hash: signed.hash,
            signed_text: Some(signed.text),
            algorithm: signed.algorithm,
            signature: signed.signature,
            certificate: signed.certificate,
        };
        self.identify(leaf, proof, now).await
    }

    /// Who it is, and whether the certificate still holds: the network last.
    async fn identify(&self, leaf: Leaf, proof: Proof, now: OffsetDateTime) -> Result<VerifiedIdentity, EidError> {
        let national_id = self.person(&leaf.subject).map_err(rejected)?;
        let revocation = self.revocation.check(&leaf, self.trust.refuse_tests, now).await?;
        let evidence = CertificateEvidence {
            hash_input: base64(&proof.hash_input),
            hash: base64(&proof.hash),
            signed_text: proof.signed_text,
            signature: base64(&proof.signature),
            algorithm: proof.algorithm,
            certificate: base64(&proof.certificate),
            issuer: leaf.issuer_name,
            serial: format_serial(&leaf.serial),
            revocation,
            verified_at: now,
        };
        let evidence = Evidence::Certificate(Box::new(evidence));
        Ok(VerifiedIdentity { national_id, name: leaf.subject.name, assurance: None, evidence })
    }

    /// The same for a certificate whose key a TLS handshake has proven already.
    pub(super) async fn verify_handshake(
        &self,
        certificate: Vec<u8>,
        now: OffsetDateTime,
    ) -> Result<VerifiedIdentity, EidError> {
        let leaf = certificate::check(&certificate, &self.trust, now).map_err(rejected)?;
        let national_id = self.person(&leaf.subject).map_err(rejected)?;
        let revocation = self.revocation.check(&leaf, self.trust.refuse_tests, now).await?;
        let evidence = HandshakeEvidence {
            certificate: base64(&certificate),
            issuer: leaf.issuer_name,
            serial: format_serial(&leaf.serial),
            revocation,
            verified_at: now,
        };
        let evidence = Evidence::Handshake(Box::new(evidence));
        Ok(VerifiedIdentity { national_id, name: leaf.subject.name, assurance: None, evidence })
    }

    /// The names, DER, of whoever may issue a person's certificate.
    pub(super) fn issuers(&self) -> impl Iterator<Item = Vec<u8>> {
        self.trust.issuers()
    }

    /// All that needs no network: certificate, then signature by its key.
    pub(super) fn check(&self, challenge: &SignedChallenge, now: OffsetDateTime) -> Result<Leaf, EidError> {
        let leaf = certificate::check(&challenge.certificate, &self.trust, now).map_err(rejected)?;
        leaf.key
            .verify(&challenge.algorithm, challenge.hash_kind, &challenge.hash, &challenge.signature)
            .map_err(|fault| EidErrorKind::SignatureInvalid.because(fault))?;
        Ok(leaf)
    }

    /// EID-08: the identity comes only from the certificate; companies never sign in, nor test people in production.
    fn person(&self, subject: &Subject) -> Result<NationalId, CertificateFault> {
        // X5-06: ten digits of another country are nobody's kennitala, whatever the profile reads
        if subject.country != ICELAND {
            return Err(CertificateFault::Country);
        }
        person(&subject.number, self.trust.refuse_tests)
    }
}

/// The national id of somebody who may sign in (eid.md §5.3, §12.7), whoever has proven it.
pub(super) fn person(number: &str, refuse_tests: bool) -> Result<NationalId, CertificateFault> {
    let national_id = NationalId::from_digits(number).map_err(|_| CertificateFault::NationalId)?;
    if national_id.kind() == NationalIdKind::Company {
        return Err(CertificateFault::Company);
    }
    if refuse_tests && national_id.is_test_identity() {
        return Err(CertificateFault::TestPerson);
    }
    Ok(national_id)
}

fn rejected(fault: CertificateFault) -> EidError {
    EidErrorKind::CertificateRejected.because(fault)
}

#[cfg(test)]
#[cfg(feature = "demo")]
mod tests {
    use super::{super::test_authority::Authority, *};

    fn person(number: &str, environment: Environment) -> Result<NationalId, CertificateFault> {
        let http = OutboundClient::pinned("").expect("a client");
        let verifier = Verifier::new(&Authority::new("CA").profile(), http, environment).expect("a verifier");
        verifier.person(&Subject { number: number.to_owned(), country: ICELAND.to_owned(), name: None })
    }

    #[test]
    fn x5_06_a_number_of_another_country_is_no_kennitala_whatever_the_profile_reads() {
        let http = OutboundClient::pinned("").expect("a client");
        let profile = TrustProfile { countries: vec!["IS".into(), "DK".into()], ..Authority::new("CA").profile() };
        let verifier = Verifier::new(&profile, http.clone(), Environment::Development).expect("a verifier");
        let of = |country: &str| {
            verifier.person(&Subject { number: "0101302989".to_owned(), country: country.to_owned(), name: None })
        };
        assert!(of("IS").is_ok());
        assert_eq!(of("DK"), Err(CertificateFault::Country), "a CPR number may look like one");
        let none = TrustProfile { countries: Vec::new(), ..profile };
        let refused = Verifier::new(&none, http, Environment::Development);
        assert!(matches!(refused, Err(DriverFault::NoCountry)), "a profile that reads every country");
    }

    #[test]
    fn companies_and_foreign_numbers_never_sign_in() {
        assert_eq!(person("5501692829", Environment::Development), Err(CertificateFault::Company));
        assert_eq!(person("60001019906", Environment::Development), Err(CertificateFault::NationalId));
        assert!(person("8123456789", Environment::Production).is_ok(), "system numbers do");
    }

    #[test]
    fn production_refuses_test_people() {
        for number in ["0101302989", "0099000019", "0013302989"] {
            assert!(person(number, Environment::Staging).is_ok(), "{number}");
            let refused = person(number, Environment::Production);
            assert_eq!(refused, Err(CertificateFault::TestPerson), "eid.md §12.7: {number}");
        }
    }
}
