//! Sessions: read with their person, made, renewed and ended.

use sqlx::{FromRow, PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::audit_log::BindAudit as _;
use crate::{
    base::id::{ClientRowId, ConsentId, IdentityProviderRowId, PersonId, SessionId},
    model::{
        audit::AuditRecord, consent::RememberedConsent, identity_provider::IdentityProviderKind, person::Person,
        session::Session,
    },
};

statements! {
    FIND = r"
        select
            s.id, s.cookie_hash, s.person_id, s.identity_provider, s.identity_provider_id, s.acr, s.amr, s.auth_time, s.shared,
            s.last_used_at, s.expires_at, s.ended_at,
            p.name, p.blocked_at, p.not_before,
            j.sub,
            c.id as consent_id, c.scope as consent_scope, c.expires_at as consent_expires_at
        from sessions s
        join persons p on p.id = s.person_id
        join subjects j
            on j.subject_id = s.person_id and j.actor_id = s.person_id and j.identity_provider = s.identity_provider
        left join lateral (
            select id, scope, expires_at
            from consents
            where client_id = $2 and actor_id = s.person_id and subject_id = s.person_id
                and remembered and withdrawn_at is null
            order by created_at desc
            limit 1
        ) c on true
        where s.id = $1";

    INSERT = r"
        with begun as (
            insert into sessions
                (id, cookie_hash, person_id, identity_provider, acr, amr, auth_time, shared, address, user_agent,
                 created_at, last_used_at, expires_at, identity_provider_id)
            values ($13, $14, $15, $16, $17, $18, $19, $20, $10, $11, $2, $2, $21, $22)
            returning id
        ), audited as (
            insert into audit_log
                (id, at, kind, organisation_id, client_id, actor_id, subject_id, session_id, family_id, address,
                 user_agent, detail)
            select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
            from begun
        )
        select count(*)
        from begun";

    RENEW = r"
        with renewed as (
            update sessions
            set cookie_hash = $14, acr = $15, amr = $16, auth_time = $17, last_used_at = $2, expires_at = $18,
                identity_provider_id = $19
            where id = $13 and ended_at is null
            returning id
        ), audited as (
            insert into audit_log
                (id, at, kind, organisation_id, client_id, actor_id, subject_id, session_id, family_id, address,
                 user_agent, detail)
            select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
            from renewed
        )
        select count(*)
        from renewed";

    // A code that is redeemed meanwhile holds the row until its family is there.
    END = r"
        with ended as (
            update sessions
            set ended_at = $14, end_reason = $15
            where id = $13 and ended_at is null
            returning id
        ), audited as (
            insert into audit_log
                (id, at, kind, organisation_id, client_id, actor_id, subject_id, session_id, family_id, address,
                 user_agent, detail)
            select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
            from ended
        )
        select count(*)
        from ended";

    // D12: sign-out ends the families that have no refresh token, and those of the clients that are set so
    END_FAMILIES = r"
        update families f
        set revoked_at = $2, revoke_reason = 'session_ended'
        from clients c
        where f.session_id = $1
            and c.id = f.client_id
            and (f.secret_hash is null or c.revoke_refresh_tokens_at_sign_out)
            and f.revoked_at is null";
}

/// A session with what the next step of an authorization wants to know.
#[derive(Clone, Debug)]
pub struct SessionWithConsent {
    /// the session
    pub session: Session,
    /// the person's remembered consent to the asking client, for themself
    pub consent: Option<RememberedConsent>,
}

#[derive(FromRow)]
struct Row {
    id: SessionId,
    cookie_hash: Vec<u8>,
    person_id: PersonId,
    identity_provider: IdentityProviderKind,
    identity_provider_id: Option<IdentityProviderRowId>,
    acr: String,
    amr: Vec<String>,
    auth_time: OffsetDateTime,
    shared: bool,
    last_used_at: OffsetDateTime,
    expires_at: OffsetDateTime,
    ended_at: Option<OffsetDateTime>,
    name: Option<String>,
    blocked_at: Option<OffsetDateTime>,
    not_before: Option<OffsetDateTime>,
    sub: String,
    consent_id: Option<ConsentId>,
    consent_scope: Option<Vec<String>>,
    consent_expires_at: Option<OffsetDateTime>,
}

impl From<Row> for SessionWithConsent {
    fn from(row: Row) -> Self {
        Self {
            session: Session {
                id: row.id,
                cookie_hash: row.cookie_hash,
                person: Person { id: row.person_id, name: row.name, blocked_at: row.blocked_at, not_before: row.not_before },
                sub: row.sub,
                identity_provider: row.identity_provider,
                identity_provider_id: row.identity_provider_id,
                acr: row.acr,
                amr: row.amr,
                auth_time: row.auth_time,
                shared: row.shared,
                last_used_at: row.last_used_at,
                expires_at: row.expires_at,
                ended_at: row.ended_at,
            },
            consent: row.consent_id.map(|id| RememberedConsent {
                id,
                scope: row.consent_scope.unwrap_or_default(),
                expires_at: row.consent_expires_at,
            }),
        }
    }
}

/// A session by its id, whatever its state, with the person's remembered consent to `client`.
pub async fn find(
    executor: impl PgExecutor<'_>,
    id: SessionId,
    client: Option<ClientRowId>,
) -> sqlx::Result<Option<SessionWithConsent>> {
    let row = sqlx::query_as::<_, Row>(FIND).bind(id).bind(client).fetch_optional(executor).await?;
    Ok(row.map(Into::into))
}

/// A session that is about to begin, or to be renewed by a new authentication.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// row
    pub id: SessionId,
    /// SHA-256 of the cookie's secret
    pub cookie_hash: [u8; 32],
    /// who
    pub person_id: PersonId,
    /// with what
    pub identity_provider: IdentityProviderKind,
    /// with which row of that kind
    pub identity_provider_id: IdentityProviderRowId,
    /// assurance
    pub acr: String,
    /// methods
    pub amr: Vec<String>,
    /// moment of verification
    pub auth_time: OffsetDateTime,
    /// whether a cookie names it
    pub shared: bool,
    /// absolute end
    pub expires_at: OffsetDateTime,
}

/// Begins a session; `audit` tells of the sign-in, and when and from where.
pub async fn insert(connection: &mut PgConnection, new: &NewSession, audit: &AuditRecord) -> sqlx::Result<()> {
    sqlx::query(INSERT)
        .bind_audit(audit)
        .bind(new.id)
        .bind(&new.cookie_hash[..])
        .bind(new.person_id)
        .bind(new.identity_provider)
        .bind(&new.acr)
        .bind(&new.amr)
        .bind(new.auth_time)
        .bind(new.shared)
        .bind(new.expires_at)
        .bind(new.identity_provider_id)
        .execute(connection)
        .await
        .map(drop)
}

/// Gives a living session a new cookie value, time of authentication and absolute end; `false` where it has ended meanwhile. `audit`
/// tells of the sign-in.
pub async fn renew(connection: &mut PgConnection, new: &NewSession, audit: &AuditRecord) -> sqlx::Result<bool> {
    let renewed: i64 = sqlx::query_scalar(RENEW)
        .bind_audit(audit)
        .bind(new.id)
        .bind(&new.cookie_hash[..])
        .bind(&new.acr)
        .bind(&new.amr)
        .bind(new.auth_time)
        .bind(new.expires_at)
        .bind(new.identity_provider_id)
        .fetch_one(connection)
        .await?;
    Ok(renewed == 1)
}

/// Ends a session and the families that live only as long as it does; `false` where it had ended already. Two statements, because
/// the second has to see what was written while the first waited.
pub async fn end(
    connection: &mut PgConnection,
    id: SessionId,
    reason: &str,
    audit: &AuditRecord,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let ended: i64 =
        sqlx::query_scalar(END).bind_audit(audit).bind(id).bind(now).bind(reason).fetch_one(&mut *connection).await?;
    sqlx::query(END_FAMILIES).bind(id).bind(now).execute(connection).await?;
    Ok(ended == 1)
}
