//! Families: what one code exchange gave. Access tokens name theirs, so one row tells whether they still hold (TOK-06); a refresh
//! is one guarded update of it (architecture.md, decision C).

use serde_json::Value;
use sqlx::{FromRow, PgConnection, PgExecutor, Postgres, postgres::PgArguments, query::QueryAs, types::Json};
use time::OffsetDateTime;

use super::audit_log::BindAudit as _;
use crate::{
    base::id::{ClientRowId, FamilyId, SessionId},
    model::{
        audit::{AuditRecord, Origin},
        family::{FamilyGrant, Presented},
        refresh_token::RefreshToken,
        token_id::TokenId,
    },
};

/// Whether a chain of refresh tokens is alive, Appendix B and RT-11: what was given is never prolonged by later settings, but cut
/// short by them. Parameters: $2 now, $3 and $4 the client's absolute and inactive seconds, $5 not-before, $6 identity providers.
/// Signing out revokes what ends with it (`sessions::end`), by the client's setting at that moment, so no use has to look at the
/// session.
macro_rules! alive {
    () => {
        r"f.revoked_at is null
            and f.absolute_expires_at > $2
            and f.auth_time + $3 * interval '1 second' > $2
            and (
                least(f.inactive_ttl, $4::integer) is null
                or f.last_used_at + least(f.inactive_ttl, $4::integer) * interval '1 second' > $2
            )
            and f.auth_time >= $5
            and f.identity_provider = any ($6)
            and actor.blocked_at is null
            and (actor.not_before is null or f.auth_time >= actor.not_before)
            and not exists (select from consents k where k.id = f.consent_id and k.withdrawn_at is not null)"
    };
}

statements! {
    // Appendix B: the person and the consent are judged at each use
    FIND_LIVE = r"
        select
            f.client_id, f.scope, f.sub, f.identity_provider, f.auth_time,
            subject.national_id, subject.name,
            actor.national_id as actor_national_id, actor.name as actor_name,
            case
                when f.actor_id = f.subject_id then f.sub
                else (
                    select j.sub
                    from subjects j
                    where j.subject_id = f.actor_id and j.actor_id = f.actor_id and j.identity_provider = f.identity_provider
                )
            end as actor_sub
        from families f
        join persons actor on actor.id = f.actor_id
        join persons subject on subject.id = f.subject_id
        left join consents k on k.id = f.consent_id
        where f.id = $1
            and f.revoked_at is null
            and f.absolute_expires_at > $2
            and actor.blocked_at is null
            and (actor.not_before is null or f.auth_time >= actor.not_before)
            and k.withdrawn_at is null
            and not exists (select from revoked_access_tokens r where r.jti = any ($3))";

    // No indexed column changes and the pages have room (fillfactor): Postgres keeps it a HOT update. The last three redemptions
    // stay in the row, the newest first.
    ROTATE = concat!(r"
        update families f
        set generation = f.generation + 1,
            last_used_at = $2,
            redemptions = (jsonb_build_array($11::jsonb) || f.redemptions) - 3
        from persons actor, persons subject
        where f.id = $1
            and f.secret_hash = $7
            and f.client_id = $8
            and f.generation = $9
            and f.scope @> $10
            and actor.id = f.actor_id
            and subject.id = f.subject_id
            and ", alive!(), r"
        returning
            f.id, f.session_id, f.actor_id, f.subject_id, f.sub, f.identity_provider, f.acr, f.amr, f.auth_time, f.scope,
            null::text as nonce, true as refreshable, f.absolute_expires_at as ends_at, subject.national_id,
            coalesce(f.kept_name, subject.name) as name");

    // For the judgement over a token that ROTATE did not take; nobody rotates meanwhile.
    LOCK = concat!(r"
        select
            f.id, f.session_id, f.actor_id, f.subject_id, f.sub, f.identity_provider, f.acr, f.amr, f.auth_time, f.scope,
            null::text as nonce, true as refreshable, f.absolute_expires_at as ends_at, subject.national_id,
            coalesce(f.kept_name, subject.name) as name,
            f.generation, f.last_used_at, f.redemptions, f.revoked_at is not null as revoked, f.scope @> $9 as covers_scope,
            (", alive!(), r") as alive
        from families f
        join persons actor on actor.id = f.actor_id
        join persons subject on subject.id = f.subject_id
        where f.id = $1
            and f.secret_hash = $7
            and f.client_id = $8
        for update of f");

    // For introspection: the family's current token, used by nobody (INS-03).
    FIND_CURRENT = concat!(r"
        select
            f.session_id, f.sub, f.identity_provider, f.acr, f.amr, f.auth_time, f.scope, f.last_used_at as issued_at,
            least(
                f.absolute_expires_at,
                f.auth_time + $3 * interval '1 second',
                f.last_used_at + least(f.inactive_ttl, $4::integer) * interval '1 second'
            ) as expires_at
        from families f
        join persons actor on actor.id = f.actor_id
        where f.id = $1
            and f.secret_hash = $7
            and f.client_id = $8
            and f.generation = $9
            and ", alive!());

    REVOKE = r"
        with revoked as (
            update families
            set revoked_at = $14, revoke_reason = $15
            where id = $13 and revoked_at is null
            returning id
        ), audited as (
            insert into audit_log
                (id, at, kind, organisation_id, client_id, actor_id, subject_id, session_id, family_id, address,
                 user_agent, detail)
            select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
            from revoked
        )
        select count(*)
        from revoked";

    // RFC 7009 §2.1: any token of the chain names it, a used one too, to the client that it was given to; the family's own secret
    // proves that it was given (REV-03, REV-04)
    REVOKE_OWN = r"
        with revoked as (
            update families
            set revoked_at = $14, revoke_reason = 'client'
            where id = $13
                and secret_hash = $15
                and client_id = $16
                and revoked_at is null
                and absolute_expires_at > $14
            returning actor_id, subject_id, session_id
        ), audited as (
            insert into audit_log
                (id, at, kind, organisation_id, client_id, actor_id, subject_id, session_id, family_id, address,
                 user_agent, detail)
            select $1, $2, $3, $4, $5, coalesce($6, actor_id), coalesce($7, subject_id), coalesce($8, session_id), $9, $10,
                $11, $12
            from revoked
        )
        select count(*)
        from revoked";
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
    /// when the person was authenticated
    pub auth_time: OffsetDateTime,
    /// of the subject
    pub national_id: String,
    /// of the subject
    pub name: Option<String>,
    /// of the person who signed in
    pub actor_national_id: String,
    /// of the person who signed in
    pub actor_name: Option<String>,
    /// the claim `sub` of the person who signed in, for themself
    pub actor_sub: Option<String>,
}

/// The family of an access token, where nothing has ended it or revoked the token.
pub async fn find_live(
    executor: impl PgExecutor<'_>,
    token: &TokenId,
    now: OffsetDateTime,
) -> sqlx::Result<Option<LiveFamily>> {
    sqlx::query_as(FIND_LIVE).bind(token.family_id()).bind(now).bind(token.lineage()).fetch_optional(executor).await
}

/// What a client shows to refresh, with what its settings say at this moment.
#[derive(Clone, Debug)]
pub struct Presentation<'a> {
    /// genuine: its HMAC was ours
    pub token: &'a RefreshToken,
    /// the authenticated client
    pub client_id: ClientRowId,
    /// what is asked for; empty where nothing is said
    pub scope: &'a [String],
    /// seconds from the authentication after which the client's chains end
    pub absolute_ttl: i32,
    /// seconds without use after which they end
    pub inactive_ttl: Option<i32>,
    /// earlier authentications are refused
    pub not_before: OffsetDateTime,
    /// identity providers that this client accepts and that are enabled
    pub identity_providers: &'a [&'static str],
    /// from where
    pub origin: &'a Origin,
}

impl Presentation<'_> {
    /// As the row counts.
    fn generation(&self) -> i32 {
        i32::try_from(self.token.generation).unwrap_or(i32::MAX)
    }
}

/// The parameters that the three statements about a presentation share: those of `alive!`, the secret and the client.
fn about<'q, T>(
    query: QueryAs<'q, Postgres, T, PgArguments>,
    presented: &Presentation<'q>,
    now: OffsetDateTime,
) -> QueryAs<'q, Postgres, T, PgArguments> {
    query
        .bind(presented.token.family_id)
        .bind(now)
        .bind(presented.absolute_ttl)
        .bind(presented.inactive_ttl)
        .bind(presented.not_before)
        .bind(presented.identity_providers)
        .bind(presented.token.secret_hash().to_vec())
        .bind(presented.client_id)
}

/// Rotates: consumes the token and gives what its successor is about; none where anything does not fit (RT-03, RT-04).
pub async fn rotate(
    executor: impl PgExecutor<'_>,
    presented: &Presentation<'_>,
    now: OffsetDateTime,
) -> sqlx::Result<Option<FamilyGrant>> {
    about(sqlx::query_as(ROTATE), presented, now)
        .bind(presented.generation())
        .bind(presented.scope)
        .bind(Json(redemption(presented, now)))
        .fetch_optional(executor)
        .await
}

/// How a redemption is remembered.
pub fn redemption(presented: &Presentation<'_>, now: OffsetDateTime) -> Value {
    serde_json::json!({
        "generation": presented.token.generation,
        "at": now.unix_timestamp(),
        "address": presented.origin.network,
        "user_agent": presented.origin.user_agent,
    })
}

/// A family whose row is locked, to be judged.
#[derive(Clone, Debug, FromRow)]
pub struct LockedFamily {
    /// what it gives, where it does
    #[sqlx(flatten)]
    pub grant: FamilyGrant,
    /// the last redemptions, the newest first, as [`redemption`] made them
    pub redemptions: Json<Vec<Value>>,
    generation: i32,
    last_used_at: OffsetDateTime,
    revoked: bool,
    covers_scope: bool,
    alive: bool,
}

impl LockedFamily {
    /// The redemption of `token`, as far as it is remembered.
    pub fn first_redemption(&self, token: &RefreshToken) -> Option<Value> {
        self.redemptions.iter().find(|redemption| redemption["generation"] == token.generation).cloned()
    }

    /// The facts that the judgement asks for, where `token` is shown.
    pub fn presented(&self, token: &RefreshToken) -> Presented {
        Presented {
            generation: u32::try_from(self.generation).unwrap_or(0),
            shown: token.generation,
            last_used_at: self.last_used_at,
            revoked: self.revoked,
            alive: self.alive,
            covers_scope: self.covers_scope,
        }
    }
}

/// The family of a token that [`rotate`] did not take, locked; none where the secret or the client is another's (RT-02, RT-07).
pub async fn lock(
    connection: &mut PgConnection,
    presented: &Presentation<'_>,
    now: OffsetDateTime,
) -> sqlx::Result<Option<LockedFamily>> {
    about(sqlx::query_as(LOCK), presented, now).bind(presented.scope).fetch_optional(connection).await
}

/// A refresh token that would be taken.
#[derive(Debug, FromRow)]
pub struct CurrentToken {
    /// the claim `sid`
    pub session_id: SessionId,
    /// the claim `sub`
    pub sub: String,
    /// the claim `idp`
    pub identity_provider: String,
    /// the claim `acr`
    pub acr: String,
    /// the claim `amr`
    pub amr: Vec<String>,
    /// when the person was authenticated
    pub auth_time: OffsetDateTime,
    /// what was granted
    pub scope: Vec<String>,
    /// when it was given
    pub issued_at: OffsetDateTime,
    /// when it ends
    pub expires_at: OffsetDateTime,
}

/// The token that is shown, where [`rotate`] would take it; nothing is used up.
pub async fn find_current(
    executor: impl PgExecutor<'_>,
    presented: &Presentation<'_>,
    now: OffsetDateTime,
) -> sqlx::Result<Option<CurrentToken>> {
    about(sqlx::query_as(FIND_CURRENT), presented, now).bind(presented.generation()).fetch_optional(executor).await
}

/// Revokes a family with all that it gave; `false` where it was revoked already (RT-15).
pub async fn revoke(
    executor: impl PgExecutor<'_>,
    id: FamilyId,
    reason: &str,
    audit: &AuditRecord,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let revoked: i64 = sqlx::query_scalar(REVOKE).bind_audit(audit).bind(id).bind(now).bind(reason).fetch_one(executor).await?;
    Ok(revoked == 1)
}

/// Revokes a client's own family, which a refresh token of it names; `false` where there is nothing to revoke.
pub async fn revoke_own(
    executor: impl PgExecutor<'_>,
    token: &RefreshToken,
    client_id: ClientRowId,
    audit: &AuditRecord,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let revoked: i64 = sqlx::query_scalar(REVOKE_OWN)
        .bind_audit(audit)
        .bind(token.family_id)
        .bind(now)
        .bind(&token.secret_hash()[..])
        .bind(client_id)
        .fetch_one(executor)
        .await?;
    Ok(revoked == 1)
}
