//! The audit log: written in the transaction of what it reports (decision I), read and never changed.

use sqlx::{
    PgExecutor, Postgres,
    postgres::PgArguments,
    query::{Query, QueryAs, QueryScalar},
};

use crate::model::audit::AuditRecord;

statements! {
    INSERT = r"
        insert into audit_log
            (id, at, kind, organisation_id, client_id, actor_id, subject_id, session_id, family_id, address, user_agent, detail)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
}

/// Writes one record.
pub async fn insert(executor: impl PgExecutor<'_>, record: &AuditRecord) -> sqlx::Result<()> {
    sqlx::query(INSERT).bind_audit(record).execute(executor).await.map(drop)
}

/// Binds the twelve values of a record, in the order of [`INSERT`], to a statement that writes it beside something else.
pub(super) trait BindAudit {
    /// Binds them.
    fn bind_audit(self, record: &AuditRecord) -> Self;
}

macro_rules! bind_audit {
    ($([$($generic:tt)*] $query:ty;)+) => {$(
        impl<$($generic)*> BindAudit for $query {
            fn bind_audit(self, record: &AuditRecord) -> Self {
                let about = &record.about;
                self.bind(record.id)
                    .bind(record.at)
                    .bind(record.event.kind())
                    .bind(about.organisation_id)
                    .bind(about.client_id)
                    .bind(about.actor_id)
                    .bind(about.subject_id)
                    .bind(about.session_id)
                    .bind(about.family_id)
                    .bind(about.origin.network.clone())
                    .bind(about.origin.user_agent.clone())
                    .bind(record.event.detail())
            }
        }
    )+};
}

bind_audit! {
    [] Query<'_, Postgres, PgArguments>;
    [O] QueryAs<'_, Postgres, O, PgArguments>;
    [O] QueryScalar<'_, Postgres, O, PgArguments>;
}
