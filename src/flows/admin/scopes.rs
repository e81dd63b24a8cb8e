//! Editing scopes.

use sqlx::PgConnection;

use super::{
    SaveError,
    change::{Change, Kind, Noun},
    unless_changed,
};
use crate::{
    model::scope::Scope,
    store::{
        configuration::{Stamp, Stored},
        scopes,
    },
};

/// Creates a scope, or changes the one that `current` was read from.
pub async fn save(
    connection: &mut PgConnection,
    scope: &Scope,
    current: Option<&Stored<Scope>>,

    stamp: Stamp,
) -> Result<Change, SaveError> {
    let before = current.map(|current| &current.value);
    let change = Change::between(Noun::Scope, scope.id.0, &scope.name, before, scope).of(scope.organisation_id);
    match (change.kind, current) {
        (Kind::Unchanged, _) => {}
        (_, None) => scopes::insert(connection, scope, stamp).await?,
        (_, Some(current)) => unless_changed(scopes::update(connection, scope, current.version, stamp).await?)?,
    }
    Ok(change)
}
