//! Families: what one code exchange gave. Access tokens name theirs, so one row tells whether they still hold (TOK-06).

use sqlx::{FromRow, PgExecutor};
use time::OffsetDateTime;

use crate::base::id::{ClientRowId, FamilyId};

statements! {
    // D12: without a refresh token a family lives no longer than its session; Appendix B: the person and the consent are
    // judged at each use
    FIND_LIVE = r"
        select f.client_id, f.scope, f.sub, f.identity_provider, f.created_at, subject.national_id, subject.name
        from families f
        join persons actor on actor.id = f.actor_id
        join persons subject on subject.id = f.subject_id
        left join sessions s on s.id = f.session_id
        left join consents k on k.id = f.consent_id
        where f.id = $1
            and f.revoked_at is null
            and f.absolute_expires_at > $2
            and actor.blocked_at is null
            and (actor.not_before is null or f.auth_time >= actor.not_before)
            and (f.secret_hash is not null or s.ended_at is null)
            and k.withdrawn_at is null";
}

/// A living family with the claims of its subject.
#[derive(Clone, Debug, FromRow)]
pub struct LiveFamily {
    /// to whom it was given
    pub client_id: ClientRowId,
    /// what was granted
    pub scope: Vec<String>,
    /// the claim `sub`
    pub sub: String,
    /// the claim `idp`
    pub identity_provider: String,
    /// when the code was exchanged
    pub created_at: OffsetDateTime,
    /// of the subject
    pub national_id: String,
    /// of the subject
    pub name: Option<String>,
}

/// The family, where nothing has ended it.
pub async fn find_live(executor: impl PgExecutor<'_>, id: FamilyId, now: OffsetDateTime) -> sqlx::Result<Option<LiveFamily>> {
    sqlx::query_as(FIND_LIVE).bind(id).bind(now).fetch_optional(executor).await
}
