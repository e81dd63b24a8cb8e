//! `${NAME}` in the texts of a file: what only the caller knows, such as ports and the certificates of the simulator.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    fault::{Place, Report},
    wording,
};

/// Fills in every variable of `value`, which stands at `place`; unknown ones are reported and left as they are.
pub(super) fn fill(value: &mut Value, place: &Place, variables: &BTreeMap<String, String>, report: &mut Report) {
    match value {
        Value::String(text) => match replace(text, variables) {
            Ok(filled) => *text = filled,
            Err(message) => report.add(place.clone(), message),
        },
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                fill(item, &place.field(&format!("[{index}]")), variables, report);
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                fill(field, &place.field(key), variables, report);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn replace(text: &str, variables: &BTreeMap<String, String>) -> Result<String, String> {
    let mut pieces = text.split("${");
    let mut filled = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once('}').ok_or_else(|| "a variable begins with ${ and ends with }".to_owned())?;
        let known = || variables.keys().map(String::as_str);
        filled.push_str(variables.get(name).ok_or_else(|| wording::unknown("variable", name, known()))?);
        filled.push_str(rest);
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_in_once() {
        let variables =
            BTreeMap::from([("APP".to_owned(), "http://localhost:8072".to_owned()), ("A".to_owned(), "${APP}".to_owned())]);
        let fill = |text: &str| replace(text, &variables);
        assert_eq!(fill("${APP}/cb?x=${A}$"), Ok("http://localhost:8072/cb?x=${APP}$".to_owned()));
        assert_eq!(fill("$5 {x}"), Ok("$5 {x}".to_owned()));
        assert_eq!(fill("${AP}/cb"), Err("unknown variable `AP`; did you mean `APP`?".to_owned()));
        assert!(fill("${APP").is_err());
    }
}
