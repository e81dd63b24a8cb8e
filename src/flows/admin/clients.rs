//! Editing clients.

use sqlx::PgConnection;

use super::{
    SaveError,
    change::{Change, Kind, Noun},
    secrets::SecretsEdit,
    unless_changed,
};
use crate::{
    model::client::Client,
    store::{
        client_secrets, clients,
        configuration::{Stamp, Stored},
    },
};

/// Creates a client, or changes the one that `current` was read from; and its secrets, where an edit of them is given.
pub async fn save(
    connection: &mut PgConnection,
    client: &Client,
    current: Option<&Stored<Client>>,
    secrets: Option<SecretsEdit<'_>>,
    stamp: Stamp,
) -> Result<Change, SaveError> {
    let before = current.map(|current| &current.value);
    let change = Change::between(Noun::Client, client.id.0, &client.client_id, before, client)
        .of(client.organisation_id)
        .with(secrets.map(SecretsEdit::fields).unwrap_or_default());
    match (change.kind, current) {
        (Kind::Unchanged, _) => {}
        (_, None) => clients::insert(&mut *connection, client, stamp).await?,
        (_, Some(current)) => unless_changed(clients::update(&mut *connection, client, current.version, stamp).await?)?,
    }
    if let Some(edit) = secrets {
        for secret in edit.put() {
            client_secrets::put(&mut *connection, client.id, secret, stamp.now).await?;
        }
        for label in edit.deleted() {
            client_secrets::delete(&mut *connection, client.id, label).await?;
        }
    }
    Ok(change)
}
