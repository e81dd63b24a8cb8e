//! Our own signed JWTs, compact form: RFC 7515 §3.1 and §4.1, RFC 7519 §4.1, RFC 8725 §3 (UI-03, KEY-03, KEY-07, TOK-03, §0.2).
//!
//! What a token is, its claims type decides: the header's `typ` follows from it, so that no kind passes as another. The
//! signature is jsonwebtoken's; its validation reads the wall clock and is loose about headers, so all the rest is done here.
//! Signing is done by whoever holds the key: it signs [`signing_input`] and calls [`finish`].

use std::fmt;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use time::OffsetDateTime;

use super::params::MAX_JWT;
use crate::base::digest::{base64url, from_base64url};

/// How far ahead of our clock `iat` and `nbf` may be, in seconds (§0.2).
const TOLERANCE: i64 = 10;

/// The signature algorithms that we use. `none` and HMAC cannot be named (KEY-03).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3)
    #[serde(rename = "RS256")]
    Rs256,
}

impl Algorithm {
    /// The registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
        }
    }
}

/// A public key and the one algorithm that it is for.
#[derive(Clone)]
pub struct VerifyingKey {
    algorithm: Algorithm,
    key: jsonwebtoken::DecodingKey,
}

impl VerifyingKey {
    /// An RSA key, by modulus and exponent, big-endian. Keys under 2048 bits verify nothing.
    pub fn from_rsa(n: &[u8], e: &[u8]) -> Self {
        Self { algorithm: Algorithm::Rs256, key: jsonwebtoken::DecodingKey::from_rsa_raw_components(n, e) }
    }

    fn verifies(&self, message: &str, signature: &str) -> bool {
        let algorithm = match self.algorithm {
            Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
        };
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.key, algorithm).unwrap_or(false)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// The claims of one kind of token: text and numbers, which JSON can always hold. Times are NumericDates: whole seconds since
/// 1970.
pub trait Claims: Serialize + DeserializeOwned {
    /// the header's `typ` (RFC 8725 §3.11)
    const TYP: &'static str;

    /// `iss`
    fn issuer(&self) -> &str;
    /// `iat`
    fn issued_at(&self) -> i64;
    /// `nbf`, where the kind has one
    fn not_before(&self) -> Option<i64>;
    /// `exp`
    fn expires_at(&self) -> i64;
}

/// Whether the end of a token matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// an expired token is refused
    Refused,
    /// a token may have expired: `id_token_hint` (OUT-02)
    Allowed,
}

/// Why a token is none of ours. For the log: it holds nothing of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwtFault {
    /// over [`MAX_JWT`]
    #[error("over 16 KiB")]
    TooLong,
    /// not three segments
    #[error("not three segments")]
    Segments,
    /// a segment that is not base64url without padding
    #[error("not base64url")]
    Encoding,
    /// not exactly `alg`, `typ` and `kid`, or an algorithm that we do not use
    #[error("not a header of ours")]
    Header,
    /// `typ` of another kind of token
    #[error("another type of token")]
    Type,
    /// no key of ours has the `kid`
    #[error("unknown key")]
    UnknownKey,
    /// the signature is wrong, or `alg` is not the key's
    #[error("wrong signature")]
    Signature,
    /// the claims are not those of the kind, each of its type
    #[error("malformed claims")]
    Claims,
    /// `iss` is not ours
    #[error("another issuer")]
    Issuer,
    /// `iat` or `nbf` is ahead of our clock
    #[error("not yet valid")]
    NotYetValid,
    /// `exp` has passed
    #[error("expired")]
    Expired,
}

// Every other member is refused, `crit`, `jku`, `jwk`, `x5u`, `x5c`, `b64` and `zip` among them (UI-03), and so is one that
// stands twice.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: Algorithm,
    typ: String,
    kid: String,
}

/// Verifies a token of ours and gives its claims. `key` finds our keys, also retired ones, by `kid` in memory.
///
/// Audience, revocation and binding are the caller's to check.
///
/// # Errors
/// For a token that is not of the kind, not ours, or not valid at `now`.
pub fn verify<'k, C: Claims>(
    token: &str,
    issuer: &str,
    now: OffsetDateTime,
    expiry: Expiry,
    key: impl FnOnce(&str) -> Option<&'k VerifyingKey>,
) -> Result<C, JwtFault> {
    if token.len() > MAX_JWT {
        return Err(JwtFault::TooLong);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(JwtFault::Segments)?;
    let (header, payload) = message.split_once('.').ok_or(JwtFault::Segments)?;
    if payload.contains('.') {
        return Err(JwtFault::Segments);
    }
    let header: Header = parse(header, JwtFault::Header)?;
    if header.typ != C::TYP {
        return Err(JwtFault::Type);
    }
    let key = key(&header.kid).ok_or(JwtFault::UnknownKey)?;
    // KEY-03: the algorithm is the key's; the header can only agree.
    if header.alg != key.algorithm || !key.verifies(message, signature) {
        return Err(JwtFault::Signature);
    }
    let claims: C = parse(payload, JwtFault::Claims)?;
    check(&claims, issuer, now.unix_timestamp(), expiry)?;
    Ok(claims)
}

fn check(claims: &impl Claims, issuer: &str, now: i64, expiry: Expiry) -> Result<(), JwtFault> {
    if claims.issuer() != issuer {
        return Err(JwtFault::Issuer);
    }
    let begins = claims.not_before().map_or(claims.issued_at(), |not_before| not_before.max(claims.issued_at()));
    if begins > now.saturating_add(TOLERANCE) {
        return Err(JwtFault::NotYetValid);
    }
    // RFC 7519 §4.1.4: not "on or after" exp
    if expiry == Expiry::Refused && now >= claims.expires_at() {
        return Err(JwtFault::Expired);
    }
    Ok(())
}

fn parse<T: DeserializeOwned>(segment: &str, fault: JwtFault) -> Result<T, JwtFault> {
    let json = from_base64url(segment).ok_or(JwtFault::Encoding)?;
    serde_json::from_slice(&json).map_err(|_| fault)
}

/// The bytes that are signed: header and claims, each in base64url.
#[expect(clippy::expect_used, clippy::missing_panics_doc, reason = "names and claims are text and numbers under text")]
pub fn signing_input<C: Claims>(algorithm: Algorithm, kid: &str, claims: &C) -> String {
    let header = Header { alg: algorithm, typ: C::TYP.to_owned(), kid: kid.to_owned() };
    let header = serde_json::to_vec(&header).expect("a header is JSON");
    let claims = serde_json::to_vec(claims).expect("claims are JSON");
    format!("{}.{}", base64url(header), base64url(claims))
}

/// The token: what was signed, and its signature.
pub fn finish(signing_input: &str, signature: &[u8]) -> String {
    format!("{signing_input}.{}", base64url(signature))
}

#[cfg(test)]
mod tests;
