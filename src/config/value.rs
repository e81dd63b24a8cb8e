//! How single values are written: durations with a unit, lists as an array or separated by commas.

use std::{fmt, marker::PhantomData, str::FromStr};

use serde::{
    Deserialize as _, Deserializer,
    de::{Error as _, SeqAccess, Visitor},
};

/// Reads `500ms`, `10s`, `15m`, `24h` or `90d`.
pub(super) fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || format!("`{text}` is not a duration; write a number and a unit, such as 500ms, 10s, 15m, 24h or 90d");
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u64 = text[..unit_at].parse().map_err(|_| wrong())?;
    let milliseconds_each = match &text[unit_at..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    // Ten years are more than any of our times and far from any overflow further down (HTTP-10).
    let milliseconds = number.checked_mul(milliseconds_each).filter(|&all| all <= 3_653 * 86_400_000).ok_or_else(wrong)?;
    Ok(std::time::Duration::from_millis(milliseconds))
}

/// A timeout that the runtime waits for.
pub(super) fn timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<std::time::Duration, D::Error> {
    parse_duration(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// A lifetime that is added to a moment.
pub(super) fn lifetime<'de, D: Deserializer<'de>>(deserializer: D) -> Result<time::Duration, D::Error> {
    timeout(deserializer)?.try_into().map_err(D::Error::custom)
}

/// A list: an array in a file, text separated by commas in a variable.
pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    deserializer.deserialize_any(List(PhantomData))
}

struct List<T>(PhantomData<T>);

impl<'de, T: FromStr<Err: fmt::Display>> Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<T>, E> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(item).collect()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(part) = parts.next_element::<String>()? {
            list.push(item(&part)?);
        }
        Ok(list)
    }
}

fn item<T: FromStr<Err: fmt::Display>, E: serde::de::Error>(text: &str) -> Result<T, E> {
    text.parse().map_err(|error| E::custom(format_args!("`{text}`: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_with_a_unit() {
        let read = |text| parse_duration(text).ok().map(|duration| duration.as_millis());
        assert_eq!(read("500ms"), Some(500));
        assert_eq!(read("10s"), Some(10_000));
        assert_eq!(read("15m"), Some(900_000));
        assert_eq!(read("24h"), Some(86_400_000));
        assert_eq!(read("90d"), Some(7_776_000_000));
        for wrong in ["", "10", "s", "-1s", "1.5h", "1 s", "1S", "99999d", "99999999999999999999s"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
