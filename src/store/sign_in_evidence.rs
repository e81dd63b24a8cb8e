//! The sealed evidence of sign-ins, as an investigation reads it (X5-09). It is written where an attempt is verified.

use sqlx::{FromRow, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    base::id::{AttemptId, ClientRowId, PersonId},
    model::identity_provider::IdentityProviderKind,
};

statements! {
    // The evidence may outlive its attempt, and the attempt its evidence.
    FIND = r"
        select
            coalesce(a.id, e.id) as id, a.client_id, c.client_id as client, a.identity_provider, a.state, a.person_id,
            a.error_kind, a.provider_code, a.incident, a.created_at, a.verified_at, a.ended_at, e.evidence
        from (select id from sign_in_attempts where id = $1 or incident = $1 union select $1) wanted
        left join sign_in_attempts a on a.id = wanted.id
        left join sign_in_evidence e on e.id = wanted.id
        left join clients c on c.id = a.client_id
        where a.id is not null or e.id is not null
        limit 1";
}

/// What is kept of an attempt; what has left already is absent.
#[derive(Debug, FromRow)]
pub struct KeptAttempt {
    /// the attempt
    pub id: AttemptId,
    /// for which client
    pub client_id: Option<ClientRowId>,
    /// its name
    pub client: Option<String>,
    /// with which kind of identity provider
    pub identity_provider: Option<IdentityProviderKind>,
    /// what became of it
    pub state: Option<String>,
    /// who was proven
    pub person_id: Option<PersonId>,
    /// why it failed
    pub error_kind: Option<String>,
    /// the provider's own word
    pub provider_code: Option<String>,
    /// the reference that the page showed
    pub incident: Option<Uuid>,
    /// when it began
    pub created_at: Option<OffsetDateTime>,
    /// when the person was proven
    pub verified_at: Option<OffsetDateTime>,
    /// when it ended
    pub ended_at: Option<OffsetDateTime>,
    /// sealed
    pub evidence: Option<Vec<u8>>,
}

/// The attempt of this id, or the one whose page showed it as reference.
pub async fn find(connection: &mut PgConnection, attempt_or_incident: Uuid) -> sqlx::Result<Option<KeptAttempt>> {
    sqlx::query_as(FIND).bind(attempt_or_incident).fetch_optional(connection).await
}
