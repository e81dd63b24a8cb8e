//! The layers of configuration, laid over one another key by key, with every fault noted on the way.
//!
//! base.toml names every key, so a key that it does not name is unknown. A value that does not read is noted and replaced by
//! the default, so that one look shows all faults.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use ::config::{Config, ConfigError, File, FileFormat, Value, ValueKind};
use serde::de::DeserializeOwned;

use super::{ConfigFault, Sources, environment::Environment};

const BASE: &str = include_str!("../../config/base.toml");

/// `section.key` to its value.
type Entries = BTreeMap<String, Entry>;

#[derive(Clone, Debug)]
struct Entry {
    value: Value,
    from: String,
}

/// All layers, merged.
pub(super) struct Layers {
    base: Entries,
    merged: Entries,
    faults: Vec<String>,
}

impl Layers {
    /// Reads and merges everything; fails at once only where there is no telling which profile is meant.
    pub(super) fn read(sources: &Sources) -> Result<Self, ConfigFault> {
        let base = entries(BASE, "base.toml").map_err(|fault| ConfigFault(vec![fault]))?;
        let mut layers = Self { merged: base.clone(), base, faults: Vec::new() };
        let file = layers.file_entries(sources.file.as_deref());
        let variables = layers.variable_entries(sources);
        let Some(environment) = layers.environment_of(&[&variables, &file]) else {
            return Err(ConfigFault(layers.faults));
        };
        let profile = layers.noted(entries(profile(environment), &format!("{}.toml", environment.as_str())));
        for layer in [profile, file, variables] {
            layers.lay(layer);
        }
        layers.read_secret_files();
        layers.merged.retain(|_, entry| !is_unset(&entry.value));
        Ok(layers)
    }

    /// The environment, once known to be one.
    pub(super) fn environment(&self) -> Option<Environment> {
        text_of(self.merged.get("environment")?).and_then(|text| Environment::parse(&text))
    }

    /// One section; `None`, with a fault noted, where a value is missing that has no default.
    pub(super) fn section<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let prefix = format!("{name}.");
        let mut section: Entries = self
            .merged
            .iter()
            .filter(|(key, _)| key.starts_with(&prefix))
            .map(|(key, entry)| (key.clone(), entry.clone()))
            .collect();
        let mut noted = BTreeSet::new();
        loop {
            let table: ::config::Map<String, Value> =
                section.iter().map(|(key, entry)| (key[prefix.len()..].to_owned(), entry.value.clone())).collect();
            let error = match T::deserialize(Value::new(None, table)) {
                Ok(settings) => return Some(settings),
                Err(error) => error,
            };
            let (key, text) = explain(&error, &prefix);
            if !noted.insert(key.clone()) {
                return None;
            }
            let from = section.get(&key).map_or(String::new(), |entry| format!(" (from {})", entry.from));
            self.faults.push(format!("{key}{from}: {text}"));
            match self.stand_in(&key) {
                Some(entry) => section.insert(key, entry),
                None => section.remove(&key),
            };
        }
    }

    /// What stands in for a refused value, so that the next one can be looked at.
    fn stand_in(&self, key: &str) -> Option<Entry> {
        let is_set = |entry: &Entry| !is_unset(&entry.value);
        let default = self.base.get(key).cloned().filter(is_set);
        default.or_else(|| entries(profile(Environment::Development), "").ok()?.remove(key).filter(is_set))
    }

    /// What was noted.
    pub(super) fn into_faults(self) -> Vec<String> {
        self.faults
    }

    fn lay(&mut self, layer: Entries) {
        for (key, entry) in layer {
            if self.base.contains_key(&key) {
                self.merged.insert(key, entry);
            } else {
                self.faults.push(format!("{key} (from {}): {}", entry.from, self.unknown(&key)));
            }
        }
    }

    fn unknown(&self, key: &str) -> String {
        let section = key.split_once('.').map_or("", |(section, _)| section);
        let prefix = format!("{section}.");
        let siblings: Vec<_> = self.base.keys().filter_map(|key| key.strip_prefix(&prefix)).collect();
        if siblings.is_empty() {
            let sections: BTreeSet<_> = self.base.keys().filter_map(|key| Some(key.split_once('.')?.0)).collect();
            return format!("is unknown; sections are {}", sections.into_iter().collect::<Vec<_>>().join(", "));
        }
        format!("is unknown; [{section}] has {}", siblings.join(", "))
    }

    fn noted<T: Default>(&mut self, result: Result<T, String>) -> T {
        result.unwrap_or_else(|fault| {
            self.faults.push(fault);
            T::default()
        })
    }

    fn file_entries(&mut self, path: Option<&Path>) -> Entries {
        let Some(path) = path else { return Entries::new() };
        let name = path.display().to_string();
        let read = fs::read_to_string(path).map_err(|error| format!("{name}: cannot be read: {error}"));
        self.noted(read.and_then(|text| entries(&text, &name)))
    }

    fn variable_entries(&mut self, sources: &Sources) -> Entries {
        let mut layer = Entries::new();
        for (name, value) in &sources.variables {
            let Some(name) = name.to_str() else { continue };
            let Some(key) = name.strip_prefix("IAS__") else {
                self.refuse_single_underscores(name);
                continue;
            };
            let Some(value) = value.to_str() else {
                self.faults.push(format!("{name}: is not UTF-8"));
                continue;
            };
            // An empty variable is how compose files and shells write "not set".
            if !value.is_empty() {
                let key = key.to_ascii_lowercase().replace("__", ".");
                layer.insert(key, Entry { value: Value::from(value), from: name.to_owned() });
            }
        }
        layer
    }

    /// `IAS_SERVER_ISSUER` would be silently ignored; nobody who writes it means that.
    fn refuse_single_underscores(&mut self, name: &str) {
        let plain = |text: &str| text.to_ascii_lowercase().replace(['_', '.'], "");
        let Some(rest) = name.strip_prefix("IAS_") else { return };
        if let Some(key) = self.base.keys().find(|key| plain(key) == plain(rest)) {
            self.faults.push(format!("{name}: is not read; write {}", variable(key)));
        }
    }

    fn environment_of(&mut self, layers: &[&Entries]) -> Option<Environment> {
        let entry = layers.iter().find_map(|layer| layer.get("environment"));
        let text = entry.and_then(text_of).unwrap_or_default();
        let environment = Environment::parse(&text);
        if environment.is_none() {
            let said = if text.is_empty() { "is not set".to_owned() } else { format!("`{text}` is none") };
            self.faults.push(format!(
                "environment: {said}; set IAS__ENVIRONMENT to production, staging or development (there is no default)"
            ));
        }
        environment
    }

    /// `x_file` names the file that holds `x`, and wins over `x`.
    fn read_secret_files(&mut self) {
        let keys: Vec<_> = self.merged.keys().filter(|key| key.ends_with("_file")).cloned().collect();
        for key in keys {
            let entry = self.merged.remove(&key);
            let Some(path) = entry.as_ref().and_then(text_of).filter(|path| !path.is_empty()) else { continue };
            match fs::read_to_string(&path) {
                Ok(text) if !text.trim().is_empty() => {
                    let key = key.trim_end_matches("_file").to_owned();
                    self.merged.insert(key, Entry { value: Value::from(text.trim()), from: path });
                }
                Ok(_) => self.faults.push(format!("{key}: the file {path} is empty")),
                Err(error) => self.faults.push(format!("{key}: the file {path} cannot be read: {error}")),
            }
        }
    }
}

const fn profile(environment: Environment) -> &'static str {
    match environment {
        Environment::Production => include_str!("../../config/production.toml"),
        Environment::Staging => include_str!("../../config/staging.toml"),
        Environment::Development => include_str!("../../config/development.toml"),
    }
}

fn entries(toml: &str, from: &str) -> Result<Entries, String> {
    let parsed = Config::builder().add_source(File::from_str(toml, FileFormat::Toml)).build();
    // A parser's message quotes the line, which may hold a secret: only its first line is told (LOG-01).
    let parsed = parsed.map_err(|error| format!("{from}: {}", error.to_string().lines().next().unwrap_or("is not TOML")))?;
    let mut entries = Entries::new();
    if let ValueKind::Table(sections) = parsed.cache.kind {
        for (section, value) in sections {
            match value.kind {
                ValueKind::Table(keys) => {
                    entries.extend(keys.into_iter().map(|(key, value)| entry(format!("{section}.{key}"), value, from)));
                }
                _ => entries.extend([entry(section, value, from)]),
            }
        }
    }
    Ok(entries)
}

fn entry(key: String, value: Value, from: &str) -> (String, Entry) {
    (key, Entry { value, from: from.to_owned() })
}

fn text_of(entry: &Entry) -> Option<String> {
    entry.value.clone().into_string().ok()
}

fn is_unset(value: &Value) -> bool {
    matches!(&value.kind, ValueKind::String(text) if text.is_empty())
}

/// The variable that sets `section.key`.
fn variable(key: &str) -> String {
    format!("IAS__{}", key.to_ascii_uppercase().replace('.', "__"))
}

/// The key that an error is about, and what to do; the value itself is shown only by readers that know it is no secret (LOG-01).
fn explain(error: &ConfigError, prefix: &str) -> (String, String) {
    // A fault in a list's third item is a fault of the list.
    let whole = |key: &str| format!("{prefix}{}", key.split(['[', '.']).next().unwrap_or(key));
    match error {
        ConfigError::NotFound(key) => {
            let key = whole(key);
            let text = format!("is missing; set {}", variable(&key));
            (key, text)
        }
        ConfigError::Type { expected, key: Some(key), .. } => {
            (whole(key), format!("is of the wrong kind; {expected} is expected"))
        }
        ConfigError::At { error, key: Some(key), .. } => (whole(key), error.to_string()),
        other => (prefix.trim_end_matches('.').to_owned(), other.to_string()),
    }
}
