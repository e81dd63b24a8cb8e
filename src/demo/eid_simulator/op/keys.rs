//! The keys of the brokers, made at their first use.

use anyhow::Context as _;
use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding},
};
use serde_json::{Value, json};

use super::{OpFault, Style};
use crate::{
    base::digest::{base64url, hmac_sha256},
    demo::eid_simulator::Shared,
};

/// One key for each kind of signature.
pub struct OpKeys {
    rsa: KeyPair,
    ec: EcdsaKeyPair,
}

impl OpKeys {
    fn generate() -> anyhow::Result<Self> {
        let rsa = KeyPair::generate(KeySize::Rsa2048).context("making a broker's RSA key")?;
        let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).context("making a broker's EC key")?;
        Ok(Self { rsa, ec })
    }

    /// How a style signs.
    pub(super) const fn algorithm(style: Style) -> &'static str {
        match style {
            Style::Audkenni => "RS256",
            Style::Signicat => "PS256",
            Style::Kenni => "ES256",
        }
    }

    const fn kid(style: Style) -> &'static str {
        match style {
            Style::Audkenni | Style::Signicat => "op-rsa",
            Style::Kenni => "op-ec",
        }
    }

    /// The public keys.
    pub(super) fn jwks(&self) -> Value {
        let rsa = self.rsa.public_key();
        let (n, e) = (rsa.modulus().big_endian_without_leading_zero(), rsa.exponent().big_endian_without_leading_zero());
        let point = self.ec.public_key().as_ref();
        let (x, y) = (point.get(1..33).unwrap_or_default(), point.get(33..).unwrap_or_default());
        json!({ "keys": [
            { "kty": "RSA", "use": "sig", "kid": "op-rsa", "n": base64url(n), "e": base64url(e) },
            { "kty": "EC", "use": "sig", "alg": "ES256", "kid": "op-ec", "crv": "P-256", "x": base64url(x), "y": base64url(y) },
            { "kty": "RSA", "use": "enc", "kid": "op-enc", "n": base64url(n), "e": base64url(e) },
        ] })
    }

    /// Claims as a JWT of this style, or bent by a lie.
    pub(super) fn sign(
        &self,
        style: Style,
        claims: &Value,
        fault: Option<OpFault>,
        secret: Option<&str>,
    ) -> anyhow::Result<String> {
        let (alg, kid) = match fault {
            Some(OpFault::AlgNone) => ("none", Self::kid(style)),
            Some(OpFault::AlgHs256) => ("HS256", Self::kid(style)),
            Some(OpFault::UnknownKid) => (Self::algorithm(style), "nobodys"),
            _ => (Self::algorithm(style), Self::kid(style)),
        };
        let header = json!({ "alg": alg, "kid": kid, "typ": "JWT" });
        let message = format!("{}.{}", base64url(header.to_string()), base64url(claims.to_string()));
        let signature = match fault {
            Some(OpFault::AlgNone) => Vec::new(),
            Some(OpFault::AlgHs256) => hmac_sha256(secret.unwrap_or_default().as_bytes(), &[message.as_bytes()]).to_vec(),
            Some(OpFault::BadSignature) => Self::generate()?.signature(style, message.as_bytes())?,
            _ => self.signature(style, message.as_bytes())?,
        };
        Ok(format!("{message}.{}", base64url(signature)))
    }

    fn signature(&self, style: Style, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        let rsa = |padding: &'static dyn RsaEncoding| {
            let mut signature = vec![0; self.rsa.public_modulus_len()];
            self.rsa.sign(padding, &SystemRandom::new(), message, &mut signature).map(|()| signature)
        };
        match style {
            Style::Audkenni => rsa(&RSA_PKCS1_SHA256),
            Style::Signicat => rsa(&RSA_PSS_SHA256),
            Style::Kenni => self.ec.sign(&SystemRandom::new(), message).map(|signature| signature.as_ref().to_vec()),
        }
        .context("signing for a broker")
    }
}

impl Shared {
    /// The brokers' keys.
    pub(super) fn op_keys(&self) -> anyhow::Result<&OpKeys> {
        if let Some(keys) = self.op_keys.get() {
            return Ok(keys);
        }
        let made = OpKeys::generate()?;
        Ok(self.op_keys.get_or_init(|| made))
    }
}
