//! Field errors, and the rules that several nouns share: names, texts, e-mail addresses, lists.

use std::collections::HashSet;

use crate::{
    base::text::LocalizedText,
    model::{organisation::Organisation, scope},
};

/// Longest name of a client, scope or API resource, in bytes.
const LONGEST_NAME: usize = 200;
/// Longest title that people read, in characters.
pub const LONGEST_TITLE: usize = 100;
/// Longest description, in characters.
pub const LONGEST_DESCRIPTION: usize = 1000;

/// What is wrong with one field, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// path of the field, e.g. `redirect_uris[1]`
    pub field: String,
    /// for the person who wrote it
    pub message: String,
}

/// The field errors found so far; all are collected, so that one try shows everything.
#[derive(Debug, Default)]
pub struct Faults(Vec<FieldError>);

impl Faults {
    /// Adds what is wrong with a field.
    pub fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldError { field: field.into(), message: message.into() });
    }

    /// The value, if nothing was wrong.
    pub fn or<T>(self, value: T) -> Result<T, Vec<FieldError>> {
        if self.0.is_empty() { Ok(value) } else { Err(self.0) }
    }

    /// Everything that was wrong.
    pub fn into_vec(self) -> Vec<FieldError> {
        self.0
    }
}

/// Which characters may separate the parts of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separators {
    /// `- _ / .` (ias-domain 1.3)
    Client,
    /// those and `:` (ias-domain 1.4)
    Scope,
}

impl Separators {
    const fn characters(self) -> &'static [char] {
        match self {
            Self::Client => &['-', '_', '/', '.'],
            Self::Scope => &['-', '_', '/', '.', ':'],
        }
    }
}

/// The domain of the organisation whose prefix a name bears: `myorg.is` of `@myorg.is/webapp`.
pub fn domain_of(name: &str) -> Option<&str> {
    name.strip_prefix('@')?.split_once('/').map(|(domain, _)| domain)
}

/// Names are `@{domain}/{name}`: letters and digits, in parts with one separator between (seed 003).
pub fn check_name(faults: &mut Faults, field: &str, name: &str, owner: &Organisation, separators: Separators) {
    let prefix = format!("@{}/", owner.domain);
    let allowed = separators.characters();
    let part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !name.strip_prefix(&prefix).is_some_and(|rest| rest.split(allowed).all(part)) {
        let allowed: String = allowed.iter().flat_map(|character| [' ', *character]).collect();
        faults
            .add(field, format!("`{name}` is not {prefix} and then letters a–z, A–Z and digits, separated by single{allowed}"));
    } else if name.len() > LONGEST_NAME {
        faults.add(field, format!("is longer than {LONGEST_NAME} characters"));
    }
}

/// A text for people: its Icelandic form is required, and both forms are fit to show (INJ-02).
pub fn check_localized(faults: &mut Faults, field: &str, text: &LocalizedText, longest: usize) {
    if text.is.is_empty() {
        faults.add(format!("{field}.is"), "the Icelandic text is required");
    }
    check_text(faults, &format!("{field}.is"), &text.is, longest);
    if let Some(en) = &text.en {
        if en.is_empty() {
            faults.add(format!("{field}.en"), "is empty; leave it out, and the Icelandic text stands in");
        }
        check_text(faults, &format!("{field}.en"), en, longest);
    }
}

/// One line without markup, control characters and marks that turn the direction of text, not longer than `longest`
/// (INJ-02).
pub fn check_text(faults: &mut Faults, field: &str, text: &str, longest: usize) {
    if text.trim() != text {
        faults.add(field, "begins or ends with white space");
    }
    if text.chars().count() > longest {
        faults.add(field, format!("is longer than {longest} characters"));
    }
    if let Some(bad) = text.chars().find(|&character| is_unfit(character)) {
        faults.add(
            field,
            format!("may not hold the character U+{:04X}: no <, >, line breaks or invisible marks", u32::from(bad)),
        );
    }
}

fn is_unfit(character: char) -> bool {
    let turns_direction = matches!(character, '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}');
    matches!(character, '<' | '>') || character.is_control() || turns_direction
}

/// An e-mail address, in the form that mail systems in practice accept.
pub fn check_email(faults: &mut Faults, field: &str, address: Option<&String>) {
    let fits = |address: &String| {
        let Some((local, domain)) = address.rsplit_once('@') else { return false };
        let plain = address.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>()[],;:\\\"".contains(&byte));
        plain && !local.is_empty() && !local.contains('@') && is_domain(&domain.to_ascii_lowercase()) && address.len() <= 254
    };
    if address.is_some_and(|address| !fits(address)) {
        faults.add(field, "is not an e-mail address such as vefur@island.is");
    }
}

/// Whether the text is a domain name in lower case with two labels or more.
pub fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        let inner = label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        inner && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(label)
}

/// No entry may stand twice in a list.
pub fn check_unique<T: Eq + std::hash::Hash>(faults: &mut Faults, field: &str, list: &[T]) {
    let mut seen = HashSet::new();
    for (index, entry) in list.iter().enumerate() {
        if !seen.insert(entry) {
            faults.add(format!("{field}[{index}]"), "stands in the list already");
        }
    }
}

/// Names of API scopes in a list: each is known, none twice, and the built-in ones are not listed.
pub fn check_scope_names(faults: &mut Faults, names: &[String], exists: &dyn Fn(&str) -> bool) {
    check_unique(faults, "scopes", names);
    for (index, name) in names.iter().enumerate() {
        if [scope::OPENID, scope::PROFILE, scope::OFFLINE_ACCESS].contains(&name.as_str()) {
            let message = format!("`{name}` is built in and not listed here; allow_offline_access decides over refresh tokens");
            faults.add(format!("scopes[{index}]"), message);
        } else if !exists(name) {
            faults.add(format!("scopes[{index}]"), format!("there is no scope `{name}`"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::settings::organisation::tests::myorg;

    fn name_fits(name: &str, separators: Separators) -> bool {
        let mut faults = Faults::default();
        check_name(&mut faults, "name", name, &myorg(), separators);
        faults.into_vec().is_empty()
    }

    #[test]
    fn names_follow_the_domain_of_their_organisation() {
        for good in ["@myorg.is/webapp", "@myorg.is/web-app", "@myorg.is/A1/b.c_d"] {
            assert!(name_fits(good, Separators::Client) && name_fits(good, Separators::Scope), "{good}");
        }
        let bad = ["webapp", "@other.is/webapp", "@myorg.is/", "@myorg.is/a--b", "@myorg.is/-a", "@myorg.is/a/", "@myorg.is/á"];
        for bad in bad.iter().chain(&["@myorg.is/a b", "@MYORG.is/a", " @myorg.is/a", "myorg.is/a", "@myorg.is/a\n"]) {
            assert!(!name_fits(bad, Separators::Client) && !name_fits(bad, Separators::Scope), "{bad}");
        }
        assert!(name_fits("@myorg.is/documents:read", Separators::Scope));
        assert!(!name_fits("@myorg.is/documents:read", Separators::Client));
        assert!(!name_fits(&format!("@myorg.is/{}", "a".repeat(200)), Separators::Client));
    }

    #[test]
    fn texts_hold_no_markup_and_nothing_invisible() {
        let faults_of = |text: &str| {
            let mut faults = Faults::default();
            check_localized(&mut faults, "t", &LocalizedText { is: text.into(), en: None }, 10);
            faults.into_vec().len()
        };
        assert_eq!(faults_of("Skjöl 100%"), 0);
        for bad in ["", "a<b", "a\nb", "a\u{202E}b", "a\u{200B}b", " a", "elevenchars", "a\0"] {
            assert_eq!(faults_of(bad), 1, "{bad:?}");
        }
    }

    #[test]
    fn email_addresses_are_told_from_other_texts() {
        let fits = |text: &str| {
            let mut faults = Faults::default();
            check_email(&mut faults, "e", Some(&text.to_owned()));
            faults.into_vec().is_empty()
        };
        assert!(fits("vefur@myorg.is") && fits("a.b+c@sub.myorg.is"));
        for bad in ["", "vefur", "@myorg.is", "a@b", "a@b@myorg.is", "a b@myorg.is", "Nafn <a@myorg.is>", "a@-x.is"] {
            assert!(!fits(bad), "{bad}");
        }
    }
}
