//! The configuration as one value in memory (architecture.md, decision F): requests read it instead of the database.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    sync::Arc,
};

use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;

use super::{api_resources, client_secrets, clients, configuration, identity_providers, organisations, scopes};
use crate::{
    base::id::{ClientRowId, OrganisationId},
    model::{
        api_resource::{ApiResource, RegisteredApiResource},
        client::{Client, RegisteredClient},
        identity_provider::IdentityProvider,
        organisation::Organisation,
        scope::Scope,
        secret::SecretHash,
        settings::secret::SecretSettings,
    },
};

statements! {
    /// All that the transaction reads was true at one moment.
    CONSISTENT = r"
        set transaction isolation level repeatable read, read only";
}

/// The configuration as it was at one moment. What is disabled, or belongs to a disabled organisation, is as if absent.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// the number of the last edit that it contains
    pub version: i64,
    not_before: Option<OffsetDateTime>,
    organisations: HashMap<OrganisationId, Arc<Organisation>>,
    clients: HashMap<String, Arc<RegisteredClient>>,
    clients_by_row: HashMap<ClientRowId, Arc<RegisteredClient>>,
    scopes: HashMap<String, Arc<Scope>>,
    /// in the order of their names
    api_resources: Vec<Arc<RegisteredApiResource>>,
    identity_providers: Vec<Arc<IdentityProvider>>,
}

impl Snapshot {
    /// The client with this `client_id`.
    pub fn client(&self, client_id: &str) -> Option<&Arc<RegisteredClient>> {
        self.clients.get(client_id)
    }

    /// The client of this row.
    pub fn client_by_row(&self, id: ClientRowId) -> Option<&Arc<RegisteredClient>> {
        self.clients_by_row.get(&id)
    }

    /// Every client.
    pub fn clients(&self) -> impl Iterator<Item = &Arc<RegisteredClient>> {
        self.clients.values()
    }

    /// The moment before which authentications are void for the client: everybody's or its own, the later one (RT-12).
    pub fn not_before(&self, client: &Client) -> OffsetDateTime {
        self.not_before.max(client.not_before).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// The same configuration, with everybody's moment as it is now: what became void is void, whatever else is not taken over.
    #[must_use]
    pub fn with_not_before_of(&self, newer: &Self) -> Self {
        Self { not_before: self.not_before.max(newer.not_before), ..self.clone() }
    }

    /// The API scope of this name.
    pub fn scope(&self, name: &str) -> Option<&Arc<Scope>> {
        self.scopes.get(name)
    }

    /// Every API scope.
    pub fn scopes(&self) -> impl Iterator<Item = &Arc<Scope>> {
        self.scopes.values()
    }

    /// The API resource of this name.
    pub fn api_resource(&self, name: &str) -> Option<&Arc<RegisteredApiResource>> {
        self.api_resources.iter().find(|registered| registered.resource.name == name)
    }

    /// The names of the API resources that any of these scopes belongs to, in their order: the `aud` of a token (D11).
    pub fn resources_of<'a>(&self, scope_names: impl IntoIterator<Item = &'a str>) -> Vec<&str> {
        let names: HashSet<&str> = scope_names.into_iter().collect();
        let holds = |resource: &&ApiResource| resource.scopes.iter().any(|scope| names.contains(scope.as_str()));
        self.api_resources.iter().map(|registered| &registered.resource).filter(holds).map(|it| it.name.as_str()).collect()
    }

    /// Whether an organisation owns an API scope.
    pub fn owns_scope(&self, organisation: OrganisationId, name: &str) -> bool {
        self.scope(name).is_some_and(|scope| scope.organisation_id == organisation)
    }

    /// The ways to sign in, in the order in which pages show them.
    pub fn identity_providers(&self) -> &[Arc<IdentityProvider>] {
        &self.identity_providers
    }

    /// The organisation of this row.
    pub fn organisation(&self, id: OrganisationId) -> Option<&Arc<Organisation>> {
        self.organisations.get(&id)
    }

    fn add_client(&mut self, client: Client, secrets: Vec<SecretHash>) {
        let owner = self.organisations.get(&client.organisation_id).filter(|_| client.enabled);
        let Some(organisation) = owner.map(|owner| Organisation::clone(owner)) else { return };
        let registered = Arc::new(RegisteredClient { client, organisation, secrets });
        self.clients_by_row.insert(registered.client.id, Arc::clone(&registered));
        self.clients.insert(registered.client.client_id.clone(), registered);
    }
}

/// Reads the configuration, all of it from one moment.
pub async fn load(pool: &PgPool) -> Result<Snapshot, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query(CONSISTENT).execute(&mut *transaction).await?;
    let snapshot = read(&mut transaction).await?;
    transaction.commit().await?;
    Ok(snapshot)
}

async fn read(connection: &mut PgConnection) -> Result<Snapshot, sqlx::Error> {
    let mut snapshot = Snapshot {
        version: configuration::version(&mut *connection).await?,
        not_before: configuration::not_before(&mut *connection).await?,
        ..Snapshot::default()
    };
    for organisation in organisations::list(&mut *connection).await? {
        if organisation.value.enabled {
            snapshot.organisations.insert(organisation.value.id, Arc::new(organisation.value));
        }
    }
    for scope in scopes::list(&mut *connection).await? {
        if scope.value.enabled && snapshot.organisations.contains_key(&scope.value.organisation_id) {
            snapshot.scopes.insert(scope.value.name.clone(), Arc::new(scope.value));
        }
    }
    let mut secrets = hashes(api_resources::list_secrets(&mut *connection).await?);
    let mut of_disabled: Vec<String> = Vec::new();
    for resource in api_resources::list(&mut *connection).await? {
        let resource = resource.value;
        let secrets = secrets.remove(&resource.id).unwrap_or_default();
        if resource.enabled && snapshot.organisations.contains_key(&resource.organisation_id) {
            snapshot.api_resources.push(Arc::new(RegisteredApiResource { resource, secrets }));
        } else {
            of_disabled.extend(resource.scopes);
        }
    }
    // Appendix B: without its resource a scope would make tokens for no audience in particular
    of_disabled.retain(|scope| snapshot.resources_of([scope.as_str()]).is_empty());
    snapshot.scopes.retain(|name, _| !of_disabled.contains(name));
    for provider in identity_providers::list(&mut *connection).await? {
        let of_an_absent = provider.value.organisation_id.is_some_and(|id| !snapshot.organisations.contains_key(&id));
        if provider.value.enabled && !of_an_absent {
            snapshot.identity_providers.push(Arc::new(provider.value));
        }
    }
    let mut secrets = hashes(client_secrets::list(&mut *connection).await?);
    for client in clients::list(&mut *connection).await? {
        let secrets = secrets.remove(&client.value.id).unwrap_or_default();
        snapshot.add_client(client.value, secrets);
    }
    Ok(snapshot)
}

fn hashes<Id: Eq + Hash>(secrets: Vec<(Id, SecretSettings)>) -> HashMap<Id, Vec<SecretHash>> {
    let mut by_owner: HashMap<Id, Vec<SecretHash>> = HashMap::new();
    for (owner, secret) in secrets {
        let hash = SecretHash { sha256: secret.sha256, expires_at: secret.expires_at };
        by_owner.entry(owner).or_default().push(hash);
    }
    by_owner
}
