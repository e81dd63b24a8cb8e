//! Persons and the subjects that name them.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{base::id::PersonId, model::national_id::NationalId};

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
