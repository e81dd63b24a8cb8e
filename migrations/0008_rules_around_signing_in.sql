-- Rules around signing in: a person may close their telephone number to new browsers (ias-domain.md §6.4), the evidence of sign-ins
-- stays as long as its own retention says (X5-09), and a node says when production refuses the stored configuration (eid.md §12).

set local lock_timeout = '5s';

-- The configuration that a node refuses, while it goes on with the one in `version`.
alter table nodes
    add column refuses bigint;

-- Browsers in which a person has signed in, by the SHA-256 of their binding cookie: to these a restriction does not apply.
create table known_browsers (
    person_id uuid not null constraint known_browsers_person_fk references persons (id),
    browser_hash bytea not null,
    last_used_at timestamptz not null,
    constraint known_browsers_pk primary key (person_id, browser_hash)
);

create index known_browsers_last_used_at_idx on known_browsers (last_used_at);

-- One for each person. The number stands here as a keyed hash, as it does in sign_in_attempts.
create table login_restrictions (
    person_id uuid constraint login_restrictions_pk primary key
        constraint login_restrictions_person_fk references persons (id),
    subject_key bytea not null,
    until timestamptz not null,
    created_at timestamptz not null
);

create index login_restrictions_subject_key_idx on login_restrictions (subject_key);
create index login_restrictions_until_idx on login_restrictions (until);

-- Under the id of the attempt; sealed.
create table sign_in_evidence (
    id uuid not null,
    evidence bytea not null,
    constraint sign_in_evidence_pk primary key (id)
) partition by range (id);

create table sign_in_evidence_default partition of sign_in_evidence default;

insert into sign_in_evidence (id, evidence)
select id, evidence
from sign_in_attempts
where evidence is not null;

alter table sign_in_attempts
    drop column evidence;

-- An investigation begins with the reference that a page showed.
create index sign_in_attempts_incident_idx on sign_in_attempts (incident) where incident is not null;

create or replace function partition_span(parent text) returns text
language sql
immutable
strict
set search_path = pg_catalog, pg_temp
as $$
    select case parent
        when 'authorization_codes' then 'day'
        when 'sessions' then 'week'
        when 'sign_in_attempts' then 'month'
        when 'sign_in_evidence' then 'month'
        when 'audit_log' then 'month'
    end
$$;

-- As in migration 0005, with one table more.
create or replace function make_partitions(at timestamptz) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '300ms'
as $$
declare
    parent text;
    begins timestamp;
    ends timestamp;
    name text;
    in_default boolean;
    made bigint := 0;
begin
    foreach parent in array
        array['authorization_codes', 'sessions', 'sign_in_attempts', 'sign_in_evidence', 'audit_log']
    loop
        ends := date_trunc(public.partition_span(parent), at at time zone 'UTC');
        for ahead in 0..1 loop
            begins := ends;
            ends := begins + ('1 ' || public.partition_span(parent))::interval;
            name := parent || to_char(begins, '"_p"YYYYMMDD');
            continue when to_regclass('public.' || name) is not null;
            execute format('select exists (select from public.%I where id >= $1 and id < $2)', parent || '_default')
                into in_default
                using public.uuid_v7_bound(begins at time zone 'UTC'), public.uuid_v7_bound(ends at time zone 'UTC');
            continue when in_default;
            -- attaching does not lock out who reads and writes the other partitions, as `partition of` would
            execute format('create table public.%I (like public.%I including defaults including constraints)', name, parent);
            execute format(
                'alter table public.%I attach partition public.%I for values from (%L) to (%L)',
                parent,
                name,
                public.uuid_v7_bound(begins at time zone 'UTC'),
                public.uuid_v7_bound(ends at time zone 'UTC')
            );
            made := made + 1;
        end loop;
    end loop;
    return made;
end
$$;

select make_partitions(clock_timestamp());
