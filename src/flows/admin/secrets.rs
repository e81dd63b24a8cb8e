//! What an edit does to the secrets of a client or API resource.

use serde_json::Value;
use time::format_description::well_known::Rfc3339;

use super::change::FieldChange;
use crate::model::settings::secret::SecretSettings;

/// An owner's secrets before and after; none before: as they are.
#[derive(Clone, Copy, Debug)]
pub struct SecretsEdit<'a> {
    /// what the rows hold
    pub before: &'a [SecretSettings],
    /// what they shall hold, all of it
    pub after: &'a [SecretSettings],
}

impl<'a> SecretsEdit<'a> {
    /// Those that are new or different.
    pub(super) fn put(self) -> impl Iterator<Item = &'a SecretSettings> {
        self.after.iter().filter(move |secret| !self.before.contains(secret))
    }

    /// The labels of those that go.
    pub(super) fn deleted(self) -> impl Iterator<Item = &'a str> {
        let kept = move |secret: &&SecretSettings| find(self.after, &secret.label).is_some();
        self.before.iter().filter(move |secret| !kept(secret)).map(|secret| secret.label.as_str())
    }

    /// What is different, without the secrets themselves (AUD-01).
    pub(super) fn fields(self) -> Vec<FieldChange> {
        let put = self.put().map(|secret| {
            let before = find(self.before, &secret.label);
            let word = if before.is_some_and(|before| before.sha256 != secret.sha256) { "replaced" } else { "set" };
            change(&secret.label, before.map_or(Value::Null, |before| told("set", before)), told(word, secret))
        });
        let deleted = self.deleted().map(|label| change(label, "set".into(), Value::Null));
        put.chain(deleted).collect()
    }
}

fn find<'a>(secrets: &'a [SecretSettings], label: &str) -> Option<&'a SecretSettings> {
    secrets.iter().find(|secret| secret.label == label)
}

fn change(label: &str, before: Value, after: Value) -> FieldChange {
    FieldChange { field: format!("secrets.{label}"), before, after }
}

fn told(word: &str, secret: &SecretSettings) -> Value {
    let end = secret.expires_at.and_then(|end| end.format(&Rfc3339).ok());
    end.map_or_else(|| word.into(), |end| format!("{word} until {end}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(label: &str, byte: u8) -> SecretSettings {
        SecretSettings { label: label.into(), sha256: [byte; 32], expires_at: None }
    }

    #[test]
    fn an_edit_of_secrets_is_told_without_them() {
        let before = [secret("old", 0xA1), secret("same", 0xB2), secret("gone", 0xC3)];
        let after = [secret("old", 0xD4), secret("same", 0xB2), secret("new", 0xE5)];
        let edit = SecretsEdit { before: &before, after: &after };
        let told: Vec<_> = edit.fields().iter().map(ToString::to_string).collect();
        assert_eq!(told, ["secrets.old set → replaced", "secrets.new none → set", "secrets.gone set → none"]);
        let shown = format!("{:?}", edit.fields());
        assert!(["161", "a1", "212", "d4"].iter().all(|part| !shown.to_lowercase().contains(part)));
    }
}
