//! Nodes: which version of the configuration each serves (architecture.md, decision F). Their leases run by the database's
//! clock, the one that all nodes share.

use sqlx::PgExecutor;
use time::OffsetDateTime;

use crate::base::id::NodeId;

statements! {
    /// The number of the last edit, and the time that a node compares its clock with (STO-04). Where the node serves that
    /// edit, or refuses it (eid.md §12), its lease begins anew; a node that is behind keeps the lease it has, so that one which
    /// cannot read the new configuration holds nobody up for longer.
    CONFIRM = r"
        with edit as (
            select version, clock_timestamp() as database_time
            from configuration
        ), lease as (
            insert into nodes (id, version, refuses, lives_until)
            select $1, $2, nullif(version, $2), database_time + interval '10 s'
            from edit
            where version = $2 or version = $3
            on conflict on constraint nodes_pk do update
                set version = excluded.version,
                    refuses = excluded.refuses,
                    lives_until = excluded.lives_until
        )
        select version, database_time
        from edit";

    /// How many nodes may be serving: those that serve an edit or a later one, those that refuse it, and those that have not seen
    /// it yet.
    COUNT_LIVE = r"
        select
            count(*) filter (where version >= $1),
            count(*) filter (where version < $1 and refuses >= $1),
            count(*) filter (where version < $1 and (refuses is null or refuses < $1))
        from nodes
        where lives_until > clock_timestamp()";

    /// Ends a node's lease.
    DELETE = r"
        delete from nodes
        where id = $1";

    /// Forgets nodes that ended without a word.
    DELETE_DEAD = r"
        delete from nodes
        where lives_until <= clock_timestamp() - interval '1 h'";
}

/// What a node learns each second.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub struct Confirmation {
    /// the number of the last edit
    pub version: i64,
    /// the database's clock
    pub database_time: OffsetDateTime,
}

/// Nodes whose lease runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveNodes {
    /// those that serve the edit
    pub current: i64,
    /// those that refuse it and go on with an older one (eid.md §12)
    pub refusing: i64,
    /// those that do not serve it yet
    pub behind: i64,
}

/// The number of the last edit and the database's time. Where the node `serves` that number, or `refuses` it, its lease begins
/// anew: 10 s.
pub async fn confirm(
    executor: impl PgExecutor<'_>,
    node: NodeId,
    serves: i64,
    refuses: Option<i64>,
) -> sqlx::Result<Confirmation> {
    sqlx::query_as(CONFIRM).bind(node).bind(serves).bind(refuses).fetch_one(executor).await
}

/// Which nodes serve the edit `version`, and which do not.
pub async fn count_live(executor: impl PgExecutor<'_>, version: i64) -> sqlx::Result<LiveNodes> {
    let (current, refusing, behind) = sqlx::query_as(COUNT_LIVE).bind(version).fetch_one(executor).await?;
    Ok(LiveNodes { current, refusing, behind })
}

/// Ends the lease of a node that serves no more.
pub async fn delete(executor: impl PgExecutor<'_>, node: NodeId) -> sqlx::Result<()> {
    sqlx::query(DELETE).bind(node).execute(executor).await.map(drop)
}

/// Forgets the nodes whose lease ran out an hour ago; gives how many.
pub async fn delete_dead(executor: impl PgExecutor<'_>) -> sqlx::Result<u64> {
    Ok(sqlx::query(DELETE_DEAD).execute(executor).await?.rows_affected())
}
