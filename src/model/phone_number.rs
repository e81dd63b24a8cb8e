//! Icelandic phone numbers, by which the electronic ID on a SIM card is addressed (eid.md §5.3).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::national_id::is_separator;
use crate::base::{digest, secret::Secret};

/// Seven digits of the Icelandic numbering plan. `Debug` shows none of them (LOG-01); there is no `Display`.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PhoneNumber(String);

/// The text is not an Icelandic phone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a phone number has seven digits")]
pub struct NotAPhoneNumber;

impl PhoneNumber {
    /// Reads what a person typed: seven digits, with `+354`, `00354` or `354` before them or not; spaces and hyphens are dropped.
    ///
    /// Test numbers (`010xxxx` of the Gervimenn, `00xxxxx` of the simulator) pass only where `allow_test_numbers`.
    pub fn parse(text: &str, allow_test_numbers: bool) -> Result<Self, NotAPhoneNumber> {
        if text.chars().count() > 40 {
            return Err(NotAPhoneNumber);
        }
        let dialled: String = text.chars().filter(|&character| !is_separator(character)).collect();
        // The length tells the country code from a number that begins with the same digits.
        let digits = [("+354", 11), ("00354", 12), ("354", 10)]
            .into_iter()
            .find_map(|(prefix, length)| dialled.strip_prefix(prefix).filter(|_| dialled.len() == length))
            .unwrap_or(&dialled);
        if digits.len() != 7 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotAPhoneNumber);
        }
        let number = Self(digits.to_owned());
        let real = matches!(digits.as_bytes().first(), Some(b'3'..=b'9'));
        (real || (allow_test_numbers && number.is_test_number())).then_some(number).ok_or(NotAPhoneNumber)
    }

    /// With country code: `+3546123456`.
    pub fn e164(&self) -> String {
        format!("+354{}", self.0)
    }

    /// The number as rows know it: a hash under the key of pseudonyms, so that it stands nowhere in clear.
    pub fn key(&self, pseudonyms: &Secret<[u8; 32]>) -> [u8; 32] {
        digest::hmac_sha256(pseudonyms.expose(), &[b"number", self.e164().as_bytes()])
    }

    /// Whether it is a number that no phone can have: of a Gervimaður or of the simulator.
    pub fn is_test_number(&self) -> bool {
        self.0.starts_with("010") || self.0.starts_with("00")
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn e164(text: &str) -> Result<String, NotAPhoneNumber> {
        PhoneNumber::parse(text, false).map(|number| number.e164())
    }

    #[test]
    fn every_usual_way_of_writing_a_number_gives_the_same() {
        for text in ["6123456", "612 3456", "612-3456", "+354 612 3456", "00354 6123456", "3546123456", "612\u{a0}3456"] {
            assert_eq!(e164(text).as_deref(), Ok("+3546123456"), "{text}");
        }
    }

    #[test]
    fn seven_digits_that_begin_like_the_country_code_are_a_number() {
        assert_eq!(e164("3541234").as_deref(), Ok("+3543541234"));
    }

    #[test]
    fn other_numbers_are_refused() {
        for text in ["", "112", "612345", "61234567", "+4561234567", "1123456", "2123456", "+354+6123456", "６１２３４５６"]
        {
            assert_eq!(e164(text), Err(NotAPhoneNumber), "{text}");
        }
    }

    #[test]
    fn test_numbers_pass_only_where_they_are_allowed() {
        for text in ["010 2989", "0000001", "+3540102989"] {
            assert!(PhoneNumber::parse(text, false).is_err(), "{text}");
            assert!(PhoneNumber::parse(text, true).expect("allowed").is_test_number(), "{text}");
        }
        assert!(PhoneNumber::parse("0202989", true).is_err());
        assert!(!PhoneNumber::parse("6123456", true).expect("a number").is_test_number());
    }

    #[test]
    fn debug_shows_no_digit() {
        let shown = format!("{:?}", PhoneNumber::parse("6123456", false).expect("a number"));
        assert!(!shown.contains(|character: char| character.is_ascii_digit()), "LOG-01: {shown}");
    }
}
