//! Our public keys as others read them: RFC 7517 §4, RFC 7518 §6.3.1, RFC 7638 §3 (DISC-04).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::jwt::{Algorithm, VerifyingKey};
use crate::base::digest::{base64url, from_base64url, sha256};

/// A public RSA key for signatures. It has no private members to leak, and none is read into it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RsaPublicJwk {
    kty: KeyType,
    #[serde(rename = "use")]
    purpose: Purpose,
    alg: Algorithm,
    kid: String,
    n: Integer,
    e: Integer,
}

impl RsaPublicJwk {
    /// A key by modulus and exponent, big-endian; its `kid` is its thumbprint.
    pub fn new(n: &[u8], e: &[u8]) -> Self {
        let (n, e) = (Integer::new(n), Integer::new(e));
        Self { kty: KeyType::Rsa, purpose: Purpose::Signature, alg: Algorithm::Rs256, kid: thumbprint(&n, &e), n, e }
    }

    /// The key's id.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The key, to verify with.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey::from_rsa(&self.n.0, &self.e.0)
    }
}

/// The document at `jwks_uri`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Jwks<'a> {
    keys: Vec<&'a RsaPublicJwk>,
}

/// The document of the keys that sign, will sign, or have signed what still lives.
pub fn set<'a>(keys: impl IntoIterator<Item = &'a RsaPublicJwk>) -> Jwks<'a> {
    Jwks { keys: keys.into_iter().collect() }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum KeyType {
    #[serde(rename = "RSA")]
    Rsa,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Purpose {
    #[serde(rename = "sig")]
    Signature,
}

// RFC 7518 §2, Base64urlUInt: no leading zero octets
#[derive(Clone, Debug, PartialEq, Eq)]
struct Integer(Vec<u8>);

impl Integer {
    fn new(bytes: &[u8]) -> Self {
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        Self(bytes[zeros..].to_vec())
    }
}

impl fmt::Display for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url(&self.0))
    }
}

impl Serialize for Integer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = from_base64url(&String::deserialize(deserializer)?);
        bytes.map(|bytes| Self::new(&bytes)).ok_or_else(|| de::Error::custom("not base64url without padding"))
    }
}

// RFC 7638 §3: SHA-256 over the required members in lexical order, without white space
fn thumbprint(n: &Integer, e: &Integer) -> String {
    base64url(sha256(&[format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#).as_bytes()]))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    // RFC 7638 §3.1
    const KID: &str = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
    const N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs\
                     tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5ha\
                     jrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

    fn written() -> Value {
        json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KID, "n": N, "e": "AQAB" })
    }

    #[test]
    fn the_thumbprint_is_that_of_rfc_7638() {
        assert_eq!(RsaPublicJwk::new(&from_base64url(N).unwrap(), &[1, 0, 1]).kid(), KID);
    }

    #[test]
    fn disc_04_a_jwk_has_public_members_without_leading_zeros() {
        let n = [vec![0, 0], from_base64url(N).unwrap()].concat();
        let jwk = RsaPublicJwk::new(&n, &[0, 1, 0, 1]);
        assert_eq!(serde_json::to_value(set([&jwk])).unwrap(), json!({ "keys": [written()] }));
        assert_eq!(serde_json::from_value::<RsaPublicJwk>(written()).unwrap(), jwk);
    }

    #[test]
    fn no_private_and_no_foreign_key_is_read() {
        for (name, value) in [
            ("d", json!("AQAB")),
            ("p", json!("AQAB")),
            ("kty", json!("oct")),
            ("use", json!("enc")),
            ("alg", json!("HS256")),
            ("n", json!("AQ==")),
            ("e", json!(65537)),
        ] {
            let mut jwk = written();
            jwk[name] = value;
            assert!(serde_json::from_value::<RsaPublicJwk>(jwk).is_err(), "{name}");
        }
    }
}
