//! Editing configuration: one file per noun, for pages, the API and `ias apply` alike.
//!
//! Owns what an edit is: the row, its version and what changed. The caller begins the transaction with
//! [`configuration::claim_environment`], saves values that `model::settings` has judged, ends with [`publish`] and commits.

pub mod api_resources;
pub mod change;
pub mod clients;
pub mod identity_providers;
pub mod organisations;
pub mod scopes;
pub mod secrets;

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::store::configuration;
use change::{Change, Kind};

/// Why an edit was not made.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// the row has another version than the one that was edited
    #[error("someone else changed it in the meantime")]
    Conflict,
    /// the database refused or did not answer
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Ends an edit, in its transaction: counts it once and tells the nodes. Where nothing changed, nothing happens.
pub async fn publish(connection: &mut PgConnection, changes: &[Change], now: OffsetDateTime) -> Result<(), sqlx::Error> {
    if changes.iter().any(|change| change.kind != Kind::Unchanged) {
        configuration::bump(connection, now).await?;
    }
    Ok(())
}

fn unless_changed(done: bool) -> Result<(), SaveError> {
    if done { Ok(()) } else { Err(SaveError::Conflict) }
}
