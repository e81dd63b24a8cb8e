//! Editing API resources.

use sqlx::PgConnection;

use super::{
    SaveError,
    change::{Change, Kind, Noun},
    secrets::SecretsEdit,
    unless_changed,
};
use crate::{
    model::api_resource::ApiResource,
    store::{
        api_resources,
        configuration::{Stamp, Stored},
    },
};

/// Creates an API resource, or changes the one that `current` was read from; and its secrets, where an edit of them is given.
pub async fn save(
    connection: &mut PgConnection,
    resource: &ApiResource,
    current: Option<&Stored<ApiResource>>,
    secrets: Option<SecretsEdit<'_>>,
    stamp: Stamp,
) -> Result<Change, SaveError> {
    let before = current.map(|current| &current.value);
    let change = Change::between(Noun::ApiResource, resource.id.0, &resource.name, before, resource)
        .of(resource.organisation_id)
        .with(secrets.map(SecretsEdit::fields).unwrap_or_default());
    match (change.kind, current) {
        (Kind::Unchanged, _) => {}
        (_, None) => api_resources::insert(&mut *connection, resource, stamp).await?,
        (_, Some(current)) => unless_changed(api_resources::update(&mut *connection, resource, current.version, stamp).await?)?,
    }
    if let Some(edit) = secrets {
        for secret in edit.put() {
            api_resources::put_secret(&mut *connection, resource.id, secret, stamp.now).await?;
        }
        for label in edit.deleted() {
            api_resources::delete_secret(&mut *connection, resource.id, label).await?;
        }
    }
    Ok(change)
}
