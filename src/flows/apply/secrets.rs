//! Secrets in files: a file holds a hash, or says where the text is; the text itself has no place in it.

use std::{fs, path::Path};

use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::{
    Options,
    fault::{Place, Report},
    read::Reading,
};
use crate::{
    base::secret::Secret,
    model::settings::{
        fields::Faults,
        secret::{SecretSettings, check_labels, hash_text, parse_sha256},
    },
};

/// One secret, as a file names it: exactly one of `sha256`, `value_env` and `value_file`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SecretInput {
    label: String,
    sha256: Option<String>,
    value_env: Option<String>,
    value_file: Option<String>,
    #[serde(with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
}

/// Reads the list `secrets` of the thing at `place`; secret files lie relative to `folder`.
pub(super) fn gather(
    list: Value,
    place: &Place,
    folder: &Path,
    options: &Options<'_>,
    report: &mut Report,
) -> Vec<SecretSettings> {
    let Value::Array(items) = list else {
        report.add(place.field("secrets"), "expected a list");
        return Vec::new();
    };
    let mut secrets = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let place = place.field(&format!("secrets[{index}]"));
        let reading = Reading::<SecretInput>::of(item, &[]);
        report.add_fields(&place, reading.faults);
        let input = reading.input.unwrap_or_default();
        let sha256 = match hash(&input, folder, options) {
            Ok(hash) => hash,
            Err((field, message)) => {
                report.add(place.field(field), message);
                [0; 32]
            }
        };
        secrets.push(SecretSettings { label: input.label, sha256, expires_at: input.expires_at });
    }
    let mut faults = Faults::default();
    check_labels(&mut faults, secrets.iter().map(|secret| secret.label.as_str()));
    report.add_fields(place, faults.into_vec());
    secrets
}

/// The hash that the secret's one source gives, or the field that is wrong and why.
fn hash(input: &SecretInput, folder: &Path, options: &Options<'_>) -> Result<[u8; 32], (&'static str, String)> {
    match (&input.sha256, &input.value_env, &input.value_file) {
        (Some(sha256), None, None) => {
            parse_sha256(sha256).ok_or_else(|| ("sha256", "is not a SHA-256 in 64 hexadecimal digits".to_owned()))
        }
        (None, Some(name), None) => {
            let text = (options.secret)(name).ok_or_else(|| ("value_env", format!("there is no variable `{name}`")))?;
            hash_text(&text).map_err(|message| ("value_env", message))
        }
        (None, None, Some(file)) => {
            let path = folder.join(file);
            let text = fs::read_to_string(&path).map_err(|error| ("value_file", format!("{}: {error}", path.display())))?;
            let line = Secret::new(text.trim_end_matches(['\r', '\n']).to_owned());
            hash_text(&line).map_err(|message| ("value_file", message))
        }
        _ => Err(("", "needs exactly one of sha256, value_env and value_file".to_owned())),
    }
}
