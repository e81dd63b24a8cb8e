//! What a person's SIM card sends back: a certificate and a signature, honest or bent by one lie.

use anyhow::Context as _;
use time::{Duration, OffsetDateTime};

use super::{
    certificate::{self, Issued, Validity},
    fault::{CertificateLie, Fault, SignatureLie},
    key::{KeyKind, PersonKey, ecdsa_der},
    people::Person,
    register::{Revocation, Status},
    session::{Answer, Authentication},
    weak_key::WeakKey,
    world::World,
};
use crate::base::{digest, entropy};

/// Signs `request` as the person with `national_id`, with the lie that `fault` names.
pub fn sign(
    world: &mut World,
    national_id: &str,
    request: &Authentication,
    fault: Option<Fault>,
    now: OffsetDateTime,
) -> anyhow::Result<Answer> {
    let lie = fault.and_then(Fault::certificate);
    let signer = match lie {
        Some(CertificateLie::WrongPerson) => {
            world.people.keys().find(|id| *id != national_id).context("there is nobody else")?.clone()
        }
        _ => national_id.to_owned(),
    };
    let person = world.people.get(&signer).context("the person is gone")?;
    let weak = match lie {
        Some(CertificateLie::WeakKey) => Some(PersonKey::Weak(Box::new(WeakKey::generate()?))),
        _ => None,
    };
    let key = weak.as_ref().unwrap_or(&person.key);
    let certificate = match lie {
        None | Some(CertificateLie::WrongPerson) => person.certificate.clone(),
        Some(lie) => bent_certificate(world, person, key, lie, now)?,
    };
    let honest = key.sign(request.hash_type, &request.hash)?;
    let signature_lie = fault.and_then(Fault::signature);
    let signature = match signature_lie {
        None => honest.clone(),
        Some(lie) => bent_signature(person, request, &honest, lie)?,
    };
    let algorithm = match signature_lie {
        Some(SignatureLie::WrongHashAlg) => key.algorithm_name(request.hash_type.other()),
        _ => key.algorithm_name(request.hash_type),
    };
    let answer = Answer { signature: digest::base64(signature), algorithm, certificate: digest::base64(&certificate.der) };
    world.enter(&certificate.serial, lie, now);
    if fault.is_none()
        && let Some(person) = world.people.get_mut(&signer)
    {
        person.first_signature.get_or_insert(honest);
    }
    Ok(answer)
}

fn bent_certificate(
    world: &World,
    person: &Person,
    key: &PersonKey,
    lie: CertificateLie,
    now: OffsetDateTime,
) -> anyhow::Result<Issued> {
    let validity = Validity::bent(lie, now);
    certificate::issue(&world.authority, &world.base_url, person.holder(), key, validity, Some(lie))
}

fn bent_signature(person: &Person, request: &Authentication, honest: &[u8], lie: SignatureLie) -> anyhow::Result<Vec<u8>> {
    let another_hash = || entropy::bytes::<64>()[..request.hash_type.length()].to_vec();
    Ok(match lie {
        SignatureLie::WrongKey => {
            PersonKey::generate(person.key.kind().unwrap_or(KeyKind::Rsa2048))?.sign(request.hash_type, &request.hash)?
        }
        SignatureLie::OtherHash => person.key.sign(request.hash_type, &another_hash())?,
        SignatureLie::ReplayOld => match &person.first_signature {
            Some(first) => first.clone(),
            None => person.key.sign(request.hash_type, &another_hash())?,
        },
        SignatureLie::WrongHashAlg => honest.to_vec(),
        SignatureLie::DerSignature => in_der(honest)?,
        SignatureLie::EmptySignature => Vec::new(),
    })
}

/// A signature in the form that does not belong on the wire.
pub fn in_der(signature: &[u8]) -> anyhow::Result<Vec<u8>> {
    if matches!(signature.len(), 64 | 96) {
        return ecdsa_der(signature);
    }
    // An RSA signature has no second form; a DER wrapping is the nearest lie.
    let wrapped = der::asn1::OctetString::new(signature).and_then(|octets| der::Encode::to_der(&octets));
    wrapped.map_err(|error| anyhow::anyhow!("wrapping a signature: {error}"))
}

impl World {
    /// Enters in the register what a lie changes about a certificate of ours.
    fn enter(&mut self, serial: &[u8], lie: Option<CertificateLie>, now: OffsetDateTime) {
        if let Some(status) = status_after(lie, now) {
            self.register.set(serial, status);
        }
    }
}

/// What the authority knows of a certificate that was made for a lie.
pub fn status_after(lie: Option<CertificateLie>, now: OffsetDateTime) -> Option<Status> {
    match lie {
        // Honest certificates were entered when they were issued; these were not issued by us.
        None | Some(CertificateLie::WrongPerson | CertificateLie::UntrustedIssuer | CertificateLie::SelfSigned) => None,
        Some(CertificateLie::Revoked) => Some(Status {
            revocation: Some(Revocation { at: now - Duration::hours(1), reason: super::register::Reason::KeyCompromise }),
            silent: false,
        }),
        Some(CertificateLie::OcspDown) => Some(Status { revocation: None, silent: true }),
        Some(_) => Some(Status::default()),
    }
}
