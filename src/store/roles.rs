//! The database role that serves: made where it is missing, with no more rights than serving needs (STO-11).

use sqlx::{Connection as _, PgConnection, PgExecutor};

use crate::base::secret::Secret;

/// The role that `ias serve` signs in to the database as.
#[derive(Clone, Debug)]
pub struct ServingRole {
    /// Its name in Postgres.
    pub name: String,
    /// Its password, where the role must be made; none where the server knows it in another way (peer, certificate).
    pub password: Option<Secret<String>>,
}

/// Why the serving role could not be made or given its rights.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// Whoever owns the tables may do everything with them, the audit log included.
    #[error("the serving role must not be `{0}`, which owns the tables: name another one")]
    IsOwner(String),
    /// The role is missing and the owner may not create roles.
    #[error(
        "the role `{name}` does not exist and `{owner}` may not create it. As a superuser type\n\n    \
         create role \"{name}\" login password '…';\n\nand run `ias migrate` again"
    )]
    MayNotCreate {
        /// The missing role.
        name: String,
        /// The role that tried.
        owner: String,
    },
    /// The database refused or did not answer.
    #[error("the serving role could not be given its rights: {0}")]
    Database(#[from] sqlx::Error),
}

statements! {
    /// Who this connection is, and whether the named role exists.
    FIND_ROLE = r"
        select current_user::text,
            exists (select from pg_roles where rolname = $1)";

    /// Two runs at once would change the same rows of the catalogue; the second waits for the end of the first's transaction.
    LOCK_RIGHTS = r"
        select pg_advisory_xact_lock(hashtext('ias serving role'))";

    /// Hands name and password to the blocks below, which take no parameters, until the transaction ends.
    NAME_ROLE = r"
        select set_config('ias.serving_role', $1, true),
            set_config('ias.serving_password', coalesce($2, ''), true)";

    /// Makes the role.
    CREATE_ROLE = r"
        do $$
        begin
            execute format('create role %I login password %L',
                current_setting('ias.serving_role'),
                nullif(current_setting('ias.serving_password'), ''));
        end $$";

    /// Gives the role what it needs on every table of ours, and takes away what an earlier release gave it. Partitions get
    /// nothing: rows go through their table, so that the rule for audit_log cannot be walked around. STO-11, AUD-01
    /// What only the owner may do, making and dropping partitions, it does through functions that run with the owner's rights.
    GRANT_RIGHTS = r"
        do $$
        declare
            serving constant text := current_setting('ias.serving_role');
            relation record;
        begin
            execute format('grant connect on database %I to %I', current_database(), serving);
            execute format('grant usage on schema public to %I', serving);
            for relation in
                select c.oid::regclass::text as name,
                    case when c.relkind = 'S' then 'sequence' else 'table' end as kind,
                    case
                        when c.relkind = 'S' then 'usage, select'
                        when c.relispartition then null
                        when c.relname = '_sqlx_migrations' then 'select'
                        when c.relname = 'audit_log' then 'select, insert'
                        when c.relname = 'configuration' then 'select, update'
                        else 'select, insert, update, delete'
                    end as rights
                from pg_class c
                where c.relnamespace = 'public'::regnamespace
                    and c.relkind in ('r', 'p', 'v', 'm', 'S')
                    and pg_has_role(c.relowner, 'usage')
                order by c.relname
            loop
                execute format('revoke all on %s %s from %I', relation.kind, relation.name, serving);
                if relation.rights is not null then
                    execute format('grant %s on %s %s to %I', relation.rights, relation.kind, relation.name, serving);
                end if;
            end loop;
            for relation in
                select p.oid::regprocedure::text as name
                from pg_proc p
                where p.pronamespace = 'public'::regnamespace
                    and p.prosecdef
                    and pg_has_role(p.proowner, 'usage')
            loop
                execute format('grant execute on function %s to %I', relation.name, serving);
            end loop;
        end $$";
}

/// SQLSTATE insufficient_privilege.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// Makes the role if it is missing, and gives it its rights on all that is there now; true where it was made. A role that is
/// there keeps its password.
pub(super) async fn prepare_serving_role(connection: &mut PgConnection, role: &ServingRole) -> Result<bool, RoleError> {
    let mut transaction = connection.begin().await?;
    sqlx::query(LOCK_RIGHTS).execute(&mut *transaction).await?;
    let (owner, exists) = find_role(&mut *transaction, &role.name).await?;
    if owner == role.name {
        return Err(RoleError::IsOwner(owner));
    }
    let password = role.password.as_ref().map(|password| password.expose().as_str());
    sqlx::query(NAME_ROLE).bind(&role.name).bind(password).execute(&mut *transaction).await?;
    if !exists {
        sqlx::query(CREATE_ROLE).execute(&mut *transaction).await.map_err(|error| match &error {
            sqlx::Error::Database(answer) if answer.code().as_deref() == Some(INSUFFICIENT_PRIVILEGE) => {
                RoleError::MayNotCreate { name: role.name.clone(), owner }
            }
            _ => RoleError::Database(error),
        })?;
    }
    sqlx::query(GRANT_RIGHTS).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(!exists)
}

async fn find_role(executor: impl PgExecutor<'_>, name: &str) -> Result<(String, bool), sqlx::Error> {
    sqlx::query_as(FIND_ROLE).bind(name).fetch_one(executor).await
}
