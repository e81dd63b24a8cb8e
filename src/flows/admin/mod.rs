//! Editing configuration: one file per noun, for pages, the API and `ias apply` alike.
//!
//! Owns what an edit is: the row, its version and what changed. The caller begins the transaction with
//! [`configuration::claim_environment`], saves values that `model::settings` has judged, ends with [`publish`] and commits.

pub mod api_resources;
pub mod change;
pub mod clients;
pub mod evidence;
pub mod identity_providers;
pub mod live_state;
pub mod made_secrets;
pub mod organisations;
pub mod scopes;
pub mod secrets;

use serde_json::{Value, json};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{
    model::audit::{About, AuditEvent, AuditRecord},
    store::{audit_log, configuration},
};
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
    let mut edited = changes.iter().filter(|change| change.kind != Kind::Unchanged).peekable();
    if edited.peek().is_none() {
        return Ok(());
    }
    for change in edited {
        audit_log::insert(&mut *connection, &record(change, now)).await?;
    }
    configuration::bump(connection, now).await.map(drop)
}

/// AUD-01: in the transaction of the edit; the fields hold neither secrets nor national ids.
fn record(change: &Change, now: OffsetDateTime) -> AuditRecord {
    let fields =
        change.fields.iter().map(|field| (field.field.clone(), json!({ "before": field.before, "after": field.after })));
    let about = About { organisation_id: change.organisation_id, ..About::default() };
    let event = AuditEvent::ConfigurationChanged {
        noun: change.noun.as_str(),
        name: change.name.clone(),
        changes: Value::Object(fields.collect()),
    };
    AuditRecord::new(now, about, event)
}

fn unless_changed(done: bool) -> Result<(), SaveError> {
    if done { Ok(()) } else { Err(SaveError::Conflict) }
}
