//! Client assertions, `private_key_jwt`: RFC 7523 §3, OpenID Connect Core §9, RFC 8725 §3 (CAU-10, CAU-11; D6).
//!
//! Claims and times are judged here. The order spares work: what the text says is judged before a key is looked for, and only
//! what a key signed is remembered.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};
use serde_json::json;
use time::OffsetDateTime;

use super::{
    client_keys::{AssertionAlgorithm, ClientJwks, ClientKey},
    jws::{Jws, JwsFault},
};
use crate::base::digest::base64url;

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
    /// not a JWT, not of an accepted algorithm, or not signed by a key of the client
    #[error(transparent)]
    Signed(#[from] JwsFault),
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
}

/// An assertion that was read; nothing of it is proven before [`ClientAssertion::verify`].
#[derive(Clone)]
pub struct ClientAssertion {
    signed: Jws,
    claims: Claims,
}

impl fmt::Debug for ClientAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAssertion").field("client_id", &self.claims.sub).finish_non_exhaustive()
    }
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
        let signed = Jws::parse(text)?;
        // RFC 8725 §3.11, RFC 7519 §5.1: no other kind of token passes as an assertion
        if !signed.is_of_type(&["jwt", "client-authentication+jwt"]) {
            return Err(AssertionFault::Type);
        }
        let claims = signed.claims()?.ok_or(AssertionFault::Claims)?;
        Ok(Self { signed, claims })
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
    /// [`JwsFault::Algorithm`] and [`JwsFault::UnknownKey`].
    pub fn key<'k>(&self, keys: &'k ClientJwks, allowed: &[AssertionAlgorithm]) -> Result<&'k ClientKey, AssertionFault> {
        Ok(self.signed.key(keys, allowed)?)
    }

    /// Verifies the signature.
    ///
    /// # Errors
    /// [`JwsFault::Signature`].
    pub fn verify(&self, key: &ClientKey) -> Result<(), AssertionFault> {
        Ok(self.signed.verify(key)?)
    }

    /// Spends the time that [`Self::verify`] would, with a key of nobody (CAU-08).
    pub fn verify_in_vain(&self) {
        if let Some(key) = ClientJwks::stand_in().find(None, self.signed.algorithm()) {
            let _ = self.verify(key);
        }
    }
}

/// An assertion of ours, before it is signed: the server is a client itself where it asks another provider who somebody is.
#[derive(Clone, Debug, Serialize)]
pub struct NewAssertion<'a> {
    /// our client id there
    pub iss: &'a str,
    /// the same
    pub sub: &'a str,
    /// who is to believe it
    pub aud: &'a str,
    /// random
    pub jti: String,
    /// now
    pub iat: i64,
    /// soon
    pub exp: i64,
}

/// What is signed of an assertion of ours; [`super::jwt::finish`] makes the whole of it.
pub fn signing_input(algorithm: AssertionAlgorithm, kid: Option<&str>, claims: &NewAssertion<'_>) -> String {
    let mut header = json!({ "alg": algorithm.as_str(), "typ": "JWT" });
    if let Some(kid) = kid {
        header["kid"] = kid.into();
    }
    // text and numbers are JSON always
    let claims = serde_json::to_vec(claims).unwrap_or_default();
    format!("{}.{}", base64url(header.to_string()), base64url(claims))
}

#[cfg(test)]
mod tests;
