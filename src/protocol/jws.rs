//! A JWT that somebody else has signed, before anything of it is believed: RFC 7515 §3.1 and §4.1, RFC 8725 §3 (SSR-06, §0.2).
//!
//! The algorithm is one that we can name, the key is one that was found elsewhere, and what the header brings along is never used.

use serde::{Deserialize, Deserializer, de, de::DeserializeOwned};

use super::{
    client_keys::{AssertionAlgorithm, ClientJwks, ClientKey},
    params::MAX_JWT,
};
use crate::base::digest::from_base64url;

/// Why a text is no such JWT, or is not signed as it says. For the log: it holds nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwsFault {
    /// over [`MAX_JWT`]
    #[error("the token is over 16 KiB")]
    TooLong,
    /// not three segments of base64url
    #[error("the token is not three segments of base64url")]
    Segments,
    /// not JSON, an algorithm that is not accepted, or a member that must not be there
    #[error("the header names no accepted alg, or holds crit, b64, jku, jwk, x5u, x5c or a malformed member")]
    Header,
    /// the algorithm is not one of those that were agreed upon
    #[error("another alg than was agreed upon")]
    Algorithm,
    /// no key fits
    #[error("no key has this kid and fits this alg")]
    UnknownKey,
    /// the signature is wrong
    #[error("wrong signature")]
    Signature,
}

/// A JWT in its parts; nothing of it is proven before [`Jws::verify`].
#[derive(Clone)]
pub struct Jws {
    header: Header,
    message: String,
    signature: String,
}

// Every other member is ignored (RFC 7515 §4); one of these that stands twice is refused.
#[derive(Clone, Deserialize)]
#[expect(dead_code, reason = "what must not be there is never read")]
struct Header {
    alg: AssertionAlgorithm,
    kid: Option<String>,
    typ: Option<String>,
    #[serde(default, deserialize_with = "never")]
    crit: (),
    #[serde(default, deserialize_with = "never")]
    b64: (),
    #[serde(default, deserialize_with = "never")]
    jku: (),
    #[serde(default, deserialize_with = "never")]
    jwk: (),
    #[serde(default, deserialize_with = "never")]
    x5u: (),
    #[serde(default, deserialize_with = "never")]
    x5c: (),
}

// SSR-06: keys are the known ones, never what a token brings along
fn never<'de, D: Deserializer<'de>>(_: D) -> Result<(), D::Error> {
    Err(de::Error::custom("not accepted"))
}

impl Jws {
    /// Takes a text apart.
    ///
    /// # Errors
    /// [`JwsFault::TooLong`], [`JwsFault::Segments`] and [`JwsFault::Header`].
    pub fn parse(text: &str) -> Result<Self, JwsFault> {
        if text.len() > MAX_JWT {
            return Err(JwsFault::TooLong);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(JwsFault::Segments)?;
        let (header, payload) = message.split_once('.').ok_or(JwsFault::Segments)?;
        if payload.contains('.') || from_base64url(signature).is_none() {
            return Err(JwsFault::Segments);
        }
        let header = from_base64url(header).ok_or(JwsFault::Segments)?;
        let header = serde_json::from_slice(&header).map_err(|_| JwsFault::Header)?;
        Ok(Self { header, message: message.to_owned(), signature: signature.to_owned() })
    }

    /// Whether `typ` is absent or one of these, whatever their case (RFC 8725 §3.11; RFC 7515 §4.1.9 lets `application/` away).
    pub fn is_of_type(&self, accepted: &[&str]) -> bool {
        self.header.typ.as_deref().is_none_or(|typ| {
            let short = typ.get(..12).filter(|prefix| prefix.eq_ignore_ascii_case("application/")).map_or(typ, |_| &typ[12..]);
            accepted.iter().any(|accepted| short.eq_ignore_ascii_case(accepted))
        })
    }

    /// The claims as they stand there; none where they do not fit.
    ///
    /// # Errors
    /// [`JwsFault::Segments`] where the payload is not base64url.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<Option<T>, JwsFault> {
        let payload = self.message.split_once('.').map_or("", |(_, payload)| payload);
        let json = from_base64url(payload).ok_or(JwsFault::Segments)?;
        Ok(serde_json::from_slice(&json).ok())
    }

    /// The key of the set that it says to be signed with, for an algorithm of those that were agreed upon.
    ///
    /// # Errors
    /// [`JwsFault::Algorithm`] and [`JwsFault::UnknownKey`].
    pub fn key<'k>(&self, keys: &'k ClientJwks, allowed: &[AssertionAlgorithm]) -> Result<&'k ClientKey, JwsFault> {
        // RFC 8725 §3.1: what was agreed decides over the algorithm, the header can only agree
        if !allowed.contains(&self.header.alg) {
            return Err(JwsFault::Algorithm);
        }
        keys.find(self.header.kid.as_deref(), self.header.alg).ok_or(JwsFault::UnknownKey)
    }

    /// Verifies the signature.
    ///
    /// # Errors
    /// [`JwsFault::Signature`].
    pub fn verify(&self, key: &ClientKey) -> Result<(), JwsFault> {
        if key.verifies(&self.message, &self.signature, self.header.alg) { Ok(()) } else { Err(JwsFault::Signature) }
    }

    /// The algorithm that it names.
    pub const fn algorithm(&self) -> AssertionAlgorithm {
        self.header.alg
    }
}
