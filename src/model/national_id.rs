//! National ids: the kennitala of a person or a company (eid.md §5.3).
//!
//! Ten digits. There is no check digit to check: since 18 February 2026 the registry issues numbers without one, to persons and
//! as system numbers. Companies have 40 added to the day, so that their first digit is 4–7; system numbers begin with 8 or 9.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A kennitala: ten digits. `Debug` shows none of them (LOG-01); there is no `Display`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NationalId(String);

/// The text is not ten digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a national id has ten digits")]
pub struct NotANationalId;

/// Whom a national id names, by its first digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NationalIdKind {
    /// 0–3: a person in the register, by birth date
    Person,
    /// 4–7: a company or another legal entity, which never signs in
    Company,
    /// 8–9: a system number, for people who are not in the register
    SystemNumber,
}

/// The public test persons (Gervimenn).
const TEST_PERSONS: [&str; 13] = [
    "0101302129",
    "0101302209",
    "0101302399",
    "0101302479",
    "0101302559",
    "0101302639",
    "0101302719",
    "0101302989",
    "0101303019",
    "0101303369",
    "0101304929",
    "0101305069",
    "0101307789",
];

impl NationalId {
    /// Reads what a person typed: spaces, hyphens and non-breaking spaces are dropped, ten digits must remain.
    pub fn parse(text: &str) -> Result<Self, NotANationalId> {
        // No more is read than ten digits with a mark between each two.
        if text.chars().count() > 32 {
            return Err(NotANationalId);
        }
        Self::from_digits(&text.chars().filter(|&character| !is_separator(character)).collect::<String>())
    }

    /// Reads exactly ten digits, as certificates, registers and our own rows have them.
    pub fn from_digits(text: &str) -> Result<Self, NotANationalId> {
        (text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| Self(text.to_owned()))
            .ok_or(NotANationalId)
    }

    /// The ten digits; the name makes each use easy to find.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Person, company or system number.
    pub fn kind(&self) -> NationalIdKind {
        match self.0.as_bytes().first() {
            Some(b'4'..=b'7') => NationalIdKind::Company,
            Some(b'8' | b'9') => NationalIdKind::SystemNumber,
            _ => NationalIdKind::Person,
        }
    }

    /// Whether it belongs to a test person or to nobody: a Gervimaður, or a day and month that no calendar has, as the
    /// simulator's numbers from `0099` on. Production refuses them (eid.md §12.7).
    pub fn is_test_identity(&self) -> bool {
        if TEST_PERSONS.contains(&self.expose()) {
            return true;
        }
        let number = |at: std::ops::Range<usize>| self.0.get(at).and_then(|digits| digits.parse::<u8>().ok()).unwrap_or(0);
        let (day, month) = (number(0..2), number(2..4));
        match self.kind() {
            NationalIdKind::SystemNumber => false,
            NationalIdKind::Person => day == 0 || month == 0 || month > 12,
            NationalIdKind::Company => day == 40 || month == 0 || month > 12,
        }
    }
}

impl fmt::Debug for NationalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NationalId([redacted])")
    }
}

impl TryFrom<String> for NationalId {
    type Error = NotANationalId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::from_digits(&text)
    }
}

impl From<NationalId> for String {
    fn from(id: NationalId) -> Self {
        id.0
    }
}

/// Spaces, non-breaking spaces, hyphens and the dashes that phones put in their place.
pub(super) fn is_separator(character: char) -> bool {
    character.is_whitespace() || matches!(character, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2060}' | '\u{200b}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_and_hyphens_are_dropped() {
        for text in ["0101302989", "010130-2989", " 010130 2989 ", "010130\u{a0}2989", "010130\u{2013}2989"] {
            assert_eq!(NationalId::parse(text).expect("ten digits").expose(), "0101302989", "{text}");
        }
    }

    #[test]
    fn anything_but_ten_digits_is_refused() {
        for text in ["", "010130298", "01013029890", "010130298a", "٠١٠١٣٠٢٩٨٩", "0101302989\0", &"-".repeat(100)] {
            assert_eq!(NationalId::parse(text), Err(NotANationalId), "{text:?}");
        }
        assert!(NationalId::from_digits("010130-2989").is_err());
    }

    #[test]
    fn a_number_that_fails_the_former_check_digit_is_accepted() {
        assert!(NationalId::parse("0101302999").is_ok());
    }

    #[test]
    fn the_first_digit_tells_person_company_and_system_number() {
        let kind = |text| NationalId::parse(text).expect("ten digits").kind();
        assert_eq!(kind("0101302989"), NationalIdKind::Person);
        assert_eq!(kind("3112992989"), NationalIdKind::Person);
        assert_eq!(kind("5501692829"), NationalIdKind::Company);
        assert_eq!(kind("7112992989"), NationalIdKind::Company);
        assert_eq!(kind("8123456789"), NationalIdKind::SystemNumber);
        assert_eq!(kind("9923456789"), NationalIdKind::SystemNumber);
    }

    #[test]
    fn test_identities_are_the_gervimenn_and_impossible_dates() {
        let is_test = |text| NationalId::parse(text).expect("ten digits").is_test_identity();
        assert!(is_test("0101302989") && is_test("0099000019") && is_test("0113992989") && is_test("0001992989"));
        assert!(!is_test("0101302999") && !is_test("8099000019") && !is_test("5501692829"));
    }

    #[test]
    fn debug_shows_no_digit() {
        let shown = format!("{:?}", NationalId::parse("0101302989").expect("ten digits"));
        assert!(!shown.contains(|character: char| character.is_ascii_digit()), "LOG-01: {shown}");
    }
}
