//! Our public keys as others read them: RFC 7517 §4, RFC 7518 §6.3.1, RFC 7638 §3 (DISC-04).

use serde::Serialize;

use super::jwt::Algorithm;
use crate::base::digest::{base64url, sha256};

/// A public RSA key for signatures. It has no private members to leak.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublicJwk {
    kty: &'static str,
    #[serde(rename = "use")]
    purpose: &'static str,
    alg: Algorithm,
    kid: String,
    n: String,
    e: String,
}

impl PublicJwk {
    /// A key by modulus and exponent, big-endian; its `kid` is its thumbprint.
    pub fn from_rsa(n: &[u8], e: &[u8]) -> Self {
        let (n, e) = (integer(n), integer(e));
        Self { kty: "RSA", purpose: "sig", alg: Algorithm::Rs256, kid: thumbprint(&n, &e), n, e }
    }

    /// The key's id.
    pub fn kid(&self) -> &str {
        &self.kid
    }
}

/// The document at `jwks_uri`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Jwks {
    /// those that sign, will sign, or have signed what still lives
    pub keys: Vec<PublicJwk>,
}

// RFC 7518 §2, Base64urlUInt: no leading zero octets
fn integer(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    base64url(&bytes[zeros..])
}

// RFC 7638 §3: SHA-256 over the required members in lexical order, without white space
fn thumbprint(n: &str, e: &str) -> String {
    base64url(sha256(&[format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#).as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::from_base64url;

    // RFC 7638 §3.1
    const N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs\
                     tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5ha\
                     jrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

    #[test]
    fn the_thumbprint_is_that_of_rfc_7638() {
        let jwk = PublicJwk::from_rsa(&from_base64url(N).unwrap(), &[1, 0, 1]);
        assert_eq!(jwk.kid(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn disc_04_a_jwk_has_public_members_without_leading_zeros() {
        let n = [vec![0, 0], from_base64url(N).unwrap()].concat();
        let jwks = Jwks { keys: vec![PublicJwk::from_rsa(&n, &[0, 1, 0, 1])] };
        assert_eq!(
            serde_json::to_value(&jwks).unwrap(),
            serde_json::json!({ "keys": [{
                "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
                "n": N, "e": "AQAB",
            }] })
        );
    }
}
