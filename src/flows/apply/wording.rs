//! What was wrong with a value, in words for the person who wrote the file: serde names our types, people know fields.

/// What serde found, and what it is in a YAML file. The value itself is not repeated: it may be a secret or a national id that
/// stands in the wrong place.
const FOUND: [(&str, &str); 7] = [
    ("integer", "a number"),
    ("floating point", "a number"),
    ("string", "a text"),
    ("boolean", "true or false"),
    ("null", "nothing"),
    ("sequence", "a list"),
    ("map", "keys with values"),
];

/// What serde expected, and what it is in a YAML file.
const EXPECTED: [(&str, &str); 10] = [
    ("a string", "a text (numbers in quotes)"),
    ("a boolean", "true or false"),
    ("i32", "a whole number"),
    ("i16", "a whole number"),
    ("a sequence", "a list"),
    ("a map", "keys with values"),
    ("struct LocalizedText", "the texts is and, if there is one, en"),
    ("struct", "keys with values"),
    ("newtype variant", "its settings below it"),
    ("map with a single key", "one name with its settings below it"),
];

/// The name in `missing field …`.
pub(super) fn missing_field(words: &str) -> Option<&str> {
    quoted(words.strip_prefix("missing field ")?).next()
}

/// Explains an error of serde; `others` are keys that are known beside those that it lists.
pub(super) fn explain(words: &str, others: &[&str]) -> String {
    if let Some(rest) = words.strip_prefix("unknown field ") {
        let known = quoted(rest).skip(1).chain(others.iter().copied());
        return unknown("key", quoted(rest).next().unwrap_or_default(), known);
    }
    if let Some(rest) = words.strip_prefix("unknown variant ") {
        return unknown("word", quoted(rest).next().unwrap_or_default(), quoted(rest).skip(1));
    }
    if let Some(name) = missing_field(words) {
        return format!("lacks `{name}`");
    }
    let Some((found, expected)) = words.strip_prefix("invalid ").and_then(|rest| rest.split_once(", expected ")) else {
        return words.to_owned();
    };
    let found = found.trim_start_matches("type: ").trim_start_matches("value: ");
    let expected = plain(expected, &EXPECTED).unwrap_or(expected);
    match plain(found, &FOUND) {
        Some("a number") if expected == "a whole number" => "is not a whole number that fits here".to_owned(),
        Some(found) => format!("is {found}; expected {expected}"),
        None => format!("expected {expected}"),
    }
}

fn plain(words: &str, table: &[(&str, &'static str)]) -> Option<&'static str> {
    table.iter().find(|(theirs, _)| words.starts_with(theirs)).map(|(_, ours)| *ours)
}

/// Says that a name is not known, and which are: the nearest one, or all.
pub(super) fn unknown<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.collect();
    // A third of the letters may be wrong: `redirect_uri` is near `redirect_uris`, `foo` is near nothing.
    let far = 1 + name.chars().count() / 3;
    let distances = known.iter().map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate));
    match distances.min().filter(|(distance, _)| *distance <= far) {
        Some((_, nearest)) => format!("unknown {kind} `{name}`; did you mean `{nearest}`?"),
        None if known.is_empty() => format!("unknown {kind} `{name}`"),
        None => format!("unknown {kind} `{name}`; known are {}", known.join(", ")),
    }
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_known_key_is_suggested() {
        let words = "unknown field `redirect_uri`, expected one of `client_id`, `redirect_uris`, `scopes`";
        assert_eq!(explain(words, &[]), "unknown key `redirect_uri`; did you mean `redirect_uris`?");
        let words = "unknown field `secret`, expected `name` or `scopes`";
        assert_eq!(explain(words, &["secrets"]), "unknown key `secret`; did you mean `secrets`?");
        assert_eq!(explain("unknown field `x`, expected `is` or `en`", &[]), "unknown key `x`; known are is, en");
    }

    #[test]
    fn a_word_that_is_no_choice_names_the_choices() {
        let words = "unknown variant `email`, expected one of `nationalId`, `name`, `subjectType`, `actor`, `delegationType`";
        let told = "unknown word `email`; known are nationalId, name, subjectType, actor, delegationType";
        assert_eq!(explain(words, &[]), told);
    }

    #[test]
    fn types_of_ours_are_not_named_and_values_not_repeated() {
        let explain = |words: &str| explain(words, &[]);
        assert_eq!(explain("invalid type: string \"5m\", expected i32"), "is a text; expected a whole number");
        assert_eq!(
            explain("invalid type: integer `4099000019`, expected a string"),
            "is a number; expected a text (numbers in quotes)"
        );
        assert_eq!(explain("invalid value: integer `99999999999`, expected i32"), "is not a whole number that fits here");
        assert_eq!(explain("invalid type: unit variant, expected newtype variant"), "expected its settings below it");
        assert_eq!(explain("missing field `trust`"), "lacks `trust`");
    }
}
