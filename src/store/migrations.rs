//! The schema: running the migrations, and refusing to serve on a schema that this program does not know.

use std::{borrow::Cow, collections::BTreeMap};

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, PgExecutor, PgPool,
    migrate::{MigrateError, Migration, Migrator},
    postgres::PgConnectOptions,
};

use super::roles::{self, RoleError, ServingRole};

/// Every migration, in the program itself. Forward only, and frozen once released.
pub static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

statements! {
    /// Whether any migration has ever run here.
    HAS_HISTORY = r"
        select to_regclass('public._sqlx_migrations') is not null";

    /// The name, quoted where the language needs it.
    QUOTE_NAME = r"
        select quote_ident($1)";

    /// What has run, with the checksum of the text that ran.
    APPLIED = r"
        select version, checksum, success
        from public._sqlx_migrations
        order by version";
}

/// What [`migrate`] did.
#[derive(Debug)]
pub struct MigrationReport {
    /// Version and description of each migration that ran now, in order.
    pub applied: Vec<(i64, Cow<'static, str>)>,
    /// Whether the serving role was made now.
    pub role_created: bool,
}

/// Why [`migrate`] failed.
#[derive(Debug, thiserror::Error)]
pub enum MigrationFault {
    /// The history does not fit the migrations of this program, or no history can be read.
    #[error(transparent)]
    Schema(#[from] SchemaFault),
    /// A migration failed; its transaction was rolled back and those before it stand.
    #[error("a migration failed: {0}")]
    Migration(#[from] MigrateError),
    /// The schema is up to date, but the serving role could not be made or given its rights.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// The database did not answer.
    #[error("the database did not answer: {0}")]
    Database(#[from] sqlx::Error),
}

/// Why [`check_schema`] refuses.
#[derive(Debug, thiserror::Error)]
pub enum SchemaFault {
    /// Migrations of this program have not run yet.
    #[error("the database lacks {count} migration(s), the first of them {first}: run `ias migrate`")]
    Behind {
        /// How many are missing.
        count: usize,
        /// The version of the first.
        first: i64,
    },
    /// Migrations have run that this program does not know.
    #[error("the database has migration {0}, which this program does not know: run the release that made it, or a newer one")]
    Ahead(i64),
    /// A migration ran with another text than the one in this program.
    #[error("migration {0} was changed after it ran: run a release with the migrations that this database was made with")]
    Changed(i64),
    /// A migration outside a transaction stopped half-way.
    #[error(
        "migration {0} stopped half-way: repair what it left, then delete its row in _sqlx_migrations and run `ias migrate`"
    )]
    HalfDone(i64),
    /// The history could not be read.
    #[error("the history of migrations cannot be read: {0}")]
    Database(#[from] sqlx::Error),
}

/// SQLSTATE duplicate_database.
const DUPLICATE_DATABASE: &str = "42P04";

/// Makes an empty database; false if it is there already. `superuser` is a role that may.
pub async fn create_database(superuser: &PgConnectOptions, name: &str) -> Result<bool, sqlx::Error> {
    let mut connection = superuser.connect().await?;
    let quoted: String = sqlx::query_scalar(QUOTE_NAME).bind(name).fetch_one(&mut connection).await?;
    // The one statement whose text is made here: it takes no parameters and runs in no block.
    let outcome = sqlx::raw_sql(AssertSqlSafe(format!("create database {quoted}"))).execute(&mut connection).await;
    connection.close().await?;
    match outcome {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(answer)) if answer.code().as_deref() == Some(DUPLICATE_DATABASE) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Brings the schema up to date and gives the serving role its rights. Any number of callers may do it at once; all but the
/// first wait.
///
/// `owner` is the role that owns the tables, and a direct address: the lock between two runs belongs to the session, which a
/// transaction pooler does not keep (STO-05).
pub async fn migrate(owner: &PgConnectOptions, serving: &ServingRole) -> Result<MigrationReport, MigrationFault> {
    let mut connection = owner.connect().await?;
    let outcome = migrate_on(&mut connection, serving).await;
    // A failed migration keeps the lock until its connection ends.
    connection.close().await?;
    outcome
}

async fn migrate_on(connection: &mut PgConnection, serving: &ServingRole) -> Result<MigrationReport, MigrationFault> {
    let before = history(connection).await?;
    if let Err(fault) = compare(MIGRATOR.iter(), &before)
        && !matches!(fault, SchemaFault::Behind { .. })
    {
        return Err(fault.into());
    }
    MIGRATOR.run(&mut *connection).await?;
    let applied = MIGRATOR
        .iter()
        .filter(|migration| !before.contains_key(&migration.version))
        .map(|migration| (migration.version, migration.description.clone()))
        .collect();
    let role_created = roles::prepare_serving_role(connection, serving).await?;
    Ok(MigrationReport { applied, role_created })
}

/// Whether the schema is the one that this program was written for; `ias serve` refuses any other.
pub async fn check_schema(pool: &PgPool) -> Result<(), SchemaFault> {
    let mut connection = pool.acquire().await?;
    compare(MIGRATOR.iter(), &history(&mut connection).await?)
}

/// The checksum of a migration that ran, and whether it ran to its end.
struct Applied {
    checksum: Vec<u8>,
    success: bool,
}

async fn history(connection: &mut PgConnection) -> Result<BTreeMap<i64, Applied>, sqlx::Error> {
    if !has_history(&mut *connection).await? {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<(i64, Vec<u8>, bool)> = sqlx::query_as(APPLIED).fetch_all(connection).await?;
    Ok(rows.into_iter().map(|(version, checksum, success)| (version, Applied { checksum, success })).collect())
}

async fn has_history(executor: impl PgExecutor<'_>) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(HAS_HISTORY).fetch_one(executor).await
}

fn compare<'a>(known: impl Iterator<Item = &'a Migration>, history: &BTreeMap<i64, Applied>) -> Result<(), SchemaFault> {
    let known: BTreeMap<i64, &Migration> = known.map(|migration| (migration.version, migration)).collect();
    for (version, applied) in history {
        let Some(migration) = known.get(version) else {
            return Err(SchemaFault::Ahead(*version));
        };
        if !applied.success {
            return Err(SchemaFault::HalfDone(*version));
        }
        if migration.checksum != applied.checksum {
            return Err(SchemaFault::Changed(*version));
        }
    }
    let mut missing = known.keys().filter(|version| !history.contains_key(version));
    match missing.next() {
        None => Ok(()),
        Some(first) => Err(SchemaFault::Behind { first: *first, count: 1 + missing.count() }),
    }
}

#[cfg(test)]
mod tests {
    use sqlx::{SqlSafeStr as _, migrate::MigrationType};

    use super::*;

    fn migration(version: i64, sql: &'static str) -> Migration {
        Migration::new(version, "table".into(), MigrationType::Simple, sql.into_sql_str(), false)
    }

    fn ran(migrations: &[Migration]) -> BTreeMap<i64, Applied> {
        let applied = |m: &Migration| Applied { checksum: m.checksum.to_vec(), success: true };
        migrations.iter().map(|m| (m.version, applied(m))).collect()
    }

    #[test]
    fn a_schema_that_is_up_to_date_is_known() {
        let known = [migration(1, "create table a ()"), migration(2, "create table b ()")];
        assert!(compare(known.iter(), &ran(&known)).is_ok());
        assert!(compare([].iter(), &BTreeMap::new()).is_ok());
    }

    #[test]
    fn a_schema_that_is_behind_names_the_command() {
        let known = [migration(1, "create table a ()"), migration(2, "create table b ()"), migration(3, "create table c ()")];
        let fault = compare(known.iter(), &ran(&known[..1])).unwrap_err();
        assert!(matches!(fault, SchemaFault::Behind { first: 2, count: 2 }));
        assert!(fault.to_string().contains("`ias migrate`"));
    }

    #[test]
    fn a_schema_of_a_newer_release_is_refused() {
        let known = [migration(1, "create table a ()"), migration(2, "create table b ()")];
        assert!(matches!(compare(known[..1].iter(), &ran(&known)), Err(SchemaFault::Ahead(2))));
    }

    #[test]
    fn a_migration_that_was_changed_or_stopped_half_way_is_refused() {
        let mut history = ran(&[migration(1, "create table a ()")]);
        let changed = [migration(1, "create table a (b int)")];
        assert!(matches!(compare(changed.iter(), &history), Err(SchemaFault::Changed(1))));
        history.get_mut(&1).unwrap().success = false;
        assert!(matches!(compare([migration(1, "create table a ()")].iter(), &history), Err(SchemaFault::HalfDone(1))));
    }
}
