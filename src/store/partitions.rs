//! The partitions of the tables whose rows end together (architecture.md, decision H). The functions that make and drop them
//! belong to the owner of the tables and are in migrations 0005 and 0008: the role that serves may only call them.

use sqlx::PgExecutor;
use time::OffsetDateTime;

statements! {
    /// The partitions of now and of the next span.
    MAKE = r"
        select make_partitions($1)";

    /// Whole partitions, and a batch of the default one.
    REMOVE = r"
        select remove_before($1, $2, $3)";
}

/// A table that is partitioned by the time of its rows' ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitioned {
    /// `authorization_codes`
    AuthorizationCodes,
    /// `sessions`
    Sessions,
    /// `sign_in_attempts`
    SignInAttempts,
    /// `sign_in_evidence`
    SignInEvidence,
    /// `audit_log`
    AuditLog,
}

impl Partitioned {
    /// The table's name.
    pub const fn table(self) -> &'static str {
        match self {
            Self::AuthorizationCodes => "authorization_codes",
            Self::Sessions => "sessions",
            Self::SignInAttempts => "sign_in_attempts",
            Self::SignInEvidence => "sign_in_evidence",
            Self::AuditLog => "audit_log",
        }
    }
}

/// Makes the partitions that rows of `now` and of the time after it need, where they are missing; gives how many were made.
pub async fn make(executor: impl PgExecutor<'_>, now: OffsetDateTime) -> sqlx::Result<i64> {
    sqlx::query_scalar(MAKE).bind(now).fetch_one(executor).await
}

/// Drops the partitions whose rows are all older than `before`, and deletes a batch of such rows that stand in no partition of
/// their own; gives about how many rows went. Of the audit log the last 366 days stay, whatever is asked.
pub async fn remove_before(
    executor: impl PgExecutor<'_>,
    table: Partitioned,
    before: OffsetDateTime,
    batch: u32,
) -> sqlx::Result<i64> {
    sqlx::query_scalar(REMOVE).bind(table.table()).bind(before).bind(i64::from(batch)).fetch_one(executor).await
}
