//! The keys of persons: what a real person's SIM card holds. They sign digests that another party chose, as Mobile-ID does.

use anyhow::{Context as _, bail};
use aws_lc_rs::{
    digest::{self as aws_digest, Digest},
    encoding::{AsDer as _, Pkcs8V1Der},
    rand::SystemRandom,
    rsa,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
        RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
    },
};
use rcgen::PublicKeyData;
use serde::{Deserialize, Serialize};

use super::weak_key::WeakKey;
use crate::base::{digest, entropy};

/// PKCS#8; an app's key of one simulated person, and nobody's otherwise.
const RSA_6144: &[u8] = include_bytes!("smart_id/rsa6144.pk8");

/// The hash that a relying party names; it sends a value of that length, not a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum HashType {
    /// 32 bytes
    Sha256,
    /// 48 bytes
    Sha384,
    /// 64 bytes
    Sha512,
}

impl HashType {
    /// Length in bytes.
    pub const fn length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA256",
            Self::Sha384 => "SHA384",
            Self::Sha512 => "SHA512",
        }
    }

    /// The hash of a message.
    pub fn digest(self, message: &[u8]) -> Vec<u8> {
        aws_digest::digest(self.rsa().1, message).as_ref().to_vec()
    }

    /// Another hash type than this one, for lies.
    pub const fn other(self) -> Self {
        match self {
            Self::Sha256 | Self::Sha384 => Self::Sha512,
            Self::Sha512 => Self::Sha256,
        }
    }

    fn pss(self) -> &'static dyn RsaEncoding {
        match self {
            Self::Sha256 => &RSA_PSS_SHA256,
            Self::Sha384 => &RSA_PSS_SHA384,
            Self::Sha512 => &RSA_PSS_SHA512,
        }
    }

    fn rsa(self) -> (&'static dyn RsaEncoding, &'static aws_digest::Algorithm) {
        match self {
            Self::Sha256 => (&RSA_PKCS1_SHA256, &aws_digest::SHA256),
            Self::Sha384 => (&RSA_PKCS1_SHA384, &aws_digest::SHA384),
            Self::Sha512 => (&RSA_PKCS1_SHA512, &aws_digest::SHA512),
        }
    }
}

/// The kinds of key that persons have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// EC P-256, as SIM cards hold
    #[default]
    Ec256,
    /// RSA with 2048 bits, as older SIM cards hold
    Rsa2048,
    /// EC P-384, as identity cards hold
    Ec384,
    /// RSA with 3072 bits, as apps hold here
    Rsa3072,
    /// RSA with 6144 bits, as apps hold in truth; made beforehand, because that takes long
    Rsa6144,
}

/// A key that signs for a person.
pub enum PersonKey {
    /// EC P-256
    Ec(EcdsaKeyPair),
    /// RSA with 2048 bits or more
    Rsa(Box<rsa::KeyPair>),
    /// RSA-1024, which a careful verifier refuses
    Weak(Box<WeakKey>),
    /// EC P-384
    Ec384(EcdsaKeyPair),
}

/// A key as the file of persons keeps it: its kind and PKCS#8 in base64.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredKey {
    kind: KeyKind,
    pkcs8: String,
}

impl PersonKey {
    /// A new key.
    pub fn generate(kind: KeyKind) -> anyhow::Result<Self> {
        match kind {
            KeyKind::Ec256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Self::Ec),
            KeyKind::Rsa2048 => rsa::KeyPair::generate(rsa::KeySize::Rsa2048).map(|key| Self::Rsa(Box::new(key))),
            KeyKind::Ec384 => EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).map(Self::Ec384),
            KeyKind::Rsa3072 => rsa::KeyPair::generate(rsa::KeySize::Rsa3072).map(|key| Self::Rsa(Box::new(key))),
            KeyKind::Rsa6144 => return read_rsa(RSA_6144),
        }
        .context("making a person's key")
    }

    /// The key as the file keeps it. Weak keys are made for one lie and never kept.
    pub fn store(&self) -> anyhow::Result<StoredKey> {
        let (kind, pkcs8) = match self {
            Self::Ec(key) => (KeyKind::Ec256, key.to_pkcs8v1().context("writing an EC key")?.as_ref().to_vec()),
            Self::Rsa(key) => {
                let der: Pkcs8V1Der<'_> = key.as_der().context("writing an RSA key")?;
                (rsa_kind(key), der.as_ref().to_vec())
            }
            Self::Weak(_) => bail!("a weak key is not kept"),
            Self::Ec384(key) => (KeyKind::Ec384, key.to_pkcs8v1().context("writing an EC key")?.as_ref().to_vec()),
        };
        Ok(StoredKey { kind, pkcs8: digest::base64(pkcs8) })
    }

    /// PKCS#8, DER.
    pub fn pkcs8(&self) -> anyhow::Result<Vec<u8>> {
        digest::from_base64(&self.store()?.pkcs8).context("a person's key is not base64")
    }

    /// What the key is; none for a weak one.
    pub fn kind(&self) -> Option<KeyKind> {
        match self {
            Self::Ec(_) => Some(KeyKind::Ec256),
            Self::Rsa(key) => Some(rsa_kind(key)),
            Self::Weak(_) => None,
            Self::Ec384(_) => Some(KeyKind::Ec384),
        }
    }

    /// Reads what [`Self::store`] wrote.
    pub fn load(stored: &StoredKey) -> anyhow::Result<Self> {
        let pkcs8 = digest::from_base64(&stored.pkcs8).context("a person's key is not base64")?;
        Ok(match stored.kind {
            KeyKind::Ec256 => Self::Ec(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8).context("reading a person's EC key")?,
            ),
            KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa6144 => read_rsa(&pkcs8)?,
            KeyKind::Ec384 => Self::Ec384(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &pkcs8).context("reading a person's EC key")?,
            ),
        })
    }

    /// Signs `digest` as it stands: EC gives `r‖s` over its leftmost 32 bytes, RSA gives PKCS#1 v1.5 with its DigestInfo
    /// (eid.md §2.3).
    pub fn sign(&self, hash: HashType, digest: &[u8]) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Ec(key) => {
                // FIPS 186-5 §6.4.1: a digest longer than the curve's order is cut to its leftmost bits.
                let cut = digest.get(..32).context("the digest is too short")?;
                let cut = Digest::import_less_safe(cut, &aws_digest::SHA256)?;
                Ok(key.sign_digest(&cut)?.as_ref().to_vec())
            }
            Self::Rsa(key) => {
                let (encoding, algorithm) = hash.rsa();
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign_digest(encoding, &Digest::import_less_safe(digest, algorithm)?, &mut signature)?;
                Ok(signature)
            }
            Self::Weak(key) => key.sign(hash, digest),
            Self::Ec384(key) => {
                if hash != HashType::Sha384 {
                    bail!("a card with a key on P-384 signs SHA-384 alone");
                }
                let digest = Digest::import_less_safe(digest, &aws_digest::SHA384)?;
                Ok(key.sign_digest(&digest)?.as_ref().to_vec())
            }
        }
    }

    /// Signs a text as apps do: RSASSA-PSS with a salt of the hash's length (eid.md §3.3). A key that cannot gives as many random
    /// bytes: its certificate is refused before them.
    pub fn sign_pss(&self, hash: HashType, text: &[u8]) -> anyhow::Result<Vec<u8>> {
        let Self::Rsa(key) = self else { return Ok(entropy::bytes::<128>().to_vec()) };
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(hash.pss(), &SystemRandom::new(), text, &mut signature)?;
        Ok(signature)
    }

    /// Signs a message in the form that certificates carry: SHA-256 (on P-384 SHA-384), and DER for EC.
    pub fn sign_message(&self, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        let hash = if matches!(self, Self::Ec384(_)) { HashType::Sha384 } else { HashType::Sha256 };
        let signature = self.sign(hash, &hash.digest(message))?;
        match self {
            Self::Ec(_) | Self::Ec384(_) => ecdsa_der(&signature),
            Self::Rsa(_) | Self::Weak(_) => Ok(signature),
        }
    }

    /// The name of the signature algorithm on the wire.
    pub fn algorithm_name(&self, hash: HashType) -> String {
        match self {
            Self::Ec(_) | Self::Ec384(_) => format!("{}WithECEncryption", hash.name()),
            Self::Rsa(_) | Self::Weak(_) => format!("{}WithRSAEncryption", hash.name()),
        }
    }
}

fn read_rsa(pkcs8: &[u8]) -> anyhow::Result<PersonKey> {
    let key = rsa::KeyPair::from_pkcs8(pkcs8).context("reading a person's RSA key")?;
    Ok(PersonKey::Rsa(Box::new(key)))
}

fn rsa_kind(key: &rsa::KeyPair) -> KeyKind {
    match key.public_modulus_len() {
        768 => KeyKind::Rsa6144,
        384 => KeyKind::Rsa3072,
        _ => KeyKind::Rsa2048,
    }
}

/// `r‖s` of P-256 or P-384 as the DER that X.509 uses.
pub fn ecdsa_der(signature: &[u8]) -> anyhow::Result<Vec<u8>> {
    if signature.len() == 96 {
        return Ok(p384::ecdsa::Signature::from_slice(signature)
            .context("not an ECDSA signature")?
            .to_der()
            .as_bytes()
            .to_vec());
    }
    Ok(p256::ecdsa::Signature::from_slice(signature).context("not an ECDSA signature")?.to_der().as_bytes().to_vec())
}

impl PublicKeyData for PersonKey {
    fn der_bytes(&self) -> &[u8] {
        match self {
            Self::Ec(key) | Self::Ec384(key) => key.public_key().as_ref(),
            Self::Rsa(key) => key.public_key().as_ref(),
            Self::Weak(key) => key.public_key(),
        }
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        match self {
            Self::Ec(_) => &rcgen::PKCS_ECDSA_P256_SHA256,
            Self::Ec384(_) => &rcgen::PKCS_ECDSA_P384_SHA384,
            Self::Rsa(_) | Self::Weak(_) => &rcgen::PKCS_RSA_SHA256,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_the_file() {
        for kind in [KeyKind::Ec256, KeyKind::Rsa2048, KeyKind::Ec384, KeyKind::Rsa3072, KeyKind::Rsa6144] {
            let key = PersonKey::generate(kind).expect("a key");
            let read = PersonKey::load(&key.store().expect("stores")).expect("loads");
            assert_eq!((read.der_bytes(), read.kind()), (key.der_bytes(), Some(kind)));
        }
    }

    #[test]
    fn every_hash_type_is_signed_by_every_kind() {
        for (kind, length) in [(KeyKind::Ec256, 64), (KeyKind::Rsa2048, 256)] {
            let key = PersonKey::generate(kind).expect("a key");
            for hash in [HashType::Sha256, HashType::Sha384, HashType::Sha512] {
                assert_eq!(key.sign(hash, &vec![7; hash.length()]).expect("signs").len(), length);
            }
        }
    }
}
