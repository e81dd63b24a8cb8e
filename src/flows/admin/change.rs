//! What an edit changed: for the audit, which keeps it, and for people, who read one line of it.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::base::id::OrganisationId;

/// Longest value that the line of a change shows.
const LONGEST_SHOWN: usize = 40;

/// What kind of thing was edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Noun {
    /// an organisation
    Organisation,
    /// a scope
    Scope,
    /// an API resource
    ApiResource,
    /// a client
    Client,
    /// an identity provider
    IdentityProvider,
}

impl Noun {
    /// Its name for people and for the audit.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Organisation => "organisation",
            Self::Scope => "scope",
            Self::ApiResource => "api_resource",
            Self::Client => "client",
            Self::IdentityProvider => "identity_provider",
        }
    }
}

/// What happened to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// it is new
    Created,
    /// it was there and is different now
    Updated,
    /// it was there already, just so
    Unchanged,
}

/// A field before and after; without secrets and without national ids (AUD-01, D14).
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// its name
    pub field: String,
    /// null where there was nothing
    pub before: Value,
    /// null where there is nothing
    pub after: Value,
}

/// What an edit did to one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// what kind of thing
    pub noun: Noun,
    /// its row
    pub id: Uuid,
    /// its owner, where it has one
    pub organisation_id: Option<OrganisationId>,
    /// its name for people
    pub name: String,
    /// what happened
    pub kind: Kind,
    /// what is different now
    pub fields: Vec<FieldChange>,
}

impl Change {
    /// Compares a thing with what it was.
    pub(super) fn between<T: Serialize>(noun: Noun, id: Uuid, name: &str, before: Option<&T>, after: &T) -> Self {
        let (old, new) = (before.map(fields_of).unwrap_or_default(), fields_of(after));
        let different = new.into_iter().filter_map(|(field, after)| {
            let before = old.get(&field).cloned().unwrap_or(Value::Null);
            (before != after).then_some(FieldChange { field, before, after })
        });
        let mut change =
            Self { noun, id, organisation_id: None, name: name.to_owned(), kind: Kind::Unchanged, fields: different.collect() };
        change.kind = match before {
            None => Kind::Created,
            Some(_) if change.fields.is_empty() => Kind::Unchanged,
            Some(_) => Kind::Updated,
        };
        change
    }

    /// Names the owner.
    pub(super) fn of(mut self, organisation_id: OrganisationId) -> Self {
        self.organisation_id = Some(organisation_id);
        self
    }

    /// Adds what else is different.
    pub(super) fn with(mut self, fields: Vec<FieldChange>) -> Self {
        if !fields.is_empty() && self.kind == Kind::Unchanged {
            self.kind = Kind::Updated;
        }
        self.fields.extend(fields);
        self
    }

    /// Keeps that a field is different, but not its values.
    pub(super) fn hiding(mut self, hidden: &str) -> Self {
        for field in self.fields.iter_mut().filter(|change| change.field == hidden) {
            for value in [&mut field.before, &mut field.after] {
                if !value.is_null() {
                    *value = "(not kept)".into();
                }
            }
        }
        self
    }
}

fn fields_of<T: Serialize>(value: &T) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, fields, .. } = self;
        let noun = self.noun.as_str().replace('_', " ");
        match self.kind {
            Kind::Created => write!(f, "{noun} {name}  created"),
            Kind::Unchanged => write!(f, "{noun} {name}  unchanged"),
            Kind::Updated => {
                let told: Vec<_> = fields.iter().map(ToString::to_string).collect();
                write!(f, "{noun} {name}  updated  {}", told.join(", "))
            }
        }
    }
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, before, after } = self;
        if let (Value::Array(old), Value::Array(new)) = (before, after) {
            let more = new.iter().filter(|entry| !old.contains(entry)).count();
            let fewer = old.iter().filter(|entry| !new.contains(entry)).count();
            return match (more, fewer) {
                (0, 0) => write!(f, "{field} reordered"),
                (more, 0) => write!(f, "{field} +{more}"),
                (0, fewer) => write!(f, "{field} -{fewer}"),
                (more, fewer) => write!(f, "{field} +{more} -{fewer}"),
            };
        }
        match (shown(before), shown(after)) {
            (Some(old), Some(new)) if old != new => write!(f, "{field} {old} → {new}"),
            _ => write!(f, "{field} changed"),
        }
    }
}

// Short single values; texts of people and certificates are too long for a line.
fn shown(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => return None,
    };
    (text.chars().count() <= LONGEST_SHOWN && !text.contains('\n')).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(before: Option<&Value>, after: &Value) -> Change {
        Change::between(Noun::Client, Uuid::nil(), "@myorg.is/webapp", before, after)
    }

    #[test]
    fn a_line_says_what_is_different() {
        let line = |before: Value, after: Value| change(Some(&before), &after).to_string();
        let begin = "client @myorg.is/webapp  updated  ";
        assert_eq!(line(json!({"uris": ["a"]}), json!({"uris": ["a", "b"]})), format!("{begin}uris +1"));
        assert_eq!(line(json!({"uris": ["a", "c"]}), json!({"uris": ["b"]})), format!("{begin}uris +1 -2"));
        assert_eq!(line(json!({"uris": ["a", "b"]}), json!({"uris": ["b", "a"]})), format!("{begin}uris reordered"));
        assert_eq!(
            line(json!({"ttl": 300, "sso": true}), json!({"ttl": 200, "sso": false})),
            format!("{begin}sso true → false, ttl 300 → 200")
        );
        assert_eq!(line(json!({"name": {"is": "a"}}), json!({"name": {"is": "b"}})), format!("{begin}name changed"));
        assert_eq!(line(json!({"uri": null}), json!({"uri": "https://a.is"})), format!("{begin}uri none → https://a.is"));
        assert_eq!(line(json!({"pem": "a\nb"}), json!({"pem": "a"})), format!("{begin}pem changed"));
        assert_eq!(line(json!({"a": 1}), json!({"a": 1})), "client @myorg.is/webapp  unchanged");
        assert_eq!(change(None, &json!({"a": 1})).to_string(), "client @myorg.is/webapp  created");
    }

    #[test]
    fn what_is_hidden_shows_only_that_it_changed() {
        let change =
            change(Some(&json!({"national_id": "4099000019"})), &json!({"national_id": "4099000027"})).hiding("national_id");
        assert_eq!(change.to_string(), "client @myorg.is/webapp  updated  national_id changed");
        assert!(!format!("{change:?}").contains("4099"), "D14");
    }
}
