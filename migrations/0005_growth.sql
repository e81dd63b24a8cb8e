-- Growth and several nodes: one leader for each job, what each node serves, partitions that are made ahead and dropped whole, and
-- the indexes by which the rest is deleted in small batches (architecture.md, decisions F and H).
--
-- The serving role owns no table, so it can neither make nor drop a partition. It may call the functions below, which run with
-- the owner's rights, take a table's name from a closed list and pin their search path. What audit_log must keep is decided here
-- and not by who calls (AUD-01): rows of the last 366 days stay, by the database's own clock.

set local lock_timeout = '5s';

-- Who does a job's next runs. A row, because a lock of a session does not survive a transaction pooler (STO-05).
create table leases (
    name text collate "C" constraint leases_pk primary key,
    holder uuid not null,
    lives_until timestamptz not null
) with (fillfactor = 50);

-- What each node serves. A node writes its row each second; the pages keep room, so that this stays a HOT update.
create table nodes (
    id uuid constraint nodes_pk primary key,
    version bigint not null,
    -- by the database's clock
    lives_until timestamptz not null
) with (fillfactor = 50);

-- Deleting a consent asks whether a family refers to it.
create index families_consent_idx on families (consent_id) where consent_id is not null;
create index outbox_delivered_idx on outbox (delivered_at) where delivered_at is not null;

-- How much time one partition holds. Few partitions are better than small ones: a statement that looks for an id locks each.
create function partition_span(parent text) returns text
language sql
immutable
strict
set search_path = pg_catalog, pg_temp
as $$
    select case parent
        when 'authorization_codes' then 'day'
        when 'sessions' then 'week'
        when 'sign_in_attempts' then 'month'
        when 'audit_log' then 'month'
    end
$$;

-- The lowest UUIDv7 of a moment: 48 bits of milliseconds (RFC 9562 §5.7).
create function uuid_v7_bound(at timestamptz) returns uuid
language sql
immutable
strict
set search_path = pg_catalog, pg_temp
as $$
    select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- Makes the partitions of the span of a moment and of the next one, where they are missing; gives how many. A span whose rows
-- stand in the default partition already stays there: nothing is moved, and those rows are deleted when their time comes.
-- Attaching looks through the default partition, which is why the next span is made while that is empty or old.
create function make_partitions(at timestamptz) returns bigint
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
    foreach parent in array array['authorization_codes', 'sessions', 'sign_in_attempts', 'audit_log'] loop
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

-- Drops the partitions of a table whose last row is older than a moment, and deletes at most so many such rows of its default
-- partition; gives how many rows went, those of a dropped partition as Postgres has counted them.
create function remove_before(parent text, moment timestamptz, batch bigint) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '300ms'
as $$
declare
    span constant text := public.partition_span(parent);
    oldest timestamptz := moment;
    old record;
    removed bigint := 0;
    deleted bigint;
begin
    if span is null or moment is null or batch is null then
        raise exception 'remove_before(%, %, %) is refused', parent, moment, batch using errcode = 'invalid_parameter_value';
    end if;
    if parent = 'audit_log' then
        oldest := least(moment, clock_timestamp() - interval '366 days');
    end if;
    for old in
        select c.oid, c.relname
        from pg_inherits i
        join pg_class c on c.oid = i.inhrelid
        where i.inhparent = ('public.' || parent)::regclass
            -- null for the default partition
            and to_date(substring(c.relname from '_p([0-9]{8})$'), 'YYYYMMDD') + ('1 ' || span)::interval
                <= oldest at time zone 'UTC'
        order by c.relname
    loop
        removed := removed + pg_stat_get_live_tuples(old.oid);
        execute format('drop table public.%I', old.relname);
    end loop;
    execute format(
        'delete from public.%1$I
         where id = any (array(select id from public.%1$I where id < $1 order by id limit $2 for update skip locked))',
        parent || '_default'
    )
    using public.uuid_v7_bound(oldest), least(batch, 10000);
    get diagnostics deleted = row_count;
    return removed + deleted;
end
$$;

revoke execute on function partition_span, uuid_v7_bound, make_partitions, remove_before from public;

-- The first partitions, while the default ones are empty.
select make_partitions(clock_timestamp());
