//! Editing organisations.

use sqlx::PgConnection;

use super::{
    SaveError,
    change::{Change, Kind, Noun},
    unless_changed,
};
use crate::{
    model::organisation::Organisation,
    store::{
        configuration::{Stamp, Stored},
        organisations,
    },
};

/// Creates an organisation, or changes the one that `current` was read from.
pub async fn save(
    connection: &mut PgConnection,
    organisation: &Organisation,
    current: Option<&Stored<Organisation>>,

    stamp: Stamp,
) -> Result<Change, SaveError> {
    let before = current.map(|current| &current.value);
    // D14: the audit keeps no national id.
    let change = Change::between(Noun::Organisation, organisation.id.0, &organisation.domain, before, organisation)
        .of(organisation.id)
        .hiding("national_id");
    match (change.kind, current) {
        (Kind::Unchanged, _) => {}
        (_, None) => organisations::insert(connection, organisation, stamp).await?,
        (_, Some(current)) => unless_changed(organisations::update(connection, organisation, current.version, stamp).await?)?,
    }
    Ok(change)
}
