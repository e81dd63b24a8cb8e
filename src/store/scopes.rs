//! Scopes.

use sqlx::{
    FromRow, PgConnection, PgExecutor, Postgres, Row as _,
    postgres::{PgArguments, PgRow},
    query::Query,
};

use super::configuration::{Stamp, Stored};
use crate::{base::text::LocalizedText, model::scope::Scope};

statements! {
    /// All of them.
    LIST = r"
        select
            id, organisation_id, name, display_name_is, display_name_en, description_is, description_en,
            supported_delegations, personal_representative_permissions, claims, enabled, show_in_discovery, required,
            emphasize, grant_to_authenticated_user, automatic_delegation_grant, also_for_delegated_user,
            display_order, version
        from scopes
        order by name";

    /// A new one.
    INSERT = r"
        insert into scopes (
            id, organisation_id, name, display_name_is, display_name_en, description_is, description_en,
            supported_delegations, personal_representative_permissions, claims, enabled, show_in_discovery, required,
            emphasize, grant_to_authenticated_user, automatic_delegation_grant, also_for_delegated_user,
            display_order, managed_by, version, created_at, updated_at
        )
        values (
            $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, 1, $20, $20
        )";

    /// Changes one, if nobody else did since it was read.
    UPDATE = r"
        update scopes
        set organisation_id = $2,
            name = $3,
            display_name_is = $4,
            display_name_en = $5,
            description_is = $6,
            description_en = $7,
            supported_delegations = $8,
            personal_representative_permissions = $9,
            claims = $10,
            enabled = $11,
            show_in_discovery = $12,
            required = $13,
            emphasize = $14,
            grant_to_authenticated_user = $15,
            automatic_delegation_grant = $16,
            also_for_delegated_user = $17,
            display_order = $18,
            managed_by = $19,
            updated_at = $20,
            version = version + 1
        where id = $1
            and version = $21";
}

impl FromRow<'_, PgRow> for Stored<Scope> {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let value = Scope {
            id: row.try_get("id")?,
            organisation_id: row.try_get("organisation_id")?,
            name: row.try_get("name")?,
            display_name: LocalizedText { is: row.try_get("display_name_is")?, en: row.try_get("display_name_en")? },
            description: LocalizedText { is: row.try_get("description_is")?, en: row.try_get("description_en")? },
            supported_delegations: row.try_get("supported_delegations")?,
            personal_representative_permissions: row.try_get("personal_representative_permissions")?,
            claims: row.try_get("claims")?,
            enabled: row.try_get("enabled")?,
            show_in_discovery: row.try_get("show_in_discovery")?,
            required: row.try_get("required")?,
            emphasize: row.try_get("emphasize")?,
            grant_to_authenticated_user: row.try_get("grant_to_authenticated_user")?,
            automatic_delegation_grant: row.try_get("automatic_delegation_grant")?,
            also_for_delegated_user: row.try_get("also_for_delegated_user")?,
            display_order: row.try_get("display_order")?,
        };
        Ok(Self { value, version: row.try_get("version")? })
    }
}

/// All scopes, by name.
pub async fn list(executor: impl PgExecutor<'_>) -> Result<Vec<Stored<Scope>>, sqlx::Error> {
    sqlx::query_as(LIST).fetch_all(executor).await
}

/// Adds a scope.
pub async fn insert(connection: &mut PgConnection, scope: &Scope, stamp: Stamp) -> Result<(), sqlx::Error> {
    bind(sqlx::query(INSERT), scope, stamp).execute(connection).await.map(drop)
}

/// Changes a scope; false if its row has another version by now.
pub async fn update(connection: &mut PgConnection, scope: &Scope, version: i64, stamp: Stamp) -> Result<bool, sqlx::Error> {
    let done = bind(sqlx::query(UPDATE), scope, stamp).bind(version).execute(connection).await?;
    Ok(done.rows_affected() == 1)
}

type Bound = Query<'static, Postgres, PgArguments>;

// The parameters that INSERT and UPDATE share, in their order.
fn bind(query: Bound, scope: &Scope, stamp: Stamp) -> Bound {
    query
        .bind(scope.id)
        .bind(scope.organisation_id)
        .bind(&scope.name)
        .bind(&scope.display_name.is)
        .bind(&scope.display_name.en)
        .bind(&scope.description.is)
        .bind(&scope.description.en)
        .bind(&scope.supported_delegations)
        .bind(&scope.personal_representative_permissions)
        .bind(&scope.claims)
        .bind(scope.enabled)
        .bind(scope.show_in_discovery)
        .bind(scope.required)
        .bind(scope.emphasize)
        .bind(scope.grant_to_authenticated_user)
        .bind(scope.automatic_delegation_grant)
        .bind(scope.also_for_delegated_user)
        .bind(scope.display_order)
        .bind(stamp.managed_by)
        .bind(stamp.now)
}
