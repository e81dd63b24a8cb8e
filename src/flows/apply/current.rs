//! The rows as they are, by name.

use std::{collections::HashMap, hash::Hash};

use sqlx::PgConnection;

use crate::{
    base::id::{ApiResourceRowId, ClientRowId},
    model::{
        api_resource::ApiResource, client::Client, identity_provider::IdentityProvider, organisation::Organisation,
        scope::Scope, settings::secret::SecretSettings,
    },
    store::{api_resources, client_secrets, clients, configuration::Stored, identity_providers, organisations, scopes},
};

/// Everything that is configured, disabled or not.
#[derive(Debug, Default)]
pub(super) struct Current {
    pub(super) organisations: HashMap<String, Stored<Organisation>>,
    pub(super) scopes: HashMap<String, Stored<Scope>>,
    pub(super) api_resources: HashMap<String, Stored<ApiResource>>,
    pub(super) clients: HashMap<String, Stored<Client>>,
    pub(super) identity_providers: HashMap<String, Stored<IdentityProvider>>,
    pub(super) api_resource_secrets: HashMap<ApiResourceRowId, Vec<SecretSettings>>,
    pub(super) client_secrets: HashMap<ClientRowId, Vec<SecretSettings>>,
}

impl Current {
    /// Reads all rows.
    pub(super) async fn load(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        Ok(Self {
            organisations: by_name(organisations::list(&mut *connection).await?, |organisation| &organisation.domain),
            scopes: by_name(scopes::list(&mut *connection).await?, |scope| &scope.name),
            api_resources: by_name(api_resources::list(&mut *connection).await?, |resource| &resource.name),
            clients: by_name(clients::list(&mut *connection).await?, |client| &client.client_id),
            identity_providers: by_name(identity_providers::list(&mut *connection).await?, |provider| &provider.name),
            api_resource_secrets: by_owner(api_resources::list_secrets(&mut *connection).await?),
            client_secrets: by_owner(client_secrets::list(&mut *connection).await?),
        })
    }
}

fn by_name<T>(rows: Vec<Stored<T>>, name: fn(&T) -> &String) -> HashMap<String, Stored<T>> {
    rows.into_iter().map(|row| (name(&row.value).clone(), row)).collect()
}

fn by_owner<Id: Eq + Hash>(rows: Vec<(Id, SecretSettings)>) -> HashMap<Id, Vec<SecretSettings>> {
    let mut owners: HashMap<Id, Vec<SecretSettings>> = HashMap::new();
    for (owner, secret) in rows {
        owners.entry(owner).or_default().push(secret);
    }
    owners
}
