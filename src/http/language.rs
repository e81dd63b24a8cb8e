//! The reader's language: what they chose here, what the client asked for, what they chose before, what the browser says.

use axum::http::{HeaderMap, header};

use crate::base::text::Language;

/// The language of an answer; each source counts only where it names a language of ours (AUT-12).
pub fn negotiate(
    chosen: Option<Language>,
    ui_locales: &[Language],
    remembered: Option<Language>,
    headers: &HeaderMap,
) -> Language {
    chosen.or(remembered).or(ui_locales.first().copied()).or_else(|| accepted(headers)).unwrap_or_default()
}

/// The best of ours in Accept-Language (RFC 9110 §12.5.4).
fn accepted(headers: &HeaderMap) -> Option<Language> {
    let header = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
    let wanted = header.split(',').take(20).filter_map(|part| {
        let mut pieces = part.split(';');
        let language: Language = pieces.next()?.trim().parse().ok()?;
        let quality: f32 = pieces.find_map(|piece| piece.trim().strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
        Some((language, quality))
    });
    // the first of the best, as the browser ordered them
    wanted
        .fold(None, |best: Option<(Language, f32)>, next| match best {
            Some(best) if best.1 >= next.1 => Some(best),
            _ => Some(next),
        })
        .map(|(language, _)| language)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(header: &'static str) -> Language {
        let headers = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, HeaderValue::from_static(header))]);
        negotiate(None, &[], None, &headers)
    }

    #[test]
    fn the_browsers_order_and_weights_count_and_icelandic_is_first() {
        assert_eq!(of("en-GB,en;q=0.9,is;q=0.8"), Language::En);
        assert_eq!(of("de, is;q=0.5, en;q=0.4"), Language::Is);
        assert_eq!(of("de"), Language::Is);
        assert_eq!(of("en;q=0.2, is"), Language::Is);
    }

    #[test]
    fn what_the_reader_chose_is_stronger_than_what_the_client_asked() {
        let headers = HeaderMap::new();
        assert_eq!(negotiate(Some(Language::En), &[Language::Is], Some(Language::Is), &headers), Language::En);
        assert_eq!(negotiate(None, &[Language::En], Some(Language::Is), &headers), Language::Is);
        assert_eq!(negotiate(None, &[Language::En], None, &headers), Language::En);
    }
}
