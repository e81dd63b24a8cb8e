//! Secrets that authenticate clients and API resources: how they are given, and the form in which they are kept (CAU-07,
//! CAU-09, STO-01).

use std::collections::HashSet;

use time::OffsetDateTime;

use super::fields::{Faults, check_text};
use crate::base::{digest, secret::Secret};

/// Shortest secret: 256 bits in base64url (CAU-07).
const SHORTEST: usize = 43;
const LONGEST: usize = 512;
const LONGEST_LABEL: usize = 60;

/// A secret as a row keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSettings {
    /// which of the owner's secrets it is; unique for the owner
    pub label: String,
    /// SHA-256 of its text
    pub sha256: [u8; 32],
    /// when it stops to work
    pub expires_at: Option<OffsetDateTime>,
}

/// The hash of a secret's text, or why the text cannot be a secret.
pub fn hash_text(text: &Secret<String>) -> Result<[u8; 32], String> {
    let text = text.expose();
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Err("the secret holds white space or a character outside ASCII".to_owned())
    } else if (SHORTEST..=LONGEST).contains(&text.len()) {
        Ok(digest::sha256(&[text.as_bytes()]))
    } else {
        // CAU-07: an invented secret is too weak for the fast hash
        Err(format!("the secret has {} characters; a generated one of 256 bits has {SHORTEST} to {LONGEST}", text.len()))
    }
}

/// Reads the SHA-256 of a secret in hexadecimal, as `sha256sum` prints it.
pub fn parse_sha256(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let whole = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    whole.then_some(bytes)
}

/// Labels are short texts, each of them once.
pub fn check_labels<'a>(faults: &mut Faults, labels: impl Iterator<Item = &'a str>) {
    let mut seen = HashSet::new();
    for (index, label) in labels.enumerate() {
        let field = format!("secrets[{index}].label");
        if label.is_empty() {
            faults.add(&field, "is required: it tells one secret from another");
        } else if !seen.insert(label) {
            faults.add(&field, format!("`{label}` stands in the list already"));
        }
        check_text(faults, &field, label, LONGEST_LABEL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_someone_invented_is_refused_cau_07() {
        let hash = |text: &str| hash_text(&Secret::new(text.to_owned()));
        assert!(hash("hunter2").is_err());
        assert!(hash(&"a".repeat(42)).is_err());
        assert_eq!(hash(&"a".repeat(43)), Ok(digest::sha256(&["a".repeat(43).as_bytes()])));
        assert!(hash(&"a b".repeat(20)).is_err());
        assert!(!hash("hunter2").expect_err("short").contains("hunter2"));
    }

    #[test]
    fn a_hash_is_read_as_sha256sum_prints_it() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(parse_sha256(empty), Some(digest::sha256(&[])));
        assert_eq!(parse_sha256(&empty.to_uppercase()), Some(digest::sha256(&[])));
        for bad in ["", &empty[1..], &empty.replace('e', "g"), &format!("+{}", &empty[1..]), &format!("{empty}0")] {
            assert_eq!(parse_sha256(bad), None, "{bad}");
        }
    }
}
