//! What fits on a phone's screen by SMS: GSM-7 and UCS-2 (eid.md §2.1).

use super::super::session::TextFormat;

// 3GPP TS 23.038 §6.2.1, default alphabet, without the escape character
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿\
                     abcdefghijklmnopqrstuvwxyzäöñüà";
// The extension table: each of these takes two places.
const EXTENDED: &str = "€^{}[]~|\\";

/// Whether the text may be shown in this alphabet; the reason where it may not.
pub fn check(text: &str, format: TextFormat) -> Result<(), &'static str> {
    let length = match format {
        TextFormat::Gsm7 => gsm7_length(text).ok_or("displayText holds characters that are not in GSM-7")?,
        TextFormat::Ucs2 => ucs2_length(text).ok_or("displayText holds characters that are not in UCS-2")?,
    };
    match format {
        TextFormat::Gsm7 if length > 100 => Err("displayText is longer than 100 GSM-7 characters"),
        TextFormat::Ucs2 if length > 50 => Err("displayText is longer than 50 UCS-2 characters"),
        _ => Ok(()),
    }
}

fn gsm7_length(text: &str) -> Option<usize> {
    text.chars()
        .map(|character| match character {
            _ if BASIC.contains(character) => Some(1),
            _ if EXTENDED.contains(character) => Some(2),
            _ => None,
        })
        .sum()
}

fn ucs2_length(text: &str) -> Option<usize> {
    text.chars().map(|character| (character.len_utf16() == 1).then_some(1)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gsm_7_counts_its_extension_twice_and_knows_no_thorn() {
        assert!(check(&"a".repeat(100), TextFormat::Gsm7).is_ok());
        assert!(check(&"a".repeat(101), TextFormat::Gsm7).is_err());
        assert!(check(&"€".repeat(50), TextFormat::Gsm7).is_ok());
        assert!(check(&"€".repeat(51), TextFormat::Gsm7).is_err());
        assert!(check("é ö æ Æ Ö É", TextFormat::Gsm7).is_ok());
        for letter in ["á", "í", "ó", "ú", "ý", "ð", "þ"] {
            assert!(check(letter, TextFormat::Gsm7).is_err(), "{letter}");
        }
    }

    #[test]
    fn ucs_2_holds_fifty_characters_of_the_basic_plane() {
        assert!(check(&"þ".repeat(50), TextFormat::Ucs2).is_ok());
        assert!(check(&"þ".repeat(51), TextFormat::Ucs2).is_err());
        assert!(check("😀", TextFormat::Ucs2).is_err());
    }
}
