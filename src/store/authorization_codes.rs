//! Authorization codes: given out by one statement, redeemed by one statement (COD-05).

use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::audit_log::BindAudit as _;
use crate::{
    base::id::{ClientRowId, ConsentId, FamilyId},
    model::{
        audit::AuditRecord,
        authorization_code::{MOST_FAILED_ATTEMPTS, NewAuthorizationCode},
        family::FamilyGrant,
    },
};

statements! {
    // $13 is the id of a request that showed a page, or none; taking it decides who ends the request (INT-03).
    // The session and its person are judged again here, just before the code exists (INT-05); where they are gone, the request
    // has not ended.
    INSERT = r"
        with alive as (
            update sessions s
            set last_used_at = $15
            from persons p
            where s.id = $16
                and s.ended_at is null
                and s.expires_at > $15
                and p.id = s.person_id
                and p.blocked_at is null
            returning s.id
        ), request as (
            insert into finished_requests (request_id, expires_at)
            select $13::bytea, $14
            from alive
            where $13::bytea is not null
            on conflict on constraint finished_requests_pk do nothing
            returning request_id
        ), live as (
            select id
            from alive
            where $13::bytea is null or exists (select from request)
        ), consent as (
            insert into consents (id, client_id, actor_id, subject_id, scope, remembered, created_at, expires_at)
            select $17, $18, $19, $20, $21, $22, $15, $23
            from live
            where $22::boolean is not null
        ), code as (
            insert into authorization_codes
                (id, secret_hash, client_id, redirect_uri, code_challenge, nonce, scope, session_id, actor_id, subject_id,
                 sub, identity_provider, acr, amr, auth_time, consent_id, created_at, expires_at)
            select $24, $25, $18, $26, $27, $28, $21, $16, $19, $20, $29, $30, $31, $32, $33, $17, $15, $34
            from live
            returning id
        ), audited as (
            insert into audit_log
                (id, at, kind, organisation_id, client_id, actor_id, subject_id, session_id, family_id, address,
                 user_agent, detail)
            select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
            from code
        )
        select count(*)
        from code";

    // Of two codes of one person and client one is redeemed after the other, so that each statement sees the other's family.
    LOCK_SINGLE_SESSION = r"
        select pg_advisory_xact_lock(hashtextextended('single session ' || client_id || actor_id || subject_id, 0))
        from authorization_codes
        where id = $1";

    // A sign-out waits for the family, or is seen here: the session's row is locked against its end.
    REDEEM = r"
        with session as (
            select s.id
            from sessions s
            where s.id = (
                    select c.session_id
                    from authorization_codes c
                    where c.id = $13 and c.secret_hash = $15 and c.client_id = $17
                )
                and s.ended_at is null
            for share
        ), code as (
            update authorization_codes c
            set redeemed_at = $14
            from persons actor, persons subject, session s
            where c.id = $13
                and c.secret_hash = $15
                and c.redeemed_at is null
                and c.expires_at > $14
                and c.failed_attempts < $16
                and c.client_id = $17
                and c.redirect_uri = $18
                and c.code_challenge is not distinct from $19
                and c.auth_time >= $20
                and c.identity_provider = any ($21)
                and actor.id = c.actor_id
                and actor.blocked_at is null
                and (actor.not_before is null or c.auth_time >= actor.not_before)
                and subject.id = c.subject_id
                and s.id = c.session_id
                and not exists (select from consents k where k.id = c.consent_id and k.withdrawn_at is not null)
            returning
                c.id, c.client_id, c.session_id, c.actor_id, c.subject_id, c.sub, c.identity_provider, c.acr, c.amr,
                c.auth_time, c.scope, c.consent_id, c.secret_hash, c.code_challenge, c.redirect_uri, c.nonce,
                subject.national_id, subject.name
        ), family as (
            insert into families
                (id, client_id, session_id, actor_id, subject_id, sub, identity_provider, acr, amr, auth_time, scope,
                 consent_id, code_hash, code_challenge, redirect_uri, last_used_at, created_at, absolute_expires_at,
                secret_hash, inactive_ttl, kept_name)
            select
                id, client_id, session_id, actor_id, subject_id, sub, identity_provider, acr, amr, auth_time, scope,
                consent_id, secret_hash, code_challenge, redirect_uri, $14, $14,
                case when refreshable then chain_ends_at else $22 end,
                case when refreshable then $23 end,
                $25,
                case when $26 then name end
            from code
            cross join lateral (
                select auth_time + $24 * interval '1 second' as chain_ends_at
            ) ends
            cross join lateral (
                select $23::bytea is not null and 'offline_access' = any (scope) and chain_ends_at > $14 as refreshable
            ) chain
            returning id, secret_hash is not null as refreshable, absolute_expires_at
        ), superseded as (
            update families f
            set revoked_at = $14, revoke_reason = 'another_sign_in'
            from code
            where $27
                and f.actor_id = code.actor_id
                and f.subject_id = code.subject_id
                and f.client_id = code.client_id
                and f.revoked_at is null
            returning f.id
        ), audited as (
            insert into audit_log
                (id, at, kind, organisation_id, client_id, actor_id, subject_id, session_id, family_id, address,
                 user_agent, detail)
            select $1, $2, $3, $4, $5, coalesce($6, actor_id), coalesce($7, subject_id), coalesce($8, session_id), $9, $10,
                $11, $12 || coalesce((select jsonb_build_object('superseded', jsonb_agg(id)) from superseded having count(*) > 0), '{}')
            from code
        )
        select
            c.id, c.session_id, c.actor_id, c.subject_id, c.sub, c.identity_provider, c.acr, c.amr, c.auth_time, c.scope,
            c.nonce, c.national_id, c.name, f.refreshable, f.absolute_expires_at as ends_at
        from code c
        join family f on f.id = c.id";

    // A second use by the right client (for a public client: with the right verifier) revokes what the first use gave
    // (COD-06); any other failed attempt with the code's secret is counted (COD-07).
    REFUSE = r"
        with reused as (
            update families
            set revoked_at = $14, revoke_reason = 'code_reused'
            where id = $13
                and code_hash = $15
                and client_id = $16
                and ($17 or code_challenge is not distinct from $18)
                and revoked_at is null
            returning id, actor_id, subject_id, session_id
        ), counted as (
            update authorization_codes
            set failed_attempts = failed_attempts + 1
            where id = $13 and secret_hash = $15 and redeemed_at is null
        ), audited as (
            insert into audit_log
                (id, at, kind, organisation_id, client_id, actor_id, subject_id, session_id, family_id, address,
                 user_agent, detail)
            select $1, $2, $3, $4, $5, coalesce($6, actor_id), coalesce($7, subject_id), coalesce($8, session_id), $9, $10,
                $11, $12
            from reused
        )
        select count(*)
        from reused";
}

/// The consent that allows a code.
#[derive(Clone, Copy, Debug)]
pub enum CodeConsent {
    /// none was asked for
    NotAsked,
    /// a remembered one, which stands already
    Remembered(ConsentId),
    /// a new one, written with the code
    New {
        /// its row
        id: ConsentId,
        /// whether the next authorization finds it
        remembered: bool,
        /// when it ends by itself
        expires_at: Option<OffsetDateTime>,
    },
}

/// A request that showed a page and is ended by this code.
#[derive(Clone, Copy, Debug)]
pub struct FinishedRequest<'a> {
    /// its id
    pub request_id: &'a [u8],
    /// when its sealed value stops to open
    pub expires_at: OffsetDateTime,
}

/// Gives out a code. `false` where the request was ended already, or the session or its person is no longer alive.
pub async fn insert(
    executor: impl PgExecutor<'_>,
    code: &NewAuthorizationCode,
    request: Option<FinishedRequest<'_>>,
    consent: CodeConsent,
    audit: &AuditRecord,
) -> sqlx::Result<bool> {
    let (consent_id, remembered, consent_expires_at) = match consent {
        CodeConsent::NotAsked => (None, None, None),
        CodeConsent::Remembered(id) => (Some(id), None, None),
        CodeConsent::New { id, remembered, expires_at } => (Some(id), Some(remembered), expires_at),
    };
    let authentication = &code.authentication;
    let given: i64 = sqlx::query_scalar(INSERT)
        .bind_audit(audit)
        .bind(request.map(|request| request.request_id))
        .bind(request.map(|request| request.expires_at))
        .bind(code.created_at)
        .bind(authentication.session_id)
        .bind(consent_id)
        .bind(code.client_id)
        .bind(authentication.actor_id)
        .bind(authentication.subject_id)
        .bind(&code.scope)
        .bind(remembered)
        .bind(consent_expires_at)
        .bind(code.id)
        .bind(&code.secret_hash[..])
        .bind(&code.redirect_uri)
        .bind(&code.code_challenge)
        .bind(&code.nonce)
        .bind(&authentication.sub)
        .bind(authentication.identity_provider)
        .bind(&authentication.acr)
        .bind(&authentication.amr)
        .bind(authentication.auth_time)
        .bind(code.expires_at)
        .fetch_one(executor)
        .await?;
    Ok(given == 1)
}

/// What a client presents to redeem a code.
#[derive(Clone, Debug)]
pub struct Presentation<'a> {
    /// id in the code
    pub id: FamilyId,
    /// hash of the secret in the code
    pub secret_hash: [u8; 32],
    /// the authenticated client
    pub client_id: ClientRowId,
    /// whether it proved itself by more than PKCE
    pub confidential: bool,
    /// as in the authorization request
    pub redirect_uri: &'a str,
    /// S256 of the verifier, where one was sent
    pub code_challenge: Option<&'a str>,
    /// codes of earlier authentications are refused
    pub not_before: OffsetDateTime,
    /// identity providers that this client accepts and that are enabled
    pub identity_providers: &'a [&'static str],
}

/// How the family of a code is made.
#[derive(Clone, Copy, Debug)]
pub struct NewFamily {
    /// its end, where it gets no chain of refresh tokens
    pub expires_at: OffsetDateTime,
    /// SHA-256 of the chain's secret; none where the client may not refresh
    pub secret_hash: Option<[u8; 32]>,
    /// seconds from the authentication after which the chain ends
    pub absolute_ttl: i32,
    /// seconds without use after which the chain ends
    pub inactive_ttl: Option<i32>,
    /// whether refreshed tokens keep the name of now
    pub keeps_name: bool,
    /// whether it ends the person's other families with the client
    pub single_session: bool,
}

/// Holds off every other redemption for the same person and client until the transaction ends: of a client with one session for
/// each person, the later one ends the earlier one's family.
pub async fn lock_single_session(connection: &mut PgConnection, id: FamilyId) -> sqlx::Result<()> {
    sqlx::query(LOCK_SINGLE_SESSION).bind(id).execute(connection).await.map(drop)
}

/// Consumes a code and makes its family, in one statement; none where anything does not fit.
pub async fn redeem(
    executor: impl PgExecutor<'_>,
    presented: &Presentation<'_>,
    family: &NewFamily,
    audit: &AuditRecord,
    now: OffsetDateTime,
) -> sqlx::Result<Option<FamilyGrant>> {
    sqlx::query_as(REDEEM)
        .bind_audit(audit)
        .bind(presented.id)
        .bind(now)
        .bind(&presented.secret_hash[..])
        .bind(MOST_FAILED_ATTEMPTS)
        .bind(presented.client_id)
        .bind(presented.redirect_uri)
        .bind(presented.code_challenge)
        .bind(presented.not_before)
        .bind(presented.identity_providers)
        .bind(family.expires_at)
        .bind(family.secret_hash.as_ref().map(|hash| &hash[..]))
        .bind(family.absolute_ttl)
        .bind(family.inactive_ttl)
        .bind(family.keeps_name)
        .bind(family.single_session)
        .fetch_optional(executor)
        .await
}

/// Judges a presentation that [`redeem`] refused; `true` where it was a second use and its family is now revoked.
pub async fn refuse(
    executor: impl PgExecutor<'_>,
    presented: &Presentation<'_>,
    audit: &AuditRecord,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let reused: i64 = sqlx::query_scalar(REFUSE)
        .bind_audit(audit)
        .bind(presented.id)
        .bind(now)
        .bind(&presented.secret_hash[..])
        .bind(presented.client_id)
        .bind(presented.confidential)
        .bind(presented.code_challenge)
        .fetch_one(executor)
        .await?;
    Ok(reused == 1)
}
