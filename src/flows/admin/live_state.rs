//! Cutting off what was given: a person's block, and the moments before which authentications are void: everybody's, a client's, a
//! person's (RT-12, STO-09); and the numbers that persons close to new browsers. Each is one row, whatever was given (RT-15).

use sqlx::PgPool;
use time::OffsetDateTime;

use crate::{
    model::{
        audit::{About, AuditEvent, AuditRecord},
        national_id::NationalId,
    },
    store::{audit_log, clients, configuration, login_restrictions, persons},
};

/// Whose authentications.
#[derive(Clone, Debug)]
pub enum Whose {
    /// every client's and person's
    Everybody,
    /// those that a client was given
    Client(String),
    /// a person's
    Person(NationalId),
}

/// Blocks a person: no sign-in, and nothing that they were given holds any more, also after the block.
pub async fn block(pool: &PgPool, national_id: &NationalId, now: OffsetDateTime) -> sqlx::Result<()> {
    let mut transaction = pool.begin().await?;
    let person = persons::block(&mut transaction, national_id, now).await?;
    let about = About { actor_id: Some(person), subject_id: Some(person.into()), ..About::default() };
    audit_log::insert(&mut *transaction, &AuditRecord::new(now, about, AuditEvent::PersonBlocked)).await?;
    transaction.commit().await
}

/// Lets a person sign in again; `false` where nobody of this number is blocked.
pub async fn unblock(pool: &PgPool, national_id: &NationalId, now: OffsetDateTime) -> sqlx::Result<bool> {
    let mut transaction = pool.begin().await?;
    let Some(person) = persons::unblock(&mut transaction, national_id, now).await? else { return Ok(false) };
    let about = About { actor_id: Some(person), subject_id: Some(person.into()), ..About::default() };
    audit_log::insert(&mut *transaction, &AuditRecord::new(now, about, AuditEvent::PersonUnblocked)).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Closes a person's telephone number until a moment to browsers in which they have not signed in (ias-domain.md §6.4). `key` is
/// [`crate::model::phone_number::PhoneNumber::key`].
pub async fn restrict(
    pool: &PgPool,
    national_id: &NationalId,
    key: &[u8; 32],
    until: OffsetDateTime,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let mut transaction = pool.begin().await?;
    let person = login_restrictions::upsert(&mut transaction, national_id, key, until, now).await?;
    let about = About { actor_id: Some(person), subject_id: Some(person.into()), ..About::default() };
    audit_log::insert(&mut *transaction, &AuditRecord::new(now, about, AuditEvent::LoginRestricted { until })).await?;
    transaction.commit().await
}

/// Opens a person's telephone number again; `false` where none is closed.
pub async fn lift_restriction(pool: &PgPool, national_id: &NationalId, now: OffsetDateTime) -> sqlx::Result<bool> {
    let mut transaction = pool.begin().await?;
    let Some(person) = login_restrictions::delete(&mut transaction, national_id).await? else { return Ok(false) };
    let about = About { actor_id: Some(person), subject_id: Some(person.into()), ..About::default() };
    audit_log::insert(&mut *transaction, &AuditRecord::new(now, about, AuditEvent::LoginRestrictionLifted)).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Makes authentications before `not_before` void; what was void stays so. `false` where there is no such client or person.
pub async fn set_not_before(
    pool: &PgPool,
    whose: &Whose,
    not_before: OffsetDateTime,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let mut transaction = pool.begin().await?;
    let mut about = About::default();
    let whose = match whose {
        Whose::Everybody => {
            configuration::set_not_before(&mut transaction, not_before).await?;
            "everybody"
        }
        Whose::Client(client_id) => {
            let found = clients::set_not_before(&mut transaction, client_id, not_before, now).await?;
            let Some((client, organisation)) = found else { return Ok(false) };
            (about.client_id, about.organisation_id) = (Some(client), Some(organisation));
            "client"
        }
        Whose::Person(national_id) => {
            let found = persons::set_not_before(&mut transaction, national_id, not_before, now).await?;
            let Some(person) = found else { return Ok(false) };
            (about.actor_id, about.subject_id) = (Some(person), Some(person.into()));
            "person"
        }
    };
    let event = AuditEvent::NotBeforeSet { whose, not_before };
    audit_log::insert(&mut *transaction, &AuditRecord::new(now, about, event)).await?;
    // facts about persons are read with each use, the others by the nodes' snapshots (decision F)
    if whose != "person" {
        configuration::bump(&mut transaction, now).await?;
    }
    transaction.commit().await?;
    Ok(true)
}
