//! Persons and the subjects that name them.

use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use crate::{
    base::id::{PersonId, SubjectId},
    model::{identity_provider::IdentityProviderKind, national_id::NationalId},
};

statements! {
    // Also somebody who has never signed in can be blocked. What was given before stays void when the block is lifted.
    BLOCK = r"
        insert into persons (id, national_id, blocked_at, not_before, created_at, updated_at)
        values ($1, $2, $3, $3, $3, $3)
        on conflict on constraint persons_national_id_key
            do update set blocked_at = $3, not_before = greatest(persons.not_before, $3), updated_at = $3
        returning id";

    UNBLOCK = r"
        update persons
        set blocked_at = null, updated_at = $2
        where national_id = $1 and blocked_at is not null
        returning id";

    SET_NOT_BEFORE = r"
        update persons
        set not_before = greatest(not_before, $2), updated_at = $3
        where national_id = $1
        returning id";

    INSERT_SUBJECT = r"
        insert into subjects (sub, subject_id, actor_id, identity_provider, created_at)
        values ($1, $2, $3, $4, $5)
        on conflict do nothing";
}

/// Blocks a person, and cuts off what they were given; gives their row, which is made where they never signed in.
pub async fn block(connection: &mut PgConnection, national_id: &NationalId, now: OffsetDateTime) -> sqlx::Result<PersonId> {
    sqlx::query_scalar(BLOCK).bind(PersonId::new(now)).bind(national_id.expose()).bind(now).fetch_one(connection).await
}

/// Lets a person sign in again; none where nobody of this number is blocked.
pub async fn unblock(
    connection: &mut PgConnection,
    national_id: &NationalId,
    now: OffsetDateTime,
) -> sqlx::Result<Option<PersonId>> {
    sqlx::query_scalar(UNBLOCK).bind(national_id.expose()).bind(now).fetch_optional(connection).await
}

/// Makes a person's authentications before `not_before` void, never fewer than before; none where nobody of this number ever signed
/// in.
pub async fn set_not_before(
    connection: &mut PgConnection,
    national_id: &NationalId,
    not_before: OffsetDateTime,
    now: OffsetDateTime,
) -> sqlx::Result<Option<PersonId>> {
    sqlx::query_scalar(SET_NOT_BEFORE).bind(national_id.expose()).bind(not_before).bind(now).fetch_optional(connection).await
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
