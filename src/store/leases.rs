//! Leases: which node does the next runs of a job. Rows, because a lock of a session does not survive a transaction pooler
//! (STO-05).

use sqlx::PgExecutor;
use time::OffsetDateTime;

use crate::base::id::NodeId;

statements! {
    /// Takes the lease of a job, or prolongs one's own; another's only when it has run out.
    TAKE = r"
        insert into leases (name, holder, lives_until)
        values ($1, $2, $4)
        on conflict on constraint leases_pk do update
            set holder = excluded.holder,
                lives_until = excluded.lives_until
            where leases.holder = excluded.holder or leases.lives_until <= $3";
}

/// Takes or prolongs the lease of a job until `until`; `false` where another node holds it.
pub async fn take(
    executor: impl PgExecutor<'_>,
    name: &str,
    holder: NodeId,
    until: OffsetDateTime,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let done = sqlx::query(TAKE).bind(name).bind(holder).bind(now).bind(until).execute(executor).await?;
    Ok(done.rows_affected() == 1)
}
