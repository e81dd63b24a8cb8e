//! API resources and their secrets.

use sqlx::{
    FromRow, PgConnection, PgExecutor, Postgres, Row as _,
    postgres::{PgArguments, PgRow},
    query::Query,
};

use time::OffsetDateTime;

use super::{
    client_secrets::SecretRow,
    configuration::{Stamp, Stored},
};
use crate::{
    base::{
        id::{ApiResourceRowId, uuid_v7},
        text::LocalizedText,
    },
    model::{api_resource::ApiResource, secret::SecretState, settings::secret::SecretSettings},
};

statements! {
    /// All of them.
    LIST = r"
        select
            id, organisation_id, name, display_name_is, display_name_en, scopes, enabled, version
        from api_resources
        order by name";

    /// A new one.
    INSERT = r"
        insert into api_resources (
            id, organisation_id, name, display_name_is, display_name_en, scopes, enabled, managed_by, version,
            created_at, updated_at
        )
        values (
            $1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $9
        )";

    /// Changes one, if nobody else did since it was read.
    UPDATE = r"
        update api_resources
        set organisation_id = $2,
            name = $3,
            display_name_is = $4,
            display_name_en = $5,
            scopes = $6,
            enabled = $7,
            managed_by = $8,
            updated_at = $9,
            version = version + 1
        where id = $1
            and version = $10";

    /// Every secret of every one.
    LIST_SECRETS = r"
        select api_resource_id as owner_id, label, sha256, expires_at
        from api_resource_secrets
        order by api_resource_id, label";

    /// What can be told of one resource's.
    LIST_SECRETS_OF = r"
        select label, created_at, expires_at, last_used_at
        from api_resource_secrets
        where api_resource_id = $1
        order by label";

    /// A new secret, or another text or end for the one of this label. With its text its history begins anew.
    PUT_SECRET = r"
        insert into api_resource_secrets (id, api_resource_id, label, sha256, created_at, expires_at)
        values ($1, $2, $3, $4, $5, $6)
        on conflict on constraint api_resource_secrets_api_resource_id_label_key do update
        set sha256 = excluded.sha256,
            expires_at = excluded.expires_at,
            created_at = case when api_resource_secrets.sha256 = excluded.sha256 then api_resource_secrets.created_at
                else excluded.created_at end,
            last_used_at = case when api_resource_secrets.sha256 = excluded.sha256 then api_resource_secrets.last_used_at end";

    /// When secrets were used last.
    MARK_SECRETS_USED = r"
        update api_resource_secrets s
        set last_used_at = u.used_at
        from unnest($1::uuid[], $2::bytea[], $3::timestamptz[]) as u (api_resource_id, sha256, used_at)
        where s.api_resource_id = u.api_resource_id
            and s.sha256 = u.sha256
            and (s.last_used_at is null or s.last_used_at < u.used_at)";

    /// Takes a secret away.
    DELETE_SECRET = r"
        delete from api_resource_secrets
        where api_resource_id = $1
            and label = $2";
}

impl FromRow<'_, PgRow> for Stored<ApiResource> {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let value = ApiResource {
            id: row.try_get("id")?,
            organisation_id: row.try_get("organisation_id")?,
            name: row.try_get("name")?,
            display_name: LocalizedText { is: row.try_get("display_name_is")?, en: row.try_get("display_name_en")? },
            scopes: row.try_get("scopes")?,
            enabled: row.try_get("enabled")?,
        };
        Ok(Self { value, version: row.try_get("version")? })
    }
}

/// All API resources, by name.
pub async fn list(executor: impl PgExecutor<'_>) -> Result<Vec<Stored<ApiResource>>, sqlx::Error> {
    sqlx::query_as(LIST).fetch_all(executor).await
}

/// Adds an API resource.
pub async fn insert(connection: &mut PgConnection, resource: &ApiResource, stamp: Stamp) -> Result<(), sqlx::Error> {
    bind(sqlx::query(INSERT), resource, stamp).execute(connection).await.map(drop)
}

/// Changes an API resource; false if its row has another version by now.
pub async fn update(
    connection: &mut PgConnection,
    resource: &ApiResource,
    version: i64,
    stamp: Stamp,
) -> Result<bool, sqlx::Error> {
    let done = bind(sqlx::query(UPDATE), resource, stamp).bind(version).execute(connection).await?;
    Ok(done.rows_affected() == 1)
}

type Bound = Query<'static, Postgres, PgArguments>;

// The parameters that INSERT and UPDATE share, in their order.
fn bind(query: Bound, resource: &ApiResource, stamp: Stamp) -> Bound {
    query
        .bind(resource.id)
        .bind(resource.organisation_id)
        .bind(&resource.name)
        .bind(&resource.display_name.is)
        .bind(&resource.display_name.en)
        .bind(&resource.scopes)
        .bind(resource.enabled)
        .bind(stamp.managed_by)
        .bind(stamp.now)
}

/// The secrets of all API resources.
pub async fn list_secrets(executor: impl PgExecutor<'_>) -> Result<Vec<(ApiResourceRowId, SecretSettings)>, sqlx::Error> {
    let rows: Vec<SecretRow<ApiResourceRowId>> = sqlx::query_as(LIST_SECRETS).fetch_all(executor).await?;
    Ok(rows.into_iter().map(SecretRow::into_pair).collect())
}

/// What can be told of an API resource's secrets, by label.
pub async fn list_secrets_of(executor: impl PgExecutor<'_>, owner: ApiResourceRowId) -> Result<Vec<SecretState>, sqlx::Error> {
    sqlx::query_as(LIST_SECRETS_OF).bind(owner).fetch_all(executor).await
}

/// Gives an API resource a secret, or changes the one of this label.
pub async fn put_secret(
    connection: &mut PgConnection,
    owner: ApiResourceRowId,
    secret: &SecretSettings,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(PUT_SECRET)
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

/// Writes down when secrets were used last, by API resource and hash; a later time that stands already is kept (CAU-09).
pub async fn mark_secrets_used(
    executor: impl PgExecutor<'_>,
    uses: impl IntoIterator<Item = ((ApiResourceRowId, [u8; 32]), OffsetDateTime)>,
) -> Result<(), sqlx::Error> {
    let (mut resources, mut hashes, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for ((resource, sha256), used_at) in uses {
        resources.push(resource.0);
        hashes.push(sha256);
        times.push(used_at);
    }
    sqlx::query(MARK_SECRETS_USED).bind(resources).bind(hashes).bind(times).execute(executor).await.map(drop)
}

/// Takes a secret away from an API resource.
pub async fn delete_secret(connection: &mut PgConnection, owner: ApiResourceRowId, label: &str) -> Result<(), sqlx::Error> {
    sqlx::query(DELETE_SECRET).bind(owner).bind(label).execute(connection).await.map(drop)
}
