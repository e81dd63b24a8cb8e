//! Telephone numbers that persons have closed to new browsers (ias-domain.md §6.4). What holds is looked up where an attempt is
//! stored and where it is verified, so that it holds at once, on every node.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{base::id::PersonId, model::national_id::NationalId};

statements! {
    // One for each person; also somebody who has never signed in can have one.
    UPSERT = r"
        with person as (
            insert into persons (id, national_id, created_at, updated_at)
            values ($1, $2, $5, $5)
            on conflict on constraint persons_national_id_key
                do update set updated_at = excluded.updated_at
            returning id
        ), restriction as (
            insert into login_restrictions (person_id, subject_key, until, created_at)
            select id, $3, $4, $5
            from person
            on conflict on constraint login_restrictions_pk
                do update set subject_key = excluded.subject_key, until = excluded.until, created_at = excluded.created_at
        )
        select id
        from person";

    DELETE = r"
        delete from login_restrictions r
        using persons p
        where p.id = r.person_id and p.national_id = $1
        returning r.person_id";
}

/// Closes a number until a moment to browsers in which the person has not signed in; what was closed before is open. `key` is the
/// keyed hash of the number.
pub async fn upsert(
    connection: &mut PgConnection,
    national_id: &NationalId,
    key: &[u8],
    until: OffsetDateTime,
    now: OffsetDateTime,
) -> sqlx::Result<PersonId> {
    sqlx::query_scalar(UPSERT)
        .bind(PersonId::new(now))
        .bind(national_id.expose())
        .bind(key)
        .bind(until)
        .bind(now)
        .fetch_one(connection)
        .await
}

/// Opens the number again; none where the person has closed none.
pub async fn delete(connection: &mut PgConnection, national_id: &NationalId) -> sqlx::Result<Option<PersonId>> {
    sqlx::query_scalar(DELETE).bind(national_id.expose()).fetch_optional(connection).await
}
