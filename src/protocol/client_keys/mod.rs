//! The public keys of clients that sign their assertions: RFC 7517 §4 and §5, RFC 7518 §6, RFC 8037 §2 (CAU-10, SSR-05, DOS-04).

use std::{collections::HashSet, fmt, str::FromStr, sync::LazyLock};

use jsonwebtoken::DecodingKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::digest::from_base64url;

/// Most keys in a set (DOS-04).
pub const MAX_KEYS: usize = 20;
/// Longest `kid` in bytes.
const MAX_KID: usize = 256;
/// Members of private and symmetric keys (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// How an assertion may be signed. `none` and HMAC cannot be named (CAU-10, CAU-12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AssertionAlgorithm {
    /// RSASSA-PSS with SHA-256
    #[serde(rename = "PS256")]
    Ps256,
    /// ECDSA on P-256 with SHA-256
    #[serde(rename = "ES256")]
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256
    #[serde(rename = "RS256")]
    Rs256,
    /// Ed25519 (RFC 8037)
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl AssertionAlgorithm {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Ps256, Self::Es256, Self::Rs256, Self::EdDsa];

    /// The registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::EdDsa => "EdDSA",
        }
    }

    const fn kind(self) -> Kind {
        match self {
            Self::Ps256 | Self::Rs256 => Kind::Rsa,
            Self::Es256 => Kind::P256,
            Self::EdDsa => Kind::Ed25519,
        }
    }

    const fn of_library(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Ps256 => jsonwebtoken::Algorithm::PS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

/// Not an algorithm for assertions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an algorithm for client assertions")]
pub struct UnknownAlgorithm;

impl FromStr for AssertionAlgorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text).ok_or(UnknownAlgorithm)
    }
}

/// What is wrong with a set of keys; keys are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysFault {
    /// not an object with a list `keys`
    #[error("is not a JSON Web Key Set: an object with a list `keys`")]
    NotASet,
    /// over [`MAX_KEYS`]
    #[error("holds more than {MAX_KEYS} keys")]
    TooMany,
    /// a private or symmetric key: whoever can read it can be the client
    #[error("is a private or symmetric key; keep it to yourself, make another, and give its public part alone")]
    Secret(usize),
    /// a key whose members cannot be read, or do not make a key
    #[error("is not a public key of its type")]
    Malformed(usize),
    /// RSA outside of 2048 to 8192 bits, or an exponent that is even, 1, or over 32 bits
    #[error("is an RSA key outside of 2048 to 8192 bits, or with an exponent that is not fit")]
    Rsa(usize),
    /// a `kid` that stands twice
    #[error("has a kid that another key has already")]
    DuplicateKid(usize),
    /// no key that could verify anything
    #[error("holds no public key for PS256, RS256, ES256 or EdDSA")]
    NothingUsable,
}

impl KeysFault {
    /// Which key it is about, if about one.
    pub const fn index(self) -> Option<usize> {
        match self {
            Self::Secret(index) | Self::Malformed(index) | Self::Rsa(index) | Self::DuplicateKid(index) => Some(index),
            Self::NotASet | Self::TooMany | Self::NothingUsable => None,
        }
    }
}

/// A client's keys: those that can verify. Written as JSON it is a set of public keys with the members that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClientJwks {
    keys: Vec<ClientKey>,
}

impl ClientJwks {
    /// Reads a set. Keys for other purposes and of other types are left out (RFC 7517 §5).
    ///
    /// # Errors
    /// Where it is not a set, holds what must not be published, or holds nothing that can verify.
    pub fn parse(document: &Value) -> Result<Self, KeysFault> {
        let entries = document.get("keys").and_then(Value::as_array).ok_or(KeysFault::NotASet)?;
        if entries.len() > MAX_KEYS {
            return Err(KeysFault::TooMany);
        }
        let (mut keys, mut seen) = (Vec::new(), HashSet::new());
        for (index, entry) in entries.iter().enumerate() {
            let secret = SECRET_MEMBERS.iter().any(|member| entry.get(member).is_some());
            if secret || entry.get("kty").is_some_and(|kty| kty == "oct") {
                return Err(KeysFault::Secret(index));
            }
            let jwk = Jwk::deserialize(entry).map_err(|_| KeysFault::Malformed(index))?;
            let Some(kind) = jwk.kind() else { continue };
            if let Some(kid) = &jwk.kid
                && !seen.insert(kid.clone())
            {
                return Err(KeysFault::DuplicateKid(index));
            }
            keys.push(ClientKey::new(jwk, kind, index)?);
        }
        if keys.is_empty() { Err(KeysFault::NothingUsable) } else { Ok(Self { keys }) }
    }

    /// The key for an assertion: the one of its `kid`, or without that the only one that fits its algorithm (OpenID Connect
    /// Core §10.1).
    pub fn find(&self, kid: Option<&str>, algorithm: AssertionAlgorithm) -> Option<&ClientKey> {
        let mut fitting = self.keys.iter().filter(|key| key.fits(algorithm));
        match kid {
            Some(kid) => fitting.find(|key| key.jwk.kid.as_deref() == Some(kid)),
            None => fitting.next().filter(|_| fitting.next().is_none()),
        }
    }

    /// Whether any of the keys is for this algorithm.
    pub fn has_key_for(&self, algorithm: AssertionAlgorithm) -> bool {
        self.keys.iter().any(|key| key.fits(algorithm))
    }

    /// Keys of nobody, one for each type: what an assertion of an unknown client is verified with, so that its refusal costs
    /// what another's does (CAU-08).
    pub fn stand_in() -> &'static Self {
        &STAND_IN
    }
}

// The examples of RFC 7638 §3.1, RFC 7517 A.1 and RFC 8037 A.2.
static STAND_IN: LazyLock<ClientJwks> = LazyLock::new(|| {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs\
             tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5ha\
             jrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let x = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4";
    let y = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM";
    let keys = json!({ "keys": [
        { "kty": "RSA", "n": n, "e": "AQAB" },
        { "kty": "EC", "crv": "P-256", "x": x, "y": y },
        { "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" },
    ] });
    ClientJwks::parse(&keys).unwrap_or_default()
});

/// A public key that can verify assertions.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct ClientKey {
    jwk: Jwk,
    #[serde(skip)]
    kind: Kind,
    #[serde(skip)]
    key: DecodingKey,
}

impl ClientKey {
    fn new(jwk: Jwk, kind: Kind, index: usize) -> Result<Self, KeysFault> {
        let bytes = |member: &Option<String>| {
            member.as_deref().and_then(from_base64url).filter(|bytes| !bytes.is_empty()).ok_or(KeysFault::Malformed(index))
        };
        let key = match kind {
            Kind::Rsa => {
                let (n, e) = (bytes(&jwk.n)?, bytes(&jwk.e)?);
                if !is_fit_rsa(&n, &e) {
                    return Err(KeysFault::Rsa(index));
                }
                DecodingKey::from_rsa_raw_components(&n, &e)
            }
            Kind::P256 => {
                let point = [&[4][..], &bytes(&jwk.x)?, &bytes(&jwk.y)?].concat();
                p256::PublicKey::from_sec1_bytes(&point).map_err(|_| KeysFault::Malformed(index))?;
                DecodingKey::from_ec_der(&point)
            }
            Kind::Ed25519 => DecodingKey::from_ed_der(
                Some(bytes(&jwk.x)?).filter(|x| x.len() == 32).as_deref().ok_or(KeysFault::Malformed(index))?,
            ),
        };
        Ok(Self { jwk, kind, key })
    }

    fn fits(&self, algorithm: AssertionAlgorithm) -> bool {
        self.kind == algorithm.kind() && self.jwk.alg.as_deref().is_none_or(|alg| alg == algorithm.as_str())
    }

    /// Whether the signature, in base64url, is this key's over the message.
    pub fn verifies(&self, message: &str, signature: &str, algorithm: AssertionAlgorithm) -> bool {
        let verified = jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.key, algorithm.of_library());
        self.fits(algorithm) && verified.unwrap_or(false)
    }
}

impl PartialEq for ClientKey {
    fn eq(&self, other: &Self) -> bool {
        self.jwk == other.jwk
    }
}

impl Eq for ClientKey {}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKey").field("kind", &self.kind).field("kid", &self.jwk.kid).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    Ed25519,
}

/// The members that matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Jwk {
    kty: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_ops: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
}

impl Jwk {
    /// What kind of key it is, where it is for signatures of ours.
    fn kind(&self) -> Option<Kind> {
        let kind = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Kind::Rsa,
            ("EC", Some("P-256")) => Kind::P256,
            ("OKP", Some("Ed25519")) => Kind::Ed25519,
            _ => return None,
        };
        let signs = self.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && self.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|operation| operation == "verify"));
        let algorithm = self.alg.as_deref().map(AssertionAlgorithm::from_str).transpose();
        let fits = algorithm.is_ok_and(|algorithm| algorithm.is_none_or(|algorithm| algorithm.kind() == kind));
        let short = self.kid.as_ref().is_none_or(|kid| kid.len() <= MAX_KID);
        (signs && fits && short).then_some(kind)
    }
}

// DOS-04: 2048 to 8192 bits; an odd exponent from 3 to 32 bits
fn is_fit_rsa(n: &[u8], e: &[u8]) -> bool {
    let bits = |bytes: &[u8]| {
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        bytes[zeros..].first().map_or(0, |first| (bytes.len() - zeros) * 8 - first.leading_zeros() as usize)
    };
    let odd = |bytes: &[u8]| bytes.last().is_some_and(|last| last % 2 == 1);
    (2048..=8192).contains(&bits(n)) && odd(n) && (2..=32).contains(&bits(e)) && odd(e)
}

#[cfg(test)]
mod tests;
