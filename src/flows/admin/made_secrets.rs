//! Secrets that we make for clients and API resources (CAU-07): added, listed and taken away one by one. The owner's row is not
//! touched, so what manages it stays; a file that is applied later and lists secrets has the last word on all of them.

use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    change::{Change, Noun},
    publish,
    secrets::SecretsEdit,
};
use crate::{
    base::{digest, entropy, id::OrganisationId, secret::Secret},
    model::{
        environment::Environment,
        secret::{SecretOwner, SecretState},
        settings::{
            fields::Faults,
            secret::{SecretSettings, check_labels},
        },
    },
    store::{api_resources, client_secrets, clients, configuration},
};

/// By this, scanners find secrets that stand where they should not.
const PREFIX: &str = "ias_cs_";

/// Whose secrets are meant.
#[derive(Clone, Copy, Debug)]
pub struct OwnerName<'a> {
    /// `@domain/name`
    pub name: &'a str,
    /// an API resource's, not a client's
    pub of_api_resource: bool,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// there is no such owner
    #[error("there is no {noun} `{name}`", noun = if *.of_api_resource { "API resource" } else { "client" })]
    UnknownOwner {
        /// `@domain/name`
        name: String,
        /// what was looked for
        of_api_resource: bool,
    },
    /// a client that keeps no secret
    #[error("the client is public: it cannot keep a secret")]
    PublicClient,
    /// what is wrong with the label
    #[error("the label {0}")]
    Label(String),
    /// no secret has this label
    #[error("there is no secret `{0}`")]
    UnknownLabel(String),
    /// an end that has passed
    #[error("the secret would have expired already")]
    Expired,
    /// the database belongs to another environment (eid.md §12.10)
    #[error("the database belongs to the environment {}, not to {}", .theirs.as_str(), .ours.as_str())]
    OtherEnvironment {
        /// where the command runs
        ours: Environment,
        /// what the database belongs to
        theirs: Environment,
    },
    /// the database refused or did not answer
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Makes a secret of 256 bits, keeps its hash, and gives its text, which nobody can ask for again.
pub async fn add(
    pool: &PgPool,
    environment: Environment,
    owner: OwnerName<'_>,
    label: &str,
    expires_at: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Result<Secret<String>, SecretError> {
    if expires_at.is_some_and(|end| end <= now) {
        return Err(SecretError::Expired);
    }
    let text = Secret::new(format!("{PREFIX}{}", digest::base64url(entropy::bytes::<32>())));
    let sha256 = digest::sha256(&[text.expose().as_bytes()]);
    let secret = SecretSettings { label: label.to_owned(), sha256, expires_at };
    let mut transaction = pool.begin().await?;
    let owner = Owner::claim(&mut transaction, environment, owner).await?;
    let after = [owner.secrets.clone(), vec![secret.clone()]].concat();
    let mut faults = Faults::default();
    check_labels(&mut faults, after.iter().map(|secret| secret.label.as_str()));
    if let Some(fault) = faults.into_vec().pop() {
        return Err(SecretError::Label(fault.message));
    }
    match owner.id {
        SecretOwner::Client(id) => client_secrets::put(&mut transaction, id, &secret, now).await?,
        SecretOwner::ApiResource(id) => api_resources::put_secret(&mut transaction, id, &secret, now).await?,
    }
    publish(&mut transaction, &[owner.change(&after)], now).await?;
    transaction.commit().await?;
    Ok(text)
}

/// Takes a secret away. The caller waits for the nodes before it says so.
pub async fn remove(
    pool: &PgPool,
    environment: Environment,
    owner: OwnerName<'_>,
    label: &str,
    now: OffsetDateTime,
) -> Result<(), SecretError> {
    let mut transaction = pool.begin().await?;
    let owner = Owner::claim(&mut transaction, environment, owner).await?;
    let after: Vec<_> = owner.secrets.iter().filter(|secret| secret.label != label).cloned().collect();
    if after.len() == owner.secrets.len() {
        return Err(SecretError::UnknownLabel(label.to_owned()));
    }
    match owner.id {
        SecretOwner::Client(id) => client_secrets::delete(&mut transaction, id, label).await?,
        SecretOwner::ApiResource(id) => api_resources::delete_secret(&mut transaction, id, label).await?,
    }
    publish(&mut transaction, &[owner.change(&after)], now).await?;
    transaction.commit().await?;
    Ok(())
}

/// What can be told of the owner's secrets, by label.
pub async fn list(pool: &PgPool, owner: OwnerName<'_>) -> Result<Vec<SecretState>, SecretError> {
    let mut connection = pool.acquire().await?;
    let owner = Owner::find(&mut connection, owner).await?;
    Ok(match owner.id {
        SecretOwner::Client(id) => client_secrets::list_of(&mut *connection, id).await?,
        SecretOwner::ApiResource(id) => api_resources::list_secrets_of(&mut *connection, id).await?,
    })
}

/// A client or API resource, as far as its secrets go.
struct Owner {
    id: SecretOwner,
    row: Uuid,
    noun: Noun,
    name: String,
    organisation_id: OrganisationId,
    is_public: bool,
    secrets: Vec<SecretSettings>,
}

impl Owner {
    /// Begins an edit: until the transaction ends, what was read stays true.
    async fn claim(connection: &mut PgConnection, environment: Environment, owner: OwnerName<'_>) -> Result<Self, SecretError> {
        let theirs = configuration::claim_environment(&mut *connection, environment).await?;
        if theirs != environment {
            return Err(SecretError::OtherEnvironment { ours: environment, theirs });
        }
        let owner = Self::find(connection, owner).await?;
        if owner.is_public { Err(SecretError::PublicClient) } else { Ok(owner) }
    }

    async fn find(connection: &mut PgConnection, owner: OwnerName<'_>) -> Result<Self, SecretError> {
        let found = if owner.of_api_resource {
            Self::api_resource(connection, owner.name).await?
        } else {
            Self::client(connection, owner.name).await?
        };
        let OwnerName { name, of_api_resource } = owner;
        found.ok_or_else(|| SecretError::UnknownOwner { name: name.to_owned(), of_api_resource })
    }

    async fn client(connection: &mut PgConnection, name: &str) -> Result<Option<Self>, sqlx::Error> {
        let rows = clients::list(&mut *connection).await?;
        let Some(client) = rows.into_iter().map(|row| row.value).find(|client| client.client_id == name) else {
            return Ok(None);
        };
        let secrets = client_secrets::list(connection).await?;
        Ok(Some(Self {
            id: SecretOwner::Client(client.id),
            row: client.id.0,
            noun: Noun::Client,
            is_public: !client.is_confidential(),
            name: client.client_id,
            organisation_id: client.organisation_id,
            secrets: of(secrets, client.id),
        }))
    }

    async fn api_resource(connection: &mut PgConnection, name: &str) -> Result<Option<Self>, sqlx::Error> {
        let rows = api_resources::list(&mut *connection).await?;
        let Some(resource) = rows.into_iter().map(|row| row.value).find(|resource| resource.name == name) else {
            return Ok(None);
        };
        let secrets = api_resources::list_secrets(connection).await?;
        Ok(Some(Self {
            id: SecretOwner::ApiResource(resource.id),
            row: resource.id.0,
            noun: Noun::ApiResource,
            is_public: false,
            name: resource.name,
            organisation_id: resource.organisation_id,
            secrets: of(secrets, resource.id),
        }))
    }

    /// What the audit keeps: labels and ends.
    fn change(&self, after: &[SecretSettings]) -> Change {
        let edit = SecretsEdit { before: &self.secrets, after };
        Change::between(self.noun, self.row, &self.name, Some(&()), &()).of(self.organisation_id).with(edit.fields())
    }
}

fn of<Id: Copy + PartialEq>(secrets: Vec<(Id, SecretSettings)>, owner: Id) -> Vec<SecretSettings> {
    secrets.into_iter().filter(|(id, _)| *id == owner).map(|(_, secret)| secret).collect()
}
