//! Access tokens that were revoked alone, until they would have expired (REV-04). A person's token is looked for by the statement
//! that finds its family: `store::families`.

use sqlx::PgExecutor;
use time::OffsetDateTime;

use super::audit_log::BindAudit as _;
use crate::model::{audit::AuditRecord, token_id::TokenId};

statements! {
    INSERT = r"
        with revoked as (
            insert into revoked_access_tokens (jti, expires_at)
            values ($13, $14)
            on conflict (jti) do nothing
            returning jti
        ), audited as (
            insert into audit_log
                (id, at, kind, organisation_id, client_id, actor_id, subject_id, session_id, family_id, address,
                 user_agent, detail)
            select $1, $2, $3, $4, $5, coalesce($6, f.actor_id), coalesce($7, f.subject_id), coalesce($8, f.session_id), f.id,
                $10, $11, $12
            from revoked
            left join families f on f.id = $9
        )
        select count(*)
        from revoked";

    FIND_ANY = r"
        select exists (select from revoked_access_tokens where jti = any ($1))";
}

/// Revokes a token; `false` where it was revoked already.
pub async fn insert(
    executor: impl PgExecutor<'_>,
    token: &TokenId,
    expires_at: OffsetDateTime,
    audit: &AuditRecord,
) -> sqlx::Result<bool> {
    let revoked: i64 =
        sqlx::query_scalar(INSERT).bind_audit(audit).bind(token.as_bytes()).bind(expires_at).fetch_one(executor).await?;
    Ok(revoked == 1)
}

/// Whether a token, or one that it came from, was revoked.
pub async fn find_any(executor: impl PgExecutor<'_>, token: &TokenId) -> sqlx::Result<bool> {
    sqlx::query_scalar(FIND_ANY).bind(token.lineage()).fetch_one(executor).await
}
