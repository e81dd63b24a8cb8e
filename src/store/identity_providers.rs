//! Identity providers.

use sqlx::{
    FromRow, PgConnection, PgExecutor, Postgres, Row as _,
    postgres::{PgArguments, PgRow},
    query::Query,
    types::Json,
};

use super::configuration::{Stamp, Stored};
use crate::model::identity_provider::IdentityProvider;

statements! {
    /// All of them.
    LIST = r"
        select
            id, organisation_id, name, kind, settings, acr, amr, enabled, display_order, display_name, version
        from identity_providers
        order by display_order, name";

    /// A new one.
    INSERT = r"
        insert into identity_providers (
            id, name, kind, settings, acr, amr, enabled, display_order, managed_by, version, created_at, updated_at,
            organisation_id, display_name
        )
        values (
            $1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $10, $11, $12
        )";

    /// Changes one, if nobody else did since it was read.
    UPDATE = r"
        update identity_providers
        set name = $2,
            kind = $3,
            settings = $4,
            acr = $5,
            amr = $6,
            enabled = $7,
            display_order = $8,
            managed_by = $9,
            updated_at = $10,
            organisation_id = $11,
            display_name = $12,
            version = version + 1
        where id = $1
            and version = $13";
}

impl FromRow<'_, PgRow> for Stored<IdentityProvider> {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let value = IdentityProvider {
            id: row.try_get("id")?,
            organisation_id: row.try_get("organisation_id")?,
            name: row.try_get("name")?,
            kind: row.try_get("kind")?,
            driver: row.try_get::<Json<_>, _>("settings")?.0,
            acr: row.try_get("acr")?,
            amr: row.try_get("amr")?,
            enabled: row.try_get("enabled")?,
            display_order: row.try_get("display_order")?,
            display_name: row.try_get::<Option<Json<_>>, _>("display_name")?.map(|name| name.0),
        };
        Ok(Self { value, version: row.try_get("version")? })
    }
}

/// All identity providers, by their place on the page.
pub async fn list(executor: impl PgExecutor<'_>) -> Result<Vec<Stored<IdentityProvider>>, sqlx::Error> {
    sqlx::query_as(LIST).fetch_all(executor).await
}

/// Adds an identity provider.
pub async fn insert(connection: &mut PgConnection, provider: &IdentityProvider, stamp: Stamp) -> Result<(), sqlx::Error> {
    bind(sqlx::query(INSERT), provider, stamp).execute(connection).await.map(drop)
}

/// Changes an identity provider; false if its row has another version by now.
pub async fn update(
    connection: &mut PgConnection,
    provider: &IdentityProvider,
    version: i64,
    stamp: Stamp,
) -> Result<bool, sqlx::Error> {
    let done = bind(sqlx::query(UPDATE), provider, stamp).bind(version).execute(connection).await?;
    Ok(done.rows_affected() == 1)
}

type Bound = Query<'static, Postgres, PgArguments>;

// The parameters that INSERT and UPDATE share, in their order.
fn bind(query: Bound, provider: &IdentityProvider, stamp: Stamp) -> Bound {
    query
        .bind(provider.id)
        .bind(&provider.name)
        .bind(provider.kind)
        .bind(Json(&provider.driver))
        .bind(&provider.acr)
        .bind(&provider.amr)
        .bind(provider.enabled)
        .bind(provider.display_order)
        .bind(stamp.managed_by)
        .bind(stamp.now)
        .bind(provider.organisation_id)
        .bind(provider.display_name.as_ref().map(Json))
}
