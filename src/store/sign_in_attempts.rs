//! Sign-in attempts: each transition is one guarded statement, and a final state never changes (eid.md §8.3).

use sqlx::{FromRow, PgConnection, PgExecutor};
use time::OffsetDateTime;
use uuid::Uuid;

use super::rate_limits::{Counter, count_up};
use crate::{
    base::id::{AttemptId, ClientRowId, IdentityProviderRowId, PersonId},
    model::{
        audit::{AuditRecord, Origin},
        identity_provider::IdentityProviderKind,
        sign_in_attempt::{AttemptState, SignInAttempt},
    },
};

statements! {
    // No row where another attempt for the same number is open (EID-06), or where the request has ended (INT-03); where nobody is
    // named, nothing is held. A prompt counts for its number here and nowhere before: a start that sends none must not use up what
    // the person may be asked, else anybody could lock a number (RAT-03). Beside the row: who closed the number to browsers that
    // they have not signed in with (ias-domain.md §6.4), and the number's counter. Those browsers hold and count a name of the number
    // for themselves: they see what they would see of any number (EID-07), and do not keep the person out.
    INSERT = concat!(r"
        with restriction as (
            select r.person_id
            from login_restrictions r
            where r.subject_key = $7
                and r.until > $12
                and not exists (
                    select
                    from known_browsers k
                    where k.person_id = r.person_id and k.browser_hash = $3
                )
            limit 1
        ), named as (
            select case when exists (select from restriction) then $18::bytea else $7::bytea end as key
        ), opened as (
            insert into open_attempts (subject_key, attempt_id, binding_hash, expires_at)
            select key, $1, $3, $13
            from named
            where key is not null
                and not exists (select from finished_requests where request_id = $2)
            on conflict on constraint open_attempts_pk do update
                set attempt_id = excluded.attempt_id,
                    binding_hash = excluded.binding_hash,
                    same_browser_from = null,
                    expires_at = excluded.expires_at
                where open_attempts.expires_at <= $12
                    or (open_attempts.binding_hash = excluded.binding_hash and open_attempts.same_browser_from <= $12)
            returning subject_key
        ), counted as (
            insert into rate_limits (key, count, expires_at)
            select subject_key, 1, $17
            from opened", count_up!("$12"), r"
        ), inserted as (
            insert into sign_in_attempts
                (id, request_id, binding_hash, client_id, identity_provider_id, identity_provider, state, subject_key,
                 driver_state, input, lease_owner, lease_until, created_at, expires_at, address, user_agent, request)
            select $1, $2, $3, $4, $5, $6, 'created', $7, $8, $9, $10, $11, $12, $13, $14, $15, $16
            where exists (select from opened)
                or ($7::bytea is null and not exists (select from finished_requests where request_id = $2))
            returning id
        )
        select r.person_id as restricted_by, c.key, c.count, c.expires_at
        from inserted
        left join restriction r on true
        left join counted c on true");

    FIND = r"
        select
            id, request_id, binding_hash, client_id, identity_provider_id, identity_provider, state,
            driver_state, input, request, person_id, error_kind, incident, expires_at, verified_at, lease_until,
            exists (
                select
                from finished_requests f
                where f.request_id = sign_in_attempts.request_id
            ) as request_has_ended
        from sign_in_attempts
        where id = $1";

    MARK_PENDING = r"
        update sign_in_attempts
        set state = 'pending', driver_state = $2, lease_until = case when $3 then lease_until end
        where id = $1 and state = 'created'
        returning id";

    // What came through the browser is looked at once, whatever comes of it: the state goes with the first look (EID-05).
    TAKE = r"
        with taken as (
            select id, driver_state
            from sign_in_attempts
            where id = $1 and state = 'pending' and driver_state is not null and expires_at > $4
            for update
        )
        update sign_in_attempts
        set driver_state = null, lease_owner = $2, lease_until = $3
        from taken
        where sign_in_attempts.id = taken.id
        returning taken.driver_state";

    // by whoever read the state that was: of two writers one wins
    REPLACE_STATE = r"
        update sign_in_attempts
        set driver_state = $3
        where id = $1 and state = 'pending' and driver_state = $2";

    LEASE = r"
        update sign_in_attempts
        set lease_owner = $2, lease_until = $3
        where id = $1
            and state = 'pending'
            and (lease_owner = $2 or lease_until is null or lease_until <= $4)
        returning driver_state, expires_at";

    // The person gets a `sub` with the first sign-in. A late answer finds no attempt and so makes no person; a blocked person, and one who has closed the number to this browser, is
    // known, but not verified.
    MARK_VERIFIED = r"
        with attempt as (
            select id, subject_key, binding_hash
            from sign_in_attempts
            where id = $1 and state = 'pending' and lease_owner = $7
            for update
        ), person as (
            insert into persons (id, national_id, name, created_at, updated_at)
            select $2, $3, $4, $5, $5
            from attempt
            on conflict on constraint persons_national_id_key
                do update set
                    name = case when $12 then coalesce(excluded.name, persons.name) else coalesce(persons.name, excluded.name) end,
                    updated_at = excluded.updated_at
            returning id, blocked_at
        ), judged as (
            select
                p.id,
                case
                    when p.blocked_at is not null then 'blocked'
                    when exists (
                        select
                        from login_restrictions r
                        where r.person_id = p.id
                            and r.subject_key = a.subject_key
                            and r.until > $5
                            and not exists (
                                select
                                from known_browsers k
                                where k.person_id = p.id and k.browser_hash = a.binding_hash
                            )
                    ) then 'restricted'
                    else 'verified'
                end as verdict
            from person p
            cross join attempt a
        ), verified as (
            update sign_in_attempts
            set state = 'verified', person_id = judged.id, verified_at = $5, acr = $8, amr = $9, driver_state = null,
                lease_until = null
            from judged
            where sign_in_attempts.id = $1 and judged.verdict = 'verified'
        ), proof as (
            insert into sign_in_evidence (id, evidence)
            select $1, $6
            from judged
            where verdict = 'verified'
        ), subject as (
            insert into subjects (sub, subject_id, actor_id, identity_provider, created_at)
            select $10, id, id, $11, $5
            from judged
            where verdict = 'verified'
            on conflict do nothing
        )
        select verdict, id
        from judged";

    // The audit row takes client and place from the attempt, and the person from who has found out.
    MARK_FAILED = r"
        with failed as (
            update sign_in_attempts
            set state = $2, error_kind = $3, provider_code = $4, incident = $5, ended_at = $6, driver_state = null,
                lease_until = null
            where id = $1 and state in ('created', 'pending')
            returning id, subject_key, client_id, address, user_agent
        ), opened as (
            delete from open_attempts
            where attempt_id in (select id from failed)
        ), audited as (
            insert into audit_log
                (id, at, kind, organisation_id, client_id, actor_id, subject_id, address, user_agent, detail)
            select $7, $6, $8, c.organisation_id, f.client_id, $10, $10, f.address, f.user_agent, $9
            from failed f
            join clients c on c.id = f.client_id
        )
        select subject_key
        from failed";

    // The prompt may stay on the phone: the number is held until it ends, the same browser may begin anew after a moment
    // (eid.md §10.4).
    CANCEL = r"
        with cancelled as (
            update sign_in_attempts
            set state = 'cancelled', ended_at = $2, driver_state = null, lease_until = null
            where id = $1 and state in ('created', 'pending', 'verified')
            returning id, client_id, address, user_agent
        ), audited as (
            insert into audit_log (id, at, kind, organisation_id, client_id, address, user_agent, detail)
            select $4, $2, $5, c.organisation_id, a.client_id, a.address, a.user_agent, $6
            from cancelled a
            join clients c on c.id = a.client_id
        )
        update open_attempts
        set same_browser_from = $3
        where attempt_id in (select id from cancelled)";

    // by the task that attended to it
    FIND_GIVEN_UP = r"
        select subject_key, expires_at
        from sign_in_attempts
        where id = $1 and lease_owner = $2 and state = 'cancelled' and subject_key is not null";

    // eid.md §8.3
    AUDIT_LATE_RESULT = r"
        insert into audit_log (id, at, kind, organisation_id, client_id, address, user_agent, detail)
        select $2, $3, $4, c.organisation_id, a.client_id, a.address, a.user_agent, $5
        from sign_in_attempts a
        join clients c on c.id = a.client_id
        where a.id = $1";

    // A sign-in that the person approved counts for nothing: $6 are the counters of browser and network, the number's is its key. They
    // are locked in the order of rate_limits::COUNT, so that the two never wait for one another.
    CONSUME = r"
        with consumed as (
            update sign_in_attempts
            set state = 'consumed', ended_at = $4, input = null, request = null
            where id = $1 and request_id = $2 and binding_hash = $3 and state = 'verified' and verified_at > $5
                and not exists (select from finished_requests f where f.request_id = $2)
            returning person_id, identity_provider_id, verified_at, subject_key, acr, amr
        ), opened as (
            delete from open_attempts
            where attempt_id = $1 and exists (select from consumed)
            returning attempt_id
        ), known as (
            insert into known_browsers (person_id, browser_hash, last_used_at)
            select person_id, $3, $4
            from consumed
            on conflict on constraint known_browsers_pk do update
                set last_used_at = excluded.last_used_at
        ), counters as (
            select r.key
            from rate_limits r
            join consumed c on r.key = any ($6) or r.key = c.subject_key
            where r.count > 0
                -- first the number's hold, then its counter, as INSERT does
                and (select count(*) from opened) >= 0
            order by r.key
            for update of r
        ), forgiven as (
            update rate_limits
            set count = count - 1
            where key in (select key from counters)
        )
        select c.person_id, c.identity_provider_id, c.verified_at, c.acr, c.amr
        from consumed c
        join persons p on p.id = c.person_id
        where p.blocked_at is null";
}

/// An attempt that is about to begin.
#[derive(Clone, Debug)]
pub struct NewAttempt<'a> {
    /// row
    pub id: AttemptId,
    /// of which authorization request
    pub request_id: &'a [u8],
    /// SHA-256 of the browser's binding cookie
    pub binding_hash: &'a [u8],
    /// for which client
    pub client_id: ClientRowId,
    /// with which provider
    pub identity_provider_id: IdentityProviderRowId,
    /// its kind
    pub identity_provider: IdentityProviderKind,
    /// keyed hash of the number; none where nobody is named
    pub subject_key: Option<&'a [u8]>,
    /// keyed hash of the number for browsers that it is closed to
    pub closed_key: Option<&'a [u8]>,
    /// sealed
    pub driver_state: &'a [u8],
    /// sealed: what was typed
    pub input: &'a [u8],
    /// the task that polls
    pub lease_owner: Uuid,
    /// end of its lease
    pub lease_until: OffsetDateTime,
    /// now
    pub created_at: OffsetDateTime,
    /// end of the prompt
    pub expires_at: OffsetDateTime,
    /// from where
    pub origin: &'a Origin,
    /// the sealed authorization request, where the person leaves our pages
    pub request: Option<&'a str>,
    /// end of the window in which prompts of a number are counted, where none is open
    pub prompts_counted_until: OffsetDateTime,
}

/// A new attempt that is stored.
#[derive(Clone, Debug)]
pub struct Inserted {
    /// who has closed the number to this browser: no prompt may leave
    pub restricted_by: Option<PersonId>,
    /// the prompts of the number, with this one; none where nobody is named
    pub prompts: Option<Counter>,
}

/// Stores the attempt and counts its prompt; none where another one for the same number is open (EID-06), or the request has
/// ended.
pub async fn insert(executor: impl PgExecutor<'_>, new: &NewAttempt<'_>) -> sqlx::Result<Option<Inserted>> {
    type Columns = (Option<PersonId>, Option<Vec<u8>>, Option<i32>, Option<OffsetDateTime>);
    let inserted: Option<Columns> = sqlx::query_as(INSERT)
        .bind(new.id)
        .bind(new.request_id)
        .bind(new.binding_hash)
        .bind(new.client_id)
        .bind(new.identity_provider_id)
        .bind(new.identity_provider)
        .bind(new.subject_key)
        .bind(new.driver_state)
        .bind(new.input)
        .bind(new.lease_owner)
        .bind(new.lease_until)
        .bind(new.created_at)
        .bind(new.expires_at)
        .bind(&new.origin.network)
        .bind(&new.origin.user_agent)
        .bind(new.request)
        .bind(new.prompts_counted_until)
        .bind(new.closed_key)
        .fetch_optional(executor)
        .await?;
    Ok(inserted.map(|(restricted_by, key, count, expires_at)| Inserted {
        restricted_by,
        prompts: key.zip(count).zip(expires_at).map(|((key, count), expires_at)| Counter { key, count, expires_at }),
    }))
}

#[derive(FromRow)]
struct Row {
    id: AttemptId,
    request_id: Vec<u8>,
    binding_hash: Vec<u8>,
    client_id: ClientRowId,
    identity_provider_id: IdentityProviderRowId,
    identity_provider: IdentityProviderKind,
    state: AttemptState,
    driver_state: Option<Vec<u8>>,
    input: Option<Vec<u8>>,
    request: Option<String>,
    person_id: Option<PersonId>,
    error_kind: Option<String>,
    incident: Option<Uuid>,
    expires_at: OffsetDateTime,
    verified_at: Option<OffsetDateTime>,
    lease_until: Option<OffsetDateTime>,
    request_has_ended: bool,
}

/// The attempt, whatever its state.
pub async fn find(executor: impl PgExecutor<'_>, id: AttemptId) -> sqlx::Result<Option<SignInAttempt>> {
    let row = sqlx::query_as::<_, Row>(FIND).bind(id).fetch_optional(executor).await?;
    Ok(row.map(|row| SignInAttempt {
        id: row.id,
        request_id: row.request_id,
        binding_hash: row.binding_hash,
        client_id: row.client_id,
        identity_provider_id: row.identity_provider_id,
        identity_provider: row.identity_provider,
        state: row.state,
        driver_state: row.driver_state,
        input: row.input,
        request: row.request,
        person_id: row.person_id,
        error_kind: row.error_kind,
        incident: row.incident,
        expires_at: row.expires_at,
        verified_at: row.verified_at,
        lease_until: row.lease_until,
        request_has_ended: row.request_has_ended,
    }))
}

/// The provider has taken the request; `false` where the attempt was ended meanwhile. Where nobody polls, the lease ends.
pub async fn mark_pending(
    executor: impl PgExecutor<'_>,
    id: AttemptId,
    driver_state: &[u8],
    is_polled: bool,
) -> sqlx::Result<bool> {
    let marked: Option<AttemptId> =
        sqlx::query_scalar(MARK_PENDING).bind(id).bind(driver_state).bind(is_polled).fetch_optional(executor).await?;
    Ok(marked.is_some())
}

/// Takes the sealed state of a pending attempt, once, for `owner`, who says what came of it before `until`.
pub async fn take(
    executor: impl PgExecutor<'_>,
    id: AttemptId,
    owner: Uuid,
    until: OffsetDateTime,
    now: OffsetDateTime,
) -> sqlx::Result<Option<Vec<u8>>> {
    sqlx::query_scalar(TAKE).bind(id).bind(owner).bind(until).bind(now).fetch_optional(executor).await
}

/// Puts another state in the place of the one that was read; nothing where that is not there any more.
pub async fn replace_state(executor: impl PgExecutor<'_>, id: AttemptId, old: &[u8], new: &[u8]) -> sqlx::Result<()> {
    sqlx::query(REPLACE_STATE).bind(id).bind(old).bind(new).execute(executor).await.map(drop)
}

/// A pending attempt in the hands of the one task that polls.
#[derive(Clone, Debug, FromRow)]
pub struct LeasedAttempt {
    /// sealed
    pub driver_state: Vec<u8>,
    /// end of the prompt
    pub expires_at: OffsetDateTime,
}

/// Takes or renews the lease of a pending attempt for the task `owner`; none where it has ended or another task holds it.
pub async fn lease(
    executor: impl PgExecutor<'_>,
    id: AttemptId,
    owner: Uuid,
    until: OffsetDateTime,
    now: OffsetDateTime,
) -> sqlx::Result<Option<LeasedAttempt>> {
    sqlx::query_as(LEASE).bind(id).bind(owner).bind(until).bind(now).fetch_optional(executor).await
}

/// A person whom the electronic ID has proven.
#[derive(Clone, Debug)]
pub struct Proven<'a> {
    /// id of the row, where the person is new
    pub person_id: PersonId,
    /// from the certificate
    pub national_id: &'a str,
    /// from the certificate
    pub name: Option<&'a str>,
    /// whether that name counts where another is known
    pub renames: bool,
    /// sealed evidence
    pub evidence: &'a [u8],
    /// where it is not that of the identity provider's row
    pub acr: Option<&'a str>,
    /// where they are not those of the identity provider's row
    pub amr: Option<&'a [String]>,
    /// names the person with this kind of identity provider, for ever
    pub sub: &'a str,
    /// the kind
    pub identity_provider: IdentityProviderKind,
}

/// What became of a proven person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// the attempt is verified
    Verified,
    /// this person is blocked; the attempt is still open
    Blocked(PersonId),
    /// this person has closed the number to this browser; the attempt is still open
    Restricted(PersonId),
    /// the attempt had ended, or another task holds its lease
    Late,
}

/// Keeps the person and marks the attempt verified.
pub async fn mark_verified(
    executor: impl PgExecutor<'_>,
    id: AttemptId,
    owner: Uuid,
    proven: &Proven<'_>,
    now: OffsetDateTime,
) -> sqlx::Result<Verdict> {
    let verdict: Option<(String, PersonId)> = sqlx::query_as(MARK_VERIFIED)
        .bind(id)
        .bind(proven.person_id)
        .bind(proven.national_id)
        .bind(proven.name)
        .bind(now)
        .bind(proven.evidence)
        .bind(owner)
        .bind(proven.acr)
        .bind(proven.amr)
        .bind(proven.sub)
        .bind(proven.identity_provider)
        .bind(proven.renames)
        .fetch_optional(executor)
        .await?;
    Ok(match verdict.as_ref().map(|(verdict, person)| (verdict.as_str(), *person)) {
        Some(("verified", _)) => Verdict::Verified,
        Some(("restricted", person)) => Verdict::Restricted(person),
        Some((_, person)) => Verdict::Blocked(person),
        None => Verdict::Late,
    })
}

/// Tells the audit of an answer that came too late, and was dropped (EID-05).
pub async fn audit_late_result(executor: impl PgExecutor<'_>, id: AttemptId, audit: &AuditRecord) -> sqlx::Result<()> {
    sqlx::query(AUDIT_LATE_RESULT)
        .bind(id)
        .bind(audit.id)
        .bind(audit.at)
        .bind(audit.event.kind())
        .bind(audit.event.detail())
        .execute(executor)
        .await
        .map(drop)
}

/// Why an attempt ended without a person.
#[derive(Clone, Debug)]
pub struct Failure<'a> {
    /// `failed` or `expired`
    pub state: AttemptState,
    /// error kind
    pub kind: &'a str,
    /// the provider's word, for the log
    pub provider_code: Option<&'a str>,
    /// reference that the page shows
    pub incident: Uuid,
}

/// Ends an open attempt; gives its subject key, if it has one, or nothing where it had ended already.
pub async fn mark_failed(
    executor: impl PgExecutor<'_>,
    id: AttemptId,
    failure: &Failure<'_>,
    audit: &AuditRecord,
) -> sqlx::Result<Option<Option<Vec<u8>>>> {
    sqlx::query_scalar(MARK_FAILED)
        .bind(id)
        .bind(failure.state)
        .bind(failure.kind)
        .bind(failure.provider_code)
        .bind(failure.incident)
        .bind(audit.at)
        .bind(audit.id)
        .bind(audit.event.kind())
        .bind(audit.event.detail())
        .bind(audit.about.actor_id)
        .fetch_optional(executor)
        .await
}

/// Ends an attempt that the person gave up in the browser; the same browser may ask again from `same_browser_from` on.
pub async fn cancel(
    executor: impl PgExecutor<'_>,
    id: AttemptId,
    same_browser_from: OffsetDateTime,
    audit: &AuditRecord,
) -> sqlx::Result<()> {
    sqlx::query(CANCEL)
        .bind(id)
        .bind(audit.at)
        .bind(same_browser_from)
        .bind(audit.id)
        .bind(audit.event.kind())
        .bind(audit.event.detail())
        .execute(executor)
        .await
        .map(drop)
}

/// A prompt whose attempt was cancelled in the browser.
#[derive(Clone, Debug, FromRow)]
pub struct GivenUp {
    /// keyed hash of the number
    pub subject_key: Vec<u8>,
    /// end of the prompt
    pub expires_at: OffsetDateTime,
}

/// The attempt, where it was cancelled while the task `owner` attended to it and somebody is named.
pub async fn find_given_up(executor: impl PgExecutor<'_>, id: AttemptId, owner: Uuid) -> sqlx::Result<Option<GivenUp>> {
    sqlx::query_as(FIND_GIVEN_UP).bind(id).bind(owner).fetch_optional(executor).await
}

/// What a verified attempt gives to the browser that goes on.
#[derive(Clone, Debug, FromRow)]
pub struct ConsumedAttempt {
    /// who
    pub person_id: PersonId,
    /// with which provider
    pub identity_provider_id: IdentityProviderRowId,
    /// when
    pub verified_at: OffsetDateTime,
    /// where it is not that of the identity provider's row
    pub acr: Option<String>,
    /// where they are not those of the identity provider's row
    pub amr: Option<Vec<String>>,
}

/// Claims the result of a verified attempt, once (EID-05), and takes one off its counters, of which `counted` are those beside the
/// number's; none where it is not verified, too old or of another browser, or its request has ended.
pub async fn consume(
    connection: &mut PgConnection,
    id: AttemptId,
    request_id: &[u8],
    binding_hash: &[u8],
    verified_after: OffsetDateTime,
    counted: &[Vec<u8>],
    now: OffsetDateTime,
) -> sqlx::Result<Option<ConsumedAttempt>> {
    sqlx::query_as(CONSUME)
        .bind(id)
        .bind(request_id)
        .bind(binding_hash)
        .bind(now)
        .bind(verified_after)
        .bind(counted)
        .fetch_optional(connection)
        .await
}
