//! The secrets of clients, as hashes (STO-01).

use sqlx::{FromRow, PgConnection, PgExecutor};
use time::OffsetDateTime;

use crate::{
    base::id::{ClientRowId, uuid_v7},
    model::{secret::SecretState, settings::secret::SecretSettings},
};

statements! {
    /// Every secret of every client.
    LIST = r"
        select client_id as owner_id, label, sha256, expires_at
        from client_secrets
        order by client_id, label";

    /// What can be told of one client's.
    LIST_OF = r"
        select label, created_at, expires_at, last_used_at
        from client_secrets
        where client_id = $1
        order by label";

    /// A new secret, or another text or end for the one of this label. With its text its history begins anew.
    PUT = r"
        insert into client_secrets (id, client_id, label, sha256, created_at, expires_at)
        values ($1, $2, $3, $4, $5, $6)
        on conflict on constraint client_secrets_client_id_label_key do update
        set sha256 = excluded.sha256,
            expires_at = excluded.expires_at,
            created_at = case when client_secrets.sha256 = excluded.sha256 then client_secrets.created_at
                else excluded.created_at end,
            last_used_at = case when client_secrets.sha256 = excluded.sha256 then client_secrets.last_used_at end";

    /// When secrets were used last.
    MARK_USED = r"
        update client_secrets s
        set last_used_at = u.used_at
        from unnest($1::uuid[], $2::bytea[], $3::timestamptz[]) as u (client_id, sha256, used_at)
        where s.client_id = u.client_id
            and s.sha256 = u.sha256
            and (s.last_used_at is null or s.last_used_at < u.used_at)";

    /// Takes a secret away.
    DELETE = r"
        delete from client_secrets
        where client_id = $1
            and label = $2";
}

/// A secret's row with its owner's id.
#[derive(FromRow)]
pub(super) struct SecretRow<Owner> {
    owner_id: Owner,
    label: String,
    sha256: [u8; 32],
    expires_at: Option<OffsetDateTime>,
}

impl<Owner> SecretRow<Owner> {
    /// The owner's id and the secret.
    pub(super) fn into_pair(self) -> (Owner, SecretSettings) {
        (self.owner_id, SecretSettings { label: self.label, sha256: self.sha256, expires_at: self.expires_at })
    }
}

/// The secrets of all clients.
pub async fn list(executor: impl PgExecutor<'_>) -> Result<Vec<(ClientRowId, SecretSettings)>, sqlx::Error> {
    let rows: Vec<SecretRow<ClientRowId>> = sqlx::query_as(LIST).fetch_all(executor).await?;
    Ok(rows.into_iter().map(SecretRow::into_pair).collect())
}

/// What can be told of a client's secrets, by label.
pub async fn list_of(executor: impl PgExecutor<'_>, owner: ClientRowId) -> Result<Vec<SecretState>, sqlx::Error> {
    sqlx::query_as(LIST_OF).bind(owner).fetch_all(executor).await
}

/// Gives a client a secret, or changes the one of this label.
pub async fn put(
    connection: &mut PgConnection,
    owner: ClientRowId,
    secret: &SecretSettings,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(PUT)
        .bind(uuid_v7(now))
        .bind(owner)
        .bind(&secret.label)
        .bind(secret.sha256)
        .bind(now)
        .bind(secret.expires_at)
        .execute(connection)
        .await
        .map(drop)
}

/// Writes down when secrets were used last, by client and hash; a later time that stands already is kept (CAU-09).
pub async fn mark_used(
    executor: impl PgExecutor<'_>,
    uses: impl IntoIterator<Item = ((ClientRowId, [u8; 32]), OffsetDateTime)>,
) -> Result<(), sqlx::Error> {
    let (mut clients, mut hashes, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for ((client, sha256), used_at) in uses {
        clients.push(client.0);
        hashes.push(sha256);
        times.push(used_at);
    }
    sqlx::query(MARK_USED).bind(clients).bind(hashes).bind(times).execute(executor).await.map(drop)
}

/// Takes a secret away from a client.
pub async fn delete(connection: &mut PgConnection, owner: ClientRowId, label: &str) -> Result<(), sqlx::Error> {
    sqlx::query(DELETE).bind(owner).bind(label).execute(connection).await.map(drop)
}
