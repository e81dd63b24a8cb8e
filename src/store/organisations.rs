//! Organisations.

use sqlx::{
    FromRow, PgConnection, PgExecutor, Postgres, Row as _,
    postgres::{PgArguments, PgRow},
    query::Query,
};

use super::configuration::{Stamp, Stored};
use crate::{base::text::LocalizedText, model::organisation::Organisation};

statements! {
    /// All of them.
    LIST = r"
        select id, domain, national_id, display_name_is, display_name_en, contact_email, enabled, version
        from organisations
        order by domain";

    /// A new one.
    INSERT = r"
        insert into organisations (
            id, domain, national_id, display_name_is, display_name_en, contact_email, enabled,
            managed_by, version, created_at, updated_at
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $9)";

    /// Changes one, if nobody else did since it was read.
    UPDATE = r"
        update organisations
        set domain = $2,
            national_id = $3,
            display_name_is = $4,
            display_name_en = $5,
            contact_email = $6,
            enabled = $7,
            managed_by = $8,
            updated_at = $9,
            version = version + 1
        where id = $1
            and version = $10";
}

impl FromRow<'_, PgRow> for Stored<Organisation> {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let value = Organisation {
            id: row.try_get("id")?,
            domain: row.try_get("domain")?,
            national_id: row.try_get("national_id")?,
            display_name: LocalizedText { is: row.try_get("display_name_is")?, en: row.try_get("display_name_en")? },
            contact_email: row.try_get("contact_email")?,
            enabled: row.try_get("enabled")?,
        };
        Ok(Self { value, version: row.try_get("version")? })
    }
}

/// All organisations, by domain.
pub async fn list(executor: impl PgExecutor<'_>) -> Result<Vec<Stored<Organisation>>, sqlx::Error> {
    sqlx::query_as(LIST).fetch_all(executor).await
}

/// Adds an organisation.
pub async fn insert(connection: &mut PgConnection, organisation: &Organisation, stamp: Stamp) -> Result<(), sqlx::Error> {
    bind(sqlx::query(INSERT), organisation, stamp).execute(connection).await.map(drop)
}

/// Changes an organisation; false if its row has another version by now.
pub async fn update(
    connection: &mut PgConnection,
    organisation: &Organisation,
    version: i64,
    stamp: Stamp,
) -> Result<bool, sqlx::Error> {
    let done = bind(sqlx::query(UPDATE), organisation, stamp).bind(version).execute(connection).await?;
    Ok(done.rows_affected() == 1)
}

type Bound = Query<'static, Postgres, PgArguments>;

// The parameters that INSERT and UPDATE share, in their order.
fn bind(query: Bound, organisation: &Organisation, stamp: Stamp) -> Bound {
    query
        .bind(organisation.id)
        .bind(&organisation.domain)
        .bind(&organisation.national_id)
        .bind(&organisation.display_name.is)
        .bind(&organisation.display_name.en)
        .bind(&organisation.contact_email)
        .bind(organisation.enabled)
        .bind(stamp.managed_by)
        .bind(stamp.now)
}
