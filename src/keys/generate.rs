//! Making RSA keys (aws-lc-rs: RUSTSEC-2023-0071 keeps the `rsa` crate away from private keys, KEY-06).

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
    signature::KeyPair as _,
};

use super::KeyFault;
use crate::{base::secret::Secret, protocol::jwk::RsaPublicJwk};

/// A new RSA key.
#[derive(Debug)]
pub struct NewKey {
    /// PKCS#8 DER
    pub private: Secret<Vec<u8>>,
    /// its public part, whose `kid` is the RFC 7638 thumbprint
    pub public: RsaPublicJwk,
}

/// Makes an RSA key of `bits` (2048 or 3072); takes a tenth of a second, so not on a thread that serves.
pub fn rsa(bits: u16) -> Result<NewKey, KeyFault> {
    let size = if bits == 3072 { KeySize::Rsa3072 } else { KeySize::Rsa2048 };
    let pair = KeyPair::generate(size).map_err(|_| KeyFault::Generation)?;
    let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(|_| KeyFault::Generation)?;
    Ok(NewKey { private: Secret::new(private.as_ref().to_vec()), public: public_jwk(&pair) })
}

/// The public part of a key pair.
pub(super) fn public_jwk(pair: &KeyPair) -> RsaPublicJwk {
    let public = pair.public_key();
    RsaPublicJwk::new(public.modulus().big_endian_without_leading_zero(), public.exponent().big_endian_without_leading_zero())
}
