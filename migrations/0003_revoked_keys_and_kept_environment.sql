-- A signing key that may be in wrong hands is revoked: unlike one that was deleted in its time, it vouches for nothing any more,
-- not for old id_token_hints either (KEY-04). And the environment that a database belongs to is what keeps production apart
-- from tests: once it is named, whoever serves must not name another (eid.md section 12.10).

set local lock_timeout = '5s';

alter table signing_keys
    add column revoked_at timestamptz;

create function keep_environment() returns trigger
language plpgsql
as $$
begin
    raise exception 'the database belongs to the environment %', old.environment
        using errcode = 'insufficient_privilege',
            hint = 'Its owner may disable the trigger configuration_environment_is_kept.';
end $$;

create trigger configuration_environment_is_kept
    before update on configuration
    for each row
    when (old.environment is distinct from new.environment and old.environment is not null)
    execute function keep_environment();
