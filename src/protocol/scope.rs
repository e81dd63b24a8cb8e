//! Sets of scope names: RFC 6749 §3.3 (AUT-04, §0.2).

use std::{collections::HashSet, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Longest `scope` in bytes (§0.2).
pub const MAX_LENGTH: usize = 4096;
/// Most names in a `scope` (§0.2).
pub const MAX_NAMES: usize = 100;

/// Why a `scope` cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeFault {
    /// not names of `%x21 / %x23-5B / %x5D-7E` with single spaces between them
    #[error("not scope names with single spaces between them")]
    Syntax,
    /// over [`MAX_LENGTH`] or [`MAX_NAMES`]
    #[error("more than 4096 bytes or 100 names")]
    TooLong,
}

/// Scope names, each once, in the order in which they were first asked for. Written as RFC 6749 does, also by serde.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(Vec<String>);

impl ScopeSet {
    /// Names that were read and judged before.
    pub fn of(names: impl IntoIterator<Item = String>) -> Self {
        Self(names.into_iter().collect())
    }

    /// Whether a name is in the set; names are compared byte for byte (HTTP-17).
    pub fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|own| own == name)
    }

    /// Whether every name of this set is in the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        let other: HashSet<&str> = other.iter().collect();
        self.iter().all(|name| other.contains(name))
    }

    /// Keeps the names that a rule keeps, in their order.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.0.retain(|name| keep(name));
    }

    /// The names, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Reads a `scope` parameter; it has at least one name.
impl FromStr for ScopeSet {
    type Err = ScopeFault;

    fn from_str(text: &str) -> Result<Self, ScopeFault> {
        if text.len() > MAX_LENGTH || text.bytes().filter(|&byte| byte == b' ').count() >= MAX_NAMES {
            return Err(ScopeFault::TooLong);
        }
        let mut seen = HashSet::new();
        let mut names = Vec::new();
        for name in text.split(' ') {
            if name.is_empty() || !name.bytes().all(is_nqchar) {
                return Err(ScopeFault::Syntax);
            }
            // O(n), whatever is sent (CVE-2026-4634)
            if seen.insert(name) {
                names.push(name.to_owned());
            }
        }
        Ok(Self(names))
    }
}

// RFC 6749 App. A: NQCHAR = %x21 / %x23-5B / %x5D-7E
fn is_nqchar(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'"' && byte != b'\\'
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl Serialize for ScopeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An empty text is the empty set: what is written is read back.
impl<'de> Deserialize<'de> for ScopeSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() { Ok(Self::default()) } else { text.parse().map_err(de::Error::custom) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(text: &str) -> ScopeSet {
        text.parse().unwrap()
    }

    #[test]
    fn names_are_kept_once_in_their_order() {
        let scopes = set("openid @myorg.is/documents:read profile openid");
        assert_eq!(scopes.to_string(), "openid @myorg.is/documents:read profile");
        assert!(scopes.contains("profile"));
        assert!(!scopes.contains("Profile") && !scopes.contains("open"));
    }

    #[test]
    fn aut_04_the_grammar_is_that_of_rfc_6749() {
        for text in ["", " ", "a  b", " a", "a ", "a\tb", "a\nb", "a\"b", "a\\b", "þ", "a\u{7f}", "a\u{a0}b"] {
            assert_eq!(text.parse::<ScopeSet>(), Err(ScopeFault::Syntax), "{text:?}");
        }
        assert!("!#[]~^`{}|/:@.-_".parse::<ScopeSet>().is_ok());
    }

    #[test]
    fn limits_hold_at_their_boundary() {
        assert!("a".repeat(MAX_LENGTH).parse::<ScopeSet>().is_ok());
        assert_eq!("a".repeat(MAX_LENGTH + 1).parse::<ScopeSet>(), Err(ScopeFault::TooLong));
        assert!(vec!["a"; MAX_NAMES].join(" ").parse::<ScopeSet>().is_ok());
        assert_eq!(vec!["a"; MAX_NAMES + 1].join(" ").parse::<ScopeSet>(), Err(ScopeFault::TooLong));
    }

    #[test]
    fn sets_are_compared_and_narrowed() {
        let mut scopes = set("openid profile offline_access");
        assert!(set("profile openid").is_subset(&scopes));
        assert!(!set("profile email").is_subset(&scopes));
        assert!(ScopeSet::default().is_subset(&scopes));
        scopes.retain(|name| name != "profile");
        assert_eq!(scopes, set("openid offline_access"));
        scopes.retain(|_| false);
        assert!(scopes.is_empty());
    }

    #[test]
    fn serde_writes_one_string_and_reads_it_back() {
        for scopes in [set("openid profile"), ScopeSet::default()] {
            let json = serde_json::to_string(&scopes).unwrap();
            assert_eq!(json, format!("\"{scopes}\""));
            assert_eq!(serde_json::from_str::<ScopeSet>(&json).unwrap(), scopes);
        }
        assert!(serde_json::from_str::<ScopeSet>("\"a  b\"").is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(text in "[a-c]( [a-c]){0,9}") {
            let scopes = set(&text);
            prop_assert_eq!(set(&scopes.to_string()), scopes.clone());
            prop_assert!(scopes.iter().all(|name| text.split(' ').any(|asked| asked == name)));
            prop_assert!(text.split(' ').all(|asked| scopes.contains(asked)));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".*") {
            let _ = text.parse::<ScopeSet>();
        }
    }
}
