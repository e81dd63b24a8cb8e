-- Refresh tokens (architecture.md, decisions C, D, E): what a family must remember of the settings that it was given under, how
-- each client wants lost answers and sign-outs to be treated, the moment before which everything is void, and the access tokens
-- that were revoked alone (REV-04).

set local lock_timeout = '5s';

-- inactive_ttl: seconds without use after which the chain ends, as it was when the code was exchanged: later settings may shorten
-- it, never prolong it (RT-11). None: only the absolute end holds. kept_name: the subject's name at the exchange, where the
-- client's claims are not read anew at refresh.
alter table families
    add column inactive_ttl integer,
    add column kept_name text,
    add constraint families_generation_range check (generation >= 0),
    add constraint families_inactive_ttl_range check (inactive_ttl > 0);

alter table clients
    add column refresh_token_retry text collate "C" not null default 'strict',
    add column revoke_refresh_tokens_at_sign_out boolean not null default false,
    add constraint clients_refresh_token_retry_known check (refresh_token_retry in ('strict', 'until_used'));

-- Codes, sessions and families of authentications before it are void, whoever's they are (STO-09).
alter table configuration
    add column not_before timestamptz;

create table revoked_access_tokens (
    jti bytea not null,
    expires_at timestamptz not null,
    constraint revoked_access_tokens_pkey primary key (jti)
);

create index revoked_access_tokens_expires_at_idx on revoked_access_tokens (expires_at);
