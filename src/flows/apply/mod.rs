//! `ias apply`: configuration from YAML files, created or updated in one transaction, or every fault with its file and line.
//!
//! Owns reading the files, comparing them with the rows, and the order of writing. The rules are those of `model::settings`,
//! the edits those of flows/admin. What no file names is left as it is.

mod current;
mod desired;
mod document;
mod fault;
mod plan;
mod read;
mod secrets;
mod variables;
mod wording;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;

use self::{current::Current, desired::Desired, document::Document, fault::Report, plan::Plan};
use super::admin::{self, SaveError, api_resources, change::Change, clients, identity_providers, organisations, scopes};
use crate::{
    base::secret::Secret,
    model::environment::Environment,
    store::configuration::{self, ManagedBy, Stamp},
};

pub use fault::Fault;

/// Beside the files: where they are applied, when, and what they do not hold themselves.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// decides what is allowed
    pub environment: Environment,
    /// the moment of the edit
    pub now: OffsetDateTime,
    /// the values of `${NAME}` in the files' texts
    pub variables: &'a BTreeMap<String, String>,
    /// the text of the secret that `value_env` names
    pub secret: &'a (dyn Fn(&str) -> Option<Secret<String>> + Sync),
}

/// Why nothing was applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// a file or folder could not be read
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// which
        path: PathBuf,
        /// why
        source: io::Error,
    },
    /// the folder has no file to apply
    #[error("{}: no file here ends in .yaml", .0.display())]
    NoFiles(PathBuf),
    /// what is wrong in the files, all of it
    #[error("{}", fault::lines(.0))]
    Faults(Vec<Fault>),
    /// the database belongs to another environment (eid.md §12.10)
    #[error("the database belongs to the environment {}, not to {}", .theirs.as_str(), .ours.as_str())]
    OtherEnvironment {
        /// where the command runs
        ours: Environment,
        /// what the database belongs to
        theirs: Environment,
    },
    /// a row could not be written
    #[error("the configuration was not saved: {0}")]
    Save(#[from] SaveError),
}

impl From<sqlx::Error> for ApplyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Save(error.into())
    }
}

/// Applies a file, or every `.yaml` file of a folder, and tells what became of each thing that they name. All or nothing.
pub async fn apply(pool: &PgPool, path: &Path, options: Options<'_>) -> Result<Vec<Change>, ApplyError> {
    let (documents, mut report) = read(path)?;
    let desired = Desired::gather(&documents, &options, &mut report);
    let mut transaction = pool.begin().await?;
    let theirs = configuration::claim_environment(&mut *transaction, options.environment).await?;
    if theirs != options.environment {
        return Err(ApplyError::OtherEnvironment { ours: options.environment, theirs });
    }
    let current = Current::load(&mut transaction).await?;
    let plan = Plan::make(desired, &current, &options, &mut report);
    report.into_result(&documents).map_err(ApplyError::Faults)?;
    let changes = execute(&mut transaction, &plan, options.now).await?;
    admin::publish(&mut transaction, &changes, options.now).await?;
    transaction.commit().await?;
    Ok(changes)
}

/// Reads the files; what is no YAML is reported and left out.
fn read(path: &Path) -> Result<(Vec<Document>, Report), ApplyError> {
    let mut documents = Vec::new();
    let mut report = Report::default();
    for file in files(path)? {
        let text = fs::read_to_string(&file).map_err(|source| ApplyError::Unreadable { path: file.clone(), source })?;
        match Document::parse(file.clone(), &text) {
            Ok(document) => documents.push(document),
            Err(error) => report.add_syntax(&file, error),
        }
    }
    Ok((documents, report))
}

/// The file itself, or the folder's files in the order of their names.
fn files(path: &Path) -> Result<Vec<PathBuf>, ApplyError> {
    let unreadable = |source| ApplyError::Unreadable { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries: Result<Vec<_>, _> = fs::read_dir(path).map_err(unreadable)?.collect();
    let mut files: Vec<_> = entries.map_err(unreadable)?.into_iter().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"));
    files.sort();
    if files.is_empty() { Err(ApplyError::NoFiles(path.to_owned())) } else { Ok(files) }
}

/// Writes the rows, owners before what they own.
async fn execute(connection: &mut PgConnection, plan: &Plan, now: OffsetDateTime) -> Result<Vec<Change>, SaveError> {
    let stamp = Stamp { managed_by: ManagedBy::File, now };
    let mut changes = Vec::new();
    for step in &plan.organisations {
        changes.push(organisations::save(connection, &step.value, step.current.as_ref(), stamp).await?);
    }
    for step in &plan.scopes {
        changes.push(scopes::save(connection, &step.value, step.current.as_ref(), stamp).await?);
    }
    for step in &plan.api_resources {
        changes.push(api_resources::save(connection, &step.value, step.current.as_ref(), step.edit(), stamp).await?);
    }
    for step in &plan.clients {
        changes.push(clients::save(connection, &step.value, step.current.as_ref(), step.edit(), stamp).await?);
    }
    for step in &plan.identity_providers {
        changes.push(identity_providers::save(connection, &step.value, step.current.as_ref(), stamp).await?);
    }
    Ok(changes)
}
