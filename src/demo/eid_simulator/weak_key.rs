//! RSA with 1024 bits: a key that a verifier must refuse. It exists for one lie and is made when that is first told.

use anyhow::Context as _;
use rsa::{
    Pkcs1v15Sign, RsaPrivateKey,
    pkcs1::EncodeRsaPublicKey as _,
    rand_core::{CryptoRng, Error, RngCore},
    sha2::{Sha256, Sha384, Sha512},
};

use super::key::HashType;
use crate::base::entropy;

/// An RSA-1024 key.
pub struct WeakKey {
    key: RsaPrivateKey,
    public: Vec<u8>,
}

impl WeakKey {
    /// A new key; a second or so in a debug build.
    pub fn generate() -> anyhow::Result<Self> {
        let key = RsaPrivateKey::new(&mut SystemRandom, 1024).context("making a weak key")?;
        let public = key.to_public_key().to_pkcs1_der().context("writing a weak key")?.as_bytes().to_vec();
        Ok(Self { key, public })
    }

    /// PKCS#1 v1.5 over the digest as it stands.
    pub fn sign(&self, hash: HashType, digest: &[u8]) -> anyhow::Result<Vec<u8>> {
        let padding = match hash {
            HashType::Sha256 => Pkcs1v15Sign::new::<Sha256>(),
            HashType::Sha384 => Pkcs1v15Sign::new::<Sha384>(),
            HashType::Sha512 => Pkcs1v15Sign::new::<Sha512>(),
        };
        self.key.sign(padding, digest).context("signing with a weak key")
    }

    /// The public key, PKCS#1 DER.
    pub fn public_key(&self) -> &[u8] {
        &self.public
    }
}

/// The operating system's randomness in the shape that the `rsa` crate asks for.
struct SystemRandom;

impl CryptoRng for SystemRandom {}

impl RngCore for SystemRandom {
    fn next_u32(&mut self) -> u32 {
        u32::from_ne_bytes(entropy::bytes())
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_ne_bytes(entropy::bytes())
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let random: [u8; 32] = entropy::bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}
