//! Client assertions, `private_key_jwt`: RFC 7523 §3, OpenID Connect Core §9, RFC 8725 §3 (CAU-10, CAU-11; D6).
//!
//! The signature is jsonwebtoken's; header, claims and times are judged here. The order spares work: what the text says is
//! judged before a key is looked for, and only what a key signed is remembered.

use std::fmt;

use serde::{Deserialize, Deserializer, de, de::DeserializeOwned, de::IgnoredAny};
use time::OffsetDateTime;

use super::{
    client_keys::{AssertionAlgorithm, ClientJwks, ClientKey},
    params::MAX_JWT,
};
use crate::base::digest::from_base64url;

/// The one value of `client_assertion_type` (RFC 7523 §2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How far ahead `exp` may be, in seconds (§0.2).
const LONGEST: i64 = 300;
/// How far ahead of our clock `iat` and `nbf` may be, in seconds: clients' clocks are off (§0.2).
const TOLERANCE: i64 = 60;
/// Longest `jti`, in bytes.
const LONGEST_JTI: usize = 256;

/// Why an assertion proves nothing. For the log, so that a client's developers can be helped: it holds nothing of the
/// assertion but times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssertionFault {
    /// over [`MAX_JWT`]
    #[error("the assertion is over 16 KiB")]
    TooLong,
    /// not three segments of base64url
    #[error("the assertion is not three segments of base64url")]
    Segments,
    /// not JSON, an algorithm that is not accepted, or a member that must not be there
    #[error("the header names no accepted alg, or holds crit, b64, jku, jwk, x5u, x5c or a malformed member")]
    Header,
    /// `typ` of another kind of token
    #[error("typ is not JWT")]
    Type,
    /// a claim is missing or of a wrong JSON type
    #[error("iss, sub, aud, exp or jti is missing, or a claim has a wrong JSON type")]
    Claims,
    /// `iss` and `sub` are not the same client
    #[error("iss and sub differ")]
    Issuer,
    /// `aud` is not our issuer as one string
    #[error("aud is not the issuer as a single string")]
    Audience,
    /// `exp` has passed so many seconds ago
    #[error("expired {0} s ago")]
    Expired(i64),
    /// `exp` is so many seconds too far ahead
    #[error("exp is {0} s beyond the 300 s that are allowed")]
    TooFarAhead(i64),
    /// `iat` or `nbf` is so many seconds ahead
    #[error("iat or nbf is {0} s ahead")]
    NotYetValid(i64),
    /// no usable `jti`
    #[error("jti is empty or over 256 bytes")]
    Jti,
    /// the client has not registered the algorithm
    #[error("the client has not registered this alg")]
    Algorithm,
    /// no key of the client fits
    #[error("no key of the client has this kid and fits this alg")]
    UnknownKey,
    /// the signature is wrong
    #[error("wrong signature")]
    Signature,
}

/// An assertion that was read; nothing of it is proven before [`ClientAssertion::verify`].
#[derive(Clone)]
pub struct ClientAssertion {
    header: Header,
    claims: Claims,
    message: String,
    signature: String,
}

impl fmt::Debug for ClientAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAssertion").field("client_id", &self.claims.sub).finish_non_exhaustive()
    }
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

#[derive(Clone, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    #[serde(default, deserialize_with = "present")]
    iat: Option<i64>,
    #[serde(default, deserialize_with = "present")]
    nbf: Option<i64>,
    jti: String,
}

// D6: a list is refused, but by its own name
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Other(IgnoredAny),
}

// SSR-06: keys are the registered ones, never what a request brings along
fn never<'de, D: Deserializer<'de>>(_: D) -> Result<(), D::Error> {
    Err(de::Error::custom("not accepted"))
}

// a member that is there must be a number: null is none
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    i64::deserialize(deserializer).map(Some)
}

impl ClientAssertion {
    /// Reads an assertion.
    ///
    /// # Errors
    /// For what is not one, whoever sent it.
    pub fn parse(text: &str) -> Result<Self, AssertionFault> {
        if text.len() > MAX_JWT {
            return Err(AssertionFault::TooLong);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(AssertionFault::Segments)?;
        let (header, payload) = message.split_once('.').ok_or(AssertionFault::Segments)?;
        if payload.contains('.') || from_base64url(signature).is_none() {
            return Err(AssertionFault::Segments);
        }
        let header: Header = parse(header, AssertionFault::Header)?;
        if !is_accepted_type(header.typ.as_deref()) {
            return Err(AssertionFault::Type);
        }
        let claims = parse(payload, AssertionFault::Claims)?;
        Ok(Self { header, claims, message: message.to_owned(), signature: signature.to_owned() })
    }

    /// The client that it says to be of.
    pub fn client_id(&self) -> &str {
        &self.claims.sub
    }

    /// What makes it one of its kind among its client's; never empty once judged.
    pub fn jti(&self) -> &str {
        &self.claims.jti
    }

    /// Its end; a time that our calendar does not hold has no end that could be judged well.
    pub fn expires_at(&self) -> Option<OffsetDateTime> {
        OffsetDateTime::from_unix_timestamp(self.claims.exp).ok()
    }

    /// Judges what the assertion says, before any key is looked for.
    ///
    /// # Errors
    /// For an assertion that is not for us (`issuer` is ours), or not valid at `now`.
    pub fn judge(&self, issuer: &str, now: OffsetDateTime) -> Result<(), AssertionFault> {
        let (claims, now) = (&self.claims, now.unix_timestamp());
        if claims.iss != claims.sub {
            return Err(AssertionFault::Issuer);
        }
        if !matches!(&claims.aud, Audience::One(aud) if aud == issuer) {
            return Err(AssertionFault::Audience);
        }
        // RFC 7519 §4.1.4: not "on or after" exp
        if now >= claims.exp {
            return Err(AssertionFault::Expired(now.saturating_sub(claims.exp)));
        }
        let ahead = claims.exp.saturating_sub(now);
        if ahead > LONGEST {
            return Err(AssertionFault::TooFarAhead(ahead - LONGEST));
        }
        let begins = claims.iat.max(claims.nbf).map_or(0, |begins| begins.saturating_sub(now));
        if begins > TOLERANCE {
            return Err(AssertionFault::NotYetValid(begins));
        }
        if !(1..=LONGEST_JTI).contains(&claims.jti.len()) {
            return Err(AssertionFault::Jti);
        }
        Ok(())
    }

    /// The key of the set that it says to be signed with, for an algorithm that the client has registered.
    ///
    /// # Errors
    /// [`AssertionFault::Algorithm`] and [`AssertionFault::UnknownKey`].
    pub fn key<'k>(&self, keys: &'k ClientJwks, allowed: &[AssertionAlgorithm]) -> Result<&'k ClientKey, AssertionFault> {
        // RFC 8725 §3.1: the registration decides over the algorithm, the header can only agree
        if !allowed.contains(&self.header.alg) {
            return Err(AssertionFault::Algorithm);
        }
        keys.find(self.header.kid.as_deref(), self.header.alg).ok_or(AssertionFault::UnknownKey)
    }

    /// Verifies the signature.
    ///
    /// # Errors
    /// [`AssertionFault::Signature`].
    pub fn verify(&self, key: &ClientKey) -> Result<(), AssertionFault> {
        if key.verifies(&self.message, &self.signature, self.header.alg) { Ok(()) } else { Err(AssertionFault::Signature) }
    }

    /// Spends the time that [`Self::verify`] would, with a key of nobody (CAU-08).
    pub fn verify_in_vain(&self) {
        if let Some(key) = ClientJwks::stand_in().find(None, self.header.alg) {
            let _ = self.verify(key);
        }
    }
}

// RFC 8725 §3.11, RFC 7519 §5.1: no other kind of token passes as an assertion
fn is_accepted_type(typ: Option<&str>) -> bool {
    typ.is_none_or(|typ| {
        let short = typ.get(..12).filter(|prefix| prefix.eq_ignore_ascii_case("application/")).map_or(typ, |_| &typ[12..]);
        short.eq_ignore_ascii_case("jwt") || short.eq_ignore_ascii_case("client-authentication+jwt")
    })
}

fn parse<T: DeserializeOwned>(segment: &str, fault: AssertionFault) -> Result<T, AssertionFault> {
    let json = from_base64url(segment).ok_or(AssertionFault::Segments)?;
    serde_json::from_slice(&json).map_err(|_| fault)
}

#[cfg(test)]
mod tests;
