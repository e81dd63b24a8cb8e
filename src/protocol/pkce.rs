//! Proof Key for Code Exchange, S256 alone: RFC 7636 §4.1, §4.2, §4.6 (AUT-05, COD-02, COD-03).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{error::Refusal, refusals};
use crate::base::digest::{base64url, equal, from_base64url, sha256};

/// A code challenge of method S256: the SHA-256 digest of a verifier. Written in its 43 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeChallenge([u8; 32]);

impl CodeChallenge {
    /// Reads the 43 base64url characters of a request.
    ///
    /// # Errors
    /// [`refusals::CODE_CHALLENGE_MALFORMED`] for anything else (§0.2).
    pub fn parse(text: &str) -> Result<Self, &'static Refusal> {
        let digest = from_base64url(text).and_then(|bytes| bytes.try_into().ok());
        digest.map(Self).ok_or(&refusals::CODE_CHALLENGE_MALFORMED)
    }

    /// Whether this challenge was made from the verifier; takes the same time whatever differs.
    pub fn is_met_by(&self, verifier: &CodeVerifier<'_>) -> bool {
        equal(&self.0, &verifier.challenge().0)
    }

    /// The digest, as it is stored.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A digest as it was stored.
impl From<[u8; 32]> for CodeChallenge {
    fn from(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

impl fmt::Display for CodeChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url(self.0))
    }
}

impl Serialize for CodeChallenge {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CodeChallenge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(|refusal| de::Error::custom(refusal.description))
    }
}

/// A code verifier: 43 to 128 unreserved characters. `Debug` shows nothing of it.
#[derive(Clone, Copy)]
pub struct CodeVerifier<'a>(&'a str);

impl<'a> CodeVerifier<'a> {
    /// Reads the verifier of a token request.
    ///
    /// # Errors
    /// [`refusals::CODE_VERIFIER_MALFORMED`] for another length or character.
    pub fn parse(text: &'a str) -> Result<Self, &'static Refusal> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if (43..=128).contains(&text.len()) && text.bytes().all(unreserved) {
            Ok(Self(text))
        } else {
            Err(&refusals::CODE_VERIFIER_MALFORMED)
        }
    }

    /// The challenge of method S256 that this verifier meets.
    pub fn challenge(&self) -> CodeChallenge {
        CodeChallenge(sha256(&[self.0.as_bytes()]))
    }
}

impl fmt::Debug for CodeVerifier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // RFC 7636 App. B
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_example_of_rfc_7636_holds() {
        let challenge = CodeChallenge::parse(CHALLENGE).unwrap();
        assert!(challenge.is_met_by(&CodeVerifier::parse(VERIFIER).unwrap()));
        assert_eq!(challenge.to_string(), CHALLENGE);
        assert_eq!(CodeChallenge::from(*challenge.as_bytes()), challenge);
        let json = serde_json::to_string(&challenge).unwrap();
        assert_eq!(serde_json::from_str::<CodeChallenge>(&json).unwrap(), challenge);
    }

    #[test]
    fn aut_05_a_challenge_has_43_base64url_characters() {
        let (short, long) = (&CHALLENGE[1..], format!("{CHALLENGE}A"));
        let loose = format!("{}N", &CHALLENGE[..42]);
        let (padded, plus) = (format!("{CHALLENGE}="), format!("+{}", &CHALLENGE[1..]));
        for text in ["", short, &long, &loose, &padded, &plus] {
            assert_eq!(CodeChallenge::parse(text), Err(&refusals::CODE_CHALLENGE_MALFORMED), "{text}");
        }
    }

    #[test]
    fn a_verifier_has_43_to_128_unreserved_characters() {
        for (length, good) in [(42, false), (43, true), (128, true), (129, false)] {
            assert_eq!(CodeVerifier::parse(&"a".repeat(length)).is_ok(), good, "{length}");
        }
        for bad in ["+", "/", "=", " ", "%", "ð", "\0"] {
            assert!(CodeVerifier::parse(&format!("{}{bad}", "a".repeat(43))).is_err(), "{bad}");
        }
        assert!(CodeVerifier::parse(&"-._~0aZ".repeat(7)).is_ok());
        assert_eq!(format!("{:?}", CodeVerifier::parse(VERIFIER).unwrap()), "[redacted]");
    }

    proptest! {
        #[test]
        fn only_its_own_verifier_meets_a_challenge(a in "[A-Za-z0-9._~-]{43,128}", b in "[A-Za-z0-9._~-]{43,128}") {
            let (first, second) = (CodeVerifier::parse(&a).unwrap(), CodeVerifier::parse(&b).unwrap());
            prop_assert!(first.challenge().is_met_by(&first));
            prop_assert_eq!(first.challenge().is_met_by(&second), a == b);
        }
    }
}
