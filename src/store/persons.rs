//! Persons and the subjects that name them.

use sqlx::PgExecutor;
use time::OffsetDateTime;

use crate::{
    base::id::{PersonId, SubjectId},
    model::identity_provider::IdentityProviderKind,
};

statements! {
    INSERT_SUBJECT = r"
        insert into subjects (sub, subject_id, actor_id, identity_provider, created_at)
        values ($1, $2, $3, $4, $5)
        on conflict do nothing";
}

/// Keeps the `sub` of a subject with an actor and an identity provider; it is the same for ever.
pub async fn insert_subject(
    executor: impl PgExecutor<'_>,
    sub: &str,
    subject: SubjectId,
    actor: PersonId,
    identity_provider: IdentityProviderKind,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query(INSERT_SUBJECT)
        .bind(sub)
        .bind(subject)
        .bind(actor)
        .bind(identity_provider)
        .bind(now)
        .execute(executor)
        .await
        .map(drop)
}
