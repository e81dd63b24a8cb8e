-- People, their sign-ins and sessions, and what applications were given. Tables whose rows end together are partitioned by their
-- UUIDv7 id from the start, and no foreign key points at them (architecture.md, decision H): to partition a full table later is
-- painful. Subject (whom) and actor (who signed in) are both in every row that says who did something (decision G).

set local lock_timeout = '5s';

create table persons (
    id uuid constraint persons_pk primary key,
    -- one of the two places where a national id stands in clear (security D14)
    national_id text collate "C" not null constraint persons_national_id_key unique,
    name text,
    blocked_at timestamptz,
    not_before timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table subjects (
    sub text collate "C" constraint subjects_pk primary key,
    subject_id uuid not null,
    actor_id uuid not null constraint subjects_actor_fk references persons (id),
    identity_provider text not null,
    created_at timestamptz not null,
    constraint subjects_pair_key unique (subject_id, actor_id, identity_provider)
);

create table sessions (
    id uuid not null,
    cookie_hash bytea not null,
    person_id uuid not null constraint sessions_person_fk references persons (id),
    identity_provider text not null,
    acr text not null,
    amr text[] not null,
    auth_time timestamptz not null,
    -- a client with single sign-on off has a session of its own, which no cookie names (decision B)
    shared boolean not null,
    address text,
    user_agent text,
    created_at timestamptz not null,
    last_used_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz,
    end_reason text,
    constraint sessions_pk primary key (id)
) partition by range (id);

create table sessions_default partition of sessions default;
create index sessions_person_idx on sessions (person_id);

create table sign_in_attempts (
    id uuid not null,
    request_id bytea not null,
    binding_hash bytea not null,
    client_id uuid not null constraint sign_in_attempts_client_fk references clients (id),
    identity_provider_id uuid not null constraint sign_in_attempts_identity_provider_fk references identity_providers (id),
    identity_provider text not null,
    state text not null constraint sign_in_attempts_state_check
        check (state in ('created', 'pending', 'verified', 'consumed', 'failed', 'cancelled', 'expired')),
    -- HMAC of the number: for limits, and for one open attempt per number
    subject_key bytea not null,
    verification_code text not null,
    driver_state bytea,
    -- sealed: what was typed, so that a second try need not ask again; gone at success, or when the request is over
    input bytea,
    evidence bytea,
    person_id uuid constraint sign_in_attempts_person_fk references persons (id),
    error_kind text,
    provider_code text,
    incident uuid,
    lease_owner uuid,
    lease_until timestamptz,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    verified_at timestamptz,
    ended_at timestamptz,
    address text,
    user_agent text,
    constraint sign_in_attempts_pk primary key (id)
) partition by range (id);

create table sign_in_attempts_default partition of sign_in_attempts default;

-- One open attempt per number, whatever the browser (EID-06). Small and unpartitioned, because it must be unique.
create table open_attempts (
    subject_key bytea constraint open_attempts_pk primary key,
    attempt_id uuid not null,
    binding_hash bytea not null,
    -- an attempt that was cancelled here may still show on the phone: the number is held until then, the same browser for 5 s
    same_browser_from timestamptz,
    expires_at timestamptz not null
);

-- Counters that guard people, shared by all nodes (RAT-01).
create table rate_limits (
    key bytea constraint rate_limits_pk primary key,
    count integer not null,
    expires_at timestamptz not null
);

create table consents (
    id uuid constraint consents_pk primary key,
    client_id uuid not null constraint consents_client_fk references clients (id),
    actor_id uuid not null constraint consents_actor_fk references persons (id),
    subject_id uuid not null,
    scope text[] not null,
    remembered boolean not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    withdrawn_at timestamptz
);

create index consents_remembered_idx on consents (client_id, actor_id, subject_id)
    where remembered and withdrawn_at is null;

create table authorization_codes (
    id uuid not null,
    secret_hash bytea not null,
    client_id uuid not null constraint authorization_codes_client_fk references clients (id),
    redirect_uri text collate "C" not null,
    code_challenge text collate "C",
    nonce text,
    scope text[] not null,
    session_id uuid not null,
    actor_id uuid not null constraint authorization_codes_actor_fk references persons (id),
    subject_id uuid not null,
    sub text collate "C" not null,
    identity_provider text not null,
    acr text not null,
    amr text[] not null,
    auth_time timestamptz not null,
    consent_id uuid,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    redeemed_at timestamptz,
    failed_attempts integer not null default 0,
    constraint authorization_codes_pk primary key (id)
) partition by range (id);

create table authorization_codes_default partition of authorization_codes default;

-- One row per code exchange, refreshable or not, whatever the number of refreshes (decision C). The pages keep room and no
-- column that a rotation changes is indexed, so that a rotation stays a HOT update.
create table families (
    id uuid constraint families_pk primary key,
    client_id uuid not null constraint families_client_fk references clients (id),
    session_id uuid not null,
    actor_id uuid not null constraint families_actor_fk references persons (id),
    subject_id uuid not null,
    sub text collate "C" not null,
    identity_provider text not null,
    acr text not null,
    amr text[] not null,
    auth_time timestamptz not null,
    scope text[] not null,
    consent_id uuid constraint families_consent_fk references consents (id),
    -- of the code, so that its second use is known by primary key (decision H)
    code_hash bytea not null,
    code_challenge text collate "C",
    redirect_uri text collate "C" not null,
    -- of the chain of refresh tokens; none where the family has no chain
    secret_hash bytea,
    generation integer not null default 0,
    last_used_at timestamptz not null,
    redemptions jsonb not null default '[]',
    created_at timestamptz not null,
    absolute_expires_at timestamptz not null,
    revoked_at timestamptz,
    revoke_reason text
) with (fillfactor = 80);

create index families_session_idx on families (session_id);
create index families_actor_idx on families (actor_id);
create index families_absolute_expires_at_idx on families (absolute_expires_at);

-- A request that showed a page ends once (decision B, INT-03): the statement that inserts the code or the denial takes its id.
create table finished_requests (
    request_id bytea constraint finished_requests_pk primary key,
    expires_at timestamptz not null
);

create table replay (
    key bytea constraint replay_pk primary key,
    expires_at timestamptz not null
);

create index sign_in_attempts_input_idx on sign_in_attempts (created_at) where input is not null;
create index open_attempts_expires_at_idx on open_attempts (expires_at);
create index rate_limits_expires_at_idx on rate_limits (expires_at);
create index finished_requests_expires_at_idx on finished_requests (expires_at);
create index replay_expires_at_idx on replay (expires_at);

create table signing_keys (
    kid text collate "C" constraint signing_keys_pk primary key,
    algorithm text not null,
    -- PKCS#8, sealed under the master key
    private_key bytea,
    public_key jsonb not null,
    announced_at timestamptz not null,
    signs_from timestamptz not null,
    retires_at timestamptz,
    deleted_at timestamptz
);

create table data_keys (
    id integer constraint data_keys_pk primary key,
    purpose text not null,
    -- 32 bytes, sealed under the master key
    key bytea not null,
    created_at timestamptz not null,
    retired_at timestamptz
);

create unique index data_keys_current_key on data_keys (purpose) where retired_at is null;

-- Effects on other systems, delivered after the commit of what caused them (decision I).
create table outbox (
    id uuid constraint outbox_pk primary key,
    kind text not null,
    payload jsonb not null,
    created_at timestamptz not null,
    available_at timestamptz not null,
    attempts integer not null default 0,
    delivered_at timestamptz
);

create index outbox_waiting_idx on outbox (available_at) where delivered_at is null;

create table audit_log (
    id uuid not null,
    at timestamptz not null,
    kind text not null,
    organisation_id uuid,
    client_id uuid,
    actor_id uuid,
    subject_id uuid,
    session_id uuid,
    family_id uuid,
    address text,
    user_agent text,
    detail jsonb not null default '{}',
    constraint audit_log_pk primary key (id)
) partition by range (id);

create table audit_log_default partition of audit_log default;
