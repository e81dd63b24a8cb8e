//! Migrations, the serving role, and the refusal of a schema that is not ours.

use ias::{
    base::secret::Secret,
    store::{
        migrations::{self, MigrationFault, SchemaFault},
        roles::{RoleError, ServingRole},
    },
};
use sqlx::{PgPool, error::DatabaseError};

use crate::support::{database::TestDatabase, statements::StatementCounter};

/// A role of this test alone: roles are shared by all databases of a server.
fn role(database: &TestDatabase) -> ServingRole {
    let name = format!("serving_{}", database.owner().get_database().unwrap());
    ServingRole { name, password: Some(Secret::new("it's a \"secret\"".to_owned())) }
}

async fn sql(pool: &PgPool, text: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(text).execute(pool).await.map(drop)
}

async fn remove(database: &TestDatabase, role: &ServingRole) {
    let text = format!("drop owned by {0}; drop role {0}", role.name);
    sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&database.owner_pool().await).await.unwrap();
}

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(DatabaseError::code).map(Into::into)
}

#[tokio::test]
async fn migrating_twice_changes_nothing_the_second_time() {
    let database = TestDatabase::empty().await;
    let role = role(&database);
    let report = migrations::migrate(&database.owner(), &role).await.unwrap();
    assert_eq!(report.applied.len(), migrations::MIGRATOR.iter().count());
    assert!(report.role_created);
    let report = migrations::migrate(&database.owner(), &role).await.unwrap();
    assert!(report.applied.is_empty() && !report.role_created);
    remove(&database, &role).await;
}

#[tokio::test]
async fn two_migrations_at_once_both_succeed() {
    let database = TestDatabase::empty().await;
    let (role, owner) = (role(&database), database.owner());
    let (left, right) = tokio::join!(migrations::migrate(&owner, &role), migrations::migrate(&owner, &role));
    assert!(left.unwrap().role_created ^ right.unwrap().role_created);
    remove(&database, &role).await;
}

/// AUD-01, STO-11
#[tokio::test]
async fn the_serving_role_changes_rows_but_never_the_audit_log() {
    let database = TestDatabase::empty().await;
    let (owner, role) = (database.owner_pool().await, role(&database));
    sql(&owner, "create table notes (id int primary key); create sequence numbers").await.unwrap();
    migrations::migrate(&database.owner(), &role).await.unwrap();
    let serving = database.owner().username(&role.name).password(role.password.as_ref().unwrap().expose());
    let serving = PgPool::connect_with(serving).await.unwrap();
    for allowed in [
        "insert into notes values (1); update notes set id = 2; delete from notes; select nextval('numbers')",
        "insert into audit_log (id, at, kind) values (gen_random_uuid(), clock_timestamp(), 'x'); select id from audit_log;
         select version from _sqlx_migrations",
    ] {
        sql(&serving, allowed).await.unwrap();
    }
    for forbidden in [
        "update audit_log set kind = 'y'",
        "delete from audit_log",
        "truncate audit_log",
        "delete from audit_log_default",
        "insert into audit_log_default (id, at, kind) values (gen_random_uuid(), clock_timestamp(), 'x')",
        "delete from _sqlx_migrations",
        "delete from configuration",
        "truncate configuration",
        "insert into configuration (version) values (0)",
        "truncate notes",
        "drop table notes",
        "create table mine (id int)",
    ] {
        let error = sql(&serving, forbidden).await.unwrap_err();
        assert_eq!(code(&error).as_deref(), Some("42501"), "{forbidden}: {error}");
    }
    serving.close().await;
    remove(&database, &role).await;
}

/// eid.md §12 (10): what keeps production apart from tests is not the serving role's to undo.
#[tokio::test]
async fn sto_11_the_serving_role_names_the_environment_once_and_never_another() {
    let database = TestDatabase::empty().await;
    let role = role(&database);
    migrations::migrate(&database.owner(), &role).await.unwrap();
    let serving = database.owner().username(&role.name).password(role.password.as_ref().unwrap().expose());
    let serving = PgPool::connect_with(serving).await.unwrap();
    sql(&serving, "update configuration set environment = 'production'").await.unwrap();
    for allowed in ["update configuration set environment = 'production'", "update configuration set version = version + 1"] {
        sql(&serving, allowed).await.unwrap();
    }
    for forbidden in
        ["update configuration set environment = 'development'", "update configuration set environment = null, version = 0"]
    {
        let error = sql(&serving, forbidden).await.unwrap_err();
        assert_eq!(code(&error).as_deref(), Some("42501"), "{forbidden}: {error}");
    }
    serving.close().await;
    remove(&database, &role).await;
}

#[tokio::test]
async fn rights_that_an_earlier_release_gave_are_taken_away() {
    let database = TestDatabase::empty().await;
    let (owner, role) = (database.owner_pool().await, role(&database));
    migrations::migrate(&database.owner(), &role).await.unwrap();
    let grant = format!("grant all on audit_log to {}", role.name);
    sqlx::raw_sql(sqlx::AssertSqlSafe(grant)).execute(&owner).await.unwrap();
    migrations::migrate(&database.owner(), &role).await.unwrap();
    let may_delete: bool = sqlx::query_scalar("select has_table_privilege($1, 'audit_log', 'delete')")
        .bind(&role.name)
        .fetch_one(&owner)
        .await
        .unwrap();
    assert!(!may_delete);
    remove(&database, &role).await;
}

/// STO-11
#[tokio::test]
async fn the_serving_role_must_not_own_the_tables() {
    let database = TestDatabase::empty().await;
    let role = ServingRole { name: database.owner().get_username().to_owned(), password: None };
    let error = migrations::migrate(&database.owner(), &role).await.unwrap_err();
    assert!(matches!(error, MigrationFault::Role(RoleError::IsOwner(_))), "{error}");
}

#[tokio::test]
async fn an_owner_who_may_not_create_roles_is_told_what_to_type() {
    let database = TestDatabase::empty().await;
    let (superuser, serving) = (database.owner_pool().await, role(&database));
    let name = database.owner().get_database().unwrap().to_owned();
    let owner = ServingRole { name: format!("owner_{name}"), password: None };
    let make = format!("create role {0} login password 'x'; alter database {name} owner to {0}", owner.name);
    sqlx::raw_sql(sqlx::AssertSqlSafe(make)).execute(&superuser).await.unwrap();
    let error = migrations::migrate(&database.owner().username(&owner.name).password("x"), &serving).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&format!("create role \"{}\" login password", serving.name)), "{text}");
    assert!(text.contains("`ias migrate`"), "{text}");
    let give_back = format!("alter database {name} owner to current_user");
    sqlx::raw_sql(sqlx::AssertSqlSafe(give_back)).execute(&superuser).await.unwrap();
    remove(&database, &owner).await;
}

#[tokio::test]
async fn a_migrated_database_is_served_with_two_statements() {
    let database = TestDatabase::new().await;
    let pool = database.serving_pool().await;
    let (outcome, statements) = StatementCounter::watch(migrations::check_schema(&pool)).await;
    outcome.unwrap();
    assert_eq!(statements.count(), 2, "{:?}", statements.texts());
}

#[tokio::test]
async fn a_database_of_a_newer_release_is_not_served() {
    let database = TestDatabase::new().await;
    let owner = database.owner_pool().await;
    sql(
        &owner,
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (99990101000000, 'from the future', true, '', 0)",
    )
    .await
    .unwrap();
    let fault = migrations::check_schema(&database.serving_pool().await).await.unwrap_err();
    assert!(matches!(fault, SchemaFault::Ahead(99_990_101_000_000)), "{fault}");
    let error = migrations::migrate(&database.owner(), &role(&database)).await.unwrap_err();
    assert!(matches!(error, MigrationFault::Schema(SchemaFault::Ahead(_))), "{error}");
}

#[tokio::test]
async fn a_database_is_made_once_whatever_its_name() {
    let database = TestDatabase::empty().await;
    let name = format!("{} \"x", database.owner().get_database().unwrap());
    assert!(migrations::create_database(&database.owner(), &name).await.unwrap());
    assert!(!migrations::create_database(&database.owner(), &name).await.unwrap());
    let text = format!("drop database \"{}\"", name.replace('"', "\"\""));
    sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&database.owner_pool().await).await.unwrap();
}
