//! What is wrong in the files, and where.

use std::{collections::HashSet, fmt, path::Path};

use super::document::{Document, SyntaxError};
use crate::model::settings::fields::FieldError;

/// Something wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// the file's path
    pub file: String,
    /// counted from 1
    pub line: u64,
    /// e.g. `clients[0].redirect_uris[1]`; empty where the whole file is meant
    pub field: String,
    /// what is wrong, and what is allowed
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, field, message } = self;
        let mark = if field.is_empty() { "" } else { ": " };
        write!(f, "{file}:{line}: {field}{mark}{message}")
    }
}

/// Each fault on a line of its own.
pub(super) fn lines(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A place in one of the documents.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// which document
    pub(super) document: usize,
    /// the path in it, e.g. `clients[0]`
    pub(super) path: String,
}

impl Place {
    /// The place of a field below this one.
    pub(super) fn field(&self, field: &str) -> Self {
        let mark = if self.path.is_empty() || field.is_empty() || field.starts_with('[') { "" } else { "." };
        Self { document: self.document, path: format!("{}{mark}{field}", self.path) }
    }
}

/// The faults found so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    syntax: Vec<Fault>,
    faults: Vec<(Place, String)>,
    places: HashSet<Place>,
}

impl Report {
    /// Adds what is wrong at a place; the first word on a place is enough.
    pub(super) fn add(&mut self, place: Place, message: impl Into<String>) {
        if self.places.insert(place.clone()) {
            self.faults.push((place, message.into()));
        }
    }

    /// Adds what is wrong with the fields below a place.
    pub(super) fn add_fields(&mut self, place: &Place, faults: impl IntoIterator<Item = FieldError>) {
        for fault in faults {
            self.add(place.field(&fault.field), fault.message);
        }
    }

    /// Adds a file that is no YAML.
    pub(super) fn add_syntax(&mut self, file: &Path, error: SyntaxError) {
        let file = file.display().to_string();
        self.syntax.push(Fault { file, line: error.line, field: String::new(), message: error.message });
    }

    /// All faults in the order of files and lines; none is good.
    pub(super) fn into_result(self, documents: &[Document]) -> Result<(), Vec<Fault>> {
        let placed = self.faults.into_iter().filter_map(|(place, message)| {
            let document = documents.get(place.document)?;
            let file = document.path.display().to_string();
            Some(Fault { file, line: document.line(&place.path), field: place.path, message })
        });
        let mut faults: Vec<_> = self.syntax.into_iter().chain(placed).collect();
        faults.sort();
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}
