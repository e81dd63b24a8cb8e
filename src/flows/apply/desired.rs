//! What the files ask for, entry by entry, each with its place.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    Options,
    document::Document,
    fault::{Place, Report},
    read::Reading,
    secrets, variables, wording,
};
use crate::model::settings::{
    api_resource::ApiResourceInput, client_input::ClientInput, identity_provider::IdentityProviderInput,
    organisation::OrganisationInput, scope::ScopeInput, secret::SecretSettings,
};

const SECTIONS: [&str; 5] = ["organisations", "scopes", "api_resources", "clients", "identity_providers"];

/// An entry of a file.
#[derive(Debug)]
pub(super) struct Entry<T> {
    /// where it stands
    pub(super) place: Place,
    /// what could be read of it
    pub(super) reading: Reading<T>,
    /// its secrets, where it says something of them
    pub(super) secrets: Option<Vec<SecretSettings>>,
}

/// Everything that the files ask for.
#[derive(Debug, Default)]
pub(super) struct Desired {
    pub(super) organisations: Vec<Entry<OrganisationInput>>,
    pub(super) scopes: Vec<Entry<ScopeInput>>,
    pub(super) api_resources: Vec<Entry<ApiResourceInput>>,
    pub(super) clients: Vec<Entry<ClientInput>>,
    pub(super) identity_providers: Vec<Entry<IdentityProviderInput>>,
}

impl Desired {
    /// Reads the documents, with their variables filled in; what cannot be read is reported.
    pub(super) fn gather(documents: &[Document], options: &Options<'_>, report: &mut Report) -> Self {
        let mut desired = Self::default();
        for (index, document) in documents.iter().enumerate() {
            let place = Place { document: index, path: String::new() };
            let mut value = document.value.clone();
            variables::fill(&mut value, &place, options.variables, report);
            let folder = document.path.parent().unwrap_or(Path::new(""));
            desired.add_document(value, &place, &Gathering { folder, options }, report);
        }
        desired
    }

    fn add_document(&mut self, value: Value, place: &Place, gathering: &Gathering<'_>, report: &mut Report) {
        let sections = match value {
            Value::Object(sections) => sections,
            Value::Null => return,
            _ => return report.add(place.clone(), format!("expected the keys {}", SECTIONS.join(", "))),
        };
        for (section, list) in sections {
            let place = place.field(&section);
            match (section.as_str(), list) {
                (section, _) if !SECTIONS.contains(&section) => {
                    report.add(place, wording::unknown("key", section, SECTIONS.into_iter()));
                }
                ("organisations", Value::Array(list)) => self.organisations.extend(plain(list, &place, report)),
                ("scopes", Value::Array(list)) => self.scopes.extend(plain(list, &place, report)),
                ("api_resources", Value::Array(list)) => self.api_resources.extend(gathering.secret(list, &place, report)),
                ("clients", Value::Array(list)) => self.clients.extend(gathering.secret(list, &place, report)),
                ("identity_providers", Value::Array(list)) => {
                    self.identity_providers.extend(plain(list, &place, report));
                }
                _ => report.add(place, "expected a list"),
            }
        }
    }
}

struct Gathering<'a> {
    folder: &'a Path,
    options: &'a Options<'a>,
}

impl Gathering<'_> {
    /// Entries that may have secrets.
    fn secret<T: DeserializeOwned>(&self, list: Vec<Value>, place: &Place, report: &mut Report) -> Vec<Entry<T>> {
        let entries = list.into_iter().enumerate().map(|(index, mut value)| {
            let place = place.field(&format!("[{index}]"));
            let secrets = value.as_object_mut().and_then(|fields| fields.remove("secrets"));
            let secrets = secrets.map(|list| secrets::gather(list, &place, self.folder, self.options, report));
            entry(value, place, secrets, &["secrets"], report)
        });
        entries.collect()
    }
}

/// Entries that have no secrets.
fn plain<T: DeserializeOwned>(list: Vec<Value>, place: &Place, report: &mut Report) -> Vec<Entry<T>> {
    let entries = list.into_iter().enumerate();
    entries.map(|(index, value)| entry(value, place.field(&format!("[{index}]")), None, &[], report)).collect()
}

fn entry<T: DeserializeOwned>(
    value: Value,
    place: Place,
    secrets: Option<Vec<SecretSettings>>,
    others: &[&str],
    report: &mut Report,
) -> Entry<T> {
    let reading = Reading::of(value, others);
    report.add_fields(&place, reading.faults.iter().cloned());
    Entry { place, reading, secrets }
}
