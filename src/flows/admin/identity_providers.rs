//! Editing identity providers.

use sqlx::PgConnection;

use super::{
    SaveError,
    change::{Change, Kind, Noun},
    unless_changed,
};
use crate::{
    model::identity_provider::IdentityProvider,
    store::{
        configuration::{Stamp, Stored},
        identity_providers,
    },
};

/// Creates an identity provider, or changes the one that `current` was read from.
pub async fn save(
    connection: &mut PgConnection,
    provider: &IdentityProvider,
    current: Option<&Stored<IdentityProvider>>,
    stamp: Stamp,
) -> Result<Change, SaveError> {
    let before = current.map(|current| &current.value);
    let mut change = Change::between(Noun::IdentityProvider, provider.id.0, &provider.name, before, provider);
    change.organisation_id = provider.organisation_id;
    match (change.kind, current) {
        (Kind::Unchanged, _) => {}
        (_, None) => identity_providers::insert(connection, provider, stamp).await?,
        (_, Some(current)) => unless_changed(identity_providers::update(connection, provider, current.version, stamp).await?)?,
    }
    Ok(change)
}
