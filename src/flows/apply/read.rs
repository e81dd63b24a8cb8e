//! Reading a value as input, fault by fault: what cannot be read is reported, taken out, and reading goes on, so that one run
//! shows everything that is wrong.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::wording;
use crate::model::settings::fields::FieldError;

/// What could be read of a value.
#[derive(Debug)]
pub(super) struct Reading<T> {
    /// none where nothing usable was left
    pub(super) input: Option<T>,
    /// what was taken out, and why
    pub(super) faults: Vec<FieldError>,
    taken: Taken,
}

impl<T: DeserializeOwned> Reading<T> {
    /// Reads a mapping; `others` are keys that are known beside those of `T`.
    pub(super) fn of(mut value: Value, others: &[&str]) -> Self {
        let mut faults = Vec::new();
        let mut taken = Taken::default();
        if !value.is_object() {
            // serde would read a list as a struct, field by field.
            faults.push(FieldError { field: String::new(), message: "expected keys with values".to_owned() });
            return Self { input: None, faults, taken };
        }
        loop {
            let error = match serde_path_to_error::deserialize(value.clone()) {
                Ok(input) => return Self { input: Some(input), faults, taken },
                Err(error) => error,
            };
            let path = steps(error.path());
            let words = error.inner().to_string();
            if !taken.explains(&path, &words) {
                let field = taken.original(&text(&path));
                faults
                    .push(FieldError { field, message: wording::explain(&words, if path.len() == 1 { others } else { &[] }) });
            }
            if !taken.take(&mut value, path) {
                return Self { input: None, faults, taken };
            }
        }
    }
}

impl<T> Reading<T> {
    /// Field errors of the input, in terms of the value as it was written; without those that only repeat what could not be
    /// read.
    pub(super) fn in_place(&self, faults: Vec<FieldError>) -> Vec<FieldError> {
        let within = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let told = |field: &str| self.faults.iter().any(|fault| within(field, &fault.field) || within(&fault.field, field));
        let placed = faults.into_iter().map(|fault| FieldError { field: self.taken.original(&fault.field), ..fault });
        placed.filter(|fault| !told(&fault.field)).collect()
    }
}

/// A step into a value.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Key(String),
    Index(usize),
}

/// What was taken out, as paths into what was left at the time.
#[derive(Debug, Default)]
struct Taken(Vec<Vec<Step>>);

impl Taken {
    /// Takes out what stands at `path`, or what holds it, where it does not stand there itself; false where nothing is left.
    fn take(&mut self, value: &mut Value, mut path: Vec<Step>) -> bool {
        while !path.is_empty() && !remove(value, &path) {
            path.pop();
        }
        let taken = !path.is_empty();
        self.0.push(path);
        taken
    }

    /// Whether an error is only there because something was taken out.
    fn explains(&self, path: &[Step], words: &str) -> bool {
        let missing = wording::missing_field(words).map(|name| Step::Key(name.to_owned()));
        self.0.iter().filter_map(|taken| taken.strip_prefix(path)).any(|below| match &missing {
            Some(name) => below.first() == Some(name),
            None => !below.is_empty(),
        })
    }

    /// The path that a field of the input had before entries of its list were taken out.
    fn original(&self, field: &str) -> String {
        self.0.iter().rev().fold(field.to_owned(), |field, taken| {
            let Some((Step::Index(gap), list)) = taken.split_last() else { return field };
            shift(&field, &text(list), *gap).unwrap_or(field)
        })
    }
}

fn shift(field: &str, list: &str, gap: usize) -> Option<String> {
    let (index, rest) = field.strip_prefix(list)?.strip_prefix('[')?.split_once(']')?;
    let index: usize = index.parse().ok()?;
    (index >= gap).then(|| format!("{list}[{}]{rest}", index + 1))
}

fn remove(value: &mut Value, path: &[Step]) -> bool {
    let Some((last, before)) = path.split_last() else { return false };
    let holder = before.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.get_mut(key),
        Step::Index(index) => value.get_mut(index),
    });
    match (holder, last) {
        (Some(Value::Object(fields)), Step::Key(key)) => fields.remove(key).is_some(),
        (Some(Value::Array(items)), Step::Index(index)) if *index < items.len() => {
            items.remove(*index);
            true
        }
        _ => false,
    }
}

fn steps(path: &Path) -> Vec<Step> {
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Enum { variant } => Some(Step::Key(variant.clone())),
            Segment::Unknown => None,
        })
        .collect()
}

fn text(path: &[Step]) -> String {
    path.iter().fold(String::new(), |text, step| match step {
        Step::Key(key) if text.is_empty() => key.clone(),
        Step::Key(key) => format!("{text}.{key}"),
        Step::Index(index) => format!("{text}[{index}]"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::settings::{client_input::ClientInput, identity_provider::IdentityProviderInput};

    fn fields<T>(reading: &Reading<T>) -> Vec<&str> {
        reading.faults.iter().map(|fault| fault.field.as_str()).collect()
    }

    #[test]
    fn every_fault_of_an_entry_is_told_at_once() {
        let value = json!({
            "client_idd": 1, "client_type": "webb", "display_name": {"is": "x", "iss": "y"}, "access_token_ttl": "5m",
            "redirect_uris": ["https://a.is", 4, "https://b.is", 5, "https://c.is"], "grant_types": null, "sso": false,
        });
        let reading = Reading::<ClientInput>::of(value, &[]);
        let mut found = fields(&reading);
        found.sort_unstable();
        let expected =
            ["access_token_ttl", "client_idd", "client_type", "display_name.iss", "redirect_uris[1]", "redirect_uris[3]"];
        assert_eq!(found, expected);
        let input = reading.input.as_ref().expect("the rest is usable");
        assert_eq!((input.redirect_uris.len(), input.display_name.is.as_str(), input.sso), (3, "x", Some(false)));

        let fault = |field: &str| FieldError { field: field.into(), message: String::new() };
        let later = ["client_type", "redirect_uris[1]", "redirect_uris[2]", "redirect_uris", "client_id"].map(fault);
        let placed: Vec<_> = reading.in_place(later.into()).into_iter().map(|fault| fault.field).collect();
        assert_eq!(placed, ["redirect_uris[2]", "redirect_uris[4]", "client_id"], "as they were written, and none twice");
    }

    #[test]
    fn what_follows_from_a_fault_is_not_told_again() {
        let value = json!({"name": "sim", "driver": {"mobile_id": {
            "base_url": "http://a", "relying_party_uuid": "x", "relying_party_name": "y",
            "trust": {"anchors_pem": 4, "national_id_formats": ["etsi", "foo"]},
        }}});
        let reading = Reading::<IdentityProviderInput>::of(value, &[]);
        let trust = "driver.mobile_id.trust";
        assert_eq!(fields(&reading), [format!("{trust}.anchors_pem"), format!("{trust}.national_id_formats[1]")]);
        assert!(reading.input.expect("the rest is usable").driver.is_none());
    }

    #[test]
    fn a_driver_without_settings_names_the_driver() {
        for driver in [json!("mobile_id"), json!({"mobile_idd": {}}), json!({"mobile_id": null}), json!(4)] {
            let reading = Reading::<IdentityProviderInput>::of(json!({"driver": driver}), &[]);
            assert_eq!(reading.faults.len(), 1, "{driver}");
            assert!(reading.faults[0].field.starts_with("driver"), "{driver}");
        }
    }

    #[test]
    fn an_entry_that_is_no_mapping_is_one_fault() {
        for value in [json!("x"), json!(4), json!([]), json!(null)] {
            let reading = Reading::<ClientInput>::of(value, &[]);
            assert!(reading.input.is_none());
            assert_eq!(fields(&reading), [""]);
        }
    }
}
