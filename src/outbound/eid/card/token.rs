//! The Web eID authentication token, as the browser's extension hands it over (eid.md §4.3).

use serde::Deserialize;

use super::super::signature::Hash;
use crate::{base::digest::from_base64, model::identity_provider::WebEidAlgorithm};

/// Shorter ones hold no certificate, longer ones no token (eid.md §4.3).
const CHARACTERS: std::ops::RangeInclusive<usize> = 100..=10_000;

/// A token, read but not believed.
pub(super) struct Token {
    /// DER
    pub(super) certificate: Vec<u8>,
    pub(super) algorithm: WebEidAlgorithm,
    /// r‖s, or RSA's
    pub(super) signature: Vec<u8>,
}

/// A token is refused before anything in it is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenFault {
    #[error("the token has fewer than 100 or more than 10,000 characters")]
    Length,
    #[error("the token is not JSON with the fields that a token has")]
    Malformed,
    #[error("the token's format is not web-eid:1")]
    Format,
    #[error("the signature algorithm is not in the allow list")]
    Algorithm,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    unverified_certificate: String,
    algorithm: String,
    signature: String,
    format: String,
}

impl Token {
    pub(super) fn parse(text: &str) -> Result<Self, TokenFault> {
        if !CHARACTERS.contains(&text.chars().count()) {
            return Err(TokenFault::Length);
        }
        let wire: Wire = serde_json::from_str(text).map_err(|_| TokenFault::Malformed)?;
        // every minor version of 1 has these fields
        let minor = wire.format.strip_prefix("web-eid:1").ok_or(TokenFault::Format)?;
        if !minor.is_empty() && !minor.starts_with('.') {
            return Err(TokenFault::Format);
        }
        Ok(Self {
            algorithm: WebEidAlgorithm::parse(&wire.algorithm).ok_or(TokenFault::Algorithm)?,
            certificate: from_base64(&wire.unverified_certificate).ok_or(TokenFault::Malformed)?,
            signature: from_base64(&wire.signature).ok_or(TokenFault::Malformed)?,
        })
    }
}

/// The hash that an algorithm signs over.
pub(super) const fn hash_of(algorithm: WebEidAlgorithm) -> Hash {
    match algorithm {
        WebEidAlgorithm::Es256 | WebEidAlgorithm::Ps256 | WebEidAlgorithm::Rs256 => Hash::Sha256,
        WebEidAlgorithm::Es384 | WebEidAlgorithm::Ps384 | WebEidAlgorithm::Rs384 => Hash::Sha384,
        WebEidAlgorithm::Es512 | WebEidAlgorithm::Ps512 | WebEidAlgorithm::Rs512 => Hash::Sha512,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ES384: &str = include_str!("../../../../tests/vectors/third_party/web-eid-authtoken-validation-java/es384.json");

    fn fault(text: &str) -> Option<TokenFault> {
        Token::parse(text).err()
    }

    /// The token with one field changed.
    fn with(field: &str, value: impl Into<serde_json::Value>) -> String {
        let mut token: serde_json::Value = serde_json::from_str(ES384).expect("JSON");
        token[field] = value.into();
        token.to_string()
    }

    #[test]
    fn a_token_of_the_extension_is_read() {
        let token = Token::parse(ES384.trim()).expect("a token");
        assert_eq!((token.algorithm, token.signature.len()), (WebEidAlgorithm::Es384, 96));
        for format in ["web-eid:1", "web-eid:1.0", "web-eid:1.1", "web-eid:1.27"] {
            assert_eq!(fault(&with("format", format)), None, "{format}");
        }
        assert_eq!(fault(&with("supportedSignatureAlgorithms", "unknown fields are passed over")), None);
    }

    #[test]
    fn what_is_no_token_is_refused_for_its_own_reason() {
        for (text, expected) in [
            (String::new(), TokenFault::Length),
            ("{}".to_owned(), TokenFault::Length),
            (" ".repeat(100), TokenFault::Malformed),
            ("ð".repeat(10_001), TokenFault::Length),
            (with("appVersion", "x".repeat(10_000)), TokenFault::Length),
            (ES384[..ES384.len() / 2].to_owned(), TokenFault::Malformed),
            (format!("{} {{}}", ES384.trim()), TokenFault::Malformed),
            (with("signature", 1), TokenFault::Malformed),
            (with("signature", "not base64"), TokenFault::Malformed),
            (with("unverifiedCertificate", "ð"), TokenFault::Malformed),
            (ES384.replacen('{', r#"{"format":"web-eid:1.0","#, 1), TokenFault::Malformed),
            (with("format", "web-eid:2.0"), TokenFault::Format),
            (with("format", "web-eid:10"), TokenFault::Format),
            (with("format", "Web-eid:1.0"), TokenFault::Format),
            (with("algorithm", "none"), TokenFault::Algorithm),
            (with("algorithm", "HS256"), TokenFault::Algorithm),
            (with("algorithm", "es384"), TokenFault::Algorithm),
            (with("algorithm", "RS1"), TokenFault::Algorithm),
        ] {
            assert_eq!(fault(&text), Some(expected), "{}", text.chars().take(60).collect::<String>());
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{100,300}", at in 0usize..1900, byte in any::<u8>()) {
            drop(Token::parse(&text));
            let mut bent = ES384.as_bytes().to_vec();
            let place = at % bent.len();
            bent[place] = byte;
            if let Ok(bent) = String::from_utf8(bent) {
                drop(Token::parse(&bent));
            }
        }
    }
}
