//! What people read, in Icelandic and English: catalogues in templates/i18n, compiled in.

use std::{borrow::Cow, collections::HashMap, str::FromStr};

use fluent_templates::{LanguageIdentifier, Loader as _, fluent_bundle::FluentValue, langid, static_loader};
use serde::{Deserialize, Serialize};

static_loader! {
    static CATALOGUES = {
        locales: "./templates/i18n",
        fallback_language: "is",
        // The marks that Fluent puts around values would show up in copied text and in titles.
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

static ICELANDIC: LanguageIdentifier = langid!("is");
static ENGLISH: LanguageIdentifier = langid!("en");

/// The languages that the server speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// íslenska, the first language
    #[default]
    Is,
    /// English
    En,
}

impl Language {
    /// Every language, in the order in which a choice shows them.
    pub const ALL: [Self; 2] = [Self::Is, Self::En];

    /// The BCP 47 tag.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Is => "is",
            Self::En => "en",
        }
    }

    /// The language's own name.
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::Is => "Íslenska",
            Self::En => "English",
        }
    }

    /// The text of `key`; `{ $name }` in it is filled from `values`.
    pub fn text(self, key: &str, values: &[(&'static str, &str)]) -> String {
        let values: HashMap<Cow<'static, str>, FluentValue<'_>> = values
            .iter()
            .map(|&(name, value)| {
                // Numbers stay numbers, so that plural rules see them.
                let value = value.parse::<u32>().map_or_else(|_| FluentValue::from(value), FluentValue::from);
                (Cow::Borrowed(name), value)
            })
            .collect();
        CATALOGUES.lookup_with_args(self.identifier(), key, &values)
    }

    /// The text of `key`, where there is one.
    pub fn try_text(self, key: &str) -> Option<String> {
        CATALOGUES.try_lookup(self.identifier(), key)
    }

    fn identifier(self) -> &'static LanguageIdentifier {
        match self {
            Self::Is => &ICELANDIC,
            Self::En => &ENGLISH,
        }
    }
}

/// The text is not a language tag that the server speaks.
#[derive(Debug, thiserror::Error)]
#[error("not one of our languages (is, en)")]
pub struct UnknownLanguage;

impl FromStr for Language {
    type Err = UnknownLanguage;

    /// Reads a BCP 47 tag by its first subtag (`en-GB` is English); nothing else of it is kept (AUT-12).
    fn from_str(tag: &str) -> Result<Self, UnknownLanguage> {
        match tag.split('-').next() {
            Some(primary) if primary.eq_ignore_ascii_case("is") => Ok(Self::Is),
            Some(primary) if primary.eq_ignore_ascii_case("en") => Ok(Self::En),
            _ => Err(UnknownLanguage),
        }
    }
}

/// A text that an organisation wrote, in Icelandic and perhaps in English.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalizedText {
    /// Icelandic: required
    pub is: String,
    /// English: where absent, the Icelandic text stands in
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub en: Option<String>,
}

impl LocalizedText {
    /// The text for a reader of `language`.
    pub fn get(&self, language: Language) -> &str {
        match (language, &self.en) {
            (Language::En, Some(en)) => en,
            _ => &self.is,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_read_by_its_first_subtag() {
        assert_eq!("en-GB".parse::<Language>().ok(), Some(Language::En));
        assert_eq!("IS".parse::<Language>().ok(), Some(Language::Is));
        assert!("se".parse::<Language>().is_err());
    }

    #[test]
    fn an_absent_translation_falls_back_to_icelandic() {
        let text = LocalizedText { is: "Lesa skjöl".into(), en: None };
        assert_eq!(text.get(Language::En), "Lesa skjöl");
    }
}
