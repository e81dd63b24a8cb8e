//! Requests that have ended without a code: their id is taken, so that they end once (INT-03, INT-04).

use sqlx::PgExecutor;

use super::{audit_log::BindAudit as _, authorization_codes::FinishedRequest};
use crate::model::audit::AuditRecord;

statements! {
    TAKE = r"
        with request as (
            insert into finished_requests (request_id, expires_at)
            values ($13, $14)
            on conflict on constraint finished_requests_pk do nothing
            returning request_id
        ), audited as (
            insert into audit_log
                (id, at, kind, organisation_id, client_id, actor_id, subject_id, session_id, family_id, address,
                 user_agent, detail)
            select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
            from request
        )
        select count(*)
        from request";

    IS_TAKEN = r"
        select exists (
            select
            from finished_requests
            where request_id = $1
        )";
}

/// Takes the id of a request that ends with a refusal; `false` where it had ended already.
pub async fn take(executor: impl PgExecutor<'_>, request: FinishedRequest<'_>, audit: &AuditRecord) -> sqlx::Result<bool> {
    let taken: i64 = sqlx::query_scalar(TAKE)
        .bind_audit(audit)
        .bind(request.request_id)
        .bind(request.expires_at)
        .fetch_one(executor)
        .await?;
    Ok(taken == 1)
}

/// Whether a request has ended.
pub async fn is_taken(executor: impl PgExecutor<'_>, request_id: &[u8]) -> sqlx::Result<bool> {
    sqlx::query_scalar(IS_TAKEN).bind(request_id).fetch_one(executor).await
}
