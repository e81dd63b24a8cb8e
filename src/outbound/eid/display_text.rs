//! The text on a phone's screen: short, in the alphabets that SIM cards know, with the code before the service's name
//! (eid.md §2.1, §10.2).

use serde::{Deserialize, Serialize};

use crate::base::text::Language;

/// The alphabet of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Format {
    /// GSM 03.38: 100 characters, of which some count two
    #[serde(rename = "GSM-7")]
    Gsm7,
    /// the Basic Multilingual Plane: 50 characters
    #[serde(rename = "UCS-2")]
    Ucs2,
}

/// The short form of a service's name: what the Icelandic words and a code of four digits leave of the 50 characters of UCS-2.
const MOST_SERVICE_CHARACTERS: usize = 19;
/// What the Icelandic words leave of 60 characters, and with the advice of 200.
const MOST_SERVICE_CHARACTERS_IN_APP_60: usize = 46;
const MOST_SERVICE_CHARACTERS_IN_APP_200: usize = 100;
const MOST_GSM7_UNITS: usize = 100;
const MOST_UCS2_CHARACTERS: usize = 50;

/// GSM 03.38 but for the Greek capitals, line feeds and escape, which no text of ours needs.
const GSM7: &str =
    "@£$¥èéùìòÇØøÅåÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà_";
const GSM7_OF_TWO_UNITS: &str = "^{}\\[~]|€";

/// The text that asks a person to confirm on the phone. The code is always whole; what does not fit of the service's name is
/// left out.
pub(super) fn for_phone(language: Language, code: &str, service: &str) -> (String, Format) {
    let short = shortened(&printable(service), MOST_SERVICE_CHARACTERS);
    let (first, second) = match language {
        Language::Is => (format!("Öryggistala {code}."), format!(" Innskráning: {short}")),
        Language::En => (format!("Code {code}."), format!(" Sign in: {short}")),
    };
    let text = if short.is_empty() { first } else { first + &second };
    match gsm7_units(&text) {
        Some(units) if units <= MOST_GSM7_UNITS => (text, Format::Gsm7),
        _ => (text.chars().take(MOST_UCS2_CHARACTERS).collect::<String>().trim_end().to_owned(), Format::Ucs2),
    }
}

/// The texts in an app: one of at most 60 and one of at most 200 characters (eid.md §3.1, §10.2). `has_code` says that the page
/// shows a code to compare.
pub(super) fn for_app(language: Language, service: &str, has_code: bool) -> (String, String) {
    let name = printable(service);
    let short = shortened(&name, MOST_SERVICE_CHARACTERS_IN_APP_60);
    let long = shortened(&name, MOST_SERVICE_CHARACTERS_IN_APP_200);
    let (sign_in, advice) = match (language, has_code) {
        (Language::Is, true) => {
            ("Innskráning", "Staðfestu aðeins ef þú hófst innskráninguna og sama öryggistala sést á vefnum.")
        }
        (Language::Is, false) => ("Innskráning", "Staðfestu aðeins ef þú hófst innskráninguna á vefnum."),
        (Language::En, true) => ("Sign in", "Confirm only if you started it and the web page shows the same code."),
        (Language::En, false) => ("Sign in", "Confirm only if you started it on the web."),
    };
    let of = |name: &str| if name.is_empty() { sign_in.to_owned() } else { format!("{sign_in}: {name}") };
    (of(&short), format!("{}. {advice}", of(&long).trim_end_matches('.')))
}

/// The beginning of a name that is too long: whole words where they fill at least half of the place, else with a mark that it goes
/// on.
fn shortened(name: &str, most: usize) -> String {
    let beginning: String = name.chars().take(most).collect();
    if beginning == name {
        return beginning;
    }
    let whole_words =
        if name[beginning.len()..].starts_with(' ') { beginning.len() } else { beginning.rfind(' ').unwrap_or(0) };
    let words = beginning[..whole_words].trim_end_matches(|character: char| !character.is_alphanumeric());
    if words.chars().count() * 2 > most {
        return words.to_owned();
    }
    let cut: String = name.chars().take(most - 1).collect();
    format!("{}…", cut.trim_end())
}

/// One line of characters that every phone shows as they are: no controls, no marks that turn the direction of writing, no `|`,
/// nothing beyond the Basic Multilingual Plane (eid.md §6, rule 4).
fn printable(text: &str) -> String {
    let spaced: String = text
        .chars()
        .filter_map(|character| match character {
            character if character.is_whitespace() => Some(' '),
            '|' => None,
            character if character.is_control() || is_invisible(character) || u32::from(character) > 0xffff => None,
            character => Some(character),
        })
        .collect();
    spaced.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Marks of direction, joiners, fillers, private characters and the like, which show nothing or change what stands beside them.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{ffff}')
}

/// The length in GSM 03.38, or `None` where a character is not in it.
fn gsm7_units(text: &str) -> Option<usize> {
    text.chars()
        .map(|character| match character {
            character if GSM7.contains(character) => Some(1),
            character if GSM7_OF_TWO_UNITS.contains(character) => Some(2),
            _ => None,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn icelandic_texts_go_as_ucs2_and_fill_it() {
        let (text, format) = for_phone(Language::Is, "0348", "Heilsuveran í Reykjavík");
        assert_eq!((text.as_str(), format), ("Öryggistala 0348. Innskráning: Heilsuveran í", Format::Ucs2));
        let (text, _) = for_phone(Language::Is, "0348", "Réttindagáttin mín.");
        assert_eq!((text.as_str(), text.chars().count()), ("Öryggistala 0348. Innskráning: Réttindagáttin mín.", 50));
    }

    #[test]
    fn a_long_name_ends_with_a_word_or_says_that_it_goes_on() {
        for (name, short) in [
            ("Þjóðskrá Íslands, gátt", "Þjóðskrá Íslands"),
            ("Gátt hinnar stofnunarinnar", "Gátt hinnar"),
            ("App stofnunar okkar í dag", "App stofnunar okkar"),
            ("Vefur stofnunarinnar minnar", "Vefur stofnunarinn…"),
            ("Upplýsingatæknisviðið", "Upplýsingatæknisvi…"),
        ] {
            assert_eq!(for_phone(Language::Is, "0348", name).0, format!("Öryggistala 0348. Innskráning: {short}"));
        }
    }

    #[test]
    fn english_texts_go_as_gsm7_where_the_service_allows() {
        assert_eq!(for_phone(Language::En, "1462", "island.is"), ("Code 1462. Sign in: island.is".to_owned(), Format::Gsm7));
        assert_eq!(for_phone(Language::En, "1462", "Þjóðskrá").1, Format::Ucs2);
        assert_eq!(for_phone(Language::En, "1462", "a[b]").1, Format::Gsm7);
    }

    #[test]
    fn a_name_of_nothing_printable_leaves_the_code() {
        assert_eq!(for_phone(Language::En, "1462", "\u{202e}|\n").0, "Code 1462.");
    }

    #[test]
    fn the_app_names_the_service_and_says_when_to_confirm() {
        let (short, long) = for_app(Language::Is, "Mitt svæði", true);
        assert_eq!(short, "Innskráning: Mitt svæði");
        let advice = "Staðfestu aðeins ef þú hófst innskráninguna og sama öryggistala sést á vefnum.";
        assert_eq!(long, format!("Innskráning: Mitt svæði. {advice}"));
        assert!(!for_app(Language::En, "My pages", false).1.contains("code"));
    }

    #[test]
    fn a_line_feed_becomes_a_space() {
        assert_eq!(for_phone(Language::En, "1462", " a\r\nb\t c ").0, "Code 1462. Sign in: a b c");
    }

    fn hostile_name() -> impl Strategy<Value = String> {
        prop_oneof![".{0,80}", "[a-zþáíóúýðöæ\u{202a}-\u{202e}\u{2066}-\u{2069}|\n\u{0}€^\\[\\]\u{1f600}]{0,80}"]
    }

    proptest! {
        #[test]
        fn whatever_the_service_is_called_the_text_fits_and_shows_the_code(name in hostile_name(), icelandic: bool, code in "[0-9]{4}") {
            let language = if icelandic { Language::Is } else { Language::En };
            let (text, format) = for_phone(language, &code, &name);
            prop_assert!(text.contains(&format!(" {code}.")), "EID-03: {text}");
            prop_assert!(!text.chars().any(|c| c.is_control() || c == '|' || is_invisible(c) || u32::from(c) > 0xffff), "{text:?}");
            match format {
                Format::Gsm7 => prop_assert!(gsm7_units(&text).is_some_and(|units| units <= 100)),
                Format::Ucs2 => prop_assert!(text.encode_utf16().count() <= 50),
            }
        }

        #[test]
        fn whatever_the_service_is_called_the_texts_of_the_app_fit(name in hostile_name(), icelandic: bool, has_code: bool) {
            let language = if icelandic { Language::Is } else { Language::En };
            let (short, long) = for_app(language, &name, has_code);
            prop_assert!(short.chars().count() <= 60 && long.chars().count() <= 200, "{short:?} {long:?}");
            prop_assert!(long.ends_with('.'), "{long:?}");
            for text in [short, long] {
                prop_assert!(!text.chars().any(|c| c.is_control() || c == '|' || is_invisible(c)), "{text:?}");
            }
        }
    }
}
