//! The ID token of another provider, for us as its client: OpenID Connect Core §3.1.3.7, RFC 8725 §3 (eid.md §8.5, EID-08).
//!
//! The order is that of the specification with the signature first: nothing is told of claims that nobody vouches for.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};

use super::{
    client_keys::{AssertionAlgorithm, ClientJwks},
    jws::{Jws, JwsFault},
};
use crate::base::digest;

/// How an ID token may be signed.
pub const ALGORITHMS: [AssertionAlgorithm; 3] =
    [AssertionAlgorithm::Rs256, AssertionAlgorithm::Ps256, AssertionAlgorithm::Es256];

/// How far two clocks may be apart, in seconds (§0.2).
const TOLERANCE: i64 = 60;

/// What a token for this sign-in says.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// the provider, letter for letter
    pub issuer: &'a str,
    /// we, at the provider
    pub client_id: &'a str,
    /// of our request
    pub nonce: &'a str,
    /// the earliest time at which the person may have proven who they are
    pub authenticated_since: OffsetDateTime,
    /// whether the token must say when that was: a fresh sign-in was asked for
    pub must_tell_when: bool,
    /// the access token that came along
    pub access_token: Option<&'a str>,
    /// now
    pub now: OffsetDateTime,
}

/// Why a token proves nothing. For the log: it holds nothing of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenFault {
    /// not a JWT, not of an accepted algorithm, or not signed by a key of the provider
    #[error(transparent)]
    Signed(#[from] JwsFault),
    /// `typ` of another kind of token
    #[error("typ is not JWT")]
    Type,
    /// a claim is missing or of a wrong JSON type
    #[error("iss, sub, aud, exp, iat or nonce is missing, or a claim has a wrong JSON type")]
    Claims,
    /// another provider's
    #[error("iss is another issuer")]
    Issuer,
    /// for somebody else, or for several of whom we are not the one it was given to
    #[error("aud or azp is not this client")]
    Audience,
    /// `exp` has passed
    #[error("expired {0} s ago")]
    Expired(i64),
    /// `iat`, `nbf` or `auth_time` is ahead
    #[error("iat, nbf or auth_time is {0} s ahead")]
    NotYetValid(i64),
    /// of another sign-in
    #[error("nonce is that of another sign-in")]
    Nonce,
    /// the person proved who they are too long ago, or nobody says when where it was asked
    #[error("auth_time is missing, or before the sign-in began")]
    AuthTime,
    /// the access token beside it is another
    #[error("at_hash is not of the access token")]
    AccessToken,
}

/// A token that proves a sign-in.
#[derive(Clone)]
pub struct VerifiedIdToken {
    /// the person, by the provider's name for them
    pub subject: String,
    /// every claim
    pub claims: Map<String, Value>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    #[serde(default, deserialize_with = "present")]
    azp: Option<String>,
    exp: i64,
    iat: i64,
    #[serde(default, deserialize_with = "present")]
    nbf: Option<i64>,
    nonce: String,
    #[serde(default, deserialize_with = "present")]
    auth_time: Option<i64>,
    #[serde(default, deserialize_with = "present")]
    at_hash: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

// a member that is there has its type: null is none
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A token as it came.
#[derive(Clone)]
pub struct IdToken(Jws);

impl IdToken {
    /// Takes a token apart; an encrypted one is none (§0.2).
    ///
    /// # Errors
    /// [`IdTokenFault::Signed`] and [`IdTokenFault::Type`].
    pub fn parse(text: &str) -> Result<Self, IdTokenFault> {
        let signed = Jws::parse(text)?;
        // RFC 8725 §3.11: no access or logout token passes as an ID token
        if signed.is_of_type(&["jwt"]) { Ok(Self(signed)) } else { Err(IdTokenFault::Type) }
    }

    /// Whether the set holds a key that this token could be signed with.
    pub fn has_key_in(&self, keys: &ClientJwks) -> bool {
        self.0.key(keys, &ALGORITHMS) != Err(JwsFault::UnknownKey)
    }

    /// Verifies signature, then claims.
    ///
    /// # Errors
    /// For a token that is not the provider's, not for us, or not of this sign-in.
    pub fn verify(&self, keys: &ClientJwks, expected: &Expected<'_>) -> Result<VerifiedIdToken, IdTokenFault> {
        self.0.verify(self.0.key(keys, &ALGORITHMS)?)?;
        let all: Map<String, Value> = self.0.claims()?.ok_or(IdTokenFault::Claims)?;
        let claims: Claims = self.0.claims()?.ok_or(IdTokenFault::Claims)?;
        check(&claims, expected)?;
        Ok(VerifiedIdToken { subject: claims.sub, claims: all })
    }
}

fn check(claims: &Claims, expected: &Expected<'_>) -> Result<(), IdTokenFault> {
    // §3.1.3.7 (2)
    if claims.iss != expected.issuer {
        return Err(IdTokenFault::Issuer);
    }
    // (3) to (5): of several audiences we are the authorized party
    let ours = |name: &String| name == expected.client_id;
    let is_for_us = match &claims.aud {
        Audience::One(one) => ours(one),
        Audience::Several(several) => several.iter().any(ours) && (several.len() == 1 || claims.azp.is_some()),
    };
    if !is_for_us || !claims.azp.as_ref().is_none_or(ours) {
        return Err(IdTokenFault::Audience);
    }
    check_times(claims, expected)?;
    // (11)
    if !digest::equal(claims.nonce.as_bytes(), expected.nonce.as_bytes()) {
        return Err(IdTokenFault::Nonce);
    }
    // §3.1.3.8
    if let (Some(hash), Some(token)) = (&claims.at_hash, expected.access_token)
        && *hash != digest::base64url(&digest::sha256(&[token.as_bytes()])[..16])
    {
        return Err(IdTokenFault::AccessToken);
    }
    if claims.sub.is_empty() || claims.sub.len() > 255 { Err(IdTokenFault::Claims) } else { Ok(()) }
}

fn check_times(claims: &Claims, expected: &Expected<'_>) -> Result<(), IdTokenFault> {
    let now = expected.now.unix_timestamp();
    // (9); RFC 7519 §4.1.4: not "on or after" exp
    if now >= claims.exp {
        return Err(IdTokenFault::Expired(now.saturating_sub(claims.exp)));
    }
    // (10)
    let latest = [Some(claims.iat), claims.nbf, claims.auth_time].into_iter().flatten().max();
    let ahead = latest.map_or(0, |latest| latest.saturating_sub(now));
    if ahead > TOLERANCE {
        return Err(IdTokenFault::NotYetValid(ahead));
    }
    // (13)
    let since = (expected.authenticated_since - Duration::seconds(TOLERANCE)).unix_timestamp();
    let is_now = claims.auth_time.map_or(!expected.must_tell_when, |at| at >= since);
    if is_now { Ok(()) } else { Err(IdTokenFault::AuthTime) }
}

#[cfg(test)]
mod tests;
